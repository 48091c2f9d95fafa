"""Settings, addons, nodes and claims at admission."""

import json
from typing import Any

import pytest
from plane_objects import creating, obj, removing, updating, world

from harvester_local.admission.cluster_kinds import validate_addon, validate_node
from harvester_local.admission.cluster_settings import validate_by_cluster
from harvester_local.admission.host_devices import validate_device_claim, validate_host_devices
from harvester_local.admission.review import DeniedError
from harvester_local.admission.upgrades import validate_upgrade
from harvester_local.api import kinds
from harvester_local.api.objects import Obj


def setting(name: str, value: str) -> Obj:
    return {**obj(kinds.SETTING, name), "value": value}


def addon(name: str = "rancher-monitoring", *, busy: bool = False, **spec: Any) -> Obj:
    conditions = [{"type": "InProgress", "status": str(busy)}]
    return obj(kinds.ADDON, name, spec={"chart": name, "enabled": False, **spec}, status={"conditions": conditions})


def node(name: str, *, cordoned: bool = False, maintenance: bool = False) -> Obj:
    marks = {"harvesterhci.io/maintain-status": "running"} if maintenance else {}
    return obj(kinds.NODE, name, metadata={"annotations": marks}, spec={"unschedulable": True} if cordoned else {})


def refused(check: Any, request: Any, *others: Obj) -> str:
    with pytest.raises(DeniedError) as refusal:
        check(request, world(*others))
    return refusal.value.message


def network(subnet: str, **more: Any) -> str:
    return json.dumps({"vlan": 5, "clusterNetwork": "fast", "range": subnet, **more})


def furnished(*others: Obj) -> list[Obj]:
    """Two nodes with a disk each, a class of snapshots, and a machine that is off."""
    nodes = [obj(kinds.NODE, f"node{n}", status={"addresses": [{"type": "InternalIP", "address": f"10.0.0.{n}"}]}) for n in (1, 2)]
    longhorn = [obj(kinds.LONGHORN_NODE, f"node{n}", spec={"disks": {"a": {}}}) for n in (1, 2)]
    off = obj(kinds.MACHINE, "off", status={"printableStatus": "Stopped"})
    return [*nodes, *longhorn, off, obj(kinds.SNAPSHOT_CLASS, "longhorn"), *others]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("storage-network", network("10.5.0.0/29"), "allocatable IP address range is < "),
        ("storage-network", network("10.5.0.1/24"), "invalid CIDR"),
        ("storage-network", network("10.0.0.0/8"), "min supported prefix length"),
        ("storage-network", network("10.6.0.0/24"), "overlapped with vm-migration-network"),
        ("storage-network", network("10.5.0.0/24", clusterNetwork="mgmt", vlan=1), "vlan id 1 not allowed"),
        ("vm-migration-network", network("10.5.0.0/32"), "allocatable IP address range is < "),
        ("http-proxy", '{"httpsProxy": "http://p", "noProxy": "10.0.0.1,x"}', "The node(s) 10.0.0.2 are not covered"),
        ("volume-snapshot-class", "fast", '"fast" not found'),
    ],
)
def test_a_setting_refuses_what_does_not_fit_the_cluster(name: str, value: str, words: str) -> None:
    request = updating(setting(name, ""), setting(name, value))
    assert words in refused(validate_by_cluster, request, *furnished(setting("vm-migration-network", network("10.6.0.0/25"))))


def test_the_storage_network_is_changed_while_all_machines_are_off() -> None:
    request = updating(setting("storage-network", ""), setting("storage-network", network("10.5.0.0/24")))
    validate_by_cluster(request, world(*furnished()))
    running = obj(kinds.MACHINE, "web", status={"printableStatus": "Running"})
    assert "Please stop all VMs" in refused(validate_by_cluster, request, *furnished(running))
    busy = {"type": "configured", "status": "False", "reason": "In Progress"}
    again = updating(
        {**setting("storage-network", "x"), "status": {"conditions": [busy]}}, setting("storage-network", network("10.5.0.0/24"))
    )
    assert "still being configured" in refused(validate_by_cluster, again, *furnished())


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (obj(kinds.UPGRADE, "before"), 'until previous upgrade "before" completes'),
        (obj(kinds.BACKUP, "b", status={"readyToUse": False}), "default/b is under processing"),
        (obj(kinds.SCHEDULE, "s", status={}), "default/s is running"),
        (obj(kinds.NODE, "late"), "node late is not ready"),
        (
            obj(kinds.NODE, "away", spec={"unschedulable": True}, status={"conditions": [{"type": "Ready", "status": "True"}]}),
            "unschedulable",
        ),
    ],
)
def test_an_upgrade_begins_only_where_nothing_is_in_its_way(thing: Obj, words: str) -> None:
    new = creating(obj(kinds.UPGRADE, "next"))
    assert words in refused(validate_upgrade, new, thing)
    ready = [obj(kinds.NODE, f"node{n}", status={"conditions": [{"type": "Ready", "status": "True"}]}) for n in (1, 2)]
    validate_upgrade(new, world(*ready))
    card = obj(kinds.INSTANCE, "gpu", spec={"domain": {"devices": {"hostDevices": [{"name": "card"}]}}})
    assert "default/gpu" in refused(validate_upgrade, new, *ready, card)
    claim = {"kubernetesStatus": {"namespace": "default", "pvcName": "scratch"}}
    single = obj(kinds.LONGHORN_VOLUME, "pvc-1", spec={"numberOfReplicas": 1}, status=claim)
    assert refused(validate_upgrade, new, *ready, single).endswith("potential data integrity concerns: default/scratch")
    validate_upgrade(new, world(ready[0], single))
    degraded = obj(kinds.LONGHORN_VOLUME, "pvc-2", status={"robustness": "degraded"})
    validate_upgrade(new, world(*ready, degraded))
    third = {**ready[0], "metadata": {**ready[0]["metadata"], "name": "node3"}}
    assert "there are degraded volumes" in refused(validate_upgrade, new, *ready, third, degraded)


def test_an_addon_is_not_changed_while_an_operation_runs_and_never_gets_another_chart() -> None:
    busy = updating(addon(busy=True), addon(busy=True, enabled=True))
    assert "existing operation is in progress" in refused(validate_addon, busy)
    assert "chart field cannot be changed" in refused(validate_addon, updating(addon(), addon(chart="other")))
    validate_addon(updating(addon(), addon(enabled=True)), world())


def test_a_chart_has_one_addon_and_only_experimental_ones_are_deleted() -> None:
    assert "already exists" in refused(validate_addon, creating(addon("second", chart="rancher-monitoring")), addon())
    assert "only the experimental addon" in refused(validate_addon, removing(addon()))


def test_the_last_node_that_takes_machines_is_not_cordoned() -> None:
    request = updating(node("a"), node("a", cordoned=True))
    assert "last available node" in refused(validate_node, request, node("a"), node("b", maintenance=True))
    validate_node(request, world(node("a"), node("b")))


def test_a_claim_cannot_be_changed() -> None:
    old, new = (obj(kinds.PCI_DEVICE_CLAIM, "gpu", spec={"userName": name}) for name in ("a", "b"))
    assert "immutable" in refused(validate_device_claim, updating(old, new))


def card(name: str, node: str = "n1", group: str = "12", resource: str = "example.org/card") -> Obj:
    return {**obj(kinds.PCI_DEVICE, name), "status": {"nodeName": node, "iommuGroup": group, "resourceName": resource}}


def with_devices(*names: str, resource: str = "example.org/card") -> Obj:
    devices = {"hostDevices": [{"name": name, "deviceName": resource} for name in names]}
    return obj(kinds.MACHINE, "vm", spec={"template": {"spec": {"domain": {"devices": devices}}}})


def test_a_device_can_be_claimed_only_where_it_is_and_can_be_passed_through() -> None:
    assert "not found" in refused(validate_device_claim, creating(obj(kinds.PCI_DEVICE_CLAIM, "gpu")))
    assert "no iommuGroup" in refused(validate_device_claim, creating(obj(kinds.PCI_DEVICE_CLAIM, "gpu")), card("gpu", group=""))


def test_a_claim_stays_while_a_machine_has_its_device() -> None:
    assert "in use with vm vm" in refused(validate_device_claim, removing(obj(kinds.PCI_DEVICE_CLAIM, "gpu")), with_devices("gpu"))


def test_a_machine_gets_devices_of_one_node_only_and_none_that_no_node_has() -> None:
    there = (card("gpu"), card("other", node="n2"))
    assert "not on the same node" in refused(validate_host_devices, creating(with_devices("gpu", "other")), *there)
    assert "not found in pcidevice" in refused(validate_host_devices, creating(with_devices("gpu", resource="example.org/none")), *there)
