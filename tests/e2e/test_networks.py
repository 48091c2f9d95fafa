"""Cluster networks, their uplinks and the VLANs on them. Cluster networks are not in a namespace: each test has one of its own name."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from declared import Entry, Estate, StackOf, declared, disk, estate
from kubernetes.client.rest import ApiException
from target import NAD, Target, eventually

GROUP, VERSION = "network.harvesterhci.io", "v1beta1"


@pytest.fixture
def bridge(target: Target) -> Iterator[str]:
    """The name of a cluster network that does not exist yet. What has it at the end is removed, uplink first."""
    name = f"e2e{uuid.uuid4().hex[:6]}"
    yield name
    for plural in ("vlanconfigs", "clusternetworks"):
        if name in cluster_wide(target, plural):
            eventually(lambda plural=plural: removed(target, plural, name))


@pytest.fixture
def here(bridge: str, target: Target, stack_of: StackOf) -> Estate:  # noqa: ARG001  stacks are destroyed before the leftovers are removed
    return estate(target, stack_of)


def removed(target: Target, plural: str, name: str) -> bool:
    """Ask for the deletion; refused while other objects are on their way out."""
    try:
        target.custom.delete_cluster_custom_object(GROUP, VERSION, plural, name)
    except ApiException as error:
        return bool(error.status == 404)
    return False


def cluster_wide(target: Target, plural: str) -> dict[str, Any]:
    items = target.custom.list_cluster_custom_object(GROUP, VERSION, plural)["items"]
    return {item["metadata"]["name"]: item for item in items}


def network(bridge: str, nic: str, **uplink: Any) -> list[Entry]:
    """A cluster network, its uplink on all nodes, and a VLAN on it."""
    return [
        declared("ClusterNetwork", "cn", name=bridge),
        declared("VlanConfig", "uplink", name=bridge, cluster_network={"$of": "cn.id"}, uplink={"nics": [nic], **uplink}),
        declared("VlanNetwork", "vlan", cluster_network={"$of": "cn.id"}, vlan_id=100),
    ]


def test_a_cluster_network_with_its_uplink_and_a_vlan_from_up_to_destroy(here: Estate, bridge: str, uplink: str) -> None:
    target = here.target
    here.declare(*network(bridge, uplink)).stack.up()
    reports = [found["status"] for found in cluster_wide(target, "vlanstatuses").values()]
    assert any(report["clusterNetwork"] == bridge and report["conditions"][0]["status"] == "True" for report in reports)
    assert f'"{bridge}-br"' in target.get(NAD, "vlan")["spec"]["config"]
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
    here.declare(*network(bridge, uplink, mtu=9000, bond_mode="balance-tlb")).stack.up()
    changed = cluster_wide(target, "vlanconfigs")[bridge]["spec"]["uplink"]
    assert (changed["linkAttributes"]["mtu"], changed["bondOptions"]["mode"], changed["nics"]) == (9000, "balance-tlb", [uplink])
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
    here.stack.destroy()
    assert bridge not in cluster_wide(target, "vlanconfigs")
    assert bridge not in cluster_wide(target, "clusternetworks")
    assert target.leftovers() == []


def test_an_uplink_that_no_node_can_have_is_told(here: Estate, bridge: str, uplink: str) -> None:
    cluster_network, config, _ = network(bridge, uplink)
    config["inputs"]["node_selector"] = {"no-node": "has-this"}
    output = here.declare(cluster_network, config).stack.fails("up", "--yes", "--skip-preview")
    assert "no node has what nodeSelector no-node=has-this asks for" in output
    here.declare(*network(bridge, uplink)).stack.up()
    here.stack.shows_no_change()


def test_a_network_that_a_machine_uses_is_kept_and_the_error_names_the_machine(here: Estate) -> None:
    where = here.target.namespace
    vlan = declared("VlanNetwork", "vlan", cluster_network="mgmt", vlan_id=7, timeouts={"delete": "3s"})
    machine = here.vm(disks=[disk("root", on_delete="delete")], network_interfaces=[{"name": "nic", "network": f"{where}/vlan"}])
    here.declare(vlan).stack.up()
    here.declare(vlan, machine).stack.up()
    boot = here.boot()
    output = here.declare(machine).stack.fails("up", "--yes", "--skip-preview")
    assert f"delete NetworkAttachmentDefinition {where}/vlan: " in output
    assert f"still used by VM(s) {where}/vm" in output
    assert here.target.names(NAD) == ["vlan"]
    assert here.boot() == boot
    here.declare(vlan, machine).stack.up()
    here.stack.shows_no_change()
    here.stack.destroy()
    assert here.target.leftovers() == []


def test_a_vlan_that_a_running_machine_uses_is_not_changed_and_the_error_names_the_machine(here: Estate) -> None:
    def program(vlan: int) -> list[Entry]:
        nics = [{"name": "nic", "network": {"$of": "net.id"}}]
        return [declared("VlanNetwork", "net", cluster_network="mgmt", vlan_id=vlan), here.vm(network_interfaces=nics)]

    here.declare(*program(7)).stack.up()
    here.declare(*program(8))
    assert "stop them first" in here.stack.preview()
    output = here.stack.fails("up", "--yes", "--skip-preview")
    assert f"still used by VM(s) {here.target.namespace}/vm" in output
    assert '"vlan":7' in here.target.get(NAD, "net")["spec"]["config"].replace(" ", "")
    assert here.object()["status"]["ready"]


def test_trunks_untagged_networks_and_declared_routes_come_back_from_a_refresh_as_declared(here: Estate) -> None:
    route = {"route_mode": "manual", "route_cidr": "10.1.0.0/24", "route_gateway": "10.1.0.1"}
    here.declare(
        declared("VlanNetwork", "trunk", cluster_network="mgmt", trunk=[{"first": 10, "last": 20}, {"first": 30}]),
        declared("VlanNetwork", "plain", cluster_network="mgmt", untagged=True),
        declared("VlanNetwork", "routed", cluster_network="mgmt", vlan_id=40, **route),
    ).stack.up()
    here.stack.refresh_shows_no_drift()
    here.stack.shows_no_change()
