"""Assembly and order of one plane's life: install, furnish, watch, control, admit, serve; and back on a signal."""

import asyncio
import logging
import os
import signal
import time
from contextlib import AsyncExitStack

import aiohttp

from harvester_local.admission.server import serve_admission
from harvester_local.admission.world import World
from harvester_local.api.client import Api, client_tls
from harvester_local.api.kinds import CDI_CONFIG, WATCHED, WATCHED_IN_PLAIN
from harvester_local.api.objects import Key, Obj
from harvester_local.api.store import Store
from harvester_local.api.versions import rules_for
from harvester_local.controllers.assembly import control
from harvester_local.controllers.guest_clusters import GuestClusters
from harvester_local.controllers.runtime import Context
from harvester_local.controllers.uploads import Uploads
from harvester_local.front_door.images_host import serve_images
from harvester_local.front_door.rancher import Estate
from harvester_local.front_door.server import FrontConfig, serve_front
from harvester_local.guests import GuestHost
from harvester_local.plane.config import LOOPBACK, PlaneConfig
from harvester_local.plane.definitions import install_definitions
from harvester_local.plane.furniture import OWNER, furnish
from harvester_local.plane.rancher import furnish_rancher
from harvester_local.plane.watching import watching
from harvester_local.plane.webhooks import register_webhooks

log = logging.getLogger(__name__)


async def run(config: PlaneConfig) -> None:
    """Serve until a signal asks to end."""
    stop, began = asyncio.Event(), time.monotonic()
    _end_on_signals(stop)
    config.work.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        await _start(config, stack, stop)
        _end_on_signals(stop)  # kopf has put its own handlers in their place
        config.ready.write_text(f"{os.getpid()}\n")
        log.info("ready after %.2f s", time.monotonic() - began)
        await stop.wait()
        log.info("asked to end")
        config.ready.unlink(missing_ok=True)
    log.info("ended")


def _end_on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _start(config: PlaneConfig, stack: AsyncExitStack, stop: asyncio.Event) -> None:
    """Start each part once what it needs is there; `stack` ends them in the opposite order, `stop` asks to."""
    rules, store = rules_for(config.settings.minor), Store()
    tls = client_tls(config.ca, config.client_cert, config.client_key)
    api = await stack.enter_async_context(Api(config.apiserver, tls, store.observe))
    late = await stack.enter_async_context(Api(config.apiserver, tls, store.observe, config.settings.jitter()))
    outside = await stack.enter_async_context(
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60))
    )
    plain = config.settings.flavor == "kubevirt"
    count = await install_definitions(api, config.crds, plain=plain)
    log.info("%d kinds served", count)
    await furnish(api, rules, config.settings)
    if plain:
        await api.plant(CDI_CONFIG, {"metadata": {"name": "config"}, "spec": {}}, OWNER)
        await api.patch_status(CDI_CONFIG, Key("", "config"), _upload_proxy(config))
    else:
        await furnish_rancher(api, f"https://127.0.0.1:{config.front_port}", config.ca.read_text())
    context, uploads = Context(late, store, config.settings, rules), Uploads(config.work / "uploads")
    world = World(store, rules)
    callers = await stack.enter_async_context(Api(config.apiserver, client_tls(config.ca)))
    guests = GuestClusters(context, callers, GuestHost(config.apiserver_program, config.etcd_port, config.work / "guests"))
    runner = await stack.enter_async_context(control(context, outside, uploads, callers, guests))
    await stack.enter_async_context(watching(WATCHED_IN_PLAIN if plain else WATCHED, api, store, config, stop.set))
    await stack.enter_async_context(serve_admission(world, config.webhook_port, config.serving_cert, config.serving_key))
    await register_webhooks(api, config)
    await stack.enter_async_context(serve_images(config.images_port))
    await stack.enter_async_context(serve_front(_front(config), api, uploads, Estate(store, guests), runner))


def _upload_proxy(config: PlaneConfig) -> Obj:
    """Where CDI's upload proxy is reached: behind the front door."""
    return {"uploadProxyURL": f"{LOOPBACK}:{config.front_port}", "uploadProxyCA": config.ca.read_text()}


def _front(config: PlaneConfig) -> FrontConfig:
    return FrontConfig(
        apiserver=config.apiserver,
        port=config.front_port,
        ca=config.ca,
        cert=config.serving_cert,
        key=config.serving_key,
        admin_token=config.admin_token,
        kubeconfig=config.kubeconfig,
        password=config.bootstrap_password,
        work=config.work,
        version=config.settings.version,
        jitter=config.settings.jitter(),
    )
