"""A machine from create to delete, as a user sees it."""

import json

import pytest
from fake_cluster import Heard
from machine_room import GUEST, OWN_SECRET, REF, SAMPLE, TEMPLATES, MachineRoom

from harvester_provider.core.errors import InvalidInputs, NotOurs, PlanRefused, Refused
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.engine import verbs
from harvester_provider.engine.reader import see
from harvester_provider.resources.apis import IMAGE, PERSISTENT_VOLUME_CLAIM
from harvester_provider.resources.virtual_machine import KIND
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs


@pytest.fixture
def room() -> MachineRoom:
    return MachineRoom()


class TestCreate:
    async def test_the_machine_runs_with_an_address_when_up_returns(self, room: MachineRoom) -> None:
        state = (await room.up(waitFor="address")).state
        assert state["status"] == "Running"
        assert state["nodeName"] == "node1"
        assert state["ipAddress"] == "10.0.0.9"
        assert state["ipAddresses"] == ["10.0.0.9", "10.0.0.10"]
        assert state["interfaces"]["eth1"] == {
            "macAddress": room.macs()["eth1"],
            "ipAddresses": ["10.0.0.10"],
            "ipv4Addresses": ["10.0.0.10"],
        }

    async def test_the_volume_of_an_image_has_the_images_own_storage_class(self, room: MachineRoom) -> None:
        await room.up()
        (entry,) = json.loads(room.machine["metadata"]["annotations"][TEMPLATES])
        assert entry["spec"]["storageClassName"] == "lh-leap"
        assert entry["metadata"]["annotations"]["harvesterhci.io/imageId"] == "default/leap"

    async def test_a_machine_made_again_does_not_get_the_volume_of_its_forerunner(self, room: MachineRoom) -> None:
        first = await room.up()
        await verbs.delete(KIND, room, REF.id, first.state, Heard())
        second = await room.up()
        assert first.state["volumes"] != second.state["volumes"]
        assert len(room.claims()) == 2

    async def test_nothing_changes_for_the_preview_and_the_refresh_that_follow(self, room: MachineRoom) -> None:
        made = await room.up(sshKeys=["default/ada"])
        refreshed = await room.refresh(made)
        assert refreshed.inputs == made.inputs
        assert not (await room.preview(refreshed, sshKeys=["default/ada"])).changed

    async def test_user_data_is_in_a_secret_that_goes_with_the_machine(self, room: MachineRoom) -> None:
        made = await room.up()
        assert room.objects[OWN_SECRET]["metadata"]["ownerReferences"][0]["uid"] == made.state["uid"]
        assert "nginx" not in json.dumps(room.machine)

    async def test_a_halted_machine_is_made_and_not_started(self, room: MachineRoom) -> None:
        made = await room.up(runStrategy="Halted")
        assert room.starts["vm1"] == 0
        assert made.state["status"] == "Stopped"

    @pytest.mark.parametrize("broken", [{}, {"status": {"conditions": [{"type": "Imported", "status": "Unknown"}]}}])
    async def test_an_image_that_is_not_imported_is_an_error_before_anything_is_made(
        self, room: MachineRoom, broken: dict[str, object]
    ) -> None:
        room.place(Ref(IMAGE, "leap", "default"), broken)
        with pytest.raises(PlanRefused, match="disk root: image default/leap is not imported yet"):
            await room.up()
        assert not room.writes()

    async def test_a_disk_smaller_than_its_image_is_an_error_before_anything_is_made(self, room: MachineRoom) -> None:
        with pytest.raises(PlanRefused, match="size 1Gi is smaller than the image default/leap"):
            await room.up(disks=[{"name": "root", "image": "default/leap", "size": "1Gi"}])
        assert not room.writes()

    async def test_what_the_machine_names_and_what_is_missing_is_told_all_at_once(self, room: MachineRoom) -> None:
        with pytest.raises(InvalidInputs) as caught:
            await room.up(
                disks=[{"name": "a", "image": "default/none", "size": "1Gi"}, {"name": "b", "existingVolume": "none"}],
                networkInterfaces=[{"name": "eth0", "network": "other/none"}],
                cloudInit={"secretName": "none"},
            )
        told = {problem.property for problem in caught.value.problems}
        assert told == {"disks[0].image", "disks[1].existingVolume", "networkInterfaces[0].network", "cloudInit.secretName"}
        assert not room.writes()

    async def test_a_secret_of_somebody_else_is_not_overwritten_and_no_machine_is_made(self, room: MachineRoom) -> None:
        room.place(OWN_SECRET, {"data": {}})
        with pytest.raises(NotOurs, match="vm1-cloudinit: a Secret of that name exists"):
            await room.up()
        assert not room.writes()

    async def test_a_machine_that_the_cluster_refuses_leaves_nothing_behind(self, room: MachineRoom) -> None:
        room.refuse("create", Refused("a duplicate MAC address"))
        with pytest.raises(Refused, match="duplicate MAC"):
            await room.up()
        assert OWN_SECRET not in room.objects
        assert not room.claims()

    @pytest.mark.parametrize("killed_after", [0, 1])
    async def test_a_create_that_was_killed_is_finished_by_the_next_up(self, room: MachineRoom, killed_after: int) -> None:
        wire = KIND.inputs.model_validate(SAMPLE)
        seen = await _seen(room, wire)
        steps = [KIND.create(wire, seen).steps[0]]
        await room.create(steps[0].ref, steps[0].body)
        if killed_after:
            secret = KIND.settle(wire, await _seen(room, wire))[0]
            await room.create(secret.ref, secret.body)
        volumes = set(room.claims())
        made = await room.up()
        assert made.state["status"] == "Running"
        assert room.claims() == volumes
        assert room.starts["vm1"] == 1
        assert room.objects[OWN_SECRET]["data"]

    async def test_preview_and_plan_say_which_volumes_outlive_the_machine(self, room: MachineRoom) -> None:
        disks = [*SAMPLE["disks"], {"name": "scratch", "size": "1Gi", "onDelete": "delete"}]
        inputs = KIND.inputs.model_validate({**SAMPLE, "disks": disks})
        lines = KIND.create(inputs, await _seen(room, inputs)).lines()
        assert "disk root: its volume is kept when the machine is deleted (onDelete: keep)" in lines
        assert "disk scratch: its volume is deleted with its data when the machine is deleted (onDelete: delete)" in lines


class TestDelete:
    async def test_by_default_every_volume_outlives_the_machine(self, room: MachineRoom) -> None:
        made = await room.up()
        await verbs.delete(KIND, room, REF.id, made.state, Heard())
        assert {REF, GUEST, OWN_SECRET}.isdisjoint(room.objects)
        assert room.claims() == set(made.state["volumes"].values())

    async def test_only_the_volumes_that_say_so_are_deleted(self, room: MachineRoom) -> None:
        room.place(Ref(PERSISTENT_VOLUME_CLAIM, "old-data", "default"), {})
        disks = [
            {**SAMPLE["disks"][0], "onDelete": "delete"},
            {"name": "data", "size": "5Gi"},
            {"name": "old", "existingVolume": "old-data"},
        ]
        made = await room.up(disks=disks)
        heard = Heard()
        await verbs.delete(KIND, room, REF.id, made.state, heard)
        assert room.claims() == {"old-data", made.state["volumes"]["data"]}
        assert any("deleted with their data" in text and "disk root" in text for text in heard.infos)
        assert any("kept" in text and "old-data" in text for text in heard.infos)

    async def test_the_volumes_to_delete_are_noted_on_the_machine_before_it_is_deleted(self, room: MachineRoom) -> None:
        made = await room.up(disks=[{**SAMPLE["disks"][0], "onDelete": "delete"}])
        seen = await _seen(room, KIND.inputs.model_validate(SAMPLE))
        plan = KIND.delete(KIND.inputs.model_validate({**SAMPLE, "disks": [{**SAMPLE["disks"][0], "onDelete": "delete"}]}), seen)
        note, remove = plan.steps[:2]
        assert note.body == {"metadata": {"annotations": {"harvesterhci.io/removedPersistentVolumeClaims": made.state["volumes"]["root"]}}}
        assert remove.propagation == "Foreground"

    async def test_a_machine_that_is_gone_already_is_no_error(self, room: MachineRoom) -> None:
        made = await room.up()
        room.vanish(REF)
        await verbs.delete(KIND, room, REF.id, made.state, Heard())
        assert OWN_SECRET not in room.objects


async def _seen(room: MachineRoom, inputs: VirtualMachineInputs) -> Snapshot:
    return await see(room, KIND, REF, inputs)
