"""Drift: what others changed is seen field by field, what the cluster writes back is not; and machines that other tools made."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from fake_cluster import Heard
from machine_room import GUEST, OWN_SECRET, REF, SAMPLE, TEMPLATES, MachineRoom

from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import STORAGE_CLASS
from harvester_provider.resources.virtual_machine import KIND

FAST = Ref(STORAGE_CLASS, "fast")
DECLARED: dict[str, Any] = {
    "memory": "4096Mi",
    "hostname": "shop",
    "machineType": "q35",
    "efi": True,
    "secureBoot": True,
    "tpm": True,
    "nodeSelector": {"zone": "a"},
    "terminationGracePeriodSeconds": 60,
    "sshKeys": ["ada"],
    "labels": {"app": "shop"},
    "tags": {"tier": "web"},
    "description": "the shop",
    "disks": [
        {**SAMPLE["disks"][0], "image": "leap", "cacheMode": "none", "serial": "s1"},
        {"name": "data", "size": "1024Mi", "storageClass": "fast", "accessMode": "ReadWriteOnce", "volumeMode": "Filesystem"},
        {"name": "tools", "containerImage": "quay.io/tools", "type": "cd-rom"},
    ],
    "networkInterfaces": [{"name": "eth0", "macAddress": "52-54-00-AA-00-01"}, {"name": "eth1", "network": "vlan100", "bootOrder": 2}],
    "cloudInit": {"type": "configDrive", "userData": "#cloud-config\n{}\n", "networkData": "version: 2\n"},
}


@pytest.fixture
def room() -> MachineRoom:
    return MachineRoom()


async def imported(room: MachineRoom) -> dict[str, Any]:
    found = await verbs.read(KIND, room, REF.id, {})
    assert found is not None
    json.dumps(found.state)
    return dict(found.inputs)


def spec_of(machine: Any) -> Any:
    return machine["spec"]["template"]["spec"]


class TestDrift:
    async def test_what_the_cluster_writes_back_is_none(self, room: MachineRoom) -> None:
        room.place(FAST, {})
        made = await room.up(**DECLARED)
        assert (await room.refresh(made)).inputs == made.inputs

    @pytest.mark.parametrize(
        ("change", "where", "now"),
        [
            (lambda vm: spec_of(vm)["domain"]["cpu"].update(cores=8), "cpu", 8),
            (lambda vm: spec_of(vm)["domain"]["resources"]["limits"].update(memory="8Gi"), "memory", "8Gi"),
            (lambda vm: spec_of(vm).update(hostname="other"), "hostname", "other"),
            (lambda vm: spec_of(vm)["nodeSelector"].update(zone="b"), "nodeSelector", {"zone": "b"}),
            (lambda vm: vm["metadata"]["labels"].pop("app"), "labels", {}),
            (lambda vm: vm["metadata"]["labels"].update({"tag.harvesterhci.io/tier": "db"}), "tags", {"tier": "db"}),
            (lambda vm: vm["metadata"]["annotations"].update({"field.cattle.io/description": "x"}), "description", "x"),
            (lambda vm: vm["spec"].update(runStrategy="Halted"), "runStrategy", "Halted"),
            (lambda vm: spec_of(vm)["domain"]["devices"].pop("tpm"), "tpm", False),
            (lambda vm: spec_of(vm)["domain"]["firmware"]["bootloader"]["efi"].update(secureBoot=False), "secureBoot", False),
            (lambda vm: spec_of(vm).update(evictionStrategy="None"), "evictionStrategy", "None"),
        ],
    )
    async def test_a_field_that_somebody_changed_is_seen(
        self, room: MachineRoom, change: Callable[[Any], None], where: str, now: object
    ) -> None:
        room.place(FAST, {})
        made = await room.up(**DECLARED)
        room.edit(change)
        seen = (await room.refresh(made)).inputs
        changed = {key for key in {*seen, *made.inputs} if seen.get(key) != made.inputs.get(key)}
        assert changed == {where}
        assert (seen.get(where) or type(now)()) == now

    async def test_a_nic_and_a_disk_that_somebody_removed_are_missed(self, room: MachineRoom) -> None:
        made = await room.up()

        def remove(vm: Any) -> None:
            devices = spec_of(vm)["domain"]["devices"]
            devices["interfaces"] = devices["interfaces"][1:]
            devices["disks"] = devices["disks"][1:]

        room.edit(remove)
        seen = json.loads(json.dumps((await room.refresh(made)).inputs))
        assert [nic["name"] for nic in seen["networkInterfaces"]] == ["eth1"]
        assert "disks" not in seen

    async def test_a_nic_on_another_network_is_seen(self, room: MachineRoom) -> None:
        made = await room.up()
        room.edit(lambda vm: spec_of(vm)["networks"][1]["multus"].update(networkName="default/vlan200"))
        seen = json.loads(json.dumps((await room.refresh(made)).inputs))
        assert seen["networkInterfaces"][1]["network"] == "default/vlan200"

    async def test_other_user_data_in_the_secret_is_seen(self, room: MachineRoom) -> None:
        made = await room.up()
        room.place(OWN_SECRET, {**room.objects[OWN_SECRET], "data": {"userdata": "eA=="}})
        seen = json.loads(json.dumps((await room.refresh(made)).inputs))
        assert seen["cloudInit"]["userData"] == "x"

    async def test_what_others_added_beside_is_theirs(self, room: MachineRoom) -> None:
        made = await room.up()

        def add(vm: Any) -> None:
            vm["metadata"]["labels"]["theirs"] = "1"
            vm["metadata"]["annotations"]["theirs"] = "1"
            spec_of(vm)["domain"]["devices"]["interfaces"].append({"name": "theirs", "bridge": {}})
            spec_of(vm)["networks"].append({"name": "theirs", "multus": {"networkName": "default/vlan200"}})

        room.edit(add)
        assert (await room.refresh(made)).inputs == made.inputs


class TestRequests:
    async def test_a_refresh_without_drift_asks_for_three_objects(self, room: MachineRoom) -> None:
        made = await room.up()
        room.requests.clear()
        await room.refresh(made)
        assert [str(what) for _, what in room.requests] == [str(REF), str(GUEST), str(OWN_SECRET)]


class TestImport:
    async def test_a_machine_of_ours_comes_back_as_it_was_declared(self, room: MachineRoom) -> None:
        made = await room.up()
        seen = await imported(room)
        assert seen["cpu"] == 2
        assert seen["memory"] == "4Gi"
        assert seen["disks"][0]["image"] == "default/leap"
        assert seen["cloudInit"]["userData"] == SAMPLE["cloudInit"]["userData"]
        again = await verbs.diff(KIND, room, REF.id, {**made.state, **seen}, {**SAMPLE, **seen})
        assert not again.changed

    async def test_a_machine_with_next_to_nothing_is_read(self, room: MachineRoom) -> None:
        room.place(REF, {"spec": {"running": True, "template": {"spec": {"domain": {"devices": {}}}}}})
        seen = await imported(room)
        assert seen["runStrategy"] == "Always"
        assert "disks" not in seen

    async def test_what_is_not_modelled_is_left_out_and_no_error(self, room: MachineRoom) -> None:
        await room.up()
        foreign = copy.deepcopy(room.machine)
        devices, volumes = spec_of(foreign)["domain"]["devices"], spec_of(foreign)["volumes"]
        devices["disks"] += [{"name": "lun", "lun": {"bus": "scsi"}}, {"name": "s", "disk": {"bus": "sata"}}, {"no": "name"}]
        volumes += [{"name": "s", "sysprep": {"secret": {"name": "x"}}}, {"name": "cfg", "configMap": {"name": "y"}}]
        devices["interfaces"].append({"name": "fast", "sriov": {}})
        spec_of(foreign)["networks"].append({"name": "fast", "multus": {"networkName": "default/sriov"}})
        foreign["metadata"]["annotations"][TEMPLATES] = "no JSON"
        foreign["spec"]["template"]["metadata"]["annotations"] = {"harvesterhci.io/sshNames": "no JSON"}
        spec_of(foreign)["domain"]["firmware"]["bootloader"] = {"efi": {}}
        room.place(REF, foreign)
        seen = await imported(room)
        assert [disk["name"] for disk in seen["disks"]] == ["root", "lun", "s"]
        assert [nic["name"] for nic in seen["networkInterfaces"]] == ["eth0", "eth1", "fast"]
        assert seen["secureBoot"] is True

    async def test_a_machine_made_for_hotplug_shows_what_the_guest_has(self, room: MachineRoom) -> None:
        await room.up()
        foreign = copy.deepcopy(room.machine)
        foreign["metadata"]["annotations"]["harvesterhci.io/enableCPUAndMemoryHotplug"] = "true"
        domain = spec_of(foreign)["domain"]
        domain["cpu"] = {"cores": 1, "sockets": 3, "threads": 1, "maxSockets": 12}
        domain["memory"] = {"guest": "3Gi", "maxGuest": "12Gi"}
        room.place(REF, foreign)
        seen = await imported(room)
        assert (seen["cpu"], seen["memory"]) == (3, "3Gi")

    async def test_an_update_leaves_alone_what_is_not_modelled(self, room: MachineRoom) -> None:
        made = await room.up()

        def add(vm: Any) -> None:
            spec_of(vm)["domain"]["devices"]["watchdog"] = {"name": "w"}
            spec_of(vm)["domain"]["devices"]["interfaces"][0]["ports"] = [{"port": 22}]
            spec_of(vm)["domain"]["devices"]["disks"][0]["io"] = "native"

        room.edit(add)
        await room.up(made, cpu=4, networkInterfaces=[SAMPLE["networkInterfaces"][0]], disks=[{**SAMPLE["disks"][0], "bus": "scsi"}])
        assert room.devices["watchdog"] == {"name": "w"}
        assert room.devices["interfaces"][0]["ports"] == [{"port": 22}]
        assert room.devices["disks"][0]["io"] == "native"

    async def test_a_machine_with_the_older_power_switch_can_be_adopted_and_stopped(self, room: MachineRoom) -> None:
        await room.up()
        older = copy.deepcopy(room.machine)
        del older["spec"]["runStrategy"]
        older["spec"]["running"] = True
        room.place(REF, older)
        await verbs.create(KIND, room, {**SAMPLE, "adopt": True, "runStrategy": "Halted"}, Heard())
        assert room.machine["spec"]["runStrategy"] == "Halted"
        assert "running" not in room.machine["spec"]
