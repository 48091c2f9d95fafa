"""Uploads, against a server on loopback that takes them as Harvester does: what arrives, what is told when it does not, and in how much memory."""

import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import BodyPartReader, web
from test_client import kubeconfig

from harvester_provider.core.errors import BadFile, HarvesterError, UploadCutOff, UploadFailed
from harvester_provider.core.plan import Upload
from harvester_provider.core.ref import Api, Ref
from harvester_provider.kube.client import Client
from harvester_provider.kube.cluster import KubeCluster
from harvester_provider.kube.connection import connect
from harvester_provider.resources.provider import Connection

REF = Ref(Api("harvesterhci.io", "v1beta1", "virtualmachineimages", "VirtualMachineImage"), "ubuntu", "default")
PATH = "/v1/harvester/harvesterhci.io.virtualmachineimages/default/ubuntu?action=upload&size={size}"


@dataclass
class Taker:
    """Takes one upload, or refuses it. `whole` says whether all of the form came."""

    url: str = ""
    refuse: int = 0
    cut_after: int = 0
    received: "hashlib._Hash" = field(default_factory=hashlib.sha512)
    size: int = 0
    whole: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)

    async def take(self, request: web.Request) -> web.Response:
        self.headers, self.query = dict(request.headers), dict(request.query)
        if self.refuse:
            return web.json_response(
                {"type": "error", "status": self.refuse, "message": "upload failed: no space left"}, status=self.refuse
            )
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            assert part.name == "chunk"
            while piece := await part.read_chunk(1 << 20):
                self.received.update(piece)
                self.size += len(piece)
                if self.cut_after and self.size >= self.cut_after:
                    assert request.transport is not None
                    request.transport.abort()
                    return web.Response()
        self.whole = True
        return web.Response()


@asynccontextmanager
async def taking(taker: Taker) -> AsyncIterator[KubeCluster]:
    app = web.Application(client_max_size=0)
    app.router.add_post("/v1/harvester/{path:.*}", taker.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    taker.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    connection = Connection(kubeconfig=kubeconfig(taker.url), endpoint=taker.url)
    cluster = KubeCluster(Client(lambda: connect(connection), await connect(connection)))
    try:
        yield cluster
    finally:
        await cluster.close()
        await runner.cleanup()


def step(file: Path, sha512: str = "", seconds: float = 60.0) -> Upload:
    digest = hashlib.sha512()
    with file.open("rb") as content:
        while part := content.read(1 << 20):
            digest.update(part)
    size = file.stat().st_size
    return Upload(REF, PATH.format(size=size), str(file), size, sha512 or digest.hexdigest(), seconds)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / 'a "disk".img'
    path.write_bytes(os.urandom(3 << 20) + b"end")
    return path


async def test_every_byte_arrives_as_the_field_that_harvester_reads(file: Path) -> None:
    taker, told, what = Taker(), list[int](), step(file)
    async with taking(taker) as cluster:
        await cluster.upload(what, told.append)
    assert taker.whole
    assert taker.received.hexdigest() == what.sha512
    assert taker.query == {"action": "upload", "size": str(what.size)}
    assert int(taker.headers["Content-Length"]) > taker.size
    assert taker.headers["Authorization"] == "Bearer secret-token"
    assert told == sorted(told)
    assert told[-1] == what.size


async def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    """256 MiB, sparse, are sent and received within a few MiB."""
    large = tmp_path / "large.img"
    large.touch()
    os.truncate(large, 256 << 20)
    what, taker = step(large), Taker()
    async with taking(taker) as cluster:
        tracemalloc.start()
        try:
            await cluster.upload(what, lambda _done: None)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (taker.whole, taker.size) == (True, 256 << 20)
    assert peak < 24 << 20


async def test_a_refused_upload_says_what_the_cluster_said(file: Path) -> None:
    async with taking(Taker(refuse=500)) as cluster:
        with pytest.raises(UploadFailed, match=r"upload .*disk.*no space left") as caught:
            await cluster.upload(step(file), lambda _done: None)
    assert not isinstance(caught.value, UploadCutOff)


async def test_an_upload_that_is_cut_off_is_told_from_a_refused_one(file: Path) -> None:
    async with taking(Taker(cut_after=1 << 20)) as cluster:
        with pytest.raises(UploadCutOff):
            await cluster.upload(step(file), lambda _done: None)


def spoil(file: Path, change: str) -> None:
    if change == "gone":
        file.unlink()
    else:
        file.write_bytes(b"y" * (file.stat().st_size if change == "content" else 100))


@pytest.mark.parametrize("change", ["content", "shorter", "gone"])
async def test_a_file_that_is_no_longer_what_was_planned_is_never_taken_for_it(file: Path, change: str) -> None:
    taker, what = Taker(), step(file)
    spoil(file, change)
    async with taking(taker) as cluster:
        with pytest.raises(BadFile):
            await cluster.upload(what, lambda _done: None)
    assert not taker.whole


async def test_without_the_address_of_harvesters_own_api_it_is_asked_for(file: Path) -> None:
    connection = Connection(kubeconfig=kubeconfig("http://127.0.0.1:9"))
    cluster = KubeCluster(Client(lambda: connect(connection), await connect(connection)))
    try:
        with pytest.raises(HarvesterError, match="harvester:endpoint: missing"):
            await cluster.upload(step(file), lambda _done: None)
    finally:
        await cluster.close()
