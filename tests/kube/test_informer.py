"""An informer whose lists take their time."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

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
        informer.saw(gadget("made", 12))
        informer.saw(gadget("removed", 9))
        source.through.set()
        await informer.synced.wait()
        running.cancel()
    assert {name: dig(found, "metadata", "resourceVersion") for (_, name), found in informer.objects.items()} == {
        "known": "3",
        "made": "12",
    }


class Stream(SlowLists):
    """A source whose list is empty, and whose watch shows what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.through.set()
        self.events = asyncio.Queue[tuple[str, dict[str, Json]]]()

    async def lines(self, path: str, query: Mapping[str, str], asked: str) -> AsyncGenerator[bytes, None]:  # noqa: ARG002
        while True:
            kind, item = await self.events.get()
            yield json.dumps({"type": kind, "object": item}).encode()
            self.events.task_done()


@asynccontextmanager
async def streamed() -> AsyncIterator[tuple[Informer, Callable[..., Awaitable[dict[str, object]]]]]:
    """An informer, and what shows it an event and says the versions that it has then."""
    source = Stream()
    informer = Informer(source, GADGETS)

    async def show(kind: str, item: dict[str, Json]) -> dict[str, object]:
        source.events.put_nowait((kind, item))
        await source.events.join()
        return versions(informer)

    running = asyncio.create_task(informer.run())
    await informer.synced.wait()
    yield informer, show
    running.cancel()


def versions(informer: Informer) -> dict[str, object]:
    return {name: dig(found, "metadata", "resourceVersion") for (_, name), found in informer.objects.items()}


async def test_the_late_end_of_a_former_object_does_not_take_away_the_one_that_was_made_since() -> None:
    async with streamed() as (informer, show):
        assert await show("ADDED", gadget("g", 11)) == {"g": "11"}
        informer.saw(gadget("g", 14))
        assert await show("MODIFIED", gadget("g", 12)) == {"g": "14"}
        assert await show("DELETED", gadget("g", 13)) == {"g": "14"}
        assert await show("DELETED", gadget("g", 15)) == {}


@pytest.mark.parametrize("version", [12, 9], ids=["deleted on the stream", "deleted before the list"])
async def test_the_late_answer_for_a_deleted_object_does_not_bring_it_back(version: int) -> None:
    async with streamed() as (informer, show):
        await show("ADDED", gadget("g", 11))
        await show("DELETED", gadget("g", 13))
        informer.saw(gadget("g", version))
        informer.saw(gadget("h", 9))
        assert versions(informer) == {}
        informer.saw(gadget("g", 14))
        assert versions(informer) == {"g": "14"}


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
