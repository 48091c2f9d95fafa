"""Snapshots of namesakes: a delete that would take them along is refused, and says so before a replacement, too."""

from typing import Any

import pytest
from fake_cluster import Heard
from machine_room import REF, MachineRoom

from harvester_provider.core.errors import Forbidden, PlanRefused
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import BACKUP
from harvester_provider.resources.virtual_machine import KIND


def snapshot(name: str, namespace: str, *, of: str = "vm1", kind: str = "snapshot", **meta: Any) -> tuple[Ref, dict[str, Any]]:
    return Ref(BACKUP, name, namespace), {"metadata": meta, "spec": {"type": kind, "source": {"name": of}}}


async def destroyed(room: MachineRoom, made: verbs.Found) -> list[str]:
    """What a destroy says."""
    heard = Heard()
    await verbs.delete(KIND, room, made.id, made.state, heard)
    assert REF not in room.objects
    return heard.infos


async def test_a_delete_that_takes_snapshots_of_a_namesake_along_is_refused_until_the_machine_says_that_they_may_go() -> None:
    room = MachineRoom()
    made = await room.up()
    room.place(*snapshot("theirs", "elsewhere"))
    with pytest.raises(PlanRefused, match="snapshots of other machines that are called vm1 as well: elsewhere/theirs. Delete them first"):
        await verbs.delete(KIND, room, made.id, made.state, Heard())
    assert REF in room.objects
    writes = len(room.writes())
    made = await room.up(made, snapshotsElsewhere="delete")
    assert len(room.writes()) == writes
    assert "VirtualMachine default/vm1: its snapshots are deleted with it: elsewhere/theirs" in await destroyed(room, made)


async def test_preview_refuses_a_replacement_for_them_and_names_those_of_the_machine() -> None:
    room = MachineRoom()
    made = await room.up()
    room.place(*snapshot("ours", "default"))
    preview = await room.preview(made, namespace="other")
    assert preview.lines[-1] == "VirtualMachine default/vm1: its snapshots are deleted with it: default/ours"
    room.place(*snapshot("theirs", "elsewhere"))
    assert [change.property for change in (await room.preview(made, namespace="other")).plan.refused] == ["snapshotsElsewhere"]


async def test_backups_other_machines_and_snapshots_that_go_already_hinder_nothing() -> None:
    room = MachineRoom()
    made = await room.up()
    room.place(*snapshot("backup", "elsewhere", kind="backup"))
    room.place(*snapshot("stranger", "elsewhere", of="vm10"))
    room.place(*snapshot("leaving", "elsewhere", deletionTimestamp="2026-01-01T00:00:00Z"))
    assert not [said for said in await destroyed(room, made) if "snapshot" in said]


async def test_who_may_not_look_is_told_so_and_may_delete() -> None:
    room = MachineRoom()
    made = await room.up()
    room.refuse("list", Forbidden("virtualmachinebackups is forbidden", status=403))
    (said,) = [said for said in await destroyed(room, made) if "snapshots" in said]
    assert said.endswith("was not looked for: that takes the permission to list virtualmachinebackups in all namespaces")
