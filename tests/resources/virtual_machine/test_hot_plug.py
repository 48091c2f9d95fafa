"""Devices that a running machine gets and loses without a stop, and what makes a stop necessary all the same."""

from typing import Any

import pytest
from machine_room import GUEST, REF, SAMPLE, TEMPLATES, MachineRoom, effects, movable

from harvester_provider.core.plan import Await, Put
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.resources.apis import STORAGE_CLASS, VIRTUAL_MACHINE_INSTANCE_MIGRATION
from harvester_provider.resources.growth import IN_USE
from harvester_provider.resources.virtual_machine.hot_plug import Moving, Plugged, follow

ETH0, ETH1 = SAMPLE["networkInterfaces"]
ETH2 = {"name": "eth2", "network": "default/vlan200"}
ROOT = SAMPLE["disks"][0]
HOT = {"name": "hot", "size": "5Gi", "hotPlug": True}
DRIVE = {"name": "cd", "type": "cd-rom"}
LOADED = {**DRIVE, "image": "default/leap", "hotPlug": True, "onDelete": "delete"}
LIST = Listing(VIRTUAL_MACHINE_INSTANCE_MIGRATION, "default")


@pytest.fixture
def room() -> MachineRoom:
    return movable()


class TestWhileTheGuestRuns:
    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            ({}, {"networkInterfaces": [ETH0, ETH1, ETH2]}, {"networkInterfaces[eth2]": "migrate"}),
            ({}, {"networkInterfaces": [ETH0]}, {"networkInterfaces[eth1]": "migrate"}),
            ({}, {"disks": [ROOT, HOT]}, {"disks[hot]": "live"}),
            ({"disks": [ROOT, HOT]}, {"disks": [ROOT]}, {"disks[hot]": "live"}),
            ({"disks": [ROOT, DRIVE]}, {"disks": [ROOT, LOADED]}, {"disks[cd].image": "live", "disks[cd].onDelete": "none"}),
            ({"disks": [ROOT, LOADED]}, {"disks": [ROOT, DRIVE]}, {"disks[cd].image": "live", "disks[cd].onDelete": "none"}),
            ({"disks": [ROOT, LOADED]}, {"disks": [ROOT, {**LOADED, "image": "default/tools"}]}, {"disks[cd].image": "live"}),
        ],
        ids=["NIC in", "NIC out", "disk in", "disk out", "medium in", "medium out", "medium swapped"],
    )
    async def test_devices_come_and_go_without_a_restart(
        self, room: MachineRoom, before: dict[str, Any], after: dict[str, Any], expected: dict[str, str]
    ) -> None:
        made = await room.up(**before)
        assert effects(await room.preview(made, **after)) == expected
        changed = await room.up(made, **after)
        assert room.starts["vm1"] == 1
        assert (await room.refresh(changed)).inputs == changed.inputs
        assert not (await room.preview(changed, **after)).plan.changes

    @pytest.mark.parametrize(
        ("version", "disk", "in_use", "expected"),
        [
            ("v1.8.0", {"storageClass": "fast"}, "", "live (the volume grows, the guest sees it at once)"),
            ("v1.8.0", {"storageClass": "other"}, "", "only where the driver of the volume grows volumes in use (Harvester's setting csi-"),
            ("v1.8.0", {"storageClass": "other"}, '{"rook-ceph.rbd.csi.ceph.com": true}', "live"),
            ("v1.8.0", {"storageClass": "fast"}, '{"driver.longhorn.io": false}', "the driver of the volume grows volumes in use"),
            ("v1.8.0", {"hotPlug": True, "volumeMode": "Filesystem"}, "", "only where the volume is not a file system that is plugged in"),
            ("v1.7.1", {"storageClass": "second"}, "", "live"),
            ("v1.6.1", {"storageClass": "second"}, "", "only where the volume is not one of Longhorn's data engine v2"),
        ],
    )
    async def test_a_volume_grows_under_the_guest_where_harvester_lets_it(
        self, version: str, disk: dict[str, Any], in_use: str, expected: str
    ) -> None:
        room = movable(version)
        second = {"allowVolumeExpansion": True, "provisioner": "driver.longhorn.io", "parameters": {"dataEngine": "v2"}}
        room.place(Ref(STORAGE_CLASS, "second"), second)
        room.place(IN_USE, {"default": '{"driver.longhorn.io": true}', "value": in_use})
        data = {"name": "data", "size": "5Gi", **disk}
        made = await room.up(disks=[ROOT, data])
        (line, *_) = (await room.preview(made, disks=[ROOT, {**data, "size": "6Gi"}])).lines
        assert line.startswith(f"disks[data].size: {expected.split(maxsplit=1)[0] if expected.startswith('live') else 'stop-modify-start'}")
        assert expected in line
        await room.up(made, disks=[ROOT, {**data, "size": "6Gi"}])
        assert room.starts["vm1"] == (1 if expected.startswith("live") else 2)

    async def test_a_volume_whose_class_does_not_let_it_grow_is_told_at_preview(self, room: MachineRoom) -> None:
        room.place(Ref(STORAGE_CLASS, "fixed"), {"allowVolumeExpansion": False})
        data = {"name": "data", "size": "5Gi", "storageClass": "fixed"}
        made = await room.up(disks=[ROOT, data])
        (line, *_) = (await room.preview(made, disks=[ROOT, {**data, "size": "6Gi"}])).lines
        assert "disk data: its storage class fixed does not let volumes grow (allowVolumeExpansion)" in line

    async def test_a_size_that_somebody_has_brought_about_already_is_no_growth(self, room: MachineRoom) -> None:
        data = {"name": "data", "size": "5Gi", "storageClass": "other"}
        made = await room.up(disks=[ROOT, data])
        room.edit(
            lambda vm: vm["metadata"]["annotations"].update({TEMPLATES: vm["metadata"]["annotations"][TEMPLATES].replace("5Gi", "6Gi")})
        )
        assert set(effects(await room.preview(made, disks=[ROOT, {**data, "size": "6Gi"}])).values()) == {"none"}

    async def test_preview_says_that_the_guest_moves(self, room: MachineRoom) -> None:
        made = await room.up()
        (line, *_) = (await room.preview(made, networkInterfaces=[ETH0, ETH1, ETH2])).lines
        assert line == "networkInterfaces[eth2]: migrate (the NIC is plugged in, and the guest moves to another node)"

    async def test_a_removed_nic_leaves_the_others_as_they_are(self, room: MachineRoom) -> None:
        made = await room.up()
        before = room.macs()
        await room.up(made, networkInterfaces=[ETH0])
        assert room.macs() == {"eth0": before["eth0"]}

    async def test_a_swapped_medium_is_another_volume_and_the_old_one_goes(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, LOADED])
        before = made.state["volumes"]["cd"]
        now = await room.up(made, disks=[ROOT, {**LOADED, "image": "default/tools"}])
        assert now.state["volumes"]["cd"] != before
        assert before not in room.claims()
        assert room.starts["vm1"] == 1

    async def test_an_ejected_medium_is_deleted_only_where_it_says_so(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, LOADED])
        medium = made.state["volumes"]["cd"]
        await room.up(made, disks=[ROOT, DRIVE])
        assert medium not in room.claims()
        assert "cd" in {disk["name"] for disk in room.devices["disks"]}

    async def test_a_hot_plug_disk_is_on_the_scsi_bus(self, room: MachineRoom) -> None:
        await room.up(disks=[ROOT, HOT])
        assert room.devices["disks"][1]["disk"] == {"bus": "scsi"}
        assert room.spec["volumes"][1]["persistentVolumeClaim"]["hotpluggable"] is True


class TestWithAStop:
    @pytest.mark.parametrize(
        ("version", "before", "after", "why"),
        [
            ("v1.6.1", {}, {"networkInterfaces": [ETH0, ETH1, ETH2]}, "(a new NIC)"),
            ("v1.7.1", {"disks": [ROOT]}, {"disks": [ROOT, HOT]}, "(a new disk)"),
            ("v1.6.1", {}, {"networkInterfaces": [ETH0]}, "(a NIC is removed)"),
            ("v1.7.1", {"disks": [ROOT, HOT]}, {"disks": [ROOT]}, "(a disk is removed)"),
            ("v1.8.0", {}, {"disks": [ROOT, {"name": "plain", "size": "5Gi"}]}, "without a stop only where the disk has hotPlug"),
            ("v1.8.0", {}, {"networkInterfaces": [ETH0, ETH1, {**ETH2, "model": "e1000"}]}, "only where the NIC is a virtio one on a VLAN"),
            ("v1.8.0", {"networkInterfaces": [ETH1]}, {"networkInterfaces": []}, "only where another NIC stays"),
        ],
    )
    async def test_where_the_cluster_cannot_do_it_live(self, version: str, before: dict[str, Any], after: dict[str, Any], why: str) -> None:
        room = movable(version)
        made = await room.up(**before)
        (line, *_) = (await room.preview(made, **after)).lines
        assert "stop-modify-start" in line
        assert why in line
        await room.up(made, **after)
        assert room.starts["vm1"] == 2

    async def test_a_change_that_needs_a_stop_takes_the_others_along(self, room: MachineRoom) -> None:
        made = await room.up()
        edit = {"networkInterfaces": [ETH0], "hostname": "other"}
        assert set(effects(await room.preview(made, **edit)).values()) == {"stop-modify-start"}
        await room.up(made, **edit)
        assert room.starts["vm1"] == 2
        assert list(room.macs()) == ["eth0"]

    async def test_a_node_of_a_guest_cluster_is_never_moved_for_a_nic(self, room: MachineRoom) -> None:
        made = await room.up()
        room.edit(lambda body: body["metadata"]["labels"].update({"harvesterhci.io/creator": "docker-machine-driver-harvester"}))
        (line, *_) = (await room.preview(made, adopt=True, networkInterfaces=[ETH0, ETH1, ETH2])).lines
        assert "only where it is no node of a guest cluster" in line


class TestTheClustersKubeVirt:
    """What a release can do, its KubeVirt can be set up not to do: the machine is stopped then, and preview names the setting."""

    @pytest.mark.parametrize(
        ("gates", "rollout", "after", "says"),
        [
            (["ExpandDisks"], "LiveUpdate", {"disks": [ROOT, HOT]}, "only where KubeVirt's feature gate DeclarativeHotplugVolumes is on"),
            ([], "LiveUpdate", {"disks": [{**ROOT, "size": "30Gi"}]}, "only where KubeVirt's feature gate ExpandDisks is on"),
            (["ExpandDisks"], "Stage", {"nodeSelector": {"rack": "a"}}, "only where KubeVirt's vmRolloutStrategy is LiveUpdate"),
        ],
    )
    async def test_decides_besides_the_release(
        self, room: MachineRoom, gates: list[str], rollout: str, after: dict[str, Any], says: str
    ) -> None:
        room.kubevirt(*gates, rollout=rollout)
        made = await room.up()
        (line, *_) = (await room.preview(made, **after)).lines
        assert "stop-modify-start" in line
        assert says in line
        await room.up(made, **after)
        assert room.starts["vm1"] == 2


class TestTheWait:
    PLUGGED = Plugged(REF, nics=("eth2",), volumes=("hot",))

    def seen(self, *migrations: Any, status: Any = None, machine: Any = None) -> Snapshot:
        vm = {"metadata": {"name": "vm1"}, "spec": {"runStrategy": "Always"}, **(machine or {})}
        spec = {"domain": {"devices": {"interfaces": [{"name": "eth2"}]}}}
        return Snapshot({REF: vm, GUEST: {"spec": spec, "status": {"phase": "Running", **(status or {})}}}, {LIST: migrations})

    def test_it_is_over_when_the_guest_has_everything(self) -> None:
        status = {"interfaces": [{"name": "eth2"}], "volumeStatus": [{"name": "hot", "phase": "Ready"}]}
        assert isinstance(self.PLUGGED(self.seen(status=status)), Ready)

    def test_the_migration_that_brings_it_is_over_too(self) -> None:
        state = {"startTimestamp": "2026-01-01T10:00:00Z", "migrationUid": "u1"}
        has = {"interfaces": [{"name": "eth2"}], "volumeStatus": [{"name": "hot", "phase": "Ready"}]}
        assert self.PLUGGED(self.seen(status={**has, "migrationState": state})) == Waiting("the guest is being migrated")
        over = {**state, "endTimestamp": "2026-01-01T10:00:09Z"}
        assert isinstance(self.PLUGGED(self.seen(status={**has, "migrationState": over})), Ready)

    def test_an_earlier_migration_whose_end_only_the_guest_has_told_yet_is_not_the_one_waited_for(self) -> None:
        earlier = {"metadata": {"uid": "u1"}, "spec": {"vmiName": "vm1"}, "status": {"phase": "Running"}}
        over = {"migrationState": {"migrationUid": "u1", "startTimestamp": "x", "endTimestamp": "y"}}
        assert isinstance(Moving(REF, self.PLUGGED)(self.seen(earlier, status=over)), Waiting)

    def test_a_drive_that_still_has_the_old_medium_is_waited_for(self) -> None:
        volume = {"name": "hot", "persistentVolumeClaim": {"claimName": "new", "hotpluggable": True}}
        machine = {"spec": {"runStrategy": "Always", "template": {"spec": {"volumes": [volume]}}}}
        inside = {"name": "hot", "phase": "Ready", "persistentVolumeClaimInfo": {"claimName": "old"}}
        verdict = self.PLUGGED(self.seen(machine=machine, status={"interfaces": [{"name": "eth2"}], "volumeStatus": [inside]}))
        assert verdict == Waiting("disk hot still has the volume old")

    def test_it_names_what_is_missing_and_the_clusters_reason(self) -> None:
        verdict = self.PLUGGED(self.seen(status={"volumeStatus": [{"name": "hot", "phase": "Pending", "message": "PVC is unbound"}]}))
        assert verdict == Waiting("NIC eth2 is being plugged in, disk hot is being plugged in (PVC is unbound)")

    def test_a_restart_that_the_cluster_wants_all_the_same_ends_it(self) -> None:
        wanted = {"conditions": [{"type": "RestartRequired", "status": "True", "message": "not live"}]}
        assert isinstance(self.PLUGGED(self.seen(machine={"status": wanted})), Failed)

    def test_a_migration_that_nobody_begins_is_asked_for(self) -> None:
        steps = list(follow(self.PLUGGED, "shop/dev/vm1", lambda: "abcde", 600))
        first = steps[0]
        assert isinstance(first, Await)
        assert isinstance(first.judge(self.seen()), Waiting)
        (ask,) = first.otherwise
        assert isinstance(ask, Put)
        assert (ask.ref.name, ask.body["spec"]) == ("vm1-abcde", {"vmiName": "vm1"})

    @pytest.mark.parametrize(("phase", "begun"), [("Scheduling", True), ("Failed", False)])
    def test_a_migration_on_its_way_is_not_asked_for_again(self, phase: str, *, begun: bool) -> None:
        verdict = Moving(REF, self.PLUGGED)(self.seen({"spec": {"vmiName": "vm1"}, "status": {"phase": phase}}))
        assert isinstance(verdict, Ready) is begun
