"""What the outputs say of a guest that is not what its machine is, and of a machine that is not what its run strategy says."""

import copy
from typing import Any

import pytest
from machine_room import GUEST, REF, MachineRoom

from harvester_provider.engine import verbs
from harvester_provider.resources.virtual_machine import KIND

DEFER = {"updatePolicy": "defer"}
QUOTA = "harvesterhci.io/insufficient-resource-quota"


@pytest.fixture
def room() -> MachineRoom:
    return MachineRoom()


def pending(found: verbs.Found) -> Any:
    return found.state.get("pendingChanges", [])


def domain(vm: Any) -> Any:
    return vm["spec"]["template"]["spec"]["domain"]


class TestPendingChanges:
    async def test_a_guest_that_has_what_is_declared_lacks_nothing(self, room: MachineRoom) -> None:
        assert pending(await room.up()) == []

    async def test_a_deferred_change_and_one_made_in_the_ui_are_told_field_by_field(self, room: MachineRoom) -> None:
        now = await room.up(await room.up(**DEFER), **DEFER, hostname="shop")
        assert pending(now) == ["hostname"]
        room.edit(lambda vm: domain(vm)["cpu"].update(cores=8))
        room.edit(lambda vm: domain(vm)["devices"]["interfaces"][1].update(model="e1000"))
        room.edit(lambda vm: domain(vm)["devices"]["disks"].append({"name": "usb", "disk": {"bus": "usb"}}))
        assert pending(await room.refresh(now)) == ["hostname", "cpu", "disks[usb]", "networkInterfaces[eth1]"]

    async def test_another_volume_behind_a_disk_is_told(self, room: MachineRoom) -> None:
        made = await room.up()
        room.edit(lambda vm: vm["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"].update(claimName="other"))
        assert pending(await room.refresh(made)) == ["disks[root]"]

    async def test_what_the_cluster_fills_in_for_the_guest_is_no_difference(self, room: MachineRoom) -> None:
        made = await room.up()
        machine, guest = copy.deepcopy(room.machine), copy.deepcopy(room.objects[GUEST])
        del machine["spec"]["template"]["spec"]["evictionStrategy"]
        del machine["spec"]["template"]["spec"]["hostname"]
        del domain(machine)["devices"]["interfaces"][0]["macAddress"]
        guest["spec"]["evictionStrategy"] = "LiveMigrate"
        guest["spec"]["domain"]["devices"]["disks"][0]["cache"] = "none"
        room.place(REF, machine)
        room.place(GUEST, guest)
        assert pending(await room.refresh(made)) == []

    async def test_they_are_gone_with_the_guest(self, room: MachineRoom) -> None:
        made = await room.up()
        room.edit(lambda vm: domain(vm)["cpu"].update(cores=8))
        room.edit(lambda vm: vm["spec"].update(runStrategy="Halted"))
        assert pending(await room.refresh(made)) == []


class TestStatusReason:
    async def test_a_machine_that_runs_as_declared_needs_none(self, room: MachineRoom) -> None:
        made = await room.up()
        assert not made.state.get("statusReason")
        assert not (await room.up(made, runStrategy="Halted")).state.get("statusReason")

    async def test_a_guest_that_shut_itself_down_is_reported_and_not_fought(self, room: MachineRoom) -> None:
        made = await room.up()
        room._shut_down()
        seen = await room.refresh(made)
        assert seen.inputs == made.inputs
        assert seen.state["status"] == "Stopped"
        assert "shut itself down" in seen.state["statusReason"]
        now = await room.up(seen, description="x")
        assert GUEST not in room.objects
        assert now.state["status"] == "Stopped"

    async def test_another_restart_trigger_starts_it_again_and_preview_says_so(self, room: MachineRoom) -> None:
        made = await room.up()
        room._shut_down()
        (change,) = (await room.preview(made, restartTrigger="1")).plan.changes
        assert str(change) == "restartTrigger: live (the machine is started)"
        now = await room.up(made, restartTrigger="1")
        assert now.state["status"] == "Running"
        assert room.machine["spec"]["runStrategy"] == "RerunOnFailure"
        room._shut_down()
        await room.up(made, restartTrigger="1")  # the state was not saved, and the guest has shut itself down since
        assert GUEST not in room.objects

    async def test_a_machine_that_a_quota_halted_is_no_drift_and_left_alone(self, room: MachineRoom) -> None:
        made = await room.up()
        room.edit(lambda vm: (vm["spec"].update(runStrategy="Halted"), vm["metadata"]["annotations"].update({QUOTA: "memory: 2Gi of 1Gi"})))
        seen = await room.refresh(made)
        assert seen.inputs == made.inputs
        assert "quota" in seen.state["statusReason"]
        assert "memory: 2Gi of 1Gi" in seen.state["statusReason"]
        await room.up(seen, description="x")
        assert room.machine["spec"]["runStrategy"] == "Halted"
        now = await room.up(seen, description="x", restartTrigger="quota raised")
        assert now.state["status"] == "Running"
        assert QUOTA not in room.machine["metadata"]["annotations"]

    async def test_an_import_reads_what_is_there(self, room: MachineRoom) -> None:
        made = await room.up()
        room.edit(lambda vm: (vm["spec"].update(runStrategy="Halted"), vm["metadata"]["annotations"].update({QUOTA: "cpu"})))
        from_nothing = await verbs.read(KIND, room, made.id, {})
        assert from_nothing is not None
        assert from_nothing.inputs["runStrategy"] == "Halted"
