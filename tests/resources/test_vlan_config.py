"""VLAN configs: when an uplink is ready, whom an update disturbs, and which write-backs are no drift."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_kinds import OWNER, applied, made, merged, only_patch, reasons, snapshot, with_unknowns

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object
from harvester_provider.core.plan import Await, Patch
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.resources.apis import CLUSTER_NETWORK, NODE, VLAN_STATUS
from harvester_provider.resources.vlan_config import KIND, Uplink, VlanConfigInputs

WRITTEN: Json = {
    "metadata": {
        "labels": {"network.harvesterhci.io/clusternetwork": "office"},
        "annotations": {"network.harvesterhci.io/matched-nodes": '["node-2","node-1"]'},
    }
}


def vlan_config(uplink: Any = None, **values: Any) -> VlanConfigInputs:
    given = {"nics": ["ens7"]} if uplink is None else uplink
    return VlanConfigInputs.model_validate({"name": "rack-1", "cluster_network": "office", "uplink": given, "owner": OWNER, **values})


def node(name: str, *, ready: bool = True, **labels: str) -> Object:
    named = {key.replace("__", "/"): value for key, value in labels.items()}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": {"name": name, "labels": named}, "status": {"conditions": conditions}}


def report(name: str, *, message: str = "", vlan_config_: str = "rack-1", cluster_network: str = "office") -> Object:
    conditions = [{"type": "ready", "status": "False" if message else "True", "message": message}]
    return {"status": {"clusterNetwork": cluster_network, "vlanConfig": vlan_config_, "node": name, "conditions": conditions}}


def verdict(nodes: Sequence[Object], reports: Sequence[Object], **values: Any) -> Ready | Waiting | Failed:
    (wait,) = KIND.settle(vlan_config(**values), Snapshot())
    assert isinstance(wait, Await)
    assert set(wait.wants) == {Listing(NODE), Listing(VLAN_STATUS)}
    return wait.judge(Snapshot({}, {Listing(NODE): tuple(nodes), Listing(VLAN_STATUS): tuple(reports)}))


def as_the_cluster_keeps_it(inputs: VlanConfigInputs) -> Object:
    """With the label, the annotation and the defaults of the API."""
    found: Any = made(KIND, inputs, WRITTEN)
    uplink = found["spec"]["uplink"]
    bond = {"mode": "active-backup", "miimon": -1, **uplink["bondOptions"]}
    link = {"linkAttributes": {"txQLen": -1, **uplink["linkAttributes"]}} if "linkAttributes" in uplink else {}
    return {**found, "spec": {**found["spec"], "uplink": {**uplink, "bondOptions": bond, **link}}}


def update(old: VlanConfigInputs, new: VlanConfigInputs) -> Any:
    return KIND.update(old, new, snapshot(KIND, old, as_the_cluster_keeps_it(old)))


def test_the_uplink_of_mgmt_is_not_ours() -> None:
    assert "installer" in reasons(KIND, vlan_config(cluster_network="mgmt"))["clusterNetwork"]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"nics": []}, "uplink.nics"),
    ({"nics": [""]}, "uplink.nics"),
    ({"nics": ["ens7", "ens7"]}, "uplink.nics"),
    ({"nics": ["ens7"], "mtu": 575}, "uplink.mtu"),
    ({"nics": ["ens7"], "mtu": 9001}, "uplink.mtu"),
    ({"nics": ["ens7"], "bond_miimon": 0}, "uplink.bondMiimon"),
    ({"nics": ["ens7"], "tx_queue_length": -2}, "uplink.txQueueLength"),
]


@pytest.mark.parametrize(("uplink", "property_"), BAD)
def test_an_uplink_that_upstream_refuses_or_forgets_is_refused_before(uplink: dict[str, Any], property_: str) -> None:
    assert property_ in reasons(KIND, vlan_config(uplink))


def test_a_sound_uplink_is_accepted() -> None:
    assert reasons(KIND, vlan_config({"nics": ["a", "b"], "bond_mode": "802.3ad", "bond_miimon": -1, "mtu": 9000})) == {}


def test_values_that_are_not_known_yet_break_no_rule() -> None:
    values = {"name": "n", "cluster_network": "office", "uplink": {"nics": ["a"]}}
    for inputs in with_unknowns(values, VlanConfigInputs):
        assert not KIND.check(inputs)
    for uplink in with_unknowns({"nics": ["a"]}, Uplink):
        assert not KIND.check(vlan_config(uplink))


def test_the_cluster_network_must_exist() -> None:
    (requirement,) = KIND.requires(vlan_config())
    assert (requirement.property, requirement.ref) == ("clusterNetwork", Ref(CLUSTER_NETWORK, "office"))


def test_it_is_ready_when_every_node_says_so() -> None:
    assert verdict([node("node-1"), node("node-2")], [report("node-1"), report("node-2")]) == Ready()


def test_waiting_names_the_nodes_that_are_missing_and_why() -> None:
    nodes = [node("node-1"), node("node-2"), node("node-3"), node("node-4", ready=False)]
    result = verdict(nodes, [report("node-1"), report("node-2", message="get link ens7 failed: Link not found")])
    assert result == Waiting(
        "1 of 4 nodes are ready, not node-2 (get link ens7 failed: Link not found); node-3; node-4 (the node is not ready)"
    )


@pytest.mark.parametrize("other", [{"vlan_config_": "rack-2"}, {"cluster_network": "lab"}])
def test_reports_about_other_uplinks_do_not_count(other: dict[str, str]) -> None:
    assert isinstance(verdict([node("node-1")], [report("node-1", **other)]), Waiting)  # type: ignore[arg-type]  # text values only


def test_only_nodes_that_the_selector_picks_are_waited_for() -> None:
    nodes = [node("node-1", rack="1"), node("node-2", rack="2"), node("node-3")]
    assert verdict(nodes, [report("node-1")], node_selector={"rack": "1"}) == Ready()


def test_witnesses_get_no_uplink() -> None:
    nodes = [node("node-1"), node("witness", **{"node-role.harvesterhci.io__witness": "true"})]
    assert verdict(nodes, [report("node-1")]) == Ready()


def test_a_selector_that_picks_no_node_fails_at_once_and_says_how_to_see_labels() -> None:
    result = verdict([node("node-1")], [], node_selector={"rack": "9"})
    assert isinstance(result, Failed)
    assert "rack=9" in result.why
    assert "--show-labels" in result.next_step


def test_a_new_mtu_names_the_nodes_whose_machines_hinder_it_and_waits() -> None:
    plan = update(vlan_config(), vlan_config({"nics": ["ens7"], "mtu": 9000}))
    (change,) = plan.changes
    assert (change.property, change.effect) == ("uplink.mtu", Effect.LIVE)
    assert "office run on node-1, node-2" in change.why
    assert [type(step) for step in plan.steps] == [Patch, Await]


def test_a_new_description_waits_for_nobody() -> None:
    plan = update(vlan_config(), vlan_config(description="rack one"))
    assert only_patch(plan) == {"spec": {"description": "rack one"}}
    assert len(plan.steps) == 1


def test_a_label_that_is_no_longer_selected_is_taken_out_of_the_selector() -> None:
    patch: Any = only_patch(update(vlan_config(node_selector={"a": "1", "b": "2"}), vlan_config(node_selector={"b": "2", "c": "3"})))
    assert patch == {"spec": {"nodeSelector": {"a": None, "c": "3"}}}


def test_the_uplink_can_move_to_another_cluster_network_in_place() -> None:
    plan = update(vlan_config(), vlan_config(cluster_network="lab"))
    assert not plan.replaces
    assert only_patch(plan) == {"spec": {"clusterNetwork": "lab"}}


@pytest.mark.parametrize("written", [{"mtu": 0, "bond_miimon": -1, "tx_queue_length": -1}, {"mtu": 1500, "bond_miimon": 100}])
def test_defaults_in_other_words_change_nothing(written: dict[str, int]) -> None:
    plan = update(vlan_config(), vlan_config({"nics": ["ens7"], **written}))
    assert not plan.steps
    assert not plan.changes


def test_a_hardware_address_that_somebody_set_stays() -> None:
    found = merged(as_the_cluster_keeps_it(vlan_config()), {"spec": {"uplink": {"linkAttributes": {"hardwareAddr": "AAAA"}}}})
    assert isinstance(found, dict)
    new = vlan_config({"nics": ["ens7"], "mtu": 9000})
    after: Any = applied(found, KIND.update(vlan_config(), new, snapshot(KIND, new, found)))
    assert after["spec"]["uplink"]["linkAttributes"] == {"hardwareAddr": "AAAA", "mtu": 9000}


def test_nics_that_somebody_changed_are_drift() -> None:
    found = merged(as_the_cluster_keeps_it(vlan_config()), {"spec": {"uplink": {"nics": ["ens8"]}}})
    assert isinstance(found, dict)
    assert KIND.observe(KIND.ref(vlan_config()), vlan_config(), snapshot(KIND, vlan_config(), found)).uplink.nics == ["ens8"]


def test_outputs_name_the_nodes() -> None:
    seen = snapshot(KIND, vlan_config(), as_the_cluster_keeps_it(vlan_config()))
    assert KIND.outputs(vlan_config(), seen) == {"matchedNodes": ["node-1", "node-2"]}


MATCHED = "network.harvesterhci.io/matched-nodes"
BROKEN: list[Json] = [
    {},
    {"spec": None},
    {"spec": {"uplink": [], "nodeSelector": 3}},
    {"spec": {"uplink": {"nics": [1, None], "bondOptions": {"mode": "new-mode", "miimon": "x"}}}},
    {"metadata": {"annotations": {MATCHED: "{"}}},
    {"metadata": {"annotations": {MATCHED: "3"}}},
    {"metadata": {"annotations": {MATCHED: json.dumps([1, "a"])}}},
]


@pytest.mark.parametrize("broken", BROKEN)
def test_an_object_of_unknown_shape_breaks_nothing(broken: Object) -> None:
    seen = snapshot(KIND, vlan_config(), broken)
    for prior in (None, vlan_config()):
        KIND.update(KIND.observe(KIND.ref(vlan_config()), prior, seen), vlan_config(), seen)
    KIND.outputs(vlan_config(), seen)


def test_nodes_and_reports_of_unknown_shape_break_nothing() -> None:
    assert isinstance(verdict([{}, {"metadata": None}], [{}, {"status": 3}]), Waiting)


uplinks = st.fixed_dictionaries(
    {"nics": st.lists(st.sampled_from(["ens7", "ens8", "ens9"]), min_size=1, max_size=2, unique=True)},
    optional={
        "bond_mode": st.sampled_from(["active-backup", "802.3ad", "balance-rr"]),
        "bond_miimon": st.sampled_from([-1, 1, 100, 200]),
        "mtu": st.sampled_from([0, 576, 1500, 9000]),
        "tx_queue_length": st.sampled_from([-1, 1, 1000]),
    },
)
selectors = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=2)
configs = st.builds(
    vlan_config,
    uplinks,
    node_selector=selectors,
    description=st.sampled_from(["", "one", "two"]),
    tags=selectors,
    cluster_network=st.sampled_from(["office", "lab"]),
)


@given(configs)
def test_what_was_made_is_sound_and_shows_no_drift(inputs: VlanConfigInputs) -> None:
    assert not KIND.check(inputs)
    seen = snapshot(KIND, inputs, as_the_cluster_keeps_it(inputs))
    observed = KIND.observe(KIND.ref(inputs), inputs, seen)
    assert observed == inputs
    assert not KIND.update(observed, inputs, seen).steps


@given(configs, configs)
def test_an_update_brings_any_uplink_to_the_new_inputs(old: VlanConfigInputs, new: VlanConfigInputs) -> None:
    found = as_the_cluster_keeps_it(old)
    after = applied(found, KIND.update(old, new, snapshot(KIND, old, found)))
    assert KIND.observe(KIND.ref(new), new, snapshot(KIND, new, after)) == new
