"""`/k8s/clusters/...`: every byte to and from an API server, as it comes.

Bodies and watches are streamed, the caller's credentials passed on, connections kept. It looks into nothing.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from harvester_local.api.jitter import Jitter
from harvester_local.front_door.answers import status
from harvester_local.front_door.failing import SLOW_SECONDS, hold_up

PREFIX = "/k8s/clusters/local"
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "host",
    "content-length",
}


class Proxy:
    """Passes requests below `prefix` on to one API server. `headers` take the place of the caller's own.

    `tls` is for a server of another authority than the session's. `jitter` makes what users watch late, each watch by times of its own.
    """

    def __init__(
        self, session: aiohttp.ClientSession, server: str, *, prefix: str = PREFIX, tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None, jitter: Jitter | None = None,
    ) -> None:  # fmt: skip
        self._session, self._server, self._prefix, self._tls, self._headers = session, server, prefix, tls, headers or {}
        self._jitter = jitter or Jitter()

    async def forward(self, request: web.Request, *, cut: str = "") -> web.StreamResponse:
        """The API server's answer. `cut` is "truncate" or "lost" to break it off half-way or before it begins, "silent" for none at all,
        "slow" for one that trickles."""
        target = self._server + request.raw_path.removeprefix(self._prefix)
        headers = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP)
        headers.update(self._headers)
        body = request.content if request.can_read_body else None
        if request.content_length is not None and body is not None:
            headers["Content-Length"] = str(request.content_length)
        try:
            async with self._session.request(
                request.method, target, headers=headers, data=body, allow_redirects=False, auto_decompress=False, ssl=self._tls or True
            ) as answer:
                if cut in {"", "slow"}:
                    return await _pass_on(request, answer, self._pause(request, slow=cut == "slow"))
                return await _cut_off(request, answer, cut)
        except aiohttp.ClientConnectionError as error:
            return status(503, f"the API server cannot be reached: {error}")

    def _pause(self, request: web.Request, *, slow: bool) -> Callable[[], float]:
        """The seconds to wait before the next part of an answer."""
        if request.query.get("watch") and not slow:
            return lambda: self._jitter.draw(f"users' watch of {request.path}")
        return lambda: SLOW_SECONDS if slow else 0


async def _pass_on(request: web.Request, answer: aiohttp.ClientResponse, pause: Callable[[], float]) -> web.StreamResponse:
    """So many seconds go by before the answer begins and before each part of it: all that has come meanwhile."""
    response = web.StreamResponse(status=answer.status, headers=_headers(answer))
    if answer.content_length is not None:
        response.content_length = answer.content_length
    await asyncio.sleep(pause())
    await response.prepare(request)
    # A client that leaves a watch is no error of anybody's.
    with contextlib.suppress(ConnectionResetError, ConnectionError):
        async for part in answer.content.iter_any():
            await asyncio.sleep(pause())
            await response.write(part)
        await response.write_eof()
    return response


async def _cut_off(request: web.Request, answer: aiohttp.ClientResponse, how: str) -> web.StreamResponse:
    content = await answer.content.read(1) if request.query.get("watch") else await answer.read()
    response = web.StreamResponse(status=answer.status, headers=_headers(answer))
    if how == "truncate":
        response.content_length = max(2, len(content))
        await response.prepare(request)
        await response.write(content[: max(1, len(content) // 2)])
    await hold_up(request, how)
    return response


def _headers(answer: aiohttp.ClientResponse) -> CIMultiDict[str]:
    return CIMultiDict((k, v) for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP)
