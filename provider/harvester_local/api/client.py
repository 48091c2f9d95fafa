"""The plane's own client of the API server.

Every write returns the object as stored and hands it to `observe`, so that the store never lags behind the plane's
own writes. It tries again only where the server was too busy to look at the request: controllers are called again
anyhow, by what they watch or when they asked to be.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from harvester_local.api.jitter import Jitter
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Key, Obj, key_of, with_finalizers, without_finalizers

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
CONNECTIONS = 64
_BUSY_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0)
"""Seconds between tries while the server is too busy (429), which it says before it has done anything."""


class ApiError(Exception):
    """The API server said no: `status` is its HTTP status, `reason` and `message` are its own."""

    def __init__(self, status: int, reason: str, message: str, body: Obj | None = None) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status, self.reason, self.message = status, reason, message
        self.body = body or {}


class Api:
    """Requests to one API server, over kept connections.

    `observe(kind, object)` is told the result of every write; `jitter` holds the writes back.
    """

    def __init__(
        self, server: str, tls: ssl.SSLContext, observe: Callable[[Kind, Obj], None] | None = None, jitter: Jitter | None = None
    ) -> None:
        self._server, self._tls, self._observe = server, tls, observe or (lambda _kind, _obj: None)
        self._jitter = jitter or Jitter()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=self._tls, keepalive_timeout=60)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session:
            await self._session.close()

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Obj:
        """One request; the answer's JSON. Raises ApiError for any status from 400."""
        if self._session is None:
            raise RuntimeError("Api is used outside its async with block")
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": content_type, "Accept": "application/json", **(headers or {})}
        for pause in (*_BUSY_PAUSES, None):
            async with self._session.request(method, self._server + path, data=data, headers=sent) as answer:
                text = await answer.read()
                if answer.status < 400:
                    parsed: Obj = json.loads(text)
                    return parsed
                if answer.status != 429 or pause is None:
                    raise _error(answer.status, text)
            await asyncio.sleep(pause)
        raise AssertionError("the last pause is None")

    async def get(self, kind: Kind, key: Key) -> Obj:
        """The object. Raises ApiError, 404 when there is none."""
        return await self.call("GET", kind.path(*key))

    async def list_all(self, kind: Kind) -> list[Obj]:
        """All objects of a kind, with apiVersion and kind filled in."""
        answer = await self.call("GET", kind.path())
        return [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in answer["items"]]

    async def create(self, kind: Kind, obj: Obj) -> Obj:
        """Create the object. Raises ApiError, 409 AlreadyExists when the name is taken."""
        whole = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
        return await self._send(kind, "POST", kind.path(obj["metadata"].get("namespace", "")), whole)

    async def ensure(self, kind: Kind, obj: Obj) -> Obj:
        """Create the object, or return the one of that name which exists."""
        try:
            return await self.create(kind, obj)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        return await self.get(kind, Key(obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))

    async def plant(self, kind: Kind, obj: Obj, owner: str) -> Obj:
        """The object of that name, made in the name of `owner` when there is none, by an apply.

        An API server holds back every create of a kind that is younger than two seconds, and no apply.
        """
        key = Key(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        try:
            return await self.get(kind, key)
        except ApiError as error:
            if error.status != 404:
                raise
        whole = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
        path = f"{kind.path(*key)}?fieldManager={owner}&force=true"
        return await self._send(kind, "PATCH", path, whole, content_type=APPLY)

    async def replace(self, kind: Kind, obj: Obj) -> Obj:
        """Replace the object; its resourceVersion guards against a lost update."""
        path = kind.path(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        return await self._send(kind, "PUT", path, {"apiVersion": kind.api_version, "kind": kind.kind, **obj})

    async def patch(self, kind: Kind, key: Key, body: Obj | list[Obj], *, subresource: str = "") -> Obj:
        """Merge patch (a mapping) or JSON patch (a list)."""
        content = JSON_PATCH if isinstance(body, list) else MERGE
        return await self._send(kind, "PATCH", kind.path(*key, subresource), body, content_type=content)

    async def patch_version(self, kind: Kind, obj: Obj, body: Obj) -> Obj:
        """Merge patch of just this version of the object, for lists that others write too. Raises ApiError 409 when it has changed."""
        meta = {**body.get("metadata", {}), "resourceVersion": obj["metadata"]["resourceVersion"]}
        return await self.patch(kind, key_of(obj), {**body, "metadata": meta})

    async def hold(self, kind: Kind, obj: Obj, *finalizers: str) -> Obj:
        """Add finalizers that it lacks, to just this version of the object. Raises ApiError 409 when it has changed."""
        return await self.patch_version(kind, obj, {"metadata": {"finalizers": with_finalizers(obj, *finalizers)}})

    async def let_go(self, kind: Kind, obj: Obj, *finalizers: str) -> Obj:
        """Take finalizers from just this version of the object. Raises ApiError 409 when it has changed."""
        return await self.patch_version(kind, obj, {"metadata": {"finalizers": without_finalizers(obj, *finalizers)}})

    async def patch_status(self, kind: Kind, key: Key, status: Obj) -> Obj:
        """Merge `status` into the object's status, through the subresource where the kind has one."""
        return await self.patch(kind, key, {"status": status}, subresource="status" if kind.status else "")

    async def delete(self, kind: Kind, key: Key, uid: str = "", **options: object) -> None:
        """Delete the object, that very one when `uid` is given; it is no error when it has gone."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options, **({"preconditions": {"uid": uid}} if uid else {})}
        try:
            await self._send(kind, "DELETE", kind.path(*key), body)
        except ApiError as error:
            if error.status not in {404, 409}:
                raise

    async def watch(self, path: str, headers: dict[str, str], seconds: float) -> AsyncIterator[Obj]:
        """Objects at `path`, a collection with its query, as they are and as they change, for so many seconds at most."""
        if self._session is None:
            raise RuntimeError("Api is used outside its async with block")
        url = f"{self._server}{path}{'&' if '?' in path else '?'}watch=true&timeoutSeconds={int(seconds)}"
        async with self._session.get(url, headers=headers) as answer:
            if answer.status >= 400:
                raise _error(answer.status, await answer.read())
            async for line in answer.content:
                yield json.loads(line)["object"]

    async def _send(self, kind: Kind, method: str, path: str, body: object, content_type: str = "application/json") -> Obj:
        await self._jitter.hold(f"writes of {kind}")
        answer = await self.call(method, path, body, content_type=content_type)
        if answer.get("kind") == kind.kind:  # a delete may answer with a Status
            self._observe(kind, answer)
        return answer


def _error(status: int, text: bytes) -> ApiError:
    try:
        body: Obj = json.loads(text)
    except ValueError:
        return ApiError(status, "", text.decode(errors="replace").strip())
    return ApiError(status, body.get("reason") or "", body.get("message") or "", body)


def client_tls(ca: Path, cert: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """TLS that trusts `ca` alone and, when given, shows a client certificate."""
    context = ssl.create_default_context(cafile=str(ca))
    if cert:
        context.load_cert_chain(cert, key)
    return context
