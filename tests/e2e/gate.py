"""A gate between the provider and the API, which holds the n-th writing request: before it gets to the API, or before its answer gets back.

It passes on everything else as it comes, watches too. What a test does while a request is held (killing the provider)
is the test's own business; nothing here knows Pulumi.
"""

import asyncio
import ssl
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import aiohttp
import yaml
from aiohttp import web
from multidict import CIMultiDict
from target import Target

from harvester_provider.kube.client import hung_up

WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
SECONDS = 30
_OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "content-length"})
T = TypeVar("T")
When = Literal["before", "after"]
"""before: the API does not get the request. after: the API has carried it out, and the answer does not come back."""


@dataclass
class Hold:
    """A request to hold: the `number`-th write (from 1) of all that come while it is set. `reached` gets its method and path."""

    number: int
    when: When
    reached: "Future[str]" = field(default_factory=Future)
    count: int = 0

    def is_for(self, request: web.Request) -> bool:
        """Count a request, and say whether it is the one."""
        if request.method not in WRITES:
            return False
        self.count += 1
        return self.count == self.number


class Gate:
    """The gate's server, in a thread of its own. Plain HTTP towards the provider, the kubeconfig's TLS towards the API."""

    def __init__(self, target: Target) -> None:
        self._kubeconfig = yaml.safe_load(target.kubeconfig)
        self._settings = target.api.configuration
        parts = urlsplit(self._settings.host)
        self._api = f"{parts.scheme}://{parts.netloc}"
        self._hold: Hold | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self.url = ""

    @contextmanager
    def open(self) -> Iterator["Gate"]:
        """Listen until the end of the block."""
        self._thread.start()
        try:
            self._run(self._listen())
            yield self
            self._run(self._stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @contextmanager
    def holding(self, number: int, when: When) -> Iterator[Hold]:
        """Hold the `number`-th write of the block. Whoever sent it gets no answer: its connection is cut at the end of the block."""
        hold = Hold(number, when)
        self._hold = hold
        try:
            yield hold
        finally:
            self._hold = None

    @property
    def kubeconfig(self) -> str:
        """The target's kubeconfig, with all clusters in it reached through the gate."""
        found = self._kubeconfig
        for entry in found["clusters"]:
            entry["cluster"] = {"server": self.url + urlsplit(entry["cluster"]["server"]).path}
        return yaml.safe_dump(found)

    def _run(self, work: "Coroutine[Any, Any, T]") -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    async def _listen(self) -> None:
        tls = ssl.create_default_context(cafile=self._settings.ssl_ca_cert)
        if self._settings.cert_file:
            tls.load_cert_chain(self._settings.cert_file, self._settings.key_file)
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls, limit=0), timeout=aiohttp.ClientTimeout())
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        hold = self._hold
        held = hold if hold is not None and hold.is_for(request) else None
        if held and held.when == "before":
            return await self._keep(held, request)
        headers = CIMultiDict((key, value) for key, value in request.headers.items() if key.lower() not in _OF_ONE_CONNECTION)
        body = await request.read() if request.can_read_body else None
        async with self._session.request(
            request.method, self._api + request.raw_path, headers=headers, data=body, allow_redirects=False, auto_decompress=False
        ) as answer:
            with hung_up(answer):
                if held:
                    await answer.read()
                    return await self._keep(held, request)
                return await _pass_on(request, answer)

    async def _keep(self, hold: Hold, request: web.Request) -> web.StreamResponse:
        """Answer nothing until whoever asked is gone."""
        hold.reached.set_result(f"{request.method} {request.path}")
        await asyncio.Event().wait()
        raise AssertionError  # pragma: no cover  only the end of the connection ends the wait


async def _pass_on(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    kept = CIMultiDict((key, value) for key, value in answer.headers.items() if key.lower() not in _OF_ONE_CONNECTION)
    response = web.StreamResponse(status=answer.status, headers=kept)
    response.content_length = answer.content_length
    await response.prepare(request)
    async for part, _ in answer.content.iter_chunks():
        await response.write(part)
    await response.write_eof()
    return response
