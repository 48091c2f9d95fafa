"""Random lives of machines on a real API server: whatever is edited in whatever order, preview was right and nothing is lost.

The same property as in memory (tests/resources/virtual_machine/test_random_edits.py), with real admission and controllers
that work on their own. Examples are the same in every run, and few: each edit is a real update.
"""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from effect_cases import DATA, FIRST, HOT, ROOT, SECOND, USER_DATA, Inputs
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from target import Target
from workshop import Made, Workshop, furnish

from harvester_provider.core.json import Json, dig, dig_objects, dig_str

EXAMPLES = 8

_SIZES = st.sampled_from(["1Gi", "2Gi"])
_DISKS = st.tuples(*(st.tuples(st.booleans(), _SIZES, st.sampled_from(["keep", "delete"])) for _ in range(3))).map(
    lambda drawn: [
        {**disk, "size": size, "onDelete": policy} for disk, (there, size, policy) in zip((ROOT, DATA, HOT), drawn, strict=True) if there
    ]
)
_NETWORKS = st.sampled_from(["~/red", "~/blue"])
_NICS = st.tuples(st.booleans(), _NETWORKS, st.booleans(), _NETWORKS, st.booleans()).map(
    lambda drawn: [
        *([{**FIRST, "network": drawn[1]}] if drawn[0] else []),
        *([{**SECOND, "network": drawn[3]}] if drawn[2] else []),
        *([{"name": "office"}] if drawn[4] else []),
    ]
)
LIVES = st.lists(
    st.fixed_dictionaries(
        {
            "memory": st.just("256Mi"),
            "disks": _DISKS,
            "networkInterfaces": _NICS,
            "runStrategy": st.sampled_from(["RerunOnFailure", "RerunOnFailure", "Always", "Halted"]),
            "cpu": st.integers(1, 2),
            "labels": st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), max_size=2),
            "nodeSelector": st.sampled_from([{}, {"kubernetes.io/os": "linux"}]),
            "cloudInit": st.sampled_from([None, {"userData": USER_DATA}, {"userData": f"{USER_DATA}locale: de_DE\n"}]),
            "description": st.sampled_from(["", "x"]),
        }
    ),
    min_size=4,
    max_size=5,
)


@pytest.fixture(scope="module")
def shop(cluster: Target) -> Iterator[tuple[asyncio.Runner, Workshop]]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        found = runner.run(stack.enter_async_context(Workshop.on(cluster, f"lives-{uuid.uuid4().hex[:6]}")))
        runner.run(furnish(found, cluster.image_url))
        yield runner, found
        runner.run(stack.aclose())


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(life=LIVES)
def test_every_edit_does_what_preview_announced_and_loses_nothing(shop: tuple[asyncio.Runner, Workshop], life: list[Inputs]) -> None:
    runner, workshop = shop
    runner.run(_live_through(Made(workshop, "VirtualMachine", f"vm-{uuid.uuid4().hex[:6]}"), life))


async def _live_through(machine: Made, life: list[Inputs]) -> None:
    await machine.make(**life[0])
    was = life[0]
    await machine.settled(restart_required=None)
    assert await machine.starts() == int(_runs(was))
    for edit in life[1:]:
        starts, had = await machine.starts(), await machine.belongings()
        plan = (await machine.preview(**edit)).plan
        if plan.refused:
            assert all("cannot shrink" in change.why for change in plan.refused)
            continue
        await machine.up(**edit)
        stops = any(change.effect.stops_guest for change in plan.changes)
        assert await machine.starts() - starts == int(_runs(edit) and (stops or not _runs(was)))
        await _as_declared(machine, edit)
        await _nothing_lost(machine, had, {disk["name"]: disk["onDelete"] for disk in was["disks"]})
        was = edit
    await machine.destroy()
    assert await machine.gone()


def _runs(inputs: Inputs) -> bool:
    return bool(inputs["runStrategy"] != "Halted")


async def _as_declared(machine: Made, edit: Inputs) -> None:
    """Refresh and preview find nothing to do, no guest wants a restart, and the object has the declared devices and no others."""
    await machine.settled(restart_required=False if _runs(edit) else None)
    await machine.refresh()
    assert not machine.state.get("restartRequired")
    assert await machine.drift() == []
    assert not (await machine.preview(**edit)).changed
    spec = dig(await machine.object(), "spec", "template", "spec")
    drive = {"cloudinitdisk"} if edit["cloudInit"] else set()
    assert _names(spec, "volumes") == _names(spec, "domain", "devices", "disks") == {disk["name"] for disk in edit["disks"]} | drive
    assert _names(spec, "networks") == _names(spec, "domain", "devices", "interfaces") == {nic["name"] for nic in edit["networkInterfaces"]}


async def _nothing_lost(machine: Made, had: dict[str, str], policies: dict[str, Any]) -> None:
    """What stays keeps its volume or MAC; the volume of a removed disk is there still, unless the disk said `delete`."""
    has = await machine.belongings()
    assert {name: value for name, value in had.items() if name in has} == {name: value for name, value in has.items() if name in had}
    for name in had.keys() - has.keys():
        disk = name.removeprefix("disk ")
        if disk in policies:
            assert await machine.shop.has_claim(had[name]) is (policies[disk] == "keep")


def _names(spec: Json, *path: str) -> set[str]:
    return {dig_str(entry, "name") for entry in dig_objects(spec, *path)}
