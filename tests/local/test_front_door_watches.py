"""Watches through the front door: passed on as they come, or late on request, and whole in either case."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from harvester_local.api.jitter import Jitter
from harvester_local.front_door.proxy import Proxy

EVENTS = [f'{{"type":"ADDED","object":{{"number":{number}}}}}\n'.encode() for number in range(5)]


class Notes(Jitter):
    """Notes what it makes late."""

    def __init__(self) -> None:
        super().__init__(0.01, seed=1)
        self.late = list[str]()

    def draw(self, who: str) -> float:
        self.late.append(who)
        return super().draw(who)


async def events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for event in EVENTS:
        await response.write(event)
    await response.write_eof()
    return response


@asynccontextmanager
async def served(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.mark.parametrize(("query", "late"), [("?watch=true", ["users' watch of /front/api/v1/pods"]), ("", [])], ids=["a watch", "a list"])
async def test_a_watch_is_late_on_request_and_loses_nothing(query: str, late: list[str]) -> None:
    jitter = Notes()
    async with served(events) as server, aiohttp.ClientSession() as session:
        proxy = Proxy(session, server, prefix="/front", tls=ssl.create_default_context(), jitter=jitter)
        async with served(proxy.forward) as front, session.get(f"{front}/front/api/v1/pods{query}") as answer:
            assert await answer.read() == b"".join(EVENTS)
    assert list(dict.fromkeys(jitter.late)) == late
