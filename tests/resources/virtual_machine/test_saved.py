"""Disks with `delete-backed-up`: their volumes go only when a ready backup holds them, whatever makes them go."""

from dataclasses import dataclass
from typing import Any

import pytest
from fake_cluster import Heard
from machine_room import REF, MachineRoom

from harvester_provider.core.errors import PlanRefused
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import BACKUP, PERSISTENT_VOLUME_CLAIM
from harvester_provider.resources.virtual_machine import KIND

POLICY = "delete-backed-up"
ROOT = {"name": "root", "image": "default/leap", "size": "20Gi", "bootOrder": 1}
DATA = {"name": "data", "size": "5Gi", "onDelete": POLICY}
NIGHTLY = Ref(BACKUP, "nightly", "default")


@dataclass
class Made:
    """The machine, its state, and the volume of its disk `data`."""

    room: MachineRoom
    state: verbs.Found

    @property
    def volume(self) -> str:
        volumes: Any = self.state.state["volumes"]
        return str(volumes["data"])

    async def destroy(self) -> None:
        await verbs.delete(KIND, self.room, self.state.id, self.state.state, Heard())

    async def refused(self, **inputs: Any) -> list[str]:
        """What preview refuses of an update."""
        return [change.property for change in (await self.room.preview(self.state, **inputs)).plan.refused]

    def save(self, claim: str, **spec: Any) -> None:
        """A backup that can be restored."""
        done = [{"type": kind, "status": "True"} for kind in ("Ready", "MetadataReady")]
        volumes = [{"volumeName": "data", "persistentVolumeClaim": {"metadata": {"name": claim}}}]
        self.room.place(NIGHTLY, {"spec": spec, "status": {"readyToUse": True, "conditions": done, "volumeBackups": volumes}})


@pytest.fixture
async def made() -> Made:
    room = MachineRoom()
    return Made(room, await room.up(disks=[ROOT, DATA]))


async def test_a_delete_is_refused_until_a_backup_holds_the_volume(made: Made) -> None:
    with pytest.raises(PlanRefused, match=f"volume {made.volume} of disk data would be deleted, and no ready backup holds it"):
        await made.destroy()
    assert REF in made.room.objects
    made.save(made.volume)
    await made.destroy()
    assert REF not in made.room.objects
    assert Ref(PERSISTENT_VOLUME_CLAIM, made.volume, "default") not in made.room.objects


@pytest.mark.parametrize("spec", [{"type": "snapshot"}, {}])
async def test_a_snapshot_or_a_backup_of_another_volume_is_none(made: Made, spec: dict[str, str]) -> None:
    made.save(made.volume if spec else "another", **spec)
    with pytest.raises(PlanRefused, match="no ready backup holds it"):
        await made.destroy()


async def test_preview_refuses_to_take_the_disk_out_and_to_replace_the_machine(made: Made) -> None:
    edits: tuple[dict[str, Any], ...] = ({"disks": [ROOT]}, {"disks": [ROOT, DATA], "namespace": "elsewhere"})
    assert [await made.refused(**edit) for edit in edits] == [["disks[data]"]] * 2
    made.save(made.volume)
    assert [await made.refused(**edit) for edit in edits] == [[]] * 2


async def test_who_says_so_first_may_delete_without_a_backup(made: Made) -> None:
    made.state = await made.room.up(made.state, disks=[ROOT, {**DATA, "onDelete": "delete"}])
    await made.destroy()
    assert REF not in made.room.objects
