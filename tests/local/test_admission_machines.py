"""What the webhooks write into a VirtualMachine and refuse about it. The expected texts were seen on a real control plane."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plane_objects import (
    NAMESPACE,
    claim,
    creating,
    instance_of,
    machine,
    network,
    storage_class,
    updating,
    world,
)

from harvester_local.admission.machine_mutator import mutate_machine
from harvester_local.admission.machine_validator import validate_machine
from harvester_local.admission.review import BrokenPatchError, DeniedError
from harvester_local.admission.virt_validator import validate_virt_machine
from harvester_local.api.objects import Obj, part
from harvester_local.api.quantities import parse


def changed(vm: Obj, **changes: Any) -> Obj:
    """The machine with other keys in its domain."""
    result = copy.deepcopy(vm)
    result["spec"]["template"]["spec"]["domain"].update(changes)
    return result


def domain(vm: Obj) -> Obj:
    return part(vm, "spec", "template", "spec", "domain")


# The mutator --------------------------------------------------------------------------------------------------------


def test_limits_become_requests_guest_memory_and_most_sockets() -> None:
    stored = domain(mutate_machine(creating(machine()), world()))
    assert stored["resources"]["requests"] == {"cpu": "200m", "memory": "1365Mi"}
    assert stored["memory"] == {"guest": "2Gi"}
    assert stored["cpu"] == {"cores": 1, "sockets": 2, "threads": 1, "maxSockets": 2}


@given(st.integers(min_value=10, max_value=1 << 20))
def test_the_memory_request_never_exceeds_the_limit_and_is_whole_mebibytes(mebibytes: int) -> None:
    vm = machine()
    domain(vm)["resources"]["limits"]["memory"] = f"{mebibytes}Mi"
    request = parse(domain(mutate_machine(creating(vm), world()))["resources"]["requests"]["memory"])
    assert request <= mebibytes << 20
    assert request % (1 << 20) == 0


def test_pinned_machines_request_all_they_may_use() -> None:
    vm = changed(machine(), cpu={"cores": 2, "dedicatedCpuPlacement": True})
    assert domain(mutate_machine(creating(vm), world()))["resources"]["requests"] == {"cpu": "2", "memory": "2Gi"}


def test_a_hotplug_machine_keeps_its_guest_memory_and_most_sockets() -> None:
    vm = changed(machine(annotations={"harvesterhci.io/enableCPUAndMemoryHotplug": "true"}), memory={"guest": "1Gi", "maxGuest": "2Gi"})
    stored = domain(mutate_machine(creating(vm), world()))
    assert stored["memory"] == {"guest": "1Gi", "maxGuest": "2Gi"}
    assert "maxSockets" not in stored["cpu"]


def test_reserved_memory_is_taken_from_the_guest() -> None:
    vm = machine(annotations={"harvesterhci.io/reservedMemory": "512Mi"})
    assert domain(mutate_machine(creating(vm), world()))["memory"]["guest"] == "1536Mi"


@pytest.mark.parametrize(
    ("annotations", "limit", "text"),
    [
        (
            {"harvesterhci.io/reservedMemory": "4Gi"},
            "2Gi",
            "reservedMemory can't be equal or greater than limits.memory  4294967296 2147483648",
        ),
        ({}, "5Mi", "guest memory is under the minimum requirement (10 Mi), original: 5242880, final: 5242880"),
        ({}, "x", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
    ],
)
def test_memory_that_cannot_be_computed_with_is_refused(annotations: dict[str, str], limit: str, text: str) -> None:
    vm = machine(annotations=annotations)
    domain(vm)["resources"]["limits"]["memory"] = limit
    with pytest.raises(DeniedError) as refusal:
        mutate_machine(creating(vm), world())
    assert (refusal.value.code, refusal.value.message) == (500, text)


def test_a_machine_without_cpu_meets_upstreams_broken_patch() -> None:
    vm = machine()
    del domain(vm)["cpu"]
    with pytest.raises(BrokenPatchError, match="/spec/template/spec/domain/cpu/maxSockets"):
        mutate_machine(creating(vm), world())


def test_unchanged_limits_leave_the_requests_alone() -> None:
    old = mutate_machine(creating(machine()), world())
    new = copy.deepcopy(old)
    domain(new)["resources"]["requests"] = {"cpu": "1", "memory": "1Gi"}
    assert domain(mutate_machine(updating(old, new), world()))["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    domain(new)["resources"]["limits"]["memory"] = "4Gi"
    stored = domain(mutate_machine(updating(old, new), world()))
    assert stored["resources"]["requests"]["memory"] == "2730Mi"
    assert stored["memory"]["guest"] == "4Gi"


@pytest.mark.parametrize(("annotation", "stored"), [(None, "RerunOnFailure"), ("Manual", "Manual")])
def test_a_start_takes_the_strategy_of_the_annotation(annotation: str | None, stored: str) -> None:
    annotations = {"harvesterhci.io/vmRunStrategy": annotation} if annotation else {}
    old, new = machine(strategy="Halted", annotations=annotations), machine(strategy="Always", annotations=annotations)
    assert mutate_machine(updating(old, new), world())["spec"]["runStrategy"] == stored


def test_other_changes_of_strategy_are_taken_as_they_come() -> None:
    assert mutate_machine(updating(machine(strategy="Always"), machine(strategy="Halted")), world())["spec"]["runStrategy"] == "Halted"
    assert mutate_machine(creating(machine(strategy="Always")), world())["spec"]["runStrategy"] == "Always"


def test_every_vlan_network_narrows_the_placement() -> None:
    own = {"key": "rack", "operator": "In", "values": ["a"]}
    theirs = {"key": "network.harvesterhci.io/old", "operator": "In", "values": ["true"]}
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [own, theirs]}]}}
    }
    vm = machine(affinity=affinity, networks=[{"name": "default", "multus": {"networkName": "lan"}}])
    stored = mutate_machine(creating(vm), world(network("lan", "blue")))["spec"]["template"]["spec"]["affinity"]
    required = stored["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    blue = {"key": "network.harvesterhci.io/blue", "operator": "In", "values": ["true"]}
    assert required == {"nodeSelectorTerms": [{"matchExpressions": [own, blue]}]}


def test_a_machine_without_rules_gets_an_empty_affinity() -> None:
    assert mutate_machine(creating(machine()), world())["spec"]["template"]["spec"]["affinity"] == {}


def test_a_network_that_does_not_exist_is_refused_by_the_mutator() -> None:
    vm = machine(networks=[{"name": "default", "multus": {"networkName": f"{NAMESPACE}/gone"}}])
    with pytest.raises(DeniedError, match='network-attachment-definitions.k8s.cni.cncf.io "gone" not found'):
        mutate_machine(creating(vm), world())


def test_addresses_are_generated_once_and_only_where_none_is_known() -> None:
    vm = machine(annotations={"harvesterhci.io/mac-address": '{"known":"02:00:00:00:00:09"}'})
    domain(vm)["devices"]["interfaces"] = [{"name": "a", "bridge": {}}, {"name": "known", "bridge": {}}]
    fresh, known = domain(mutate_machine(creating(vm), world()))["devices"]["interfaces"]
    assert int(fresh["macAddress"][:2], 16) & 0b11 == 0b10
    assert "macAddress" not in known


def test_old_releases_leave_addresses_and_firmware_to_kubevirt() -> None:
    vm = machine()
    del domain(vm)["devices"]["interfaces"][0]["macAddress"]
    stored = domain(mutate_machine(creating(vm), world(minor=(1, 6))))
    assert "macAddress" not in stored["devices"]["interfaces"][0]
    assert "firmware" not in stored
    assert set(domain(mutate_machine(creating(vm), world(minor=(1, 7))))["firmware"]) == {"uuid", "serial"}


def test_defaults_are_filled_in_and_own_values_kept() -> None:
    stored = mutate_machine(creating(machine()), world())["spec"]["template"]["spec"]
    assert stored["terminationGracePeriodSeconds"] == 120
    assert stored["architecture"] == "amd64"
    assert stored["domain"]["machine"] == {"type": "q35"}
    own = mutate_machine(creating(machine(terminationGracePeriodSeconds=0)), world())
    assert own["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 0


def test_mutating_twice_changes_nothing_more() -> None:
    once = mutate_machine(creating(machine()), world())
    assert mutate_machine(updating(once, once), world()) == once


# Harvester's validator ----------------------------------------------------------------------------------------------


def refusal_of(vm: Obj, *others: Obj, old: Obj | None = None, minor: tuple[int, int] = (1, 8)) -> tuple[int, str]:
    with pytest.raises(DeniedError) as refusal:
        validate_machine(updating(old, vm) if old else creating(vm), world(*others, minor=minor))
    return refusal.value.code, refusal.value.message


def with_templates(*entries: Obj, **more: Any) -> Obj:
    return machine(annotations={"harvesterhci.io/volumeClaimTemplates": json.dumps(list(entries))}, **more)


def entry(name: str, size: str = "1Gi", cls: str = "longhorn") -> Obj:
    return {"metadata": {"name": name}, "spec": {"storageClassName": cls, "resources": {"requests": {"storage": size}}}}


def test_a_volume_template_needs_a_name() -> None:
    assert refusal_of(with_templates({"metadata": {}, "spec": {}})) == (
        422,
        "the volumeClaimTemplates annotaion is invalid: PVC name is required",
    )


def test_memory_must_be_given_from_1_7_on() -> None:
    vm = machine()
    del domain(vm)["resources"]["limits"]["memory"]
    assert refusal_of(vm) == (422, "either memory.guest or resources.limits.memory must be set")
    validate_machine(creating(vm), world(minor=(1, 6)))


def test_a_negative_grace_period_is_refused() -> None:
    assert refusal_of(machine(terminationGracePeriodSeconds=-1)) == (422, "Termination grace period can't be negative")


def test_an_unknown_maintenance_strategy_is_refused() -> None:
    vm = machine()
    vm["metadata"]["labels"] = {"harvesterhci.io/maintain-mode-strategy": "x"}
    assert refusal_of(vm) == (422, "invalid maintenance mode strategy: x")


def test_a_claim_of_another_machine_is_refused_unless_it_can_be_shared() -> None:
    other, vm = machine("other"), machine()
    vm["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = "other-root"
    code, text = refusal_of(vm, other, claim("other-root"))
    assert (code, text) == (422, f"PVC {NAMESPACE}/other-root is already used by other VM, please use a shareable RWX volume.")
    shared = claim("other-root", cls="nfs")
    validate_machine(creating(vm), world(other, shared, storage_class("nfs", provisioner="nfs.csi.k8s.io")))


def test_one_address_serves_one_interface_of_a_cluster_network() -> None:
    lan, net = network("lan", "blue"), [{"name": "a", "multus": {"networkName": f"{NAMESPACE}/lan"}}]
    first, second = machine("first", networks=net), machine("second", networks=net)
    for vm in (first, second):
        domain(vm)["devices"]["interfaces"] = [{"name": "a", "bridge": {}, "macAddress": "02:00:00:00:00:77"}]
    assert refusal_of(second, first, lan) == (500, "duplicate mac address present for vm second for cluster network blue")
    validate_machine(creating(first), world(first, lan))
    elsewhere = copy.deepcopy(second)
    elsewhere["spec"]["template"]["spec"]["networks"][0]["multus"]["networkName"] = f"{NAMESPACE}/wan"
    validate_machine(creating(elsewhere), world(first, lan, network("wan", "green")))


def test_a_disk_may_grow_and_never_shrink() -> None:
    old = with_templates(entry("d", "2Gi"))
    assert refusal_of(with_templates(entry("d", "1Gi")), old=old) == (
        422,
        "d PVC requests storage can't be less than previous value",
    )
    assert refusal_of(with_templates(entry("d", "3Gi")), old=old) == (500, 'persistentvolumeclaims "d" not found')
    validate_machine(updating(old, with_templates(entry("d", "3Gi"))), world(claim("d", size="2Gi")))


def test_a_disk_keeps_its_storage_class() -> None:
    code, text = refusal_of(with_templates(entry("d", cls="other")), old=with_templates(entry("d")))
    assert code == 500
    assert text.endswith("annotation cannot be changed; new name other in volume d;")


def test_a_disk_in_use_grows_only_where_its_driver_can() -> None:
    old, new = with_templates(entry("vm-root", "1Gi", "lvm")), with_templates(entry("vm-root", "2Gi", "lvm"))
    lvm = storage_class("lvm", provisioner="lvm.driver.harvesterhci.io")
    running = instance_of(old)
    code, text = refusal_of(new, old, running, claim("vm-root", cls="lvm"), lvm, old=old)
    assert (code, text) == (422, f"PVC_EXPAND: pvc {NAMESPACE}/vm-root is not online expandable with its provider")
    validate_machine(updating(old, new), world(old, claim("vm-root", cls="lvm"), lvm))


def test_an_empty_cdrom_belongs_on_sata_from_1_8_on() -> None:
    vm = machine()
    domain(vm)["devices"]["disks"].append({"name": "cd", "cdrom": {"bus": "scsi"}})
    assert refusal_of(vm) == (500, "empty cd-rom device should connect via SATA bus")
    validate_machine(creating(vm), world(minor=(1, 7)))


# KubeVirt's validator -----------------------------------------------------------------------------------------------


def virt_refusal(vm: Obj) -> str:
    with pytest.raises(DeniedError) as refusal:
        validate_virt_machine(creating(vm), world())
    assert refusal.value.code == 422
    return refusal.value.message


def with_disk(disk: Obj, volume: Obj | None = None) -> Obj:
    vm = machine()
    domain(vm)["devices"]["disks"].append(disk)
    if volume:
        vm["spec"]["template"]["spec"]["volumes"].append(volume)
    return vm


def with_nic(nic: Obj, net: Obj | None = None) -> Obj:
    vm = machine()
    domain(vm)["devices"]["interfaces"].append(nic)
    if net:
        vm["spec"]["template"]["spec"]["networks"].append(net)
    return vm


LAN = {"name": "lan", "multus": {"networkName": "lan"}}
NIC = "spec.template.spec.domain.devices.interfaces[1]"
INLINE = {"name": "ci", "cloudInitNoCloud": {"userData": "x" * 3000}}


@pytest.mark.parametrize(
    ("vm", "text"),
    [
        (machine(strategy="Nope"), "Invalid RunStrategy (Nope)"),
        (machine(strategy=""), "RunStrategy must be specified"),
        (with_disk({"name": "ghost", "disk": {}}), "spec.template.spec.domain.devices.disks[1].Name 'ghost' not found."),
        (with_disk({"name": "cd", "cdrom": {"bus": "virtio"}}), "Bus type virtio is invalid for CD-ROM device"),
        (with_disk({"name": "ci", "disk": {"bus": "ide"}}, {"name": "ci", "emptyDisk": {}}), "IDE bus is not supported"),
        (
            with_disk({"name": "ci", "disk": {}}, INLINE),
            "spec.template.spec.volumes[1].cloudInitNoCloud userdata exceeds 2048 byte limit. "
            "Should use UserDataSecretRef for larger data.",
        ),
        (with_nic({"name": "lan", "bridge": {}}), f"{NIC}.name 'lan' not found."),
        (with_nic({"name": "lan", "masquerade": {}}, LAN), "Masquerade interface only implemented with pod network"),
        (with_nic({"name": "lan", "bridge": {}, "macAddress": "zz"}, LAN), f"interface {NIC}.name has malformed MAC address (zz)."),
        (with_nic({"name": "lan", "bridge": {}, "model": "e10"}, LAN), f"interface {NIC}.name uses model e10 that is not supported."),
        (machine(networks=[{"name": "default", "pod": {}}, LAN]), "spec.template.spec.networks[1].name 'lan' not found."),
        (
            with_disk({"name": "ci", "disk": {}, "serial": "a b"}, {"name": "ci", "emptyDisk": {}}),
            "spec.template.spec.domain.devices.disks[1] must be made up of the following characters [A-Za-z0-9_.+-], if specified",
        ),
        (
            with_disk({"name": "ci", "disk": {}, "serial": "a" * 257}, {"name": "ci", "emptyDisk": {}}),
            "spec.template.spec.domain.devices.disks[1] must be less than or equal to 256 in length, if specified",
        ),
        (machine(evictionStrategy="x"), "spec.template.spec.evictionStrategy is set with an unrecognized option: x"),
        (
            machine(hostname="a" * 64),
            "spec.template.spec.hostname does not conform to the kubernetes DNS_LABEL rules : must be no more than 63 characters",
        ),
        (machine(hostname="a.b"), "spec.template.spec.hostname does not conform to the kubernetes DNS_LABEL rules : must not contain dots"),
        (
            changed(machine(), machine={"type": "zz"}),
            "spec.template.spec.domain.machine.type is not supported: zz (allowed values: [q35* pc-q35*])",
        ),
        (
            changed(machine(), firmware={"bootloader": {"efi": {"secureBoot": True}}}),
            "spec.template.spec.domain has EFI SecureBoot enabled. SecureBoot requires SMM, which is currently disabled.",
        ),
    ],
)
def test_kubevirt_refuses_in_its_own_words(vm: Obj, text: str) -> None:
    assert virt_refusal(vm) == text


def test_all_problems_come_in_one_answer() -> None:
    vm = with_disk({"name": "root", "disk": {}, "bootOrder": 1})
    assert virt_refusal(vm) == (
        "Boot order for spec.template.spec.domain.devices.disks[1].bootOrder already set for a different device., "
        "spec.template.spec.domain.devices.disks[1] and spec.template.spec.domain.devices.disks[0] must not have the same Name."
    )


@pytest.mark.parametrize("serial", ["", "WD-1_2.3+4", "a" * 256])
def test_a_disk_has_a_serial_of_its_own(serial: str) -> None:
    disk = with_disk({"name": "data", "disk": {}, "serial": serial}, {"name": "data", "emptyDisk": {}})
    validate_virt_machine(creating(disk), world())


def test_a_plain_machine_and_an_empty_cdrom_pass() -> None:
    validate_virt_machine(creating(machine()), world())
    validate_virt_machine(creating(with_disk({"name": "cd", "cdrom": {"bus": "sata"}})), world())


# Hardware -----------------------------------------------------------------------------------------------------------


def refusal_once_mutated(vm: Obj) -> str:
    with pytest.raises(DeniedError) as refusal:
        validate_virt_machine(creating(mutate_machine(creating(vm), world())), world())
    return refusal.value.message


HOT = {"harvesterhci.io/enableCPUAndMemoryHotplug": "true"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"cpu": {"cores": 2, "isolateEmulatorThread": True}},
            "IsolateEmulatorThread should be only set in combination with DedicatedCPUPlacement",
        ),
        ({"cpu": {"sockets": 4, "maxSockets": 2}}, "Number of sockets in CPU topology is greater than the maximum sockets allowed"),
        ({"memory": {"guest": "4Gi", "maxGuest": "2Gi"}}, "Guest memory is greater than the configured maxGuest memory"),
        ({"memory": {"guest": "512Mi", "maxGuest": "2Gi"}}, "Memory hotplug is only available for VMs with at least 1Gi of guest memory"),
        ({"memory": {"guest": "1025Mi", "maxGuest": "2Gi"}}, "Guest memory must be 2Mi aligned"),
    ],
)
def test_what_cannot_be_plugged_in_or_pinned_is_refused(changes: dict[str, Any], text: str) -> None:
    assert refusal_once_mutated(changed(machine(annotations=HOT), **changes)) == text


def test_pinned_cpus_are_those_of_the_limits() -> None:
    vm = changed(machine(annotations=HOT), cpu={"sockets": 1, "maxSockets": 2, "dedicatedCpuPlacement": True})
    assert "must not be provided at the same time with spec.template.spec.domain.cpu.cores" in refusal_once_mutated(vm)
    pinned = changed(machine(), cpu={"cores": 2, "dedicatedCpuPlacement": True})
    validate_virt_machine(creating(mutate_machine(creating(pinned), world())), world())


@pytest.mark.parametrize(
    ("devices", "text"),
    [
        ({"inputs": [{"name": "tablet", "type": "tablet", "bus": "ps2"}]}, "Input device can have only virtio or usb bus."),
        ({"inputs": [{"name": "keys", "type": "keyboard"}]}, "Input device can have only tablet type."),
        ({"sound": {"name": "sound", "model": "sb16"}}, "Sound device type is not supported. Options: 'ich9' or 'ac97'"),
        ({"sound": {"model": "ich9"}}, "Sound device requires a name field."),
    ],
)
def test_devices_that_qemu_does_not_get_are_refused(devices: dict[str, Any], text: str) -> None:
    vm = machine()
    domain(vm)["devices"].update(devices)
    assert refusal_once_mutated(vm) == text
