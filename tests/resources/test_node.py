"""Nodes: what is declared is set and put back, and what maintenance does to machines is told before it is done."""

import json
from typing import Any

import pytest
from fake_cluster import merged
from hypothesis import given
from hypothesis import strategies as st
from small_kinds import OWNER, reasons, with_unknowns

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Object
from harvester_provider.core.plan import Await, Call, Patch, Plan
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.resources.node import KIND, NodeInputs
from harvester_provider.resources.node.maintenance import NODES, Empty, guests
from harvester_provider.resources.node.parts import disk_ref

REF = Ref(KIND.api, "node1")


def host(**values: Any) -> NodeInputs:
    return NodeInputs.model_validate({"name": "node1", "owner": OWNER, **values})


def node(name: str = "node1", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"zone": "a"}, "annotations": {"theirs": "x"}}, "spec": spec, "status": {"conditions": []}}


def machine(name: str, *, migratable: bool = True, strategy: str = "") -> Object:
    state = {"type": "LiveMigratable", "status": str(migratable), "message": "" if migratable else "its disk is local"}
    labels = {"harvesterhci.io/maintain-mode-strategy": strategy} if strategy else {}
    meta = {"name": name, "namespace": "default", "labels": labels}
    return {"metadata": meta, "status": {"nodeName": "node1", "phase": "Running", "conditions": [state]}}


def seen(found: Object, *machines: Object, others: int = 1) -> Snapshot:
    nodes = (found, *(node(f"other{number}") for number in range(others)))
    return Snapshot({REF: found}, {guests("node1"): machines, NODES: nodes})


def after(found: Object, plan: Plan) -> dict[str, Any]:
    """The node after the plan's patches of it; JSON patches of its taints included."""
    out = dict(found)
    for step in plan.steps:
        if not isinstance(step, Patch) or step.ref != REF:
            continue
        if isinstance(step.body, list):
            out = merged(out, {"spec": {"taints": [dict(taint) for taint in step.body[-1]["value"]]}})
        else:
            out = merged(out, step.body)
    return out


def test_labels_taints_and_cordon_are_set_and_those_of_others_stay() -> None:
    found = node(taints=[{"key": "theirs", "effect": "NoSchedule"}])
    new = host(labels={"rack": "r1"}, taints=[{"key": "mine", "value": "v"}], cordoned=True)
    changed = after(found, KIND.update(host(), new, seen(found)))
    assert changed["metadata"]["labels"] == {"zone": "a", "rack": "r1"}
    assert changed["spec"]["unschedulable"] is True
    assert {"key": "theirs", "effect": "NoSchedule"} in changed["spec"]["taints"]
    assert {"key": "mine", "value": "v", "effect": "NoSchedule"} in changed["spec"]["taints"]


entries = st.dictionaries(st.sampled_from(["zone", "rack", "row"]), st.sampled_from("12"), max_size=3)
taints = st.lists(
    st.fixed_dictionaries({"key": st.sampled_from("ab"), "value": st.sampled_from(["", "v"])}), unique_by=lambda t: t["key"], max_size=2
)
hosts = st.builds(
    host, labels=entries, annotations=entries, taints=taints, cordoned=st.none() | st.booleans(), description=st.sampled_from(["", "d"])
)


@given(hosts, hosts)
def test_whatever_is_declared_one_after_the_other_a_delete_puts_the_node_back(first: NodeInputs, second: NodeInputs) -> None:
    found = node(taints=[{"key": "a", "value": "old", "effect": "NoSchedule"}])
    one = after(found, KIND.update(host(), first, seen(found)))
    two = after(one, KIND.update(first, second, seen(one)))
    back = after(two, KIND.delete(second, seen(two)))
    assert back["metadata"] == found["metadata"]
    assert back["spec"]["taints"] == found["spec"]["taints"]
    assert not back["spec"].get("unschedulable")


@given(hosts)
def test_what_was_set_shows_no_drift(inputs: NodeInputs) -> None:
    found = node()
    set_ = after(found, KIND.update(host(), inputs, seen(found)))
    assert KIND.observe(REF, inputs, seen(set_)) == inputs
    assert not KIND.update(inputs, inputs, seen(set_)).steps


def test_a_disk_is_given_to_the_storage_and_taken_back() -> None:
    found, disk = node(), {"spec": {"devPath": "/dev/sdb"}}
    new = host(disks=[{"name": "d", "tags": ["fast"], "force_format": True}])
    before = Snapshot({REF: found, disk_ref("d"): disk})
    plan = KIND.update(host(), new, before)
    (patch,) = [step for step in plan.steps if isinstance(step, Patch) and step.ref == disk_ref("d")]
    assert patch.body == {"spec": {"provision": True, "tags": ["fast"], "fileSystem": {"forceFormatted": True}}}
    now = Snapshot({REF: after(found, plan), disk_ref("d"): merged(disk, patch.body)})
    (back,) = [step for step in KIND.delete(new, now).steps if isinstance(step, Patch) and step.ref == disk_ref("d")]
    assert back.body == {"spec": {"provision": False, "tags": []}}


def test_the_cpu_manager_is_switched_waited_for_and_switched_back() -> None:
    found = merged(node(), {"metadata": {"labels": {"cpumanager": "false"}}})
    patch, wait = (
        step
        for step in KIND.update(host(), host(cpu_manager=True), seen(found)).steps
        if "CPU manager" in step.says or isinstance(step, Await)
    )
    assert isinstance(patch, Patch)
    assert json.loads(patch.body["metadata"]["annotations"]["harvesterhci.io/cpu-manager-update-status"])["policy"] == "static"  # type: ignore[call-overload]
    assert isinstance(wait, Await)
    assert isinstance(wait.judge(seen(found)), Waiting)
    noted = after(found, KIND.update(host(), host(cpu_manager=True), seen(found)))
    on = merged(noted, {"metadata": {"labels": {"cpumanager": "true"}}})
    assert isinstance(wait.judge(seen(on)), Ready)
    back, *_ = KIND.delete(host(cpu_manager=True), seen(on)).steps
    assert back.says == "switch the CPU manager of Node node1 off"
    failed = merged(found, {"metadata": {"annotations": {"harvesterhci.io/cpu-manager-update-status": '{"status":"failed"}'}}})
    assert isinstance(wait.judge(seen(failed)), Failed)


def test_maintenance_says_what_happens_to_each_machine() -> None:
    found = node()
    plan = KIND.update(
        host(), host(maintenance=True), seen(found, machine("web"), machine("db", strategy="ShutdownAndRestartAfterDisable"))
    )
    assert plan.notes == (
        "machine default/db is shut down, and started again when the maintenance ends",
        "machine default/web moves to another node while it runs",
    )
    assert plan.effect is Effect.RESTART
    *_, call, wait = plan.steps
    assert isinstance(call, Call)
    assert call.body == {"force": "false"}
    assert isinstance(wait, Await)


def test_a_machine_that_cannot_move_refuses_the_maintenance_unless_it_may_be_stopped() -> None:
    found = node()
    looked = seen(found, machine("pinned", migratable=False))
    (refused,) = KIND.update(host(), host(maintenance=True), looked).refused
    assert "default/pinned (its disk is local)" in refused.why
    assert "stopUnmovable=True" in refused.why
    allowed = KIND.update(host(), host(maintenance=True, stop_unmovable=True), looked)
    assert allowed.notes == ("machine default/pinned cannot move (its disk is local): it is switched off and stays off",)
    assert not allowed.refused


def test_the_last_node_that_takes_machines_cannot_become_empty() -> None:
    found = node()
    (refused,) = KIND.update(host(), host(maintenance=True), seen(found, others=0)).refused
    assert "the last node" in refused.why


def test_the_end_of_maintenance_comes_before_other_changes() -> None:
    found = merged(node(), {"metadata": {"annotations": {"harvesterhci.io/maintain-status": "completed"}}})
    first, second, *_ = KIND.update(host(maintenance=True), host(labels={"a": "b"}), seen(found)).steps
    assert isinstance(first, Call)
    assert "disableMaintenanceMode" in first.path
    assert isinstance(second, Await)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (merged(node(), {"metadata": {"annotations": {"harvesterhci.io/maintain-status": "completed"}}}), Ready),
        ({**node(), "status": {"conditions": [{"type": "MaintenanceMode", "status": "True", "reason": "Completed"}]}}, Ready),
        ({**node(), "status": {"conditions": [{"type": "MaintenanceMode", "status": "True", "reason": "Evacuating"}]}}, Waiting),
        (
            {**node(), "status": {"conditions": [{"type": "MaintenanceMode", "status": "False", "reason": "Error", "message": "no"}]}},
            Failed,
        ),
        (node(), Waiting),
    ],
)
def test_both_ways_in_which_releases_say_that_a_node_is_empty_are_read(found: Object, kind: type) -> None:
    assert isinstance(Empty(REF)(seen(found)), kind)


def test_a_taint_twice_and_a_cordon_beside_maintenance_are_refused() -> None:
    broken = host(taints=[{"key": "a"}, {"key": "a", "value": "b"}], maintenance=True, cordoned=True)
    assert set(reasons(KIND, broken)) == {"taints", "cordoned"}


def test_values_that_are_not_known_yet_break_no_rule() -> None:
    for inputs in with_unknowns({"name": "node1"}, NodeInputs):
        assert not KIND.check(inputs)


def test_a_node_is_never_removed() -> None:
    assert not [step for step in KIND.delete(host(), seen(node())).steps if not isinstance(step, Patch)]
