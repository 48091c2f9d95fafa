"""What a fault does to a call: an answer in place of the real one, or a real one that is late, broken or never comes."""

import asyncio
import json

from aiohttp import web

from harvester_local.front_door.answers import rancher_error, status
from harvester_local.front_door.faults import Asked, Fault

_MESSAGES = {
    409: "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again",
    410: "too old resource version",
    429: "The server has received too many requests and has asked us to try again later",
    500: "an error on the server has prevented the request from succeeding",
    503: "the server is currently unable to handle the request",
    504: "Timeout: request did not complete within the allotted timeout",
}
SLOW_SECONDS = 0.3
"""Before a slow answer begins, and before each piece of it."""


def asked_for(request: web.Request) -> Asked:
    """What a fault can tell this call apart by."""
    method = "WATCH" if request.query.get("watch") in {"1", "true"} else request.method
    return Asked(method, request.raw_path, request.headers.get("Authorization", "").removeprefix("Bearer "))


async def fail(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    """The answer in place of the real one; None where the call happens and `hold_up` says what becomes of its answer."""
    if isinstance(fault.answer, int):
        headers = {"Retry-After": str(fault.retry_after)} if fault.answer in {429, 503} else None
        return status(fault.answer, fault.message or _MESSAGES.get(fault.answer, "made to fail"), headers=headers)
    match fault.answer:
        case "hang":
            await never()
        case "reset" | "cut":
            if fault.answer == "cut":
                await half_of_the_body(request)
            cut_connection(request)
            return web.Response(status=500)
        case "garbage" | "unknown":
            return _garbage() if fault.answer == "garbage" else _unknown(request)
        case "expired":
            return await _expired(request)
    return None


async def hold_up(request: web.Request, how: str) -> None:
    """Before an answer is given: "slow" lets it wait, "silent" for ever, "truncate" and "lost" cut the connection in its place."""
    match how:
        case "slow":
            await asyncio.sleep(SLOW_SECONDS)
        case "silent":
            await never()
        case _:
            cut_connection(request)


async def _expired(request: web.Request) -> web.StreamResponse:
    gone = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410, "message": _MESSAGES[410]}
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")
    await response.write_eof()
    return response


def _garbage() -> web.Response:
    return web.Response(text="<html><body>Sign in to the network of this hotel</body></html>", content_type="text/html")


def _unknown(request: web.Request) -> web.Response:
    """As kube-apiserver says it: with the name of the object, which tells it from an address where nothing is."""
    kind, name = request.path.split("/")[-2:]
    message = f"{kind} {name!r} not found"
    if "/apis/" not in request.path and "/api/" not in request.path:
        return rancher_error(404, message)
    return status(404, message, details={"name": name, "kind": kind})


def cut_connection(request: web.Request) -> None:
    """Reset the connection under a request."""
    if request.transport is not None:
        request.transport.abort()


async def half_of_the_body(request: web.Request) -> None:
    """Take in the first half of a request's body."""
    left = (request.content_length or 0) // 2
    while left > 0 and (part := await request.content.read(left)):
        left -= len(part)


async def never() -> None:
    """Wait until cancelled, as a call does whose other end is silent."""
    await asyncio.Event().wait()
