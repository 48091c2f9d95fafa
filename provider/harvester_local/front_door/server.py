"""The front door's server: counts each call, fails it if asked to, and hands it to the part that answers its path."""

import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from harvester_local.api.client import Api, client_tls
from harvester_local.api.jitter import Jitter
from harvester_local.api.kinds import IMAGE, MACHINE, NODE
from harvester_local.controllers.runtime import Runner
from harvester_local.controllers.uploads import Uploads
from harvester_local.front_door.actions import MACHINE_ACTIONS, MachineActions
from harvester_local.front_door.answers import rancher_error
from harvester_local.front_door.cdi import GROUP as CDI_GROUP
from harvester_local.front_door.cdi import PATH as CDI_PATH
from harvester_local.front_door.cdi import CdiUploads
from harvester_local.front_door.failing import asked_for, fail, hold_up
from harvester_local.front_door.faults import Faults, Requests, fault_from
from harvester_local.front_door.kubeconfig import Kubeconfigs
from harvester_local.front_door.login import Login
from harvester_local.front_door.nodes import NODE_ACTIONS, NodeActions
from harvester_local.front_door.proxy import PREFIX, Proxy
from harvester_local.front_door.rancher import API, CLUSTERS, Estate, Rancher
from harvester_local.front_door.steve import PREFIX as STEVE
from harvester_local.front_door.steve import Steve, Target, credentials
from harvester_local.front_door.subresources import GROUP, Subresources
from harvester_local.front_door.uploads import ImageUploads

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class FrontConfig:
    """Addresses, files and secrets of a front door."""

    apiserver: str
    port: int
    ca: Path
    cert: Path
    key: Path
    admin_token: str
    kubeconfig: Path
    password: str
    work: Path
    version: str
    jitter: Jitter

    @property
    def address(self) -> str:
        """Where the front door is."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where the API server is reached through the front door."""
        return self.address + PREFIX


class FrontDoor:
    """All that answers, joined."""

    def __init__(
        self,
        config: FrontConfig,
        api: Api,
        callers: Api,
        session: aiohttp.ClientSession,
        uploads: Uploads,
        estate: Estate,
        controllers: Runner,
    ) -> None:
        self._config, self._controllers = config, controllers
        self._rancher = Rancher(estate, session, config.address, config.admin_token, config.ca)
        self.faults, self.requests = Faults(), Requests()
        self._proxy = Proxy(session, config.apiserver, jitter=config.jitter)
        self._subresources = Subresources(api, callers)
        self._login = Login(config.admin_token, config.kubeconfig, config.password, config.work)
        self._steve = Steve(callers, {MACHINE: MACHINE_ACTIONS, IMAGE: ("upload",), NODE: NODE_ACTIONS})
        self._machine_actions = MachineActions(api, callers)
        self._node_actions = NodeActions(api, callers)
        self._uploads = ImageUploads(callers, uploads)
        self._cdi = CdiUploads(callers, uploads)
        self._kubeconfigs = Kubeconfigs(callers, config.ca, config.url)
        self._routes: dict[tuple[str, str], Handler] = {
            ("POST", "/v3-public/localProviders/local"): self._login.log_in,
            ("POST", "/v1/management.cattle.io.clusters/local"): self._login.cluster_action,
            ("POST", "/v3/users"): self._login.users_action,
            ("GET", "/v3/users"): self._login.users,
            ("POST", f"{STEVE}kubeconfig"): self._kubeconfig,
            ("GET", f"{STEVE}readyz"): self._ready,
            ("GET", f"{STEVE}ui-info"): self._ui_info,
            ("GET", "/v1-rke2-release/releases"): self._rancher.releases,
            ("GET", "/v1-k3s-release/releases"): self._rancher.releases,
            ("POST", CDI_PATH): self._cdi.upload,
            ("GET", "/healthz"): self._healthy,
            ("GET", "/ping"): self._healthy,
            ("GET", "/local/faults"): self._list_faults,
            ("POST", "/local/faults"): self._add_fault,
            ("DELETE", "/local/faults"): self._clear_faults,
            ("POST", "/local/controllers/pause"): self._pause_or_resume,
            ("POST", "/local/controllers/resume"): self._pause_or_resume,
            ("GET", "/local/requests"): self._list_requests,
            ("DELETE", "/local/requests"): self._clear_requests,
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        path = request.path
        if path.startswith("/local/"):
            return self._login.refusal(request) or await self._route(request)
        asked = asked_for(request)
        self.requests.count(asked)
        fault = self.faults.strike(asked)
        if fault is None:
            return await self._answer(request, "")
        return await fail(request, fault) or await self._answer(request, str(fault.answer))

    async def _answer(self, request: web.Request, cut: str) -> web.StreamResponse:
        if request.path.startswith(f"{PREFIX}/apis/{GROUP}/"):
            answer = await self._subresources.handle(request, request.path.removeprefix(PREFIX))
        elif request.path.startswith(f"{PREFIX}/apis/{CDI_GROUP}/"):
            answer = await self._cdi.token(request)
        elif request.path.startswith(f"{PREFIX}/"):
            return await self._proxy.forward(request, cut=cut)
        elif request.path.startswith(CLUSTERS):
            return await self._rancher.guest(request, cut)
        else:
            answer = await self._route(request)
        if cut:
            await hold_up(request, cut)
        return answer

    async def _route(self, request: web.Request) -> web.StreamResponse:
        if handler := self._routes.get((request.method, request.path.rstrip("/"))):
            return await handler(request)
        if request.method == "POST" and request.path.startswith(API):
            return await self._rancher.cluster_action(request)
        if request.path.startswith(STEVE):
            return await self._harvester(request)
        return rancher_error(404, f"{request.method} {request.path}: nothing answers here")

    async def _harvester(self, request: web.Request) -> web.StreamResponse:
        target, action, headers = Target(request.path), request.query.get("action"), credentials(request)
        if request.method != "POST" or not action:
            return await self._steve.handle(request, target)
        if target.kind == MACHINE and target.name:
            return await self._machine_actions.handle(request, target.key, action, headers)
        if target.kind == NODE and target.name:
            return await self._node_actions.handle(request, target.key, action, headers)
        if target.kind == IMAGE and target.name and action == "upload":
            return await self._uploads.handle(request, target.key, headers)
        return rancher_error(422, f"Unsupported action: {action}")

    # Small answers --------------------------------------------------------------------------------------------------

    async def _kubeconfig(self, request: web.Request) -> web.StreamResponse:
        return await self._kubeconfigs.handle(request, credentials(request))

    async def _ready(self, request: web.Request) -> web.StreamResponse:
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return rancher_error(401, "unauthorized")
        return web.json_response({"ready": True, "msg": ""})

    async def _ui_info(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(
            {"ui-source": "bundled", "ui-index": "", "ui-plugin-index": "", "ui-plugin-bundled-version": self._config.version}
        )

    async def _healthy(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text="ok")

    async def _list_faults(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"faults": self.faults.listed()})

    async def _add_fault(self, request: web.Request) -> web.StreamResponse:
        try:
            fault = fault_from(json.loads(await request.read()))
        except (ValueError, TypeError, re.error) as error:
            return rancher_error(422, str(error))
        self.faults.active.append(fault)
        return web.json_response({"faults": self.faults.listed()}, status=201)

    async def _clear_faults(self, _: web.Request) -> web.StreamResponse:
        self.faults.active.clear()
        return web.json_response({"faults": []})

    async def _pause_or_resume(self, request: web.Request) -> web.StreamResponse:
        action = self._controllers.pause if request.path.endswith("/pause") else self._controllers.resume
        action()
        return web.json_response({})

    async def _list_requests(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self.requests.listed())

    async def _clear_requests(self, _: web.Request) -> web.StreamResponse:
        self.requests.clear()
        return web.json_response(self.requests.listed())


@asynccontextmanager
async def serve_front(config: FrontConfig, api: Api, uploads: Uploads, estate: Estate, controllers: Runner) -> AsyncIterator[FrontDoor]:
    """Within the block the front door is open, over TLS on 127.0.0.1. `api` acts as the control plane, `controllers` calls its parts."""
    async with AsyncExitStack() as stack:
        trust = client_tls(config.ca)
        connector = aiohttp.TCPConnector(limit=0, ssl=trust, keepalive_timeout=60)
        endless = aiohttp.ClientTimeout(total=None, sock_connect=10)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, timeout=endless))
        callers = await stack.enter_async_context(Api(config.apiserver, trust))
        front = FrontDoor(config, api, callers, session, uploads, estate, controllers)
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", front.handle)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(config.cert, config.key)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", config.port, ssl_context=tls).start()
        yield front
