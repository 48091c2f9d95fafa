"""Machines of one disruption group: one stop after the other, and what preview says of it."""

import asyncio
from typing import Any

import pytest
from machine_room import MachineRoom

from harvester_provider.core.errors import Unreachable

WEB: dict[str, Any] = {"disruptionGroup": "web", "maxUnavailable": 2}


@pytest.fixture
def room() -> MachineRoom:
    return MachineRoom()


async def test_preview_says_which_change_takes_its_turn(room: MachineRoom) -> None:
    made = await room.up(**WEB)
    stop, live = await room.preview(made, **WEB, hostname="shop"), await room.preview(made, **WEB, description="x")
    assert "one of disruption group web: at most 2 of it are down at a time" in stop.lines
    assert live.plan.disruption is None


async def test_a_group_alone_changes_nothing_in_the_cluster(room: MachineRoom) -> None:
    made = await room.up()
    before = len(room.writes())
    await room.up(made, **WEB)
    assert len(room.writes()) == before


async def test_a_machine_that_nobody_waits_for_keeps_its_turn_until_it_runs(room: MachineRoom) -> None:
    made = await room.up(**WEB, waitFor="nothing")
    plan = (await room.preview(made, **WEB, waitFor="nothing", hostname="shop")).plan
    assert getattr(plan.steps[-1], "until", "") == "running"


async def test_a_machine_that_an_interrupted_update_left_stopped_waits_for_nobody(room: MachineRoom) -> None:
    made = await room.up(**WEB)
    room.kill_after(patches=1)
    with pytest.raises(Unreachable):
        await room.up(made, **WEB, hostname="shop")
    room.kill_after(patches=None)
    plan = (await room.preview(made, **WEB, hostname="shop")).plan
    assert plan.disruption is not None
    assert plan.disruption.already
    async with asyncio.timeout(10):
        await room.up(made, **WEB, hostname="shop")
    assert room.spec["hostname"] == "shop"
