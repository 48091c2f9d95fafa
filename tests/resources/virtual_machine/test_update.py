"""What an edit of the program does to a machine that runs, and to one that does not."""

import json
from typing import Any

import pytest
from fake_cluster import Heard
from machine_room import GUEST, LAST, OWN_SECRET, REF, SAMPLE, TEMPLATES, MachineRoom, effects

from harvester_provider.core.errors import PlanRefused, Unreachable, WaitFailed
from harvester_provider.core.plan import Remove
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import DATA_VOLUME, IMAGE, KUBEVIRT, PERSISTENT_VOLUME_CLAIM
from harvester_provider.resources.virtual_machine import KIND

ETH0, ETH1 = SAMPLE["networkInterfaces"]
ROOT = SAMPLE["disks"][0]
DATA = {"name": "data", "size": "5Gi"}
STOPPED = "harvester.pulumi.com/stopped-for-update"


@pytest.fixture
def room() -> MachineRoom:
    return MachineRoom()


class TestWithoutAStop:
    @pytest.mark.parametrize(
        "edit",
        [
            {"description": "the shop"},
            {"tags": {"team": "a"}},
            {"labels": {"app": "shop"}},
            {"annotations": {"example.org/note": "x"}},
            {"nodeSelector": {"zone": "a"}},
            {"cloudInit": {"userData": "#cloud-config\npackages: [vim]\n"}},
            {"sshKeys": ["default/ada"]},
            {"disks": [{**ROOT, "size": "30Gi"}]},
            {"runStrategy": "Always"},
            {"stop": {"then": "force"}},
            {"disks": [{**ROOT, "onDelete": "delete"}]},
        ],
    )
    async def test_the_guest_runs_on(self, room: MachineRoom, edit: dict[str, Any]) -> None:
        made = await room.up()
        assert not (await room.preview(made, **edit)).plan.effect.stops_guest
        changed = await room.up(made, **edit)
        assert room.starts["vm1"] == 1
        refreshed = await room.refresh(changed)
        assert refreshed.inputs == changed.inputs

    async def test_no_guest_is_stopped_for_a_machine_type_that_kubevirt_refuses(self, room: MachineRoom) -> None:
        made = await room.up()
        (change,) = (await room.preview(made, machineType="pc-i440fx-9.2")).plan.refused
        assert (change.property, change.why) == (
            "machineType",
            "KubeVirt refuses 'pc-i440fx-9.2' here: use one of q35*, pc-q35*, virt*, s390-ccw-virtio*, or leave it out",
        )
        with pytest.raises(PlanRefused):
            await room.up(made, machineType="pc-i440fx-9.2")
        assert room.starts["vm1"] == 1

    async def test_the_machine_types_that_kubevirt_is_set_up_for_are_taken(self, room: MachineRoom) -> None:
        made = await room.up()
        kubevirt = Ref(KUBEVIRT, "kubevirt", "harvester-system")
        room.place(kubevirt, {"spec": {"configuration": {"architectureConfiguration": {"amd64": {"emulatedMachines": ["pc-i440fx-*"]}}}}})
        assert not (await room.preview(made, machineType="pc-i440fx-9.2")).plan.refused
        assert (await room.preview(made, machineType="pc-q35-9.1")).plan.refused

    async def test_a_description_is_one_small_request(self, room: MachineRoom) -> None:
        made = await room.up()
        before = len(room.writes())
        await room.up(made, description="the shop")
        assert len(room.writes()) == before + 1
        assert room.machine["metadata"]["annotations"]["field.cattle.io/description"] == "the shop"

    async def test_an_input_that_only_steers_the_provider_writes_nothing(self, room: MachineRoom) -> None:
        made = await room.up()
        before = room.writes()
        difference = await room.preview(made, stop={"then": "force"}, waitFor="address")
        assert effects(difference) == {"stop": "none", "waitFor": "none"}
        await room.up(made, stop={"then": "force"}, waitFor="address")
        assert room.writes() == before

    async def test_labels_reach_the_instance_by_the_template(self, room: MachineRoom) -> None:
        made = await room.up(labels={"old": "1"})
        await room.up(made, labels={"app": "shop"})
        labels = room.machine["spec"]["template"]["metadata"]["labels"]
        assert labels["app"] == "shop"
        assert "old" not in labels
        assert labels["harvesterhci.io/vmName"] == "vm1"

    async def test_a_volume_grows_through_the_annotation(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA])
        await room.up(made, disks=[{**ROOT, "size": "30Gi"}, DATA])
        sizes = {entry["metadata"]["name"]: entry["spec"]["resources"]["requests"]["storage"] for entry in _templates(room)}
        assert sizes == {made.state["volumes"]["root"]: "30Gi", made.state["volumes"]["data"]: "5Gi"}

    async def test_before_release_1_6_placement_needs_a_stop(self) -> None:
        room = MachineRoom("v1.5.1")
        made = await room.up()
        assert effects(await room.preview(made, nodeSelector={"zone": "a"})) == {"nodeSelector": "stop-modify-start"}

    async def test_a_machine_that_is_off_is_only_patched(self, room: MachineRoom) -> None:
        made = await room.up(runStrategy="Halted")
        difference = await room.preview(made, runStrategy="Halted", networkInterfaces=[ETH1], cpu=4)
        assert effects(difference) == {"networkInterfaces[eth0]": "metadata", "cpu": "metadata"}
        before = len(room.writes())
        await room.up(made, runStrategy="Halted", networkInterfaces=[ETH1], cpu=4)
        assert len(room.writes()) == before + 1
        assert room.starts["vm1"] == 0


class TestRefusedAndReplaced:
    @pytest.mark.parametrize(
        ("disk", "changed", "why"),
        [
            ({**ROOT, "size": "10Gi"}, "disks[root].size", "has 20Gi and a volume cannot shrink"),
            ({**ROOT, "image": "default/other"}, "disks[root].image", "give the disk another name to get a new one"),
            ({**ROOT, "volumeMode": "Filesystem"}, "disks[root].volumeMode", "give the disk another name to get a new volume"),
            ({**ROOT, "accessMode": "ReadWriteOnce"}, "disks[root].accessMode", "give the disk another name to get a new volume"),
        ],
    )
    async def test_what_would_lose_or_hide_data_is_refused_with_the_way_out(
        self, room: MachineRoom, disk: dict[str, Any], changed: str, why: str
    ) -> None:
        room.place(Ref(IMAGE, "other", "default"), room.objects[Ref(IMAGE, "leap", "default")])
        made = await room.up()
        (line,) = (await room.preview(made, disks=[disk])).lines
        assert line.startswith(f"{changed}: refused")
        assert why in line
        before = room.writes()
        with pytest.raises(PlanRefused, match=why):
            await room.up(made, disks=[disk], cpu=4)
        assert room.writes() == before

    async def test_a_smaller_size_that_was_never_reached_is_no_shrink(self, room: MachineRoom) -> None:
        made = await room.up()
        made.state["disks"][0]["size"] = "40Gi"  # type: ignore[index]  a growth that was refused, or never done
        assert effects(await room.preview(made, disks=[{**ROOT, "size": "30Gi"}])) == {"disks[root].size": "live"}

    async def test_another_name_replaces_the_machine(self, room: MachineRoom) -> None:
        made = await room.up()
        assert list((await room.preview(made, name="vm2")).replaces) == ["name"]


class TestDisks:
    async def test_a_removed_disk_keeps_its_volume_and_preview_says_so(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA])
        lines = (await room.preview(made, disks=[ROOT])).lines
        assert f"volume default/{made.state['volumes']['data']} of disk data is kept" in lines
        await room.up(made, disks=[ROOT])
        assert made.state["volumes"]["data"] in room.claims()

    async def test_a_removed_disk_that_says_delete_loses_its_volume_and_preview_says_so(self, room: MachineRoom) -> None:
        doomed = {**DATA, "onDelete": "delete"}
        made = await room.up(disks=[ROOT, doomed])
        volume = made.state["volumes"]["data"]
        lines = (await room.preview(made, disks=[ROOT])).lines
        assert any(f"delete volume default/{volume} and its data" in line for line in lines)
        await room.up(made, disks=[ROOT])
        assert volume not in room.claims()
        assert "harvester.pulumi.com/claims-to-delete" not in room.machine["metadata"]["annotations"]

    async def test_a_volume_that_an_interrupted_update_did_not_delete_is_deleted_by_the_next(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, {**DATA, "onDelete": "delete"}])
        room.refuse("delete", Unreachable("gone"))
        with pytest.raises(Unreachable):
            await room.up(made, disks=[ROOT])
        assert made.state["volumes"]["data"] in room.claims()
        await room.up(made, disks=[ROOT])
        assert made.state["volumes"]["data"] not in room.claims()

    async def test_a_volume_that_cdi_made_goes_by_its_data_volume_which_would_make_it_again(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, {**DATA, "onDelete": "delete"}])
        claim = Ref(PERSISTENT_VOLUME_CLAIM, made.state["volumes"]["data"], "default")
        owners = [{"kind": "DataVolume", "name": claim.name}]
        room.place(claim, {**room.objects[claim], "metadata": {"ownerReferences": owners}})
        plan = (await room.preview(made, disks=[ROOT])).plan
        assert [step.ref for step in plan.steps if isinstance(step, Remove)] == [Ref(DATA_VOLUME, claim.name, "default"), claim]

    async def test_an_attached_volume_is_kept_when_its_disk_is_removed(self, room: MachineRoom) -> None:
        room.place(Ref(PERSISTENT_VOLUME_CLAIM, "archive", "default"), {"status": {"phase": "Bound"}})
        made = await room.up(disks=[ROOT, {"name": "archive", "existingVolume": "archive"}])
        await room.up(made, disks=[ROOT])
        assert "archive" in room.claims()

    async def test_a_disk_of_another_name_gets_a_new_volume(self, room: MachineRoom) -> None:
        made = await room.up()
        now = await room.up(made, disks=[{**ROOT, "name": "root2"}])
        assert now.state["volumes"]["root2"] not in made.state["volumes"].values()

    async def test_a_disk_that_somebody_else_added_stays(self, room: MachineRoom) -> None:
        made = await room.up()
        room.edit(lambda vm: _hotplug(vm, "usb-stick"))
        assert (await room.refresh(made)).inputs == made.inputs
        await room.up(made, disks=[ROOT, DATA])
        assert [disk["name"] for disk in room.devices["disks"]] == ["root", "cloudinitdisk", "usb-stick", "data"]

    async def test_a_cd_rom_takes_another_image_under_its_name(self, room: MachineRoom) -> None:
        room.place(Ref(IMAGE, "iso", "default"), room.objects[Ref(IMAGE, "leap", "default")])
        drive = {"name": "cd", "type": "cd-rom", "image": "default/leap"}
        made = await room.up(disks=[ROOT, drive])
        now = await room.up(made, disks=[ROOT, {**drive, "image": "default/iso"}])
        assert now.state["volumes"]["cd"] != made.state["volumes"]["cd"]
        images = [entry["metadata"]["annotations"].get("harvesterhci.io/imageId") for entry in _templates(room)]
        assert images == ["default/leap", "default/iso"]


class TestPower:
    async def test_halted_shuts_the_machine_down_and_waits(self, room: MachineRoom) -> None:
        made = await room.up()
        now = await room.up(made, runStrategy="Halted")
        assert now.state["status"] == "Stopped"
        assert GUEST not in room.objects

    async def test_halted_and_other_changes_need_no_start(self, room: MachineRoom) -> None:
        made = await room.up()
        await room.up(made, runStrategy="Halted", cpu=4)
        assert room.starts["vm1"] == 1
        assert room.spec["domain"]["cpu"]["cores"] == 4

    @pytest.mark.parametrize("strategy", ["Always", "RerunOnFailure", "Once"])
    async def test_a_halted_machine_is_started_into_the_declared_strategy(self, room: MachineRoom, strategy: str) -> None:
        made = await room.up(runStrategy="Halted")
        now = await room.up(made, runStrategy=strategy, cpu=4)
        assert now.state["status"] == "Running"
        assert room.machine["spec"]["runStrategy"] == strategy
        assert room.starts["vm1"] == 1

    async def test_a_start_is_waited_for(self, room: MachineRoom) -> None:
        made = await room.up(runStrategy="Halted")
        room.unschedulable = True
        with pytest.raises(WaitFailed, match="no node takes it"):
            await room.up(made, runStrategy="Always")

    async def test_a_machine_that_somebody_stopped_is_drift_and_is_started_again(self, room: MachineRoom) -> None:
        made = await room.up()
        room.edit(lambda vm: vm["spec"].update(runStrategy="Halted"))
        refreshed = await room.refresh(made)
        assert refreshed.inputs["runStrategy"] == "Halted"
        assert refreshed.state["status"] == "Stopped"
        now = await room.up(refreshed)
        assert now.state["status"] == "Running"

    async def test_the_strategy_is_remembered_where_harvesters_ui_looks_for_it(self, room: MachineRoom) -> None:
        made = await room.up(runStrategy="Always")
        await room.up(made, runStrategy="Halted")
        assert room.machine["metadata"]["annotations"][LAST] == "Always"


class TestCloudInit:
    async def test_other_user_data_is_in_the_secret_and_preview_says_when_the_guest_reads_it(self, room: MachineRoom) -> None:
        made = await room.up()
        edit = {"cloudInit": {"userData": "#cloud-config\npackages: [vim]\n"}}
        lines = (await room.preview(made, **edit)).lines
        assert any(line.startswith("cloudInit.userData: metadata (the guest reads it at its next start") for line in lines)
        assert "vim" not in "\n".join(lines)
        await room.up(made, **edit)
        assert room.secret_texts() == {"userdata": edit["cloudInit"]["userData"]}

    async def test_a_drive_that_is_no_longer_declared_goes_with_its_secret(self, room: MachineRoom) -> None:
        made = await room.up()
        await room.up(made, cloudInit=None)
        assert OWN_SECRET not in room.objects
        assert "cloudinitdisk" not in [disk["name"] for disk in room.devices["disks"]]

    async def test_network_data_adds_its_reference_to_the_drive(self, room: MachineRoom) -> None:
        made = await room.up()
        await room.up(made, cloudInit={**SAMPLE["cloudInit"], "networkData": "version: 2\n"})
        (drive,) = [volume for volume in room.spec["volumes"] if volume["name"] == "cloudinitdisk"]
        assert set(drive["cloudInitNoCloud"]) == {"secretRef", "networkDataSecretRef"}

    async def test_a_secret_without_network_data_gives_no_reference_to_it(self, room: MachineRoom) -> None:
        room.place(Ref(OWN_SECRET.api, "shared", "default"), {"data": {"userdata": ""}})
        await room.up(cloudInit={"secretName": "default/shared"})
        (drive,) = [volume for volume in room.spec["volumes"] if volume["name"] == "cloudinitdisk"]
        assert drive["cloudInitNoCloud"] == {"secretRef": {"name": "shared"}}


class TestAdoption:
    async def test_a_machine_from_the_ui_is_taken_over_without_a_restart(self, room: MachineRoom) -> None:
        await room.up()
        room.edit(lambda vm: vm["metadata"]["annotations"].pop("harvester.pulumi.com/owner"))
        await verbs.create(KIND, room, {**SAMPLE, "adopt": True}, Heard())
        assert room.machine["metadata"]["annotations"]["harvester.pulumi.com/owner"] == SAMPLE["owner"]
        assert room.starts["vm1"] == 1


def _templates(room: MachineRoom) -> list[Any]:
    found: list[Any] = json.loads(room.machine["metadata"]["annotations"][TEMPLATES])
    return found


def _hotplug(machine: Any, name: str) -> None:
    spec = machine["spec"]["template"]["spec"]
    spec["domain"]["devices"]["disks"].append({"name": name, "disk": {"bus": "scsi"}})
    spec["volumes"].append({"name": name, "persistentVolumeClaim": {"claimName": name, "hotpluggable": True}})


def test_the_reference_of_the_tests_is_that_of_the_kind() -> None:
    assert KIND.ref(KIND.inputs.model_validate(SAMPLE)) == REF
