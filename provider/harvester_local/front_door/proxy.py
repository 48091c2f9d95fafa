"""`/k8s/clusters/...`: every byte to and from an API server, as it comes.

Bodies and watches are streamed, the caller's credentials passed on, connections kept. It looks into nothing.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from harvester_local.front_door.answers import status

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

    `tls` is for a server of another authority than the session's.
    """

    def __init__(
        self, session: aiohttp.ClientSession, server: str, *, prefix: str = PREFIX, tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._session, self._server, self._prefix, self._tls, self._headers = session, server, prefix, tls, headers or {}

    async def forward(self, request: web.Request, *, cut: str = "") -> web.StreamResponse:
        """The API server's answer. `cut` is "truncate" or "lost" to break it off half-way or before it begins."""
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
                if cut:
                    return await _cut_off(request, answer, cut)
                return await _pass_on(request, answer)
        except aiohttp.ClientConnectionError as error:
            return status(503, f"the API server cannot be reached: {error}")


async def _pass_on(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=_headers(answer))
    if answer.content_length is not None:
        response.content_length = answer.content_length
    await response.prepare(request)
    # A client that leaves a watch is no error of anybody's.
    with contextlib.suppress(ConnectionResetError, ConnectionError):
        async for part, _ in answer.content.iter_chunks():
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
    cut_connection(request)
    return response


def cut_connection(request: web.Request) -> None:
    """Reset the connection under a request."""
    if request.transport is not None:
        request.transport.abort()


async def half_of_the_body(request: web.Request) -> None:
    """Take in the first half of a request's body."""
    left = (request.content_length or 0) // 2
    while left > 0 and (part := await request.content.read(left)):
        left -= len(part)


def _headers(answer: aiohttp.ClientResponse) -> CIMultiDict[str]:
    return CIMultiDict((k, v) for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP)


async def never() -> None:
    """Wait until cancelled, as a call does whose other end is silent."""
    await asyncio.Event().wait()
