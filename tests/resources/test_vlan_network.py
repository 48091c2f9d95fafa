"""VLAN networks: what is refused before anything changes, what a change patches, and what is no drift."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_kinds import OWNER, applied, made, only_patch, reasons, snapshot, with_unknowns

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import CLUSTER_NETWORK
from harvester_provider.resources.vlan_network import KIND, VlanNetworkInputs

ROUTE = "network.harvesterhci.io/route"


def network(**values: Any) -> VlanNetworkInputs:
    return VlanNetworkInputs.model_validate({"name": "servers", "cluster_network": "mgmt", "owner": OWNER, **values})


def vlan(**values: Any) -> VlanNetworkInputs:
    return network(vlan_id=100, **values)


def config_of(found: Any) -> Any:
    return json.loads(found["spec"]["config"])


def as_the_cluster_keeps_it(inputs: VlanNetworkInputs) -> Object:
    """The object with the write-backs of webhook and controller: the MTU in the text, labels, what DHCP said of the subnet."""
    found: Any = made(KIND, inputs)
    text = json.dumps({"mtu": 9000, **config_of(found)}, indent=1)
    labels = {**found["metadata"]["labels"], "network.harvesterhci.io/ready": "true"}
    annotations = dict(found["metadata"].get("annotations", {}))
    if ROUTE in annotations:
        learned = {"cidr": "10.9.0.0/24", "gateway": "10.9.0.1", "serverIPAddr": "10.9.0.2", "connectivity": "true"}
        annotations[ROUTE] = json.dumps({**learned, **json.loads(annotations[ROUTE])})
    return {**found, "metadata": {**found["metadata"], "labels": labels, "annotations": annotations}, "spec": {"config": text}}


def update(old: VlanNetworkInputs, new: VlanNetworkInputs) -> Any:
    return KIND.update(old, new, snapshot(KIND, old, as_the_cluster_keeps_it(old)))


@pytest.mark.parametrize("number", [0, 4095, -1, 5000])
def test_a_vlan_id_is_1_to_4094(number: int) -> None:
    assert "use 1 to 4094" in reasons(KIND, network(vlan_id=number))["vlanId"]


def test_vlan_0_is_pointed_to_untagged() -> None:
    assert "set untagged=True" in reasons(KIND, network(vlan_id=0))["vlanId"]


def test_a_forgotten_vlan_id_is_no_untagged_network() -> None:
    assert "missing" in reasons(KIND, network())["vlanId"]
    assert reasons(KIND, network(untagged=True)) == {}


@pytest.mark.parametrize(
    "both", [{"vlan_id": 1, "untagged": True}, {"vlan_id": 0, "untagged": True}, {"untagged": True, "trunk": [{"first": 2}]}]
)
def test_vlan_untagged_and_trunk_exclude_each_other(both: dict[str, Any]) -> None:
    assert "exclude each other" in " ".join(problem.reason for problem in KIND.check(network(**both)))


@pytest.mark.parametrize(
    "range_", [{"first": 0}, {"first": 4095}, {"first": 20, "last": 10}, {"first": 1, "last": 4095}, {"first": 1, "last": 0}]
)
def test_a_trunk_has_vlans_in_order(range_: dict[str, int]) -> None:
    assert "trunk[1]" in reasons(KIND, network(trunk=[{"first": 1, "last": 4094}, range_]))


def test_names_of_cluster_networks_have_at_most_12_characters() -> None:
    assert "12 characters" in reasons(KIND, vlan(cluster_network="thirteen-char"))["clusterNetwork"]


ROUTES: list[tuple[dict[str, str], str, str]] = [
    ({"route_mode": "manual"}, "routeCidr", "missing"),
    ({"route_mode": "manual", "route_cidr": "10.1.0.0/16"}, "routeGateway", "missing"),
    ({"route_cidr": "10.1.0.0/16"}, "routeCidr", "set routeMode to manual"),
    ({"route_mode": "manual", "route_cidr": "10.1.0.0", "route_gateway": "10.1.0.1"}, "routeCidr", "no subnet"),
    ({"route_mode": "manual", "route_cidr": "0.0.0.0/0", "route_gateway": "10.1.0.1"}, "routeCidr", "no subnet"),
    ({"route_mode": "manual", "route_cidr": "10.1.0.0/16", "route_gateway": "10.2.0.1"}, "routeGateway", "not in 10.1.0.0/16"),
    ({"route_mode": "manual", "route_cidr": "10.1.0.0/16", "route_gateway": "fd00::1"}, "routeGateway", "not in 10.1.0.0/16"),
    ({"route_mode": "manual", "route_cidr": "10.1.0.0/16", "route_gateway": "gw"}, "routeGateway", "no IP address"),
    ({"route_dhcp_server_ip": "10.1.0.300"}, "routeDhcpServerIp", "no IP address"),
    (
        {"route_mode": "manual", "route_cidr": "10.1.0.0/16", "route_gateway": "10.1.0.1", "route_dhcp_server_ip": "10.1.0.2"},
        "routeDhcpServerIp",
        "only routeMode auto",
    ),
]


@pytest.mark.parametrize(("route", "property_", "reason"), ROUTES)
def test_routes_that_upstream_refuses_are_refused_before(route: dict[str, str], property_: str, reason: str) -> None:
    assert reason in reasons(KIND, vlan(**route))[property_]


def test_a_route_belongs_to_a_vlan() -> None:
    assert "only a network with a vlanId" in reasons(KIND, network(untagged=True, route_mode="manual"))["routeMode"]


def test_a_sound_manual_route_is_accepted() -> None:
    assert reasons(KIND, vlan(route_mode="manual", route_cidr="10.1.2.3/16", route_gateway="10.1.0.1")) == {}


def test_values_that_are_not_known_yet_break_no_rule() -> None:
    values = {"name": "n", "cluster_network": "mgmt", "vlan_id": 5}
    for inputs in with_unknowns(values, VlanNetworkInputs):
        assert not KIND.check(inputs)
        assert not KIND.requires(inputs)


def test_the_cluster_network_must_exist_and_mgmt_always_does() -> None:
    (requirement,) = KIND.requires(vlan(cluster_network="office"))
    assert (requirement.property, requirement.ref) == ("clusterNetwork", Ref(CLUSTER_NETWORK, "office"))
    assert not KIND.requires(vlan())


def test_a_vlan_network_is_a_bridge_of_its_cluster_network() -> None:
    found: Any = made(KIND, vlan(cluster_network="office"))
    config = config_of(found)
    assert (config["type"], config["bridge"], config["vlan"], config["name"]) == ("bridge", "office-br", 100, "servers")
    assert found["metadata"]["labels"] == {
        "network.harvesterhci.io/clusternetwork": "office",
        "network.harvesterhci.io/type": "L2VlanNetwork",
        "network.harvesterhci.io/vlan-id": "100",
    }


def test_a_trunk_is_vlan_0_with_ranges() -> None:
    config = config_of(made(KIND, network(trunk=[{"first": 100, "last": 200}, {"first": 300}])))
    assert (config["vlan"], config["vlanTrunk"]) == (0, [{"minID": 100, "maxID": 200}, {"minID": 300, "maxID": 300}])


def test_another_label_is_one_patch_and_waits_for_nobody() -> None:
    plan = update(vlan(), vlan(labels={"team": "a"}))
    assert only_patch(plan) == {"metadata": {"labels": {"team": "a"}}}
    assert len(plan.steps) == 1


def test_another_vlan_keeps_the_mtu_that_harvester_wrote() -> None:
    config = config_of(only_patch(update(vlan(), network(vlan_id=200))))
    assert (config["vlan"], config["mtu"], config["bridge"]) == (200, 9000, "mgmt-br")


def test_another_vlan_says_that_running_machines_hinder_it() -> None:
    (change,) = update(vlan(), network(vlan_id=200)).changes
    assert (change.property, change.effect) == ("vlanId", Effect.LIVE)
    assert "stop them first" in change.why


def test_another_vlan_leaves_the_route_to_harvester() -> None:
    assert "metadata" not in only_patch(update(vlan(), network(vlan_id=200)))


def test_a_trunk_that_becomes_a_vlan_loses_its_ranges() -> None:
    plan = update(network(trunk=[{"first": 5}]), vlan())
    patch: Any = only_patch(plan)
    assert "vlanTrunk" not in config_of(patch)
    assert json.loads(patch["metadata"]["annotations"][ROUTE]) == {"mode": "auto"}


def test_an_untagged_network_has_no_route() -> None:
    patch: Any = only_patch(update(vlan(), network(untagged=True)))
    assert patch["metadata"]["annotations"] == {ROUTE: None}
    assert config_of(patch)["vlan"] == 0


def test_a_changed_route_forgets_what_dhcp_said() -> None:
    patch: Any = only_patch(update(vlan(), vlan(route_dhcp_server_ip="10.9.0.2")))
    assert json.loads(patch["metadata"]["annotations"][ROUTE]) == {"mode": "auto", "serverIPAddr": "10.9.0.2"}
    assert "spec" not in patch


def test_another_cluster_network_replaces() -> None:
    plan = update(vlan(), vlan(cluster_network="office"))
    assert plan.replaces == ("clusterNetwork",)
    assert not plan.steps


def test_the_same_trunk_in_other_words_changes_nothing() -> None:
    old, new = network(trunk=[{"first": 1, "last": 3}, {"first": 4}]), network(trunk=[{"first": 2, "last": 4}, {"first": 1, "last": 1}])
    plan = update(old, new)
    assert not plan.steps
    assert not plan.changes


def test_a_vlan_that_somebody_changed_is_drift() -> None:
    found: Any = as_the_cluster_keeps_it(vlan())
    moved = {**found, "spec": {"config": json.dumps({**config_of(found), "vlan": 7})}}
    assert KIND.observe(KIND.ref(vlan()), vlan(), snapshot(KIND, vlan(), moved)).vlan_id == 7


def test_the_subnet_written_with_a_host_part_is_no_drift() -> None:
    inputs = vlan(route_mode="manual", route_cidr="10.1.2.3/16", route_gateway="10.1.0.1")
    found: Any = made(KIND, inputs)
    route = json.dumps({"mode": "manual", "cidr": "10.1.0.0/16", "gateway": "10.1.0.1", "connectivity": "false"})
    kept = {**found, "metadata": {**found["metadata"], "annotations": {**found["metadata"]["annotations"], ROUTE: route}}}
    assert KIND.observe(KIND.ref(inputs), inputs, snapshot(KIND, inputs, kept)) == inputs


def test_a_route_left_on_an_untagged_network_is_no_drift() -> None:
    inputs = network(untagged=True)
    found: Any = made(KIND, inputs, {"metadata": {"annotations": {ROUTE: '{"mode":"manual","cidr":"10.1.0.0/16","gateway":"10.1.0.1"}'}}})
    assert KIND.observe(KIND.ref(inputs), inputs, snapshot(KIND, inputs, found)) == inputs


def test_outputs_give_the_id_for_nics_and_the_bridge() -> None:
    assert KIND.outputs(vlan(), snapshot(KIND, vlan(), as_the_cluster_keeps_it(vlan()))) == {
        "networkId": "default/servers",
        "bridge": "mgmt-br",
    }


def test_a_trunk_made_in_the_ui_is_read_whatever_form_it_has() -> None:
    ref = Ref(KIND.api, "t", "default")
    config = {
        "type": "bridge",
        "bridge": "lab-br",
        "vlan": 0,
        "vlanTrunk": [{"minID": 5, "maxID": 7}, {"id": 9}, {"minID": 1, "maxID": 2, "id": 4}],
    }
    inputs = KIND.observe(ref, None, Snapshot({ref: {"spec": {"config": json.dumps(config)}}}))
    assert inputs.cluster_network == "lab"
    assert [(each.first, each.last) for each in inputs.trunk] == [(5, 7), (9, None), (1, 2), (4, None)]


BROKEN: list[Json] = [
    {},
    {"spec": None},
    {"spec": {"config": "{"}},
    {"spec": {"config": "[]"}},
    {"spec": {"config": '{"vlan": "x", "vlanTrunk": [3, {"id": "a"}]}'}},
    {"spec": {"config": '{"type": "kube-ovn", "provider": "a.b.ovn"}'}},
    {"spec": {"config": '{"vlan": 3}'}, "metadata": {"annotations": {ROUTE: "x"}}},
    {"spec": {"config": '{"vlanTrunk": [{"minID": -5, "maxID": 99999999999}]}'}},
]


@pytest.mark.parametrize("broken", BROKEN)
def test_an_object_of_unknown_shape_breaks_nothing(broken: Object) -> None:
    seen = snapshot(KIND, vlan(), broken)
    for prior in (None, vlan(), network(trunk=[{"first": 1}])):
        observed = KIND.observe(KIND.ref(vlan()), prior, seen)
        KIND.update(observed, vlan(), seen)
    KIND.outputs(vlan(), seen)


manual = {"route_mode": "manual", "route_cidr": "10.1.0.0/16", "route_gateway": "10.1.0.1"}
ids = st.integers(1, 4094)
ranges = st.tuples(ids, ids).map(lambda pair: {"first": min(pair), "last": max(pair)}) | ids.map(lambda number: {"first": number})
shapes = st.one_of(
    st.fixed_dictionaries({"vlan_id": ids}),
    st.fixed_dictionaries({"vlan_id": ids, "route_dhcp_server_ip": st.just("10.9.0.2")}),
    st.fixed_dictionaries({"vlan_id": ids, **{key: st.just(value) for key, value in manual.items()}}),
    st.just({"untagged": True}),
    st.fixed_dictionaries({"trunk": st.lists(ranges, min_size=1, max_size=4)}),
)
extras = st.fixed_dictionaries(
    {},
    optional={
        "description": st.sampled_from(["one", "two"]),
        "tags": st.dictionaries(st.sampled_from("ab"), st.sampled_from("12")),
        "annotations": st.dictionaries(st.sampled_from("ab"), st.sampled_from("12")),
        "cluster_network": st.sampled_from(["mgmt", "office"]),
    },
)
networks = st.tuples(shapes, extras).map(lambda parts: network(**parts[0], **parts[1]))


@given(networks)
def test_what_was_made_is_sound_and_shows_no_drift(inputs: VlanNetworkInputs) -> None:
    assert not KIND.check(inputs)
    seen = snapshot(KIND, inputs, as_the_cluster_keeps_it(inputs))
    observed = KIND.observe(KIND.ref(inputs), inputs, seen)
    assert observed == inputs
    assert not KIND.update(observed, inputs, seen).steps


@given(networks, networks)
def test_an_update_brings_any_network_to_the_new_inputs_or_replaces_it(old: VlanNetworkInputs, new: VlanNetworkInputs) -> None:
    found = as_the_cluster_keeps_it(old)
    plan = KIND.update(old, new, snapshot(KIND, old, found))
    if not plan.replaces:
        after = snapshot(KIND, new, applied(found, plan))
        assert KIND.observe(KIND.ref(new), new, after) == new
