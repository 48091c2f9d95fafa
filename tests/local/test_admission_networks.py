"""What the network webhook writes back and refuses. The expected texts were seen on a real control plane."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plane_objects import NAMESPACE, cluster_network, creating, instance_of, machine, network, node, obj, removing, updating, world

from harvester_local.admission.networks import (
    mutate_network,
    mutate_vlan_config,
    validate_cluster_network,
    validate_network,
    validate_vlan_config,
)
from harvester_local.admission.review import DeniedError
from harvester_local.admission.world import World
from harvester_local.api import kinds
from harvester_local.api.objects import Obj
from harvester_local.model.networks import vlan_status_name

LABEL = "network.harvesterhci.io/clusternetwork"
MATCHED = "network.harvesterhci.io/matched-nodes"
MTU = "network.harvesterhci.io/uplink-mtu"


def vlan_config(name: str, on: str, *, mtu: int = 0, nodes: tuple[str, ...] = (), **spec: Any) -> Obj:
    meta = {"labels": {LABEL: on}, "annotations": {MATCHED: json.dumps(nodes)}}
    uplink = {"nics": ["eth1"], **({"linkAttributes": {"mtu": mtu}} if mtu else {})}
    return obj(kinds.VLAN_CONFIG, name, metadata=meta, spec={"clusterNetwork": on, "uplink": uplink, **spec})


def vlan_status(on: str, config: str, where: str) -> Obj:
    return obj(kinds.VLAN_STATUS, vlan_status_name(on, where), status={"clusterNetwork": on, "vlanConfig": config, "node": where})


def refused(check: Any, request: Any, where: World) -> str:
    """The reason, without the prefix that every refusal of this webhook has."""
    with pytest.raises(DeniedError) as refusal:
        check(request, where)
    assert (refusal.value.code, refusal.value.reason) == (500, "InternalError")
    assert refusal.value.message.startswith("Internal error occurred: can't ")
    return refusal.value.message.partition(" because ")[2]


# Cluster networks ---------------------------------------------------------------------------------------------------


def test_a_cluster_network_has_a_short_name() -> None:
    text = refused(validate_cluster_network, creating(cluster_network("a-very-long-name")), world())
    assert text == "the length of the clusterNetwork name a-very-long-name is more than 12"
    validate_cluster_network(creating(cluster_network("twelve-chars")), world())


def test_a_cluster_network_in_use_stays() -> None:
    blue = cluster_network("blue")
    assert refused(validate_cluster_network, removing(cluster_network("mgmt")), world()) == "it is not allowed"
    where = world(blue, vlan_config("one", "blue"), vlan_config("two", "blue"))
    assert (
        refused(validate_cluster_network, removing(blue), where) == "vlanconfig(s) [one two] under this clusternetwork are still existing"
    )
    where = world(blue, network("lan", "blue"))
    text = refused(validate_cluster_network, removing(blue), where)
    assert text == f"nads(s) {NAMESPACE}/lan under this clusternetwork are still existing"
    validate_cluster_network(removing(blue), world(blue))


# VLAN configurations ------------------------------------------------------------------------------------------------


def test_a_vlan_config_is_told_its_nodes_and_its_label() -> None:
    where = world(node("n1", rack="a"), node("n2", rack="b"), cluster_network("blue"))
    fresh = obj(kinds.VLAN_CONFIG, "one", spec={"clusterNetwork": "blue", "uplink": {}, "nodeSelector": {"rack": "b"}})
    stored = mutate_vlan_config(creating(fresh), where)
    assert stored["metadata"]["labels"] == {LABEL: "blue"}
    assert json.loads(stored["metadata"]["annotations"][MATCHED]) == ["n2"]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (vlan_config("v", "mgmt"), "cluster network can't be mgmt"),
        (
            vlan_config("v", "gone"),
            'it refers to a none-existing cluster network gone or error clusternetworks.network.harvesterhci.io "gone" not found',
        ),
        (vlan_config("v", "blue", mtu=100), "the MTU 100 is out of range [0, 576..9000]"),
        (
            vlan_config("v", "blue"),
            "the vlanconfig v MTU 0 is different with another vlanconfig old MTU 1400, "
            "all vlanconfigs on one clusternetwork need to have same MTU",
        ),
        (vlan_config("v", "blue", mtu=1400, nodes=("n1", "n2")), "it overlaps with other vlanconfigs matching node(s) [n1]"),
    ],
)
def test_a_wrong_vlan_config_is_refused(config: Obj, text: str) -> None:
    where = world(cluster_network("blue"), vlan_config("old", "blue", mtu=1400, nodes=("n1",)), vlan_status("blue", "old", "n1"))
    assert refused(validate_vlan_config, creating(config), where) == text


def test_an_uplink_under_a_running_machine_stays() -> None:
    vm = machine(networks=[{"name": "default", "multus": {"networkName": f"{NAMESPACE}/lan"}}])
    config = vlan_config("one", "blue", nodes=("node1",))
    where = world(cluster_network("blue"), network("lan", "blue"), vm, instance_of(vm), config)
    text = f"it is blocked by VM(s) {NAMESPACE}/vm which must be stopped at first"
    assert refused(validate_vlan_config, removing(config), where) == text
    rewired = copy.deepcopy(config)
    rewired["spec"]["uplink"]["nics"] = ["eth5"]
    assert refused(validate_vlan_config, updating(config, rewired), where) == text
    validate_vlan_config(removing(vlan_config("two", "blue", nodes=("node2",))), where)


def test_the_label_of_a_vlan_config_is_guarded_from_1_9_on() -> None:
    old = vlan_config("one", "blue")
    new = copy.deepcopy(old)
    new["metadata"]["labels"][LABEL] = "x"
    validate_vlan_config(updating(old, new), world(cluster_network("blue")))
    text = refused(validate_vlan_config, updating(old, new), world(cluster_network("blue"), minor=(1, 9)))
    assert text == "cluster network label x is invalid and must not be updated by user"


# Networks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nad", "text"),
    [
        (network("lan", vlan=4095), "vlan 4095 is out of range [0 .. 4094]"),
        (network("lan", bridge="nope"), "the bridge name nope does not include suffix -br"),
        (network("lan", bridge="this-is-long-name-br"), "the length of the bridge name this-is-long-name-br can't be more than 15"),
        (network("lan", "gone"), 'clusternetworks.network.harvesterhci.io "gone" not found'),
        (network("lan", vlanTrunk=[{"minID": 1, "maxID": 10}]), "vlan can only be 0 when vlanTrunk is set"),
        (network("lan", vlan=0, vlanTrunk=[{"minID": 20, "maxID": 10}]), "minID 20 is greater than maxID 10 in trunk parameter"),
        (
            network("lan", vlan=0, vlanTrunk=[{"minID": 1}]),
            "minID and maxID should be configured simultaneously, maxID is missing",
        ),
        (network("lan", vlan=0, vlanTrunk=[{}]), "all fields in this VlanTrunk are empty"),
        (network("lan", mtu=9000), "nad MTU 9000 does not match cluster network MTU 1500"),
        (network("lan", type="kube-ovn"), "kubeovn is not yet enabled"),
        (network("lan", type="macvlan", bridge=""), "the length of bridge name  is less than 3"),
    ],
)
def test_a_wrong_network_is_refused(nad: Obj, text: str) -> None:
    def admit(request: Any, where: World) -> None:
        mutate_network(request, where)
        validate_network(request, where)

    assert refused(admit, creating(nad), world()) == text


@pytest.mark.parametrize(
    ("route", "text"),
    [
        ({"mode": "x"}, "unknown mode x"),
        ({"mode": "manual"}, "the CIDR  is invalid"),
        ({"mode": "manual", "cidr": "10.0.0.0/24", "gateway": "x"}, "the gateway x is invalid"),
    ],
)
def test_a_wrong_route_is_refused(route: Obj, text: str) -> None:
    nad = network("lan")
    nad["metadata"]["annotations"] = {"network.harvesterhci.io/route": json.dumps(route)}
    assert refused(validate_network, creating(nad), world()) == text


@given(st.sampled_from([0, 1400, 1500, 9000]))
def test_a_new_network_takes_the_mtu_of_its_cluster_network_only_when_it_differs(mtu: int) -> None:
    where = world(cluster_network("blue", **{MTU: str(mtu or 1500)}))
    stored = json.loads(mutate_network(creating(network("lan", "blue")), where)["spec"]["config"])
    assert stored.get("mtu", 0) in ({mtu} if mtu in {1400, 9000} else {0})


def test_an_update_sets_the_labels_and_marks_the_route_outdated() -> None:
    old, new = network("lan", vlan=100), network("lan", vlan=200, labelled=False)
    new["metadata"]["annotations"] = {"network.harvesterhci.io/route": '{"mode":"auto"}'}
    stored = mutate_network(updating(old, new), world())["metadata"]
    assert stored["labels"] == {
        LABEL: "mgmt",
        "network.harvesterhci.io/type": "L2VlanNetwork",
        "network.harvesterhci.io/vlan-id": "200",
        "network.harvesterhci.io/ready": "true",
    }
    assert json.loads(stored["annotations"]["network.harvesterhci.io/route"]) == {"mode": "auto", "outdated": True}


def test_type_and_bridge_of_a_network_never_change() -> None:
    old, where = network("lan"), world(cluster_network("blue"))
    text = refused(validate_network, updating(old, network("lan", "blue")), where)
    assert text == "nad bridge name can't be changed from mgmt-br to blue-br"
    text = refused(validate_network, updating(old, network("lan", type="kube-ovn")), where)
    assert text == "nad cannot be updated from network type bridge to network type kube-ovn"


def test_a_network_in_use_is_kept_from_change_and_deletion() -> None:
    vm, lan = machine(networks=[{"name": "default", "multus": {"networkName": "lan"}}]), network("lan")
    running, stopped = world(lan, vm, instance_of(vm)), world(lan, vm)
    stop_first = f"it's still used by VM(s) {NAMESPACE}/vm which must be stopped at first"
    assert refused(validate_network, updating(lan, network("lan", vlan=200)), running) == stop_first
    assert refused(validate_network, removing(lan), running) == stop_first
    text = refused(validate_network, removing(lan), stopped)
    assert text == f"it's still used by VM(s) {NAMESPACE}/vm which must remove the related networks and interfaces"
    validate_network(updating(lan, network("lan", vlan=200)), stopped)
    validate_network(removing(lan), world(lan))
