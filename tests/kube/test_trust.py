"""Whom the client talks to: a server whose certificate it can check, over one connection per cluster."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from api_server import serving
from test_client import REF, kubeconfig

from harvester_local.pki import Pki, make_pki
from harvester_provider.core.errors import BadConnection
from harvester_provider.core.json import Object
from harvester_provider.kube.client import Client
from harvester_provider.kube.cluster import KubeCluster
from harvester_provider.kube.connection import connect
from harvester_provider.resources.provider import Connection, ProviderSettings
from harvester_provider.wiring import Clusters


@asynccontextmanager
async def encrypted(pki: Pki) -> AsyncIterator[tuple[str, list[str]]]:
    """The URL of an HTTPS server, and the paths it was asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"metadata": {"name": "g1"}})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki.serving, pki.serving_key)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def ask(connection: Connection) -> Object | None:
    cluster = KubeCluster(Client(lambda: connect(connection), await connect(connection)))
    try:
        return await cluster.get(REF)
    finally:
        await cluster.close()


async def test_a_server_whose_certificate_nobody_vouches_for_gets_no_token(tmp_path: Path) -> None:
    async with encrypted(make_pki(tmp_path)) as (url, asked):
        with pytest.raises(BadConnection, match="certificate is not trusted"):
            await ask(Connection(kubeconfig=kubeconfig(url)))
        assert asked == []


async def test_a_server_of_the_given_authority_is_asked(tmp_path: Path) -> None:
    pki = make_pki(tmp_path)
    async with encrypted(pki) as (url, _):
        assert await ask(Connection(host=url, token="t", ca=str(pki.ca)))


async def test_many_calls_at_once_connect_once() -> None:
    async with serving() as server:
        clusters = Clusters(ProviderSettings(kubeconfig=kubeconfig(server.url)))
        found = await asyncio.gather(*(clusters.get(None) for _ in range(20)))
        assert len({id(cluster) for cluster in found}) == 1
        await clusters.close()
