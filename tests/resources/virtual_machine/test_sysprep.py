"""Answer files for Windows: texts of the program in a Secret that belongs to the machine, or a Secret of others."""

import copy
from typing import Any, ClassVar

import pytest
from fake_cluster import Heard
from machine_room import REF, MachineRoom

from harvester_provider.core.errors import NotOurs
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import SECRET
from harvester_provider.resources.secret import encoded, texts_in
from harvester_provider.resources.virtual_machine import KIND


@pytest.fixture
def room() -> MachineRoom:
    return MachineRoom()


def effects(difference: verbs.Difference) -> set[str]:
    return {change.effect.label for change in difference.plan.changes}


async def test_answer_files_that_somebody_took_out_or_swapped_are_drift_and_put_back(room: MachineRoom) -> None:
    answers: dict[str, Any] = {"sysprep": {"secretName": "answers"}}
    made = await room.up(**answers)

    def eject(machine: Any) -> None:
        spec = machine["spec"]["template"]["spec"]
        for entries in (spec["volumes"], spec["domain"]["devices"]["disks"]):
            entries[:] = [entry for entry in entries if entry["name"] != "sysprep"]

    def swap(machine: Any) -> None:
        machine["spec"]["template"]["spec"]["volumes"][-1]["sysprep"] = {"secret": {"name": "others"}}

    for change, shown in ((eject, None), (swap, {"secretName": "others"})):
        room.edit(change)
        refreshed = await room.refresh(made)
        assert refreshed.inputs.get("sysprep") == shown
        made = await room.up(refreshed, **answers)
        assert (await room.refresh(made)).inputs == made.inputs
        assert room.spec["volumes"][-1]["sysprep"] == {"secret": {"name": "answers"}}


class TestAnswerFiles:
    """Texts of the program: in a Secret that belongs to the machine, and nowhere else."""

    OWN = Ref(SECRET, "vm1-sysprep", "default")
    FIRST: ClassVar[dict[str, Any]] = {"sysprep": {"autounattend": "<first/>"}}

    def texts(self, room: MachineRoom) -> dict[str, str]:
        return texts_in(room.objects[self.OWN])

    async def test_they_are_made_with_the_machine_belong_to_it_and_go_with_it(self, room: MachineRoom) -> None:
        made = await room.up(**self.FIRST)
        assert self.texts(room) == {"autounattend.xml": "<first/>"}
        assert {"name": "sysprep", "sysprep": {"secret": {"name": "vm1-sysprep"}}} in room.spec["volumes"]
        assert (await room.refresh(made)).inputs == made.inputs
        assert "<first/>" not in str(room.machine)
        await verbs.delete(KIND, room, REF.id, made.state, Heard())
        assert self.OWN not in room.objects

    async def test_other_texts_leave_the_guest_running(self, room: MachineRoom) -> None:
        made = await room.up(**self.FIRST)
        after: dict[str, Any] = {"sysprep": {"autounattend": "<second/>", "unattend": "<more/>"}}
        assert effects(await room.preview(made, **after)) == {"metadata"}
        now = await room.up(made, **after)
        assert self.texts(room) == {"autounattend.xml": "<second/>", "unattend.xml": "<more/>"}
        assert room.starts["vm1"] == 1
        assert (await room.refresh(now)).inputs == now.inputs

    async def test_without_them_the_drive_goes_with_a_stop_and_the_secret_after_it(self, room: MachineRoom) -> None:
        made = await room.up(**self.FIRST)
        assert effects(await room.preview(made)) == {"stop-modify-start"}
        await room.up(made)
        assert (self.OWN in room.objects, room.starts["vm1"]) == (False, 2)

    async def test_what_somebody_wrote_into_the_secret_is_drift(self, room: MachineRoom) -> None:
        made = await room.up(**self.FIRST)
        found = copy.deepcopy(room.objects[self.OWN])
        room.place(self.OWN, {**found, "data": encoded({"autounattend.xml": "<theirs/>"})})
        assert (await room.refresh(made)).inputs["sysprep"] == {"autounattend": "<theirs/>"}

    async def test_an_import_reads_the_texts_of_ours_and_the_name_of_others(self, room: MachineRoom) -> None:
        await room.up(**self.FIRST)
        found = await verbs.read(KIND, room, REF.id, {})
        assert found is not None
        assert found.inputs["sysprep"] == {"autounattend": "<first/>"}
        room.objects[self.OWN]["metadata"]["labels"] = {}
        found = await verbs.read(KIND, room, REF.id, {})
        assert found is not None
        assert found.inputs["sysprep"] == {"secretName": "vm1-sysprep"}

    async def test_a_secret_of_somebody_else_is_not_overwritten(self, room: MachineRoom) -> None:
        room.place(self.OWN, {"data": {}})
        with pytest.raises(NotOurs, match="vm1-sysprep: a Secret of that name exists"):
            await room.up(**self.FIRST)
        assert REF not in room.objects
