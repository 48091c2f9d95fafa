"""The functions as a Python program calls them: with the settings of its configuration, at once or once outputs are known."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pulumi
import pytest
from aiohttp import web
from api_server import Answer, ApiServer, serving, status

import pulumi_harvester as harvester
from harvester_provider.core.errors import InvalidInputs
from harvester_provider.frontends import functions

NODES = [{"metadata": {"name": name}, "status": {"nodeInfo": {"kubeletVersion": "v1.35.2"}}} for name in ("node2", "node1")]


def answers(request: web.Request) -> Answer:
    if request.path == "/api/v1/nodes":
        return 200, {"items": NODES}
    if "/virtualmachineimages/" in request.path:
        return 404, status(404, "NotFound", "not found", name="gone")
    return (200, {"items": []}) if request.path.endswith("s") else (200, {})


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with serving() as found:
        found.handler = answers
        yield found


@pytest.fixture
def program(server: ApiServer) -> Iterator[None]:
    """The configuration of a program, for its own process."""
    pulumi.runtime.set_all_config({"harvester:host": server.url, "harvester:token": "t"})
    yield
    if functions._running is not None:
        loop, calls = functions._running
        functions._running = None
        loop.run(calls.close())
        loop.stop()
    pulumi.runtime.set_all_config({})


@pytest.mark.usefixtures("program")
async def test_a_question_is_answered_with_the_settings_of_the_program() -> None:
    found = await asyncio.to_thread(harvester.get_nodes)
    assert [node.name for node in found.nodes] == ["node1", "node2"]
    assert found.nodes[0].kubernetes_version == "v1.35.2"


@pytest.mark.usefixtures("program")
async def test_what_is_not_there_is_told() -> None:
    with pytest.raises(InvalidInputs, match="image gone does not exist"):
        await asyncio.to_thread(harvester.get_image, "gone")


def test_each_function_is_in_the_sdk_twice() -> None:
    names = {name for name in harvester.__all__ if name.startswith("get_")}
    assert {name for name in names if not name.endswith("_output")} == {
        name.removesuffix("_output") for name in names if name.endswith("_output")
    }
    assert len(names) == 16
