"""Machines that others made or touched: nothing of theirs breaks a verb, and nothing of theirs is lost by one."""

import copy
from typing import Any

import pytest
from fake_cluster import Heard
from machine_room import REF, SAMPLE, MachineRoom

from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import PERSISTENT_VOLUME_CLAIM
from harvester_provider.resources.virtual_machine import KIND

THEIRS = Ref(PERSISTENT_VOLUME_CLAIM, "their-data", "default")


@pytest.fixture
def room() -> MachineRoom:
    return MachineRoom()


def bare(room: MachineRoom) -> None:
    """Take away every annotation and label that the machine's object has."""
    body: Any = copy.deepcopy(room.machine)
    for meta in (body["metadata"], body["spec"]["template"]["metadata"]):
        meta.pop("annotations", None)
        meta.pop("labels", None)
    room.place(REF, body)


def attach_theirs(room: MachineRoom) -> None:
    """Somebody attaches a volume of their own in the UI."""
    room.place(THEIRS, {})

    def attach(body: Any) -> None:
        spec = body["spec"]["template"]["spec"]
        spec["domain"]["devices"]["disks"].append({"name": "theirs", "disk": {"bus": "virtio"}})
        spec["volumes"].append({"name": "theirs", "persistentVolumeClaim": {"claimName": THEIRS.name}})

    room.edit(attach)


async def test_a_machine_without_any_annotation_is_read_changed_and_deleted(room: MachineRoom) -> None:
    made = await room.up(adopt=True)
    bare(room)
    seen = await room.refresh(made)
    changed = await room.up(seen, adopt=True, cpu=4)
    assert room.spec["domain"]["cpu"]["cores"] == 4
    await verbs.delete(KIND, room, REF.id, changed.state, Heard())
    assert REF not in room.objects


async def test_a_volume_that_somebody_attached_outlives_the_machine(room: MachineRoom) -> None:
    made = await room.up(disks=[{**SAMPLE["disks"][0], "onDelete": "delete"}])
    attach_theirs(room)
    refreshed = await room.refresh(made)
    await verbs.delete(KIND, room, REF.id, refreshed.state, Heard())
    assert room.claims() == {THEIRS.name}


async def test_a_volume_that_somebody_attached_stays_attached_through_an_update(room: MachineRoom) -> None:
    made = await room.up()
    attach_theirs(room)
    await room.up(made, cpu=4, disks=[*SAMPLE["disks"], {"name": "data", "size": "5Gi"}])
    assert {"theirs", "root", "data"} <= {volume["name"] for volume in room.spec["volumes"]}


@pytest.mark.parametrize("first", [{"name": "theirs"}, {"name": "cloudinitdisk"}], ids=["a device of others", "the cloud-init drive"])
async def test_devices_in_another_order_are_no_change_and_keep_what_is_theirs(room: MachineRoom, first: dict[str, str]) -> None:
    made = await room.up()
    attach_theirs(room)

    def reorder(body: Any) -> None:
        spec = body["spec"]["template"]["spec"]
        for entries in (spec["volumes"], spec["domain"]["devices"]["disks"]):
            entries.sort(key=lambda entry: entry["name"] != first["name"])

    room.edit(reorder)
    assert (await room.refresh(made)).inputs == made.inputs
    assert not (await room.preview(made)).changed
    volumes = made.state["volumes"]
    changed = await room.up(made, disks=[{**SAMPLE["disks"][0], "size": "25Gi"}])
    assert {name: claim for name, claim in changed.state["volumes"].items() if name == "root"} == volumes
