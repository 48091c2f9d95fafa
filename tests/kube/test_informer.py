"""An informer whose lists take their time."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

import pytest

from harvester_provider.core.errors import Overloaded
from harvester_provider.core.json import Json, dig, dig_map
from harvester_provider.core.ref import Api, Listing
from harvester_provider.kube.informer import Informer

GADGETS = Listing(Api("example.org", "v1", "gadgets", "Gadget"), "default")


def gadget(name: str, version: int) -> dict[str, Json]:
    return {"metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": str(version)}}


class SlowLists:
    """A source whose lists show what was there at version 10 and arrive when they are let through; its watches show nothing."""

    def __init__(self, *items: dict[str, Json]) -> None:
        self.asked, self.through = asyncio.Event(), asyncio.Event()
        self._items = items

    async def request(self, method: str, path: str, *, query: Mapping[str, str] | None = None, asked: str = "") -> Json:  # noqa: ARG002
        self.asked.set()
        await self.through.wait()
        return {"metadata": {"resourceVersion": "10"}, "items": list(self._items)}

    async def lines(self, path: str, query: Mapping[str, str], asked: str) -> AsyncGenerator[bytes, None]:  # noqa: ARG002
        await asyncio.Event().wait()
        yield b""


async def test_what_was_written_while_the_list_was_on_its_way_is_there_and_what_is_older_than_the_list_is_gone() -> None:
    source = SlowLists(gadget("known", 3))
    informer = Informer(source, GADGETS)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(informer.run())
        await source.asked.wait()
        informer.wrote(gadget("made", 12))
        informer.wrote(gadget("removed", 9))
        source.through.set()
        await informer.synced.wait()
        running.cancel()
    assert {name: dig(found, "metadata", "resourceVersion") for (_, name), found in informer.objects.items()} == {
        "known": "3",
        "made": "12",
    }


class Refusing(SlowLists):
    """A source that is overloaded at first, and says for how long to leave it alone."""

    async def request(self, method: str, path: str, *, query: Mapping[str, str] | None = None, asked: str = "") -> Json:
        if self.asked.is_set():
            return await super().request(method, path, query=query, asked=asked)
        self.asked.set()
        self.through.set()
        raise Overloaded("too many requests", status=429, retry_after=7)


@pytest.mark.looptime
async def test_an_overloaded_server_is_left_alone_for_as_long_as_it_says() -> None:
    informer = Informer(Refusing(), GADGETS)
    begin = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(informer.run())
        await informer.synced.wait()
        assert asyncio.get_running_loop().time() - begin == 7
        running.cancel()


async def test_who_wrote_which_field_is_not_kept() -> None:
    """It is half of what thousands of objects would take."""
    written = gadget("g", 3)
    source = SlowLists(written | {"metadata": {**dig_map(written, "metadata"), "managedFields": [{"manager": "kubectl"}]}})
    source.through.set()
    informer = Informer(source, GADGETS)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(informer.run())
        await informer.synced.wait()
        assert dig_map(informer.objects["default", "g"], "metadata") == written["metadata"]
        running.cancel()
