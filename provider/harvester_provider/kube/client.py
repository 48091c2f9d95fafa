"""Requests to one cluster: authentication, limits, retries of the transport, and errors from `kube.errors`.

The session and the credentials are those of `kubernetes.aio`. Redirects are never followed, so that credentials go
only where the settings say. Business refusals are never retried here.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from harvester_provider.core.errors import BadConnection, Overloaded, Unauthorized, Unreachable
from harvester_provider.core.json import Json
from harvester_provider.kube.connection import Target
from harvester_provider.kube.errors import asked_pause, translate
from harvester_provider.kube.library import ApiClient


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a cluster is waited for, in seconds."""

    connect: float = 5.0
    """For a TCP and TLS connection: an unreachable address is an error within seconds."""
    read: float = 60.0
    """Between two bytes of an answer. A watch that brings nothing for so long is begun anew: its other end may have vanished silently."""
    first_read: float = 10.0
    """The same for a cluster that never answered yet."""
    first: float = 4.0
    """How long a cluster that never answered yet is tried. What something else than a Kubernetes API says there is no answer."""
    later: float = 90.0
    """How long a cluster that answered before is tried: an API server that restarts is waited out."""


_MERGE, _JSON_PATCH, _APPLY = "application/merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml"


class Client:
    """One cluster's session. Create it on the event loop that uses it; `close` it there."""

    def __init__(
        self, reload: Callable[[], Awaitable[Target]], target: Target, *, max_requests: int = 64, patience: Patience | None = None
    ) -> None:
        self._reload = reload
        self._patience = patience or Patience()
        self._slots = asyncio.Semaphore(max_requests)
        self._answered = False
        self._renewing = asyncio.Lock()
        self._retired: list[Any] = []
        self._use(target)

    def _use(self, target: Target) -> None:
        self.target = target
        self._api: Any = ApiClient(target.configuration)
        self._session: aiohttp.ClientSession = self._api.rest_client.pool_manager

    async def close(self) -> None:
        """Close all connections."""
        for api in (*self._retired, self._api):
            await api.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Json = None,
        query: Mapping[str, str] | None = None,
        asked: str = "",
        surface: str = "kubernetes",
    ) -> Json:
        """Send a request and return the parsed answer. Transport errors and overload are retried, 401 once with fresh credentials."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((Unreachable, Overloaded)), wait=_wait, reraise=True,
            stop=lambda state: (state.seconds_since_start or 0.0) >= (self._patience.later if self._answered else self._patience.first),
        )  # fmt: skip
        async for attempt in retrying:
            with attempt:
                return await self._authorized(method, path, body, query, asked or f"{method} {path}", surface)
        raise AssertionError  # pragma: no cover  the loop returns or raises

    async def _authorized(self, method: str, path: str, body: Json, query: Mapping[str, str] | None, asked: str, surface: str) -> Json:
        used = self.target
        try:
            return await self._once(method, path, body, query, asked, surface)
        except Unauthorized:
            await self._renew(used)
        return await self._once(method, path, body, query, asked, surface)

    async def _renew(self, used: Target) -> None:
        """Read the credentials again, once for all requests that failed with `used`: they are rotated while a program runs.

        The old session stays open until the end, for the requests that are under way in it.
        """
        async with self._renewing:
            if self.target is used:
                target = await self._reload()
                self._retired.append(self._api)
                self._use(target)

    async def _once(self, method: str, path: str, body: Json, query: Mapping[str, str] | None, asked: str, surface: str) -> Json:
        async with self._slots, self._send(method, path, body, query, asked, surface) as response:
            payload = await response.read()
            if not 200 <= response.status < 300:
                error = translate(response.status, response.headers, payload, asked)
                self._answered |= response.status >= 500 or not isinstance(error, Unreachable)
                raise error
            try:
                parsed: Json = json.loads(payload) if payload else None
            except ValueError as error:
                raise Unreachable(f"{asked}: the answer is no JSON: something else than the Kubernetes API answers there") from error
            self._answered = True
            return parsed

    @asynccontextmanager
    async def _send(
        self, method: str, path: str, body: "Json | AsyncIterator[bytes]", query: Mapping[str, str] | None, asked: str, surface: str,
        *, endless: bool = False, more: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:  # fmt: skip
        """`endless` bodies may take any time to be sent; `more` are further headers. One that is an iterator is streamed as it is."""
        patience = self._patience
        read = None if endless else patience.read if self._answered else patience.first_read
        headers = {"Accept": "application/json", "User-Agent": "pulumi-harvester", **await self._credentials(), **(more or {})}
        door = self.target.kubernetes if surface == "kubernetes" else self.target.harvester
        streamed = isinstance(body, AsyncIterator)
        if body is not None and not streamed:
            headers["Content-Type"] = _content_type(method, cast("Json", body), query)
        try:
            async with self._session.request(
                method, door.url + path, params=query, headers=headers, allow_redirects=False,
                data=body if body is None or streamed else json.dumps(body), ssl=door.trust, server_hostname=door.server_name,
                proxy=self._api.rest_client.proxy,
                timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=patience.connect, sock_read=read),
            ) as response:  # fmt: skip
                with hung_up(response):
                    yield response
        except (ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError) as error:
            raise BadConnection(
                f"{asked}: the certificate of {door.url} is not trusted ({_why(error)}): check {door.authority} and the address"
            ) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"{asked}: no answer from {door.url}: {_why(error)}: is the address right, and the cluster up?") from error

    async def _credentials(self) -> dict[str, str]:
        found = (await self.target.configuration.auth_settings()).get("BearerToken")
        return {found["key"]: found["value"]} if found else {}

    async def stream(self, path: str, body: AsyncIterator[bytes], *, length: int, content_type: str, asked: str) -> None:
        """POST a body of `length` bytes to Harvester's own API as it is made. Raises as `request` does, without retries."""
        headers = {"Content-Type": content_type, "Content-Length": str(length)}
        async with self._slots, self._send("POST", path, body, None, asked, "harvester", endless=True, more=headers) as response:
            payload = await response.read()
            if not 200 <= response.status < 300:
                raise translate(response.status, response.headers, payload, asked)

    async def lines(self, path: str, query: Mapping[str, str], asked: str) -> AsyncGenerator[bytes, None]:
        """The lines of an endless answer (a watch). Ends when the server ends it, or has been quiet for a while.

        Raises as `request` does, 401 after fresh credentials only, without other retries.
        """
        for renewed in (False, True):
            used = self.target
            async with self._send("GET", path, None, query, asked, "kubernetes") as response:
                if response.status == 200:
                    with suppress(aiohttp.SocketTimeoutError):
                        async for line in response.content:
                            yield line
                    return
                if response.status != 401 or renewed:
                    raise translate(response.status, response.headers, await response.read(), asked)
            await self._renew(used)


@contextmanager
def hung_up(response: aiohttp.ClientResponse) -> Iterator[None]:
    """End the connection of an answer that was not read to its end: TLS would wait for the server's farewell, long after `close`."""
    try:
        yield
    finally:
        if response.connection and response.connection.transport:
            response.connection.transport.abort()


def _content_type(method: str, body: Json, query: Mapping[str, str] | None) -> str:
    """Which sort of patch it is: a list of operations, a server-side apply (which names its field manager), or a merge."""
    if method != "PATCH":
        return "application/json"
    if isinstance(body, list | tuple):
        return _JSON_PATCH
    return _APPLY if query and "fieldManager" in query else _MERGE


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    refused = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error
    if isinstance(refused, ssl.SSLCertVerificationError):
        return refused.verify_message
    return str(error) or type(error).__name__


_BACKOFF = wait_exponential_jitter(multiplier=0.2, max=8, jitter=0.2)


def _wait(state: RetryCallState) -> float:
    """The server's Retry-After where it gives one, else an exponential pause with jitter."""
    asked = asked_pause(state.outcome.exception() if state.outcome else None)
    return _BACKOFF(state) if asked is None else asked
