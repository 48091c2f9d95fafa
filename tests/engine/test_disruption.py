"""Disruption groups: never more of them down at once than allowed, and nobody waits for one that does not come back."""

import asyncio
from typing import Any

import pytest
from fake_cluster import FakeCluster, Heard
from gadget import KIND

from harvester_provider.core.errors import HarvesterError, Refused, Unreachable, WaitFailed
from harvester_provider.core.json import Object
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs


class Workshop(FakeCluster):
    """Gadgets take a moment to stop and to start. `worst` is the largest number of them that was down at once."""

    def __init__(self) -> None:
        super().__init__()
        self.worst = 0
        self.never_back: set[str] = set()
        self.on_write.append(self._move)

    def down(self) -> list[str]:
        return [ref.name for ref, body in self.objects.items() if body.get("status", {}).get("phase") != "ready"]

    def _move(self, ref: Ref, body: dict[str, Any]) -> None:
        if body["spec"].get("stopped") or ref.name in self.never_back:
            self.place(
                ref, {**body, "status": {"phase": "broken" if ref.name in self.never_back and not body["spec"].get("stopped") else "down"}}
            )
        elif body.get("status", {}).get("phase") != "ready":
            asyncio.get_running_loop().call_later(0.002, self._start, ref)
        self.worst = max(self.worst, len(self.down()))

    def _start(self, ref: Ref) -> None:
        if not self.objects[ref]["spec"].get("stopped"):
            self.place(ref, {**self.objects[ref], "status": {"phase": "ready"}})

    async def patch(self, ref: Ref, body: Any) -> Object:
        await asyncio.sleep(0.001)
        return await super().patch(ref, body)


async def made(shop: Workshop, count: int, **inputs: Any) -> list[verbs.Found]:
    found = [await verbs.create(KIND, shop, {"name": f"g{number}", "owner": "p/s/g", **inputs}, Heard()) for number in range(count)]
    shop.worst = 0
    return found


async def grow(shop: Workshop, machines: list[verbs.Found], **inputs: Any) -> list[BaseException | verbs.Found]:
    """`pulumi up` of all of them side by side."""
    work = [
        verbs.update(KIND, shop, each.id, each.state, {"name": each.id.split("/")[1], "owner": "p/s/g", "size": 2, **inputs}, Heard())
        for each in machines
    ]
    async with asyncio.timeout(20):
        return await asyncio.gather(*work, return_exceptions=True)


@pytest.mark.parametrize("most", [1, 2, 5])
async def test_never_more_than_allowed_are_down_at_once_and_all_get_their_turn(most: int) -> None:
    shop = Workshop()
    results = await grow(shop, await made(shop, 6), group="web", most=most)
    assert not [result for result in results if isinstance(result, BaseException)]
    assert shop.worst == most
    assert all(body["spec"]["size"] == 2 for body in shop.objects.values())


async def test_without_a_group_and_in_other_groups_nobody_waits() -> None:
    shop = Workshop()
    await grow(shop, await made(shop, 4))
    assert shop.worst == 4
    shop = Workshop()
    machines = await made(shop, 4)
    await asyncio.gather(grow(shop, machines[:2], group="a"), grow(shop, machines[2:], group="b"))
    assert shop.worst == 2


async def test_where_machines_differ_the_smallest_number_counts() -> None:
    shop = Workshop()
    machines = await made(shop, 6)
    await asyncio.gather(grow(shop, machines[:3], group="web", most=1), grow(shop, machines[3:], group="web", most=3))
    assert shop.worst <= 3
    assert not shop.down()


async def test_one_that_is_refused_and_put_back_lets_the_next_one_go_on() -> None:
    shop = Workshop()
    machines = await made(shop, 4)
    shop.refuse("patch", Refused("admission webhook denied the request: too large", status=400))
    results = await grow(shop, machines, group="web")
    failed = [result for result in results if isinstance(result, HarvesterError)]
    assert len(failed) == 1
    assert shop.worst == 1
    assert sorted(body["spec"]["size"] for body in shop.objects.values()) == [1, 2, 2, 2]


async def test_one_that_does_not_come_back_stops_the_rest_and_they_are_told() -> None:
    shop = Workshop()
    machines = await made(shop, 4)
    shop.never_back.add("g0")
    results = await grow(shop, machines, group="web")
    assert shop.worst == 1
    assert shop.down() == ["g0"]
    told = [str(result) for result in results[1:]]
    assert all(isinstance(result, WaitFailed) for result in results)
    assert all("Gadget default/g0 of disruption group web did not come back" in text for text in told)


async def test_one_that_does_not_come_back_keeps_only_its_own_place() -> None:
    shop = Workshop()
    machines = await made(shop, 5)
    shop.never_back.add("g0")
    results = await grow(shop, machines, group="web", most=2)
    assert shop.worst == 2
    assert shop.down() == ["g0"]
    assert len([result for result in results if isinstance(result, BaseException)]) == 1


async def test_the_next_try_of_one_that_did_not_come_back_frees_its_place() -> None:
    shop = Workshop()
    machines = await made(shop, 2)
    shop.never_back.add("g0")
    await grow(shop, machines[:1], group="web")
    shop.never_back.clear()
    (mended,) = await grow(shop, machines[:1], group="web", size=3)
    assert isinstance(mended, verbs.Found)
    (next_one,) = await grow(shop, machines[1:], group="web")
    assert isinstance(next_one, verbs.Found)


async def test_preview_says_what_holds_and_takes_no_turn() -> None:
    shop = Workshop()
    (machine,) = await made(shop, 1)
    news = {"name": "g0", "owner": "p/s/g", "size": 2, "group": "web", "most": 2}
    lines = (await verbs.diff(KIND, shop, machine.id, machine.state, news)).lines
    assert "one of disruption group web: at most 2 of it are down at a time" in lines


async def test_a_cluster_that_cannot_be_asked_counts_as_not_back() -> None:
    shop = Workshop()
    machines = await made(shop, 2)
    shop.never_back.add("g0")
    await_start = asyncio.create_task(grow(shop, machines[:1], group="web"))
    await asyncio.sleep(0.004)
    shop.refuse("get", Unreachable("no answer"), times=1)
    await await_start
    (second,) = await grow(shop, machines[1:], group="web")
    assert isinstance(second, HarvesterError)
