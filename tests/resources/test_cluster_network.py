"""Cluster networks: which names are possible, and that nothing but metadata is ever written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_kinds import OWNER, applied, made, only_patch, reasons, snapshot, with_unknowns

from harvester_provider.core.plan import Remove
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.cluster_network import KIND, ClusterNetworkInputs

WRITTEN = {
    "metadata": {"annotations": {"network.harvesterhci.io/uplink-mtu": "1500", "network.harvesterhci.io/vlan-id-set-str": "1,2"}},
    "status": {"conditions": [{"type": "ready", "status": "True"}]},
}


def cluster_network(**values: Any) -> ClusterNetworkInputs:
    return ClusterNetworkInputs.model_validate({"name": "office", "owner": OWNER, **values})


def test_mgmt_cannot_be_made_and_the_message_says_how_to_use_it() -> None:
    assert "use it by its name" in reasons(KIND, cluster_network(name="mgmt"))["name"]


@pytest.mark.parametrize(("name", "sound"), [("a", True), ("x" * 12, True), ("x" * 13, False)])
def test_a_name_has_at_most_12_characters(name: str, sound: bool) -> None:  # noqa: FBT001  a column of the table
    assert (reasons(KIND, cluster_network(name=name)) == {}) is sound


def test_values_that_are_not_known_yet_break_no_rule() -> None:
    for inputs in with_unknowns({"name": "office"}, ClusterNetworkInputs):
        assert not KIND.check(inputs)


def test_nothing_is_waited_for() -> None:
    inputs = cluster_network()
    assert not KIND.settle(inputs, snapshot(KIND, inputs, made(KIND, inputs)))


def test_a_description_is_patched_alone() -> None:
    old, new = cluster_network(description="a", labels={"k": "v"}), cluster_network(description="b", labels={"k": "v"})
    plan = KIND.update(old, new, snapshot(KIND, old, made(KIND, old, WRITTEN)))
    assert only_patch(plan) == {"metadata": {"annotations": {"field.cattle.io/description": "b"}}}


def test_another_name_replaces() -> None:
    old, new = cluster_network(), cluster_network(name="lab")
    assert KIND.update(old, new, snapshot(KIND, old, made(KIND, old))).replaces == ("name",)


def test_it_is_deleted_by_its_own_reference() -> None:
    (step,) = KIND.delete(cluster_network(timeouts={"delete": "90s"}), Snapshot()).steps
    assert isinstance(step, Remove)
    assert (step.ref.id, step.seconds) == ("office", 90)


def test_an_import_reads_description_and_tags() -> None:
    ref = KIND.ref(cluster_network())
    found = {"metadata": {"labels": {"tag.harvesterhci.io/a": "b", "x": "y"}, "annotations": {"field.cattle.io/description": "d"}}}
    inputs = KIND.observe(ref, None, Snapshot({ref: found}))
    assert (inputs.name, inputs.description, inputs.tags, inputs.labels) == ("office", "d", {"a": "b"}, {})


entries = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)
networks = st.builds(cluster_network, description=st.sampled_from(["", "one", "two"]), tags=entries, labels=entries, annotations=entries)


@given(networks)
def test_what_was_made_shows_no_drift(inputs: ClusterNetworkInputs) -> None:
    seen = snapshot(KIND, inputs, made(KIND, inputs, WRITTEN))
    observed = KIND.observe(KIND.ref(inputs), inputs, seen)
    assert observed == inputs
    assert not KIND.update(observed, inputs, seen).steps


@given(networks, networks)
def test_an_update_brings_any_metadata_to_the_new_inputs_and_keeps_what_others_wrote(
    old: ClusterNetworkInputs, new: ClusterNetworkInputs
) -> None:
    found = made(KIND, old, WRITTEN)
    after: Any = applied(found, KIND.update(old, new, snapshot(KIND, old, found)))
    assert KIND.observe(KIND.ref(new), new, snapshot(KIND, new, after)) == new
    assert after["metadata"]["annotations"]["network.harvesterhci.io/uplink-mtu"] == "1500"
    assert set(after["metadata"].get("labels", {})) == {*new.labels, *(f"tag.harvesterhci.io/{key}" for key in new.tags)}
