"""First login, as a fresh Harvester offers it: a password, a token, a kubeconfig.

There is one user, admin, and one token; a changed password is kept in the work folder. Nothing here guards anything
else: what a token may do is decided by the API server.
"""

import hmac
import json
from pathlib import Path

from aiohttp import web

from harvester_local.api.objects import Obj
from harvester_local.front_door.answers import rancher_error

USER = "admin"
_SHORTEST_PASSWORD = 12


class Login:
    """The calls of Rancher's API that a first login needs."""

    def __init__(self, token: str, kubeconfig: Path, password: str, work: Path) -> None:
        self._token, self._kubeconfig, self._first, self._file = token, kubeconfig, password, work / "password"

    async def log_in(self, request: web.Request) -> web.Response:
        """`POST /v3-public/localProviders/local?action=login`."""
        data = await _json(request)
        if request.query.get("action") != "login" or data is None:
            return rancher_error(422, "give username and password, with ?action=login")
        known = hmac.compare_digest(str(data.get("password", "")).encode(), self._password().encode())
        if data.get("username") != USER or not known:
            return rancher_error(401, "authentication failed")
        body = {
            "type": "token",
            "baseType": "token",
            "token": self._token,
            "userId": "user-admin",
            "authProvider": "local",
            "expired": False,
            "ttl": 57600000,
        }
        answer = web.json_response(body, status=201)
        answer.set_cookie("R_SESS", self._token, httponly=True, secure=True)
        return answer

    async def cluster_action(self, request: web.Request) -> web.Response:
        """`POST /v1/management.cattle.io.clusters/local?action=generateKubeconfig`."""
        if refusal := self.refusal(request):
            return refusal
        if request.query.get("action") != "generateKubeconfig":
            return rancher_error(404, f"action not found: {request.query.get('action')}")
        return web.json_response(
            {"type": "generateKubeconfigOutput", "baseType": "generateKubeconfigOutput", "config": self._kubeconfig.read_text()}
        )

    async def users_action(self, request: web.Request) -> web.Response:
        """`POST /v3/users?action=changepassword`."""
        if refusal := self.refusal(request):
            return refusal
        data = await _json(request) or {}
        if request.query.get("action") != "changepassword":
            return rancher_error(404, f"action not found: {request.query.get('action')}")
        if data.get("currentPassword") != self._password():
            return rancher_error(422, "invalid current password")
        fresh = str(data.get("newPassword", ""))
        if len(fresh) < _SHORTEST_PASSWORD:
            return rancher_error(422, f"Password must be at least {_SHORTEST_PASSWORD} characters")
        self._file.touch(mode=0o600)
        self._file.write_text(fresh)
        return web.Response(status=200)

    async def users(self, request: web.Request) -> web.Response:
        """`GET /v3/users?me=true`: who the token belongs to."""
        if refusal := self.refusal(request):
            return refusal
        user = {
            "id": "user-admin",
            "type": "user",
            "username": USER,
            "name": "Default Admin",
            "me": True,
            "mustChangePassword": not self._file.exists(),
        }
        return web.json_response({"type": "collection", "resourceType": "user", "data": [user]})

    def refusal(self, request: web.Request) -> web.Response | None:
        """401 unless the request bears the administrator's token."""
        given = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.cookies.get("R_SESS", "")
        if hmac.compare_digest(given.encode(), self._token.encode()):
            return None
        return rancher_error(401, "must authenticate")

    def _password(self) -> str:
        return self._file.read_text() if self._file.exists() else self._first


async def _json(request: web.Request) -> Obj | None:
    try:
        data = json.loads(await request.read())
    except ValueError:
        return None
    return data if isinstance(data, dict) else None
