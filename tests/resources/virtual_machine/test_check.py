"""What is told before anything is asked of a cluster, with the place in the program it is about."""

from typing import Any

import pytest
from machine_room import SAMPLE

from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.engine import verbs
from harvester_provider.resources.virtual_machine import KIND

POD: dict[str, Any] = {"name": "eth0"}
VLAN: dict[str, Any] = {"name": "eth1", "network": "default/vlan100"}
BLANK: dict[str, Any] = {"name": "data", "size": "5Gi"}


def problems(**inputs: Any) -> dict[str, str]:
    return {problem.property: problem.reason for problem in verbs.check(KIND, {**SAMPLE, **inputs}).problems}


def test_the_sample_is_sound() -> None:
    assert problems() == {}


@pytest.mark.parametrize(
    ("inputs", "where", "why"),
    [
        ({"memory": "5Mi"}, "memory", "less than 10Mi"),
        ({"memory": "4 GB"}, "memory", "not a quantity"),
        ({"cpu": 0}, "cpu", "greater than or equal to 1"),
        ({"hyperv": ["relaxed", "vapic", "relaxed"]}, "hyperv[2]", "give each once"),
        ({"cpu": 2**31}, "cpu", "less than or equal to 2147483647"),
        ({"disks": [{**BLANK, "serial": "a:b"}]}, "disks[0].serial", "[A-Za-z0-9_.+-]"),
        ({"disks": [{**BLANK, "serial": "a" * 257}]}, "disks[0].serial", "at most 256 characters"),
        ({"secureBoot": True}, "secureBoot", "set efi"),
        ({"disks": [BLANK, BLANK]}, "disks[1].name", "disks[0] already"),
        ({"disks": [{"name": "a"}]}, "disks[0]", "no source"),
        ({"disks": [{"name": "a", "image": "x/y", "existingVolume": "z", "size": "1Gi"}]}, "disks[0]", "give one of them"),
        ({"disks": [{"name": "a", "image": "x/y"}]}, "disks[0].size", "missing"),
        ({"disks": [{"name": "a", "size": "0"}]}, "disks[0].size", "no size"),
        ({"disks": [{"name": "a", "image": "x/y/z", "size": "1Gi"}]}, "disks[0].image", "namespace/name"),
        ({"disks": [{"name": "a", "existingVolume": "v", "size": "1Gi"}]}, "disks[0].size", "leave size out"),
        ({"disks": [{"name": "a", "existingVolume": "v", "onDelete": "delete"}]}, "disks[0].onDelete", "never deleted"),
        ({"disks": [{"name": "a", "existingVolume": "ns/v"}]}, "disks[0].existingVolume", "bare name"),
        ({"disks": [{"name": "a", "existingVolume": "v", "storageClass": "s"}]}, "disks[0].storageClass", "leave storageClass out"),
        ({"disks": [{"name": "a", "type": "cd-rom", "bus": "virtio", "image": "x/y"}]}, "disks[0].bus", "use sata"),
        ({"disks": [{"name": "a", "type": "cd-rom", "size": "1Gi"}]}, "disks[0].size", "empty drive"),
        ({"disks": [{"name": "cloudinitdisk", "size": "1Gi"}]}, "disks[0].name", "cloud-init drive"),
        ({"networkInterfaces": [POD, POD]}, "networkInterfaces[1].name", "networkInterfaces[0] already"),
        ({"networkInterfaces": [POD, {"name": "b"}]}, "networkInterfaces[1].network", "one is the most"),
        ({"networkInterfaces": [{**VLAN, "type": "masquerade"}]}, "networkInterfaces[0].type", "management network only"),
        ({"networkInterfaces": [{**POD, "type": "bridge"}]}, "networkInterfaces[0].type", "masquerade"),
        ({"networkInterfaces": [{**POD, "macAddress": "52:54:00"}]}, "networkInterfaces[0].macAddress", "six pairs"),
        ({"networkInterfaces": [{**POD, "macAddress": "01:00:5e:00:00:01"}]}, "networkInterfaces[0].macAddress", "group address"),
        ({"networkInterfaces": [{**POD, "macAddress": "00:00:00:00:00:00"}]}, "networkInterfaces[0].macAddress", "all zero"),
        (
            {"networkInterfaces": [{**POD, "macAddress": "52:54:00:AA:00:01"}, {**VLAN, "macAddress": "52-54-00-aa-00-01"}]},
            "networkInterfaces[1].macAddress",
            "networkInterfaces[0]",
        ),
        ({"networkInterfaces": [{**POD, "bootOrder": 1}]}, "networkInterfaces[0].bootOrder", "disks[0].bootOrder"),
        ({"cloudInit": {}}, "cloudInit", "it is empty"),
        ({"cloudInit": {"userData": "x", "secretName": "s"}}, "cloudInit.secretName", "not both"),
        ({"cloudInit": {"networkData": "x", "networkDataSecretName": "s"}}, "cloudInit.networkDataSecretName", "give one"),
        ({"cloudInit": {"secretName": "other/s"}}, "cloudInit.secretName", "machine's own namespace"),
        ({"cloudInit": {"secretName": "s"}, "sshKeys": ["k"]}, "sshKeys", "put them into its user data"),
        ({"cloudInit": {"userData": "#!/bin/sh\n"}, "sshKeys": ["k"]}, "cloudInit.userData", "#cloud-config"),
        ({"cloudInit": {"userData": "#cloud-config\na: ["}, "sshKeys": ["k"]}, "cloudInit.userData", "no YAML"),
        ({"runStrategy": "On"}, "runStrategy", "RerunOnFailure"),
        ({"annotations": {"harvesterhci.io/volumeClaimTemplates": "[]"}}, "annotations[harvesterhci.io/volumeClaimTemplates]", "itself"),
        ({"stop": {"deadline": "soon"}}, "stop.deadline", "not a duration"),
    ],
)
def test_a_broken_rule_is_told_with_its_place_and_the_way_out(inputs: dict[str, Any], where: str, why: str) -> None:
    assert why in problems(**inputs).get(where, f"nothing about {where}")


def test_all_problems_are_told_at_once() -> None:
    told = problems(memory="1Mi", disks=[{"name": "a"}, {"name": "a", "size": "1Gi"}], networkInterfaces=[{**POD, "macAddress": "x"}])
    assert set(told) == {"memory", "disks[0]", "disks[1].name", "networkInterfaces[0].macAddress"}


@pytest.mark.parametrize(
    "inputs",
    [
        {"disks": [{"name": "a", "type": "cd-rom"}]},
        {"disks": [{"name": "a", "type": "cd-rom", "image": "x/y"}]},
        {"disks": [{"name": "a", "containerImage": "quay.io/x"}]},
        {"disks": [], "networkInterfaces": []},
        {"cloudInit": None, "sshKeys": ["k"]},
        {"networkInterfaces": [{**POD, "network": ""}]},
    ],
)
def test_what_is_unusual_and_right_is_let_through(inputs: dict[str, Any]) -> None:
    assert problems(**inputs) == {}


@pytest.mark.parametrize(
    "inputs",
    [
        {"disks": UNKNOWN},
        {"disks": [{"name": "a", "image": UNKNOWN, "size": "1Gi"}]},
        {"disks": [{"name": UNKNOWN, "size": UNKNOWN}]},
        {"networkInterfaces": [{"name": "a", "network": UNKNOWN}, {"name": "b", "network": UNKNOWN, "macAddress": UNKNOWN}]},
        {"cloudInit": UNKNOWN},
        {"cloudInit": {"userData": UNKNOWN}, "sshKeys": [UNKNOWN]},
        {"memory": UNKNOWN, "namespace": UNKNOWN},
    ],
)
def test_what_is_not_known_yet_breaks_no_rule_and_needs_nothing_yet(inputs: dict[str, Any]) -> None:
    assert problems(**inputs) == {}
    KIND.requires(KIND.inputs.model_validate({**SAMPLE, **inputs}))


def test_user_data_never_appears_in_a_problem() -> None:
    told = problems(cloudInit={"userData": "#cloud-config\npassword: hunter2\nx: [", "secretName": "s"}, sshKeys=["k"])
    assert told
    assert "hunter2" not in str(told)
