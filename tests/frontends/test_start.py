"""What a provider's process loads before anybody asks a cluster, and what it leaves for later."""

import os
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from harvester_local.pki import make_pki

LOADED = """
import asyncio, sys, harvester_provider.frontends.host, harvester_provider.frontends.native.servicer
from harvester_provider.frontends.calls import Calls
from harvester_provider.resources.provider import ProviderSettings
asyncio.run(Calls(ProviderSettings()).close())
print(*sys.modules)
"""

LOOKED = """
import gc, importlib.metadata, pulumi.dynamic
packages = []
importlib.metadata.Distribution.entry_points = property(packages.append)
from harvester_provider.frontends.dynamic import DynamicProvider
before = sum(generation["collections"] for generation in gc.get_stats())
DynamicProvider("VirtualMachine").configure(pulumi.dynamic.ConfigureRequest(pulumi.dynamic.Config({}, "demo")))
print(sum(generation["collections"] for generation in gc.get_stats()) - before, len(packages))
"""

ASKED = """
import asyncio, gc, ssl, sys
from harvester_provider.frontends.start import certificates_later
with certificates_later():
    import aiohttp
async def ask():
    async with aiohttp.ClientSession() as session, session.get(sys.argv[1]) as answer:
        return await answer.text()
contexts = [found for found in gc.get_objects() if isinstance(found, ssl.SSLContext)]
print(len(contexts), [super(type(found), found).cert_store_stats()["x509"] for found in contexts if type(found) is not ssl.SSLContext])
print(asyncio.run(ask()))
print(ssl.create_default_context().cert_store_stats()["x509"])
"""


def test_a_provider_pays_for_the_client_when_it_asks_a_cluster() -> None:
    """An `up` without a change asks none."""
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True).stdout.split()
    assert "harvester_provider.engine.verbs" in loaded
    assert not {"aiohttp", "kubernetes", "harvester_provider.wiring"} & set(loaded)


def test_a_start_is_not_spent_on_looking() -> None:
    """Python looks for garbage dozens of times while modules are loaded, and pydantic for plugins in each package that is installed."""
    found = subprocess.run([sys.executable, "-c", LOOKED], capture_output=True, text=True, check=True).stdout
    collections, packages = map(int, found.split())
    assert collections <= 10
    assert not packages


class Hello(BaseHTTPRequestHandler):
    """Says hello."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("trusted", [True, False])
def test_the_machines_certificates_are_read_when_a_connection_needs_them(tmp_path: Path, *, trusted: bool) -> None:
    """Nobody else in the process meets a context without them, and no connection is made unchecked."""
    pki, other = make_pki(tmp_path / "one"), make_pki(tmp_path / "two")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki.serving, pki.serving_key)
    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {**os.environ, "SSL_CERT_FILE": str((pki if trusted else other).ca), "SSL_CERT_DIR": str(tmp_path)}
        words = [sys.executable, "-c", ASKED, f"https://127.0.0.1:{server.server_port}/"]
        ran = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
        server.shutdown()
    told = ran.stdout.split("\n")
    assert told[0] == "2 [0, 0]"
    if trusted:
        assert told[1:3] == ["hello", "1"]
    else:
        assert "certificate verify failed" in ran.stderr
