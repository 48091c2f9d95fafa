"""Placement and hardware: where each input is in the machine, what a change of it does, and what of others is left alone."""

import copy
from typing import Any

import pytest
from machine_room import SAMPLE, MachineRoom

from harvester_provider.core.json import dig
from harvester_provider.engine import verbs
from harvester_provider.resources.virtual_machine import KIND
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs

DOMAIN = ("spec", "template", "spec", "domain")
DEVICES = (*DOMAIN, "devices")
SPEC = ("spec", "template", "spec")
RESERVED, MAINTENANCE = "harvesterhci.io/reservedMemory", "harvesterhci.io/maintain-mode-strategy"
NETWORK_TERM = {"key": "network.harvesterhci.io/mgmt", "operator": "In", "values": ["true"]}
SSD = {"key": "disk", "operator": "In", "values": ["ssd"]}
APART = {"labelSelector": {"matchLabels": {"app": "shop"}}, "topologyKey": "kubernetes.io/hostname"}
GPU = {"name": "node1-000004100", "deviceName": "nvidia.com/GP102GL"}

CASES: dict[str, tuple[dict[str, Any], tuple[Any, ...], Any, str]] = {
    "CPU model": ({"cpuModel": "host-passthrough"}, (*DOMAIN, "cpu", "model"), "host-passthrough", "stop-modify-start"),
    "pinned": ({"cpuPinning": True}, (*DOMAIN, "cpu", "dedicatedCpuPlacement"), True, "stop-modify-start"),
    "isolated": ({"cpuPinning": True, "isolateEmulatorThread": True}, (*DOMAIN, "cpu", "isolateEmulatorThread"), True, "stop-modify-start"),
    "reserved": ({"reservedMemory": "256Mi"}, ("metadata", "annotations", RESERVED), "256Mi", "stop-modify-start"),
    "EFI": (
        {"efi": True, "persistentEfi": True},
        (*DOMAIN, "firmware", "bootloader", "efi"),
        {"secureBoot": False, "persistent": True},
        "stop-modify-start",
    ),
    "TPM": ({"tpm": True, "persistentTpm": True}, (*DEVICES, "tpm"), {"persistent": True}, "stop-modify-start"),
    "devices": ({"hostDevices": [GPU]}, (*DEVICES, "hostDevices"), [GPU], "stop-modify-start"),
    "no tablet": ({"tablet": "none"}, (*DEVICES, "inputs"), None, "stop-modify-start"),
    "tablet": ({"tablet": "virtio"}, (*DEVICES, "inputs", 0, "bus"), "virtio", "stop-modify-start"),
    "sound": ({"sound": "ich9"}, (*DEVICES, "sound"), {"name": "sound", "model": "ich9"}, "stop-modify-start"),
    "watchdog": (
        {"watchdog": "poweroff"},
        (*DEVICES, "watchdog"),
        {"name": "watchdog", "i6300esb": {"action": "poweroff"}},
        "stop-modify-start",
    ),
    "RNG": ({"rng": True}, (*DEVICES, "rng"), {}, "stop-modify-start"),
    "clock": (
        {"clock": {"timezone": "Europe/Berlin", "timers": {"hpet": False, "pit": "delay", "rtc": "catchup", "hyperv": True}}},
        (*DOMAIN, "clock"),
        {
            "timezone": "Europe/Berlin",
            "timer": {
                "hpet": {"present": False},
                "pit": {"tickPolicy": "delay"},
                "rtc": {"tickPolicy": "catchup"},
                "hyperv": {"present": True},
            },
        },
        "stop-modify-start",
    ),
    "UTC": ({"clock": {"utcOffsetSeconds": 3600}}, (*DOMAIN, "clock"), {"utc": {"offsetSeconds": 3600}}, "stop-modify-start"),
    "Hyper-V": (
        {"hyperv": ["vapic", "relaxed", "spinlocks"]},
        (*DOMAIN, "features", "hyperv"),
        {"relaxed": {"enabled": True}, "vapic": {"enabled": True}, "spinlocks": {"enabled": True, "spinlocks": 8191}},
        "stop-modify-start",
    ),
    "sysprep": (
        {"sysprep": {"secretName": "answers"}},
        (*SPEC, "volumes", -1),
        {"name": "sysprep", "sysprep": {"secret": {"name": "answers"}}},
        "stop-modify-start",
    ),
    "priority": ({"priorityClass": "gold"}, (*SPEC, "priorityClassName"), "gold", "stop-modify-start"),
    "maintenance": ({"maintenanceModeStrategy": "Shutdown"}, ("metadata", "labels", MAINTENANCE), "Shutdown", "metadata"),
    "tolerations": (
        {"tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]},
        (*SPEC, "tolerations"),
        [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "live",
    ),
    "nodes": (
        {"nodeAffinity": [{"match": [{"key": "disk", "values": ["ssd"]}]}, {"match": [{"key": "new", "operator": "Exists"}], "weight": 5}]},
        (*SPEC, "affinity", "nodeAffinity"),
        {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [SSD, NETWORK_TERM]}]},
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 5, "preference": {"matchExpressions": [{"key": "new", "operator": "Exists"}]}}
            ],
        },
        "live",
    ),
    "near": (
        {"vmAffinity": [{"matchLabels": {"app": "shop"}, "weight": 7}]},
        (*SPEC, "affinity", "podAffinity"),
        {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 7, "podAffinityTerm": APART}]},
        "live",
    ),
    "apart": (
        {"vmAntiAffinity": [{"matchLabels": {"app": "shop"}}]},
        (*SPEC, "affinity", "podAntiAffinity"),
        {"requiredDuringSchedulingIgnoredDuringExecution": [APART]},
        "live",
    ),
}
OTHERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"hyperv": ["relaxed", "reset"]}, {"hyperv": ["relaxed"]}),
    ({"clock": {"timezone": "UTC", "timers": {"hpet": True}}}, {"clock": {"timers": {"kvm": False}}}),
    ({"hostDevices": [GPU]}, {"hostDevices": [{**GPU, "deviceName": "other"}, {"name": "x", "deviceName": "y"}]}),
    ({"sysprep": {"secretName": "answers"}}, {"sysprep": {"secretName": "others"}}),
    ({"watchdog": "reset"}, {"watchdog": "shutdown"}),
    ({"reservedMemory": "1Gi"}, {"reservedMemory": "512Mi"}),
    ({"vmAntiAffinity": [{"matchLabels": {"a": "b"}}]}, {"vmAntiAffinity": [{"matchLabels": {"a": "c"}, "weight": 3}]}),
]


@pytest.fixture
def room() -> MachineRoom:
    return MachineRoom()


def effects(difference: verbs.Difference) -> set[str]:
    return {change.effect.label for change in difference.plan.changes}


def kept(machine: Any) -> Any:
    """What is declared of a machine, without what counts its writes."""
    body = {key: copy.deepcopy(machine[key]) for key in ("metadata", "spec")}
    body["metadata"].pop("generation", None)
    body["metadata"].pop("resourceVersion", None)
    return body


@pytest.mark.parametrize("name", CASES)
async def test_a_new_machine_has_it_and_a_refresh_sees_it(room: MachineRoom, name: str) -> None:
    inputs, path, expected, _ = CASES[name]
    made = await room.up(**inputs)
    assert dig(room.machine, *path) == expected
    assert (await room.refresh(made)).inputs == made.inputs
    assert not (await room.preview(made, **inputs)).plan.changes


@pytest.mark.parametrize("name", CASES)
async def test_it_comes_and_goes_as_preview_says_and_leaves_nothing_behind(room: MachineRoom, name: str) -> None:
    inputs, path, expected, effect = CASES[name]
    plain = await room.up()
    before = kept(room.machine)
    assert effects(await room.preview(plain, **inputs)) == {effect}
    made = await room.up(plain, **inputs)
    assert dig(room.machine, *path) == expected
    assert (await room.refresh(made)).inputs == made.inputs
    assert effects(await room.preview(made)) == {effect}
    await room.up(made)
    assert room.starts["vm1"] == (3 if effect == "stop-modify-start" else 1)
    assert kept(room.machine) == before


@pytest.mark.parametrize(("before", "after"), OTHERS)
async def test_another_value_takes_the_place_of_the_first(room: MachineRoom, before: dict[str, Any], after: dict[str, Any]) -> None:
    changed = await room.up(await room.up(**before), **after)
    now = kept(room.machine)["spec"]
    assert (await room.refresh(changed)).inputs == changed.inputs
    fresh = MachineRoom()
    await fresh.up(**after)
    again = kept(fresh.machine)["spec"]
    for spec in (now, again):
        spec["template"]["spec"].pop("volumes")  # the names of volumes are made by chance
    assert now == again


SHARED = {"no tablet", "nodes", "sysprep"}
"""What is in a place with others' entries; each has a case of its own, below or in test_sysprep.py."""


@pytest.mark.parametrize("name", [name for name in CASES if name not in SHARED])
async def test_what_somebody_took_away_is_drift(room: MachineRoom, name: str) -> None:
    inputs, path, _, _ = CASES[name]

    def take_away(machine: Any) -> None:
        where = machine
        for step in path[:-1]:
            where = where[step]
        del where[path[-1]]

    made = await room.up(**inputs)
    room.edit(take_away)
    assert (await room.refresh(made)).inputs != made.inputs
    assert (await room.preview(await room.refresh(made), **inputs)).changed


async def test_a_tablet_that_somebody_added_is_drift_and_taken_out_again(room: MachineRoom) -> None:
    made = await room.up(tablet="none")
    room.edit(
        lambda machine: machine["spec"]["template"]["spec"]["domain"]["devices"].update(
            inputs=[{"name": "tablet", "type": "tablet", "bus": "usb"}]
        )
    )
    refreshed = await room.refresh(made)
    assert refreshed.inputs["tablet"] == "usb"
    await room.up(refreshed, tablet="none")
    assert "inputs" not in room.devices


async def test_other_terms_of_nodes_are_drift_and_those_of_harvester_are_not(room: MachineRoom) -> None:
    inputs = CASES["nodes"][0]
    made = await room.up(**inputs)

    def add_term(machine: Any) -> None:
        required = machine["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        required["nodeSelectorTerms"].append({"matchExpressions": [{"key": "zone", "operator": "Exists"}]})

    room.edit(add_term)
    found = (await room.refresh(made)).inputs["nodeAffinity"]
    assert [term["match"][0]["key"] for term in found] == ["disk", "zone", "new"]


async def test_what_nobody_declared_is_left_alone(room: MachineRoom) -> None:
    made = await room.up()

    def furnish(machine: Any) -> None:
        spec = machine["spec"]["template"]["spec"]
        spec["domain"]["devices"] |= {"sound": {"name": "speaker", "model": "ac97"}, "rng": {}, "hostDevices": [GPU]}
        spec["domain"]["clock"] = {"utc": {}, "timer": {"rtc": {"tickPolicy": "catchup", "track": "guest"}}}
        spec["tolerations"] = [{"operator": "Exists"}]
        spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{**APART, "matchLabelKeys": ["x"]}]}}
        machine["metadata"]["labels"][MAINTENANCE] = "Shutdown"

    room.edit(furnish)
    before = kept(room.machine)
    refreshed = await room.refresh(made)
    assert refreshed.inputs == made.inputs
    changed = await room.up(refreshed, watchdog="reset")
    await room.up(changed)
    assert kept(room.machine) == before


async def test_devices_that_the_cluster_adds_beside_ours_stay(room: MachineRoom) -> None:
    made = await room.up(hostDevices=[GPU])
    sibling = {"name": "node1-000004101", "deviceName": "nvidia.com/AUDIO"}
    room.edit(lambda machine: machine["spec"]["template"]["spec"]["domain"]["devices"]["hostDevices"].append(sibling))
    refreshed = await room.refresh(made)
    assert refreshed.inputs == made.inputs
    await room.up(refreshed)
    assert room.devices["hostDevices"] == [sibling]


async def test_before_1_6_placement_is_only_read_at_a_start() -> None:
    made = await (room := MachineRoom("v1.5.2")).up()
    for name in ("tolerations", "nodes", "near", "apart"):
        assert effects(await room.preview(made, **CASES[name][0])) == {"stop-modify-start"}


@pytest.mark.parametrize(
    ("inputs", "path", "words"),
    [
        ({"isolateEmulatorThread": True}, "isolateEmulatorThread", "it needs cpuPinning"),
        ({"persistentEfi": True}, "persistentEfi", "it needs efi"),
        ({"persistentTpm": True}, "persistentTpm", "it needs tpm"),
        ({"cpuPinning": True, "hotPlug": {"maxCpu": 4, "maxMemory": "8Gi"}}, "cpuPinning", "cannot be pinned"),
        ({"reservedMemory": "1Gi", "hotPlug": {"maxCpu": 4, "maxMemory": "8Gi"}}, "reservedMemory", "no effect beside hotPlug"),
        ({"reservedMemory": "4Gi"}, "reservedMemory", "leaves the guest less than 10Mi"),
        (
            {"nodeAffinity": [{"match": [{"key": "cpumanager", "values": ["true"]}]}]},
            "nodeAffinity[0].match[0].key",
            "Harvester's own label",
        ),
        ({"nodeAffinity": [{"match": [{"key": "a"}]}]}, "nodeAffinity[0].match[0].values", "In needs a value"),
        (
            {"nodeAffinity": [{"match": [{"key": "a", "operator": "Gt", "values": ["x"]}]}]},
            "nodeAffinity[0].match[0].values",
            "whole number",
        ),
        ({"vmAffinity": [{}]}, "vmAffinity[0]", "every machine"),
        (
            {"vmAntiAffinity": [{"match": [{"key": "a", "operator": "Gt", "values": ["1"]}]}]},
            "vmAntiAffinity[0].match[0].operator",
            "nodes only",
        ),
        ({"tolerations": [{"key": "a", "tolerationSeconds": 5}]}, "tolerations[0].tolerationSeconds", "NoExecute"),
        ({"tolerations": [{"value": "x"}]}, "tolerations[0].key", "name the taint"),
        ({"hostDevices": [GPU, GPU]}, "hostDevices[1].name", "already"),
        ({"clock": {"timezone": "UTC", "utcOffsetSeconds": 1}}, "clock.utcOffsetSeconds", "one of them"),
        ({"sysprep": {}}, "sysprep", "one of the three"),
        ({"sysprep": {"unattend": "<x/>", "secretName": "answers"}}, "sysprep", "one of the three"),
        ({"labels": {MAINTENANCE: "Shutdown"}}, f"labels[{MAINTENANCE}]", "maintenanceModeStrategy"),
        ({"disks": [{"name": "sysprep", "size": "1Gi"}]}, "disks[0].name", "answer files"),
    ],
)
def test_what_the_cluster_would_refuse_is_refused_at_preview(inputs: dict[str, Any], path: str, words: str) -> None:
    found = KIND.check(VirtualMachineInputs.model_validate({**SAMPLE, **inputs}))
    assert [(problem.property, words in problem.reason) for problem in found] == [(path, True)]


@pytest.mark.parametrize(
    ("inputs", "path"),
    [({"priorityClass": "no"}, "priorityClass"), ({"sysprep": {"configMapName": "no"}}, "sysprep.configMapName")],
)
async def test_what_it_refers_to_must_be_there(room: MachineRoom, inputs: dict[str, Any], path: str) -> None:
    with pytest.raises(Exception, match=f"{path}: .* does not exist"):
        await room.up(**inputs)
