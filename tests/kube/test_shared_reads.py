"""Many reads of one kind become one list and one watch, and mean the same."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web
from api_server import Answer, ApiServer, serving, status
from test_client import GADGET, connected, gadget

from harvester_provider.core.ref import Listing, Ref

THERE = {f"g{number}": gadget(f"g{number}", number + 1, size=number) for number in range(20)}
COLLECTION = GADGET.path("default")


def refs(count: int) -> list[Ref]:
    return [Ref(GADGET, f"g{number}", "default") for number in range(count)]


def gadgets(objects: dict[str, Any], *, may_list: bool = True) -> Callable[[web.Request], Answer]:
    def answer(request: web.Request) -> Answer:
        if request.path == COLLECTION:
            return (
                (200, {"metadata": {"resourceVersion": "99"}, "items": list(objects.values())})
                if may_list
                else (403, status(403, "Forbidden", "no"))
            )
        found = objects.get(request.path.rpartition("/")[2])
        return (200, found) if found else (404, status(404, "NotFound", "not there", name="new"))

    return answer


def asked(server: ApiServer) -> int:
    return len(server.requests)


async def test_requests_do_not_grow_with_the_objects() -> None:
    counts = []
    for many in (10, 20):
        async with serving() as server, connected(server) as cluster:
            server.handler = gadgets(THERE)
            found = await asyncio.gather(*(cluster.shared.get(ref) for ref in refs(many)))
            assert [(each or {})["spec"] for each in found] == [{"size": number} for number in range(many)]
            counts.append(asked(server))
    assert max(counts) < 10


async def test_a_few_objects_are_read_one_by_one() -> None:
    async with serving() as server, connected(server) as cluster:
        server.handler = gadgets(THERE)
        await asyncio.gather(*(cluster.shared.get(ref) for ref in refs(2)))
        assert COLLECTION not in {path for _, path in server.requests}


async def test_what_the_stream_shows_is_what_is_read() -> None:
    async with serving() as server, connected(server) as cluster:
        server.handler = gadgets(THERE)
        await asyncio.gather(*(cluster.shared.get(ref) for ref in refs(10)))
        async with cluster.follow([refs(1)[0]]) as snapshots:
            await anext(snapshots)
            await server.events.put([{"type": "MODIFIED", "object": gadget("g0", 200, size=7)}])
            await anext(snapshots)
        assert (await cluster.shared.get(refs(1)[0]) or {})["spec"] == {"size": 7}


async def test_lists_that_several_ask_for_are_read_once() -> None:
    async with serving() as server, connected(server) as cluster:
        server.handler = gadgets(THERE)
        listing = Listing(GADGET, "default")
        found = await asyncio.gather(*(cluster.shared.list(listing) for _ in range(10)))
        assert {len(each) for each in found} == {20}
        assert [method_path for method_path in server.requests if method_path == ("GET", COLLECTION)] != []
        assert asked(server) <= 3


async def test_who_may_read_but_not_list_reads_one_by_one() -> None:
    async with serving() as server, connected(server) as cluster:
        server.handler = gadgets(THERE, may_list=False)
        found = await asyncio.gather(*(cluster.shared.get(ref) for ref in refs(10)))
        assert [(each or {})["spec"] for each in found] == [{"size": number} for number in range(10)]
