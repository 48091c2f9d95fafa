"""Answers that the front door gives by itself, in the forms of the APIs it stands for. Pure but for aiohttp's classes."""

from aiohttp import web

from harvester_local.api.client import ApiError
from harvester_local.api.objects import Obj

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def status(
    code: int, message: str, reason: str = "", headers: dict[str, str] | None = None, details: dict[str, str] | None = None
) -> web.Response:
    """A Kubernetes Status."""
    body: Obj = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason or REASONS.get(code, ""),
        "code": code,
        **({"details": details} if details else {}),
    }
    return web.json_response(body, status=code, headers=headers)


def from_error(error: ApiError) -> web.Response:
    """The API server's own Status, passed on."""
    if error.body.get("kind") == "Status":
        return web.json_response(error.body, status=error.status)
    return status(error.status, error.message, error.reason)


def rancher_error(code: int, message: str) -> web.Response:
    """An error in the form of Rancher's and Harvester's own APIs."""
    body: Obj = {"type": "error", "status": code, "code": REASONS.get(code, ""), "message": message}
    return web.json_response(body, status=code)
