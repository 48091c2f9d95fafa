"""Whom the client talks to: a server whose certificate it can check, over one connection per cluster."""

import asyncio
import gc
import re
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from api_server import serving
from test_client import REF, kubeconfig

from harvester_local.pki import Pki, make_pki
from harvester_provider.core.errors import BadConnection, Unreachable
from harvester_provider.core.json import Object
from harvester_provider.core.plan import Call
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
    app.router.add_route("*", "/{path:.*}", answer)
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


async def act(connection: Connection) -> None:
    """Call an action of Harvester's own API."""
    cluster = KubeCluster(Client(lambda: connect(connection), await connect(connection)))
    try:
        await cluster.call(Call("harvester", "POST", "/v1/harvester/thing"))
    finally:
        await cluster.close()


async def test_a_server_whose_certificate_nobody_vouches_for_gets_no_token(tmp_path: Path) -> None:
    async with encrypted(make_pki(tmp_path)) as (url, asked):
        said = f"the certificate of {url} is not trusted (unable to get local issuer certificate): check the kubeconfig's"
        with pytest.raises(BadConnection, match=re.escape(said)):
            await ask(Connection(kubeconfig=kubeconfig(url)))
        assert asked == []


@pytest.mark.parametrize("given", [str, Path.read_text, lambda path: b64encode(path.read_bytes()).decode()], ids=["path", "PEM", "base64"])
async def test_a_server_of_the_given_authority_is_asked(tmp_path: Path, given: Callable[[Path], str]) -> None:
    pki = make_pki(tmp_path)
    async with encrypted(pki) as (url, _):
        assert await ask(Connection(host=url, token="t", ca=given(pki.ca)))


async def test_harvesters_own_api_has_an_authority_of_its_own(tmp_path: Path) -> None:
    one, other = (make_pki(tmp_path / name) for name in ("one", "other"))
    async with encrypted(one) as (api, _), encrypted(other) as (endpoint, asked):
        known = {"host": api, "token": "t", "ca": str(one.ca), "endpoint": endpoint}
        with pytest.raises(BadConnection, match=f"certificate of {endpoint} is not trusted .* check harvester:endpointCa and the address"):
            await act(Connection(**known))
        assert asked == []
        await act(Connection(**known, endpoint_ca=str(other.ca)))
        assert asked == ["/v1/harvester/thing"]


@pytest.mark.parametrize("named", ["", "another.example"])
async def test_the_name_in_the_certificate_of_the_kubernetes_api_is_not_asked_of_another_server(tmp_path: Path, named: str) -> None:
    one, other = (make_pki(tmp_path / name) for name in ("one", "other"))
    async with encrypted(one) as (api, _), encrypted(other) as (endpoint, _):
        config = yaml.safe_load(kubeconfig(api))
        config["clusters"][0]["cluster"] |= {"certificate-authority": str(one.ca)} | ({"tls-server-name": named} if named else {})
        connection = Connection(kubeconfig=yaml.safe_dump(config), endpoint=endpoint, endpoint_ca=str(other.ca))
        await act(connection)
        if not named:
            assert await ask(connection)
            return
        with pytest.raises(BadConnection, match=f"certificate of {api} is not trusted .*{named}"):
            await ask(connection)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"endpoint": "http://10.0.0.1"}, "harvester:endpoint: .* would send the token unencrypted"),
        ({"endpoint": "10.0.0.1"}, "harvester:endpoint: .* is no URL: write https://VIP"),
        ({"endpoint_ca": "/no/such/file"}, "harvester:endpointCa: .* is neither PEM text, nor its base64, nor an existing file"),
        ({"endpoint_ca": "-----BEGIN CERTIFICATE-----\nnone"}, "harvester:endpointCa: there is no certificate in it"),
        ({"ca": "-----BEGIN CERTIFICATE-----\nnone"}, "harvester:ca: there is no certificate in it"),
    ],
)
async def test_an_endpoint_that_no_token_may_go_to_is_refused_by_the_name_of_its_setting(settings: dict[str, str], said: str) -> None:
    with pytest.raises(BadConnection, match=said):
        await connect(Connection(host="https://10.0.0.1:6443", token="t", **settings))


async def test_an_endpoint_where_nobody_listens_is_named_in_the_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(Unreachable, match=f"no answer from {address}: "):
        await act(Connection(kubeconfig=kubeconfig("https://10.0.0.1:6443"), endpoint=address))


async def test_many_calls_at_once_connect_once() -> None:
    async with serving() as server:
        clusters = Clusters(ProviderSettings(kubeconfig=kubeconfig(server.url)))
        found = await asyncio.gather(*(clusters.get(None) for _ in range(20)))
        assert len({id(cluster) for cluster in found}) == 1
        await clusters.close()


@contextmanager
def mute(pki: Pki) -> Iterator[str]:
    """The URL of an HTTPS server that begins a watch, and then neither says nor hears anything."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki.serving, pki.serving_key)

    def serve(listener: socket.socket, given_up: threading.Event) -> None:
        with context.wrap_socket(listener.accept()[0], server_side=True) as line:
            line.recv(4096)
            line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n")
            given_up.wait()

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        given_up = threading.Event()
        pool.submit(serve, listener, given_up)
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            given_up.set()


def test_a_watch_that_is_given_up_leaves_no_connection_behind(tmp_path: Path) -> None:
    """Nobody answers the farewell, and the client's loop ends at once: pytest fails on what is still open then."""

    async def watch(connection: Connection) -> None:
        client = Client(lambda: connect(connection), await connect(connection))
        async with aclosing(client.lines("/", {}, "watch")) as lines:
            assert await anext(lines) == b"{}\n"
        await client.close()

    pki = make_pki(tmp_path)
    with mute(pki) as url:
        asyncio.run(watch(Connection(host=url, token="t", ca=pki.ca.read_text())))
        gc.collect()
