"""CPUs and memory: fixed, or with room for more that a running guest gets without a restart."""

from typing import Any

import pytest
from machine_room import GUEST, REF, SAMPLE, MachineRoom, effects, movable

from harvester_provider.core.quantity import Quantity
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.virtual_machine import KIND
from harvester_provider.resources.virtual_machine.hot_plug import Plugged
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs

ROOM = {"hotPlug": {"maxCpu": 4, "maxMemory": "8Gi"}}
PLUGGED = "harvesterhci.io/enableCPUAndMemoryHotplug"


@pytest.fixture
def room() -> MachineRoom:
    return movable()


def size(room: MachineRoom) -> tuple[Any, Any, Any]:
    domain = room.spec["domain"]
    return domain["cpu"], domain["memory"], domain["resources"]["limits"]


def wants_restart(vm: Any) -> None:
    vm["status"]["conditions"] = [{"type": "RestartRequired", "status": "True", "message": "not live"}]


async def test_a_machine_with_room_has_the_shape_that_harvester_plugs_into(room: MachineRoom) -> None:
    made = await room.up(**ROOM)
    assert room.machine["metadata"]["annotations"][PLUGGED] == "true"
    assert size(room) == (
        {"cores": 1, "sockets": 2, "threads": 1, "maxSockets": 4},
        {"guest": "4Gi", "maxGuest": "8Gi"},
        {"cpu": "4", "memory": "8Gi"},
    )
    assert (await room.refresh(made)).inputs == made.inputs


@pytest.mark.parametrize("version", ["v1.6.1", "v1.7.3", "v1.8.0"])
@pytest.mark.parametrize("edit", [{"cpu": 3}, {"cpu": 4, "memory": "6Gi"}, {"memory": "8Gi"}], ids=["CPU", "both", "memory"])
async def test_within_its_room_a_machine_grows_without_a_restart(version: str, edit: dict[str, Any]) -> None:
    room = movable(version)
    made = await room.up(**ROOM)
    assert set(effects(await room.preview(made, **ROOM, **edit)).values()) == {"migrate"}
    changed = await room.up(made, **ROOM, **edit)
    assert room.starts["vm1"] == 1
    cpu, memory, limits = size(room)
    assert (cpu["sockets"], memory["guest"]) == (edit.get("cpu", 2), edit.get("memory", "4Gi"))
    assert limits == {"cpu": "4", "memory": "8Gi"}
    assert (await room.refresh(changed)).inputs == changed.inputs
    assert not (await room.preview(changed, **ROOM, **edit)).plan.changes


async def test_plugged_memory_goes_back_to_what_the_guest_started_with(room: MachineRoom) -> None:
    grown = await room.up(await room.up(**ROOM), **ROOM, memory="6Gi")
    assert effects(await room.preview(grown, **ROOM)) == {"memory": "migrate"}
    await room.up(grown, **ROOM)
    assert room.starts["vm1"] == 1


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({}, {"cpu": 3}, "only where the machine was started with hotPlug"),
        ({}, {"memory": "6Gi"}, "only where the machine was started with hotPlug"),
        (ROOM, {**ROOM, "cpu": 1}, "their number grows to maxCpu at most"),
        (ROOM, {**ROOM, "memory": "2Gi"}, "it stays between what the guest started with and maxMemory"),
        (ROOM, {"hotPlug": {"maxCpu": 8, "maxMemory": "8Gi"}}, "the room for CPUs and memory is fixed at a start"),
        ({}, ROOM, "the room for CPUs and memory is fixed at a start"),
        (ROOM, {}, "the room for CPUs and memory is fixed at a start"),
    ],
)
async def test_outside_of_its_room_a_machine_is_stopped_for_it(
    room: MachineRoom, before: dict[str, Any], after: dict[str, Any], why: str
) -> None:
    made = await room.up(**before)
    (line, *_) = (await room.preview(made, **after)).lines
    assert "stop-modify-start" in line
    assert why in line
    changed = await room.up(made, **after)
    assert room.starts["vm1"] == 2
    assert (await room.refresh(changed)).inputs == changed.inputs


async def test_room_that_is_taken_away_leaves_nothing_of_it(room: MachineRoom) -> None:
    plain = await room.up()
    before = size(room), room.machine["metadata"]["annotations"].get(PLUGGED)
    made = await room.up(plain, **ROOM)
    await room.up(made)
    assert (size(room), room.machine["metadata"]["annotations"].get(PLUGGED)) == before


async def test_a_machine_that_cannot_move_is_stopped_for_it() -> None:
    room = MachineRoom()
    made = await room.up(**ROOM)
    (line, *_) = (await room.preview(made, **ROOM, cpu=3)).lines
    assert "without a stop only where the machine can be migrated" in line


@pytest.mark.parametrize("edit", [{"cpu": 3}, {"memory": "6Gi"}, {"nodeSelector": {"zone": "b"}}])
async def test_while_a_restart_is_due_nothing_of_it_is_live(room: MachineRoom, edit: dict[str, Any]) -> None:
    made = await room.up(**ROOM)
    room.edit(wants_restart)
    (line, *_) = (await room.preview(made, **ROOM, **edit)).lines
    assert "stop-modify-start" in line
    assert "no restart of the machine is due already" in line


async def test_what_is_deferred_holds_back_what_would_be_plugged_in(room: MachineRoom) -> None:
    deferring = {**ROOM, "updatePolicy": "defer"}
    made = await room.up(**deferring)
    edit = {**deferring, "cpu": 3, "nodeSelector": {"zone": "b"}, "hostname": "other", "description": "x"}
    assert effects(await room.preview(made, **edit)) == dict.fromkeys(("cpu", "nodeSelector", "hostname", "description"), "metadata")
    now = await room.up(made, **edit)
    assert room.starts["vm1"] == 1
    assert set(now.state["restartReason"].partition(": ")[2].split(", ")) == {"cpu", "nodeSelector", "hostname"}


async def test_room_that_somebody_else_made_is_used_and_left_alone(room: MachineRoom) -> None:
    made = await room.up()

    def give_room(vm: Any) -> None:
        vm["metadata"]["annotations"][PLUGGED] = "true"
        vm["spec"]["template"]["spec"]["domain"] |= {
            "cpu": {"cores": 1, "sockets": 2, "threads": 1, "maxSockets": 4},
            "memory": {"guest": "4Gi", "maxGuest": "8Gi"},
            "resources": {"limits": {"cpu": "4", "memory": "8Gi"}},
        }

    room.edit(give_room)
    refreshed = await room.refresh(made)
    assert refreshed.inputs == made.inputs
    assert effects(await room.preview(refreshed, cpu=3)) == {"cpu": "migrate"}
    await room.up(refreshed, cpu=3)
    assert room.starts["vm1"] == 1
    assert size(room)[0] == {"cores": 1, "sockets": 3, "threads": 1, "maxSockets": 4}


@pytest.mark.parametrize(
    ("inputs", "path", "words"),
    [
        ({"cpu": 5}, "hotPlug.maxCpu", "4 is less than cpu, 5"),
        ({"memory": "16Gi"}, "hotPlug.maxMemory", "8Gi is less than memory, 16Gi"),
        ({"memory": "512Mi"}, "memory", "takes 1Gi or more"),
        ({"memory": "1025Mi"}, "memory", "no multiple of 2Mi"),
    ],
)
def test_room_that_the_cluster_would_refuse_is_refused_at_preview(inputs: dict[str, Any], path: str, words: str) -> None:
    found = KIND.check(VirtualMachineInputs.model_validate({**SAMPLE, **ROOM, **inputs}))
    assert [(problem.property, words in problem.reason) for problem in found] == [(path, True)]


def plugged(**status: Any) -> Verdict:
    grown = Plugged(REF, cpu=3, memory=Quantity("6Gi"))
    vm = {"metadata": {"name": "vm1"}, "spec": {"runStrategy": "Always"}}
    return grown(Snapshot({REF: vm, GUEST: {"status": {"phase": "Running", **status}}}))


def test_the_wait_is_over_when_the_node_has_given_both_to_the_guest() -> None:
    topology, memory = {"cores": 1, "sockets": 3, "threads": 1}, {"guestRequested": "6Gi", "guestCurrent": "5Gi"}
    assert plugged() == Waiting("3 CPUs are being plugged in, the memory is being resized to 6Gi")
    assert plugged(currentCPUTopology=topology) == Waiting("the memory is being resized to 6Gi")
    assert isinstance(plugged(currentCPUTopology=topology, memory=memory), Ready)
