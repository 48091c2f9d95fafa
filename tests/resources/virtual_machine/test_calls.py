"""What is asked of a running guest: to stand still, to reboot itself, to move to a node; and what comes in between."""

from typing import Any

import pytest
from machine_room import GUEST, MachineRoom

from harvester_provider.core.errors import InvalidInputs, PlanRefused, Unreachable, WaitFailed
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import NODE, VIRTUAL_MACHINE_INSTANCE_MIGRATION
from harvester_provider.resources.virtual_machine import KIND

SOFT = {"restartMode": "soft"}


@pytest.fixture
def room() -> MachineRoom:
    room = MachineRoom()
    room.migratable = True
    for node in ("node1", "node2"):
        room.place(Ref(NODE, node), {})
    room.on_write.append(lambda ref, body: migrate(room, ref, body))
    return room


def migrate(room: MachineRoom, ref: Ref, body: Any, phase: str = "Succeeded") -> None:
    if ref.api == VIRTUAL_MACHINE_INSTANCE_MIGRATION and "status" not in body:
        guest = room.objects[GUEST]
        where = body["spec"]["addedNodeSelector"]["kubernetes.io/hostname"] if phase == "Succeeded" else guest["status"]["nodeName"]
        room.place(GUEST, {**guest, "status": {**guest["status"], "nodeName": where}})
        room.place(ref, {**body, "status": {"phase": phase, "migrationState": {"failureReason": "no room"}}})


def verbs_called(room: MachineRoom) -> list[str]:
    return [call.path.rsplit("/", 1)[1] for call in room.calls]


def effects(difference: verbs.Difference) -> list[str]:
    return [f"{change.property}: {change.effect.label}" for change in difference.plan.changes]


class TestPause:
    async def test_it_is_declared_state_and_no_restart(self, room: MachineRoom) -> None:
        made = await room.up()
        assert effects(await room.preview(made, paused=True)) == ["paused: live"]
        now = await room.up(made, paused=True)
        assert now.state["status"] == "Paused"
        assert (await room.refresh(now)).inputs == now.inputs
        again = await room.up(now)
        assert again.state["status"] == "Running"
        assert (verbs_called(room), room.starts["vm1"]) == (["pause", "unpause"], 1)

    async def test_a_machine_can_be_made_so(self, room: MachineRoom) -> None:
        assert (await room.up(paused=True)).state["status"] == "Paused"
        assert (await room.up(paused=True)).state["status"] == "Paused"  # made already, the state was lost
        assert verbs_called(room) == ["pause"]

    async def test_a_guest_that_somebody_let_go_on_is_drift(self, room: MachineRoom) -> None:
        made = await room.up(paused=True)
        room._freeze(frozen=False)
        seen = await room.refresh(made)
        assert not seen.inputs.get("paused")
        assert (await room.up(seen, paused=True)).state["status"] == "Paused"

    async def test_a_guest_that_an_error_stopped_is_reported_and_no_drift(self, room: MachineRoom) -> None:
        made = await room.up()
        guest = room.objects[GUEST]
        why = {"type": "Paused", "status": "True", "reason": "PausedIOError", "message": "VMI was paused, low-level IO error detected"}
        room.place(GUEST, {**guest, "status": {**guest["status"], "conditions": [why]}})
        seen = await room.refresh(made)
        assert seen.inputs == made.inputs
        assert "low-level IO error" in seen.state["statusReason"]

    async def test_it_goes_on_before_a_stop_so_that_it_can_shut_down_and_stands_still_again_after(self, room: MachineRoom) -> None:
        made = await room.up(paused=True)
        now = await room.up(made, paused=True, hostname="shop")
        assert verbs_called(room) == ["pause", "unpause", "pause"]
        assert (now.state["status"], room.starts["vm1"]) == ("Paused", 2)

    async def test_a_machine_that_is_off_is_left_alone_and_paused_when_it_is_started(self, room: MachineRoom) -> None:
        made = await room.up(runStrategy="Halted")
        now = await room.up(made, runStrategy="Halted", paused=True)
        assert verbs_called(room) == []
        assert (await room.up(now, paused=True)).state["status"] == "Paused"

    def test_it_must_be_waited_for(self) -> None:
        found = verbs.check(KIND, {"name": "vm1", "disks": [{"name": "root", "size": "1Gi"}], "paused": True, "waitFor": "nothing"})
        assert [problem.property for problem in found.problems] == ["paused"]


class TestSoftReboot:
    async def test_the_guest_is_asked_once_and_stays_the_same(self, room: MachineRoom) -> None:
        made = await room.up(**SOFT)
        (line, *_) = (await room.preview(made, **SOFT, restartTrigger="1")).lines
        assert line.startswith("restartTrigger: live (the guest is asked to reboot itself")
        await room.up(made, **SOFT, restartTrigger="1")
        await room.up(made, **SOFT, restartTrigger="1")  # the state was not saved
        assert (verbs_called(room), room.starts["vm1"]) == (["softreboot"], 1)

    async def test_what_waits_for_a_restart_goes_on_waiting(self, room: MachineRoom) -> None:
        policy = {**SOFT, "updatePolicy": "defer"}
        now = await room.up(await room.up(**policy), **policy, hostname="shop", restartTrigger="1")
        assert verbs_called(room) == ["softreboot"]
        assert now.state["restartRequired"] is True

    async def test_a_stop_that_another_change_needs_is_reboot_enough(self, room: MachineRoom) -> None:
        made = await room.up(**SOFT)
        await room.up(made, **SOFT, restartTrigger="1", hostname="shop")
        assert (verbs_called(room), room.starts["vm1"]) == ([], 2)
        await room.up(made, **SOFT, restartTrigger="1", hostname="shop")
        assert (verbs_called(room), room.starts["vm1"]) == ([], 2)

    async def test_one_that_was_cut_off_is_asked_again(self, room: MachineRoom) -> None:
        made = await room.up(**SOFT)
        room.kill_after(patches=0)
        with pytest.raises(Unreachable):
            await room.up(made, **SOFT, restartTrigger="1")
        room.kill_after(patches=None)
        await room.up(made, **SOFT, restartTrigger="1")
        assert verbs_called(room) == ["softreboot", "softreboot"]


class TestMove:
    async def test_the_guest_moves_to_the_named_node_and_runs_on(self, room: MachineRoom) -> None:
        made = await room.up()
        difference = await room.preview(made, migrateTo="node2")
        assert effects(difference) == ["migrateTo: migrate"]
        assert any("migrate VirtualMachine default/vm1 to node2" in line for line in difference.lines)
        now = await room.up(made, migrateTo="node2")
        assert (now.state["nodeName"], room.starts["vm1"]) == ("node2", 1)
        assert not (await room.preview(now, migrateTo="node2")).changed

    async def test_beside_a_change_that_needs_a_stop_it_comes_after_the_start(self, room: MachineRoom) -> None:
        made = await room.up()
        edit: dict[str, Any] = {"hostname": "other", "migrateTo": "node2"}
        assert effects(await room.preview(made, **edit)) == ["hostname: stop-modify-start", "migrateTo: migrate"]
        now = await room.up(made, **edit)
        assert (now.state["nodeName"], room.starts["vm1"]) == ("node2", 2)

    async def test_one_that_the_start_has_put_there_is_not_moved(self, room: MachineRoom) -> None:
        await room.up(await room.up(), hostname="other", migrateTo="node1")
        assert not [ref for ref in room.objects if ref.api == VIRTUAL_MACHINE_INSTANCE_MIGRATION]

    async def test_one_that_is_there_already_is_not_moved(self, room: MachineRoom) -> None:
        made = await room.up()
        await room.up(made, migrateTo="node1")
        assert not [ref for ref in room.objects if ref.api == VIRTUAL_MACHINE_INSTANCE_MIGRATION]

    async def test_one_that_cannot_move_is_refused_at_preview_with_the_reason(self, room: MachineRoom) -> None:
        room.migratable = False
        made = await room.up()
        (change,) = (await room.preview(made, migrateTo="node2")).plan.refused
        assert "without a stop only where the machine can be migrated" in change.why
        with pytest.raises(PlanRefused):
            await room.up(made, migrateTo="node2")

    async def test_a_migration_that_fails_says_why_and_where_the_guest_is(self, room: MachineRoom) -> None:
        made = await room.up()
        room.on_write[:] = [lambda ref, body: migrate(room, ref, body, "Failed")]
        with pytest.raises(WaitFailed, match="the migration failed, and the guest runs on node1: no room"):
            await room.up(made, migrateTo="node2")

    async def test_a_node_that_is_not_there_is_named(self, room: MachineRoom) -> None:
        made = await room.up()
        with pytest.raises(InvalidInputs, match="migrateTo: Node node9 does not exist"):
            await room.up(made, migrateTo="node9")
