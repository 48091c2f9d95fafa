"""Machines that other tools made: reading and adopting them never fails on what we do not model, and never removes it."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from fake_cluster import Heard
from foreign_machines import from_a_guest_cluster, from_terraform, from_the_ui, with_windows
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_room import GUEST, REF, TEMPLATES, MachineRoom

from harvester_provider.core.errors import PlanRefused
from harvester_provider.core.ownership import OWNER
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import NETWORK, PERSISTENT_VOLUME_CLAIM, SECRET, STORAGE_CLASS
from harvester_provider.resources.virtual_machine import KIND

MACHINES = [from_the_ui, from_terraform, from_a_guest_cluster, with_windows]
Maker = Callable[[], dict[str, Any]]
everyone = pytest.mark.parametrize("make", MACHINES, ids=lambda make: make.__name__)


def inhabited(machine: dict[str, Any]) -> MachineRoom:
    """A cluster in which the machine runs, made by somebody else."""
    room = MachineRoom()
    for secret in ("vm1-ow1mb", "vm1-cloudinit"):
        room.place(Ref(SECRET, secret, "default"), {"data": {"userdata": "I2Nsb3VkLWNvbmZpZwo=", "networkdata": "dmVyc2lvbjogMQo="}})
    for claim in ("san-7", "vm1-c"):
        room.place(Ref(PERSISTENT_VOLUME_CLAIM, claim, "default"), {"status": {"phase": "Bound"}})
    room.place(Ref(NETWORK, "sriov", "default"), {})
    room.place(Ref(STORAGE_CLASS, "harvester-longhorn"), {})
    room.place(REF, machine)
    room._boot()
    room._report("Running", runStrategy=machine["spec"]["runStrategy"])
    room.starts.clear()
    return room


async def imported(room: MachineRoom) -> verbs.Found:
    found = await verbs.read(KIND, room, REF.id, {})
    assert found is not None
    return found


async def adopted(room: MachineRoom, **edit: Any) -> verbs.Found:
    """`pulumi up` of a program that declares the machine as an import has shown it, with `edit` on top."""
    inputs = dict((await imported(room)).inputs)
    return await verbs.create(KIND, room, {**inputs, "adopt": True, "owner": "shop/dev/vm1", **edit}, Heard())


def losses(before: Any, after: Any, path: str = "") -> list[str]:
    """Paths that are in `before` and are missing or other in `after`; entries of lists are found by their names."""
    if isinstance(before, dict):
        if not isinstance(after, dict):
            return [path]
        return [loss for key, value in before.items() for loss in losses(value, after.get(key), f"{path}/{key}")]
    if isinstance(before, list) and before and isinstance(before[0], dict) and "name" in before[0]:
        have = {entry["name"]: entry for entry in after or []}
        return [loss for entry in before for loss in losses(entry, have.get(entry["name"]), f"{path}[{entry['name']}]")]
    return [] if before == after else [path]


@everyone
async def test_it_is_read_as_far_as_it_is_modelled(make: Maker) -> None:
    found = await imported(inhabited(make()))
    inputs = json.loads(json.dumps(found.inputs))
    spec = make()["spec"]["template"]["spec"]
    assert inputs["cpu"] == spec["domain"]["cpu"]["cores"]
    assert inputs["memory"] == spec["domain"]["memory"]["guest"]
    assert [nic["name"] for nic in inputs["networkInterfaces"]] == [nic["name"] for nic in spec["domain"]["devices"]["interfaces"]]
    assert [disk["name"] for disk in inputs["disks"]] == [
        disk["name"] for disk in spec["domain"]["devices"]["disks"] if disk["name"] != "cloudinitdisk"
    ]
    assert found.state["status"] == "Running"
    assert "pendingChanges" not in found.state


@everyone
async def test_declared_as_it_was_read_it_is_no_change_and_a_refresh_no_drift(make: Maker) -> None:
    room = inhabited(make())
    found = await imported(room)
    again = await verbs.diff(KIND, room, REF.id, found.state, found.inputs)
    assert not again.plan.steps
    assert not again.changed
    assert (await room.refresh(found)).inputs == found.inputs


@everyone
async def test_adopting_it_only_marks_whose_it_is(make: Maker) -> None:
    room = inhabited(make())
    before = copy.deepcopy(room.machine)
    await adopted(room)
    assert losses(before["spec"], room.machine["spec"]) == []
    after = room.machine["metadata"]["annotations"]
    assert after.pop(OWNER) == "shop/dev/vm1"
    assert losses(before["metadata"]["annotations"], after) in ([], [f"/{TEMPLATES}"])
    assert json.loads(after.get(TEMPLATES, "[]")) == json.loads(before["metadata"]["annotations"].get(TEMPLATES, "[]"))
    assert room.starts["vm1"] == 0


@everyone
async def test_a_change_takes_nothing_away_that_is_not_declared(make: Maker) -> None:
    room = inhabited(make())
    before = copy.deepcopy(room.machine)
    state = await adopted(room)
    inputs = {
        **json.loads(json.dumps(state.inputs)),
        "description": "ours now",
        "cpu": 1,
        "terminationGracePeriodSeconds": 30,
        "tags": {"a": "b"},
    }
    await verbs.update(KIND, room, REF.id, state.state, inputs, Heard())
    changed = {"/domain/cpu/cores", "/domain/resources/limits/cpu", "/terminationGracePeriodSeconds"}
    assert set(losses(before["spec"]["template"]["spec"], room.spec)) <= changed
    assert room.devices.get("watchdog") == before["spec"]["template"]["spec"]["domain"]["devices"].get("watchdog")
    assert GUEST in room.objects


@pytest.mark.parametrize("make", [from_the_ui, from_terraform, with_windows], ids=lambda make: make.__name__)
async def test_deleting_it_keeps_every_volume_unless_told_otherwise(make: Maker) -> None:
    room = inhabited(make())
    state = await imported(room)
    kept = [disk for disk in json.loads(json.dumps(state.inputs))["disks"] if disk.get("type") != "cd-rom"]
    before = room.claims()
    await verbs.delete(KIND, room, REF.id, state.state, Heard())
    assert REF not in room.objects
    assert len(room.claims()) >= min(len(before), len(kept))


JUNK = st.dictionaries(
    st.sampled_from(["x", "futureField", "spec"]), st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)), max_size=2
)
PLACES: list[tuple[str, ...]] = [
    (),
    ("domain",),
    ("domain", "devices"),
    ("domain", "cpu"),
    ("domain", "features"),
    ("domain", "devices", "disks"),
]


@settings(max_examples=60, deadline=None)
@given(number=st.integers(0, len(MACHINES) - 1), place=st.sampled_from(PLACES), name=st.sampled_from(["a1", "b2"]), junk=JUNK)
async def test_what_a_later_release_adds_anywhere_is_kept(number: int, place: tuple[str, ...], name: str, junk: dict[str, Any]) -> None:
    machine = MACHINES[number]()
    where = machine["spec"]["template"]["spec"]
    for step in place:
        where = where[step]
    if isinstance(where, list):
        where[0][name] = junk
    else:
        where[name] = junk
    room = inhabited(machine)
    before = copy.deepcopy(room.spec)
    await adopted(room, description="ours now")
    assert losses(before, room.spec) == []


async def test_a_node_that_rancher_made_is_read_and_never_deleted() -> None:
    room = inhabited(from_a_guest_cluster())
    found = await imported(room)
    room.requests.clear()
    with pytest.raises(PlanRefused, match="is a node of edge, made by Rancher"):
        await verbs.delete(KIND, room, REF.id, found.state, Heard())
    assert not room.writes()


def from_cluster_api() -> dict[str, Any]:
    machine = from_the_ui()
    machine["metadata"].setdefault("labels", {})["harvestercluster/machinetype"] = "controlplane-edge"
    return machine


@pytest.mark.parametrize(
    ("make", "maker"), [(from_a_guest_cluster, "of edge, made by Rancher"), (from_cluster_api, "Cluster API's provider")]
)
async def test_a_node_of_a_driver_is_changed_by_those_alone_who_say_that_they_take_it_over(make: Maker, maker: str) -> None:
    room = inhabited(make())
    found = await imported(room)
    told = {**found.inputs, "owner": "shop/dev/vm1"}
    assert not (await verbs.diff(KIND, room, REF.id, found.state, told)).changed
    wanted = {**told, "description": "mine"}
    difference = await verbs.diff(KIND, room, REF.id, found.state, wanted)
    assert [(change.property, maker in change.why, "adopt=True" in change.why) for change in difference.plan.refused] == [
        ("description", True, True)
    ]
    room.requests.clear()
    with pytest.raises(PlanRefused, match=maker):
        await verbs.update(KIND, room, REF.id, found.state, wanted, Heard())
    assert not room.writes()
    after = await verbs.update(KIND, room, REF.id, found.state, {**wanted, "adopt": True}, Heard())
    assert after.inputs["description"] == "mine"
