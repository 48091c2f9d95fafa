"""A tiny API server on loopback whose answers a test scripts: enough to show how the client and the informers behave."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass
class ApiServer:
    """`answers` are used up first, then `handler` decides. Watches stream the lists put into `events`."""

    url: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    handler: Callable[[web.Request], Answer] = lambda _request: (200, {})
    events: "asyncio.Queue[list[Any] | None]" = field(default_factory=asyncio.Queue)
    watches: int = 0
    _began: asyncio.Event = field(default_factory=asyncio.Event)
    watch_status: Callable[[web.Request], int] = lambda _request: 200
    together: asyncio.Barrier | None = None
    """Nobody is answered before so many have asked."""
    under_way: int = 0
    most: int = 0
    """The largest number of requests that were under way at once."""

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        self.headers.append(dict(request.headers))
        if request.query.get("watch"):
            return await self._stream(request)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if self.together is not None:
            await self.together.wait()
        self.under_way -= 1
        status, body, *headers = self.answers.pop(0) if self.answers else self.handler(request)
        if isinstance(body, bytes):
            return web.Response(status=status, body=body, headers=headers[0] if headers else None)
        return web.json_response(body, status=status, headers=headers[0] if headers else None)

    async def begun(self, watches: int) -> None:
        """Return when so many watches have begun."""
        while self.watches < watches:
            self._began.clear()
            await self._began.wait()

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.watches += 1
        self._began.set()
        response = web.StreamResponse(status=self.watch_status(request))
        await response.prepare(request)
        if response.status != 200:
            return response
        while (batch := await self.events.get()) is not None:
            for event in batch:
                await response.write(json.dumps(event).encode() + b"\n")
        return response


@asynccontextmanager
async def serving() -> AsyncIterator[ApiServer]:
    server = ApiServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server._serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await server.events.put(None)
        await runner.cleanup()


def status(code: int, reason: str, message: str, **details: object) -> dict[str, object]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }
