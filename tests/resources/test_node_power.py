"""Roles and power of hosts: what is asked of the BMC, in which order, and what is refused before."""

from typing import Any

import pytest
from small_kinds import OWNER, reasons

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Object
from harvester_provider.core.plan import Await, Call, Patch
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.resources.node import KIND, NodeInputs
from harvester_provider.resources.node.maintenance import NODES, guests
from harvester_provider.resources.node.power import DEFINITION, REBOOTED_FOR, Acted, inventory

REF = Ref(KIND.api, "node1")
READY = {"type": "Ready", "status": "True"}


def host(**values: Any) -> NodeInputs:
    return NodeInputs.model_validate({"name": "node1", "owner": OWNER, **values})


def node(*, maintenance: bool = False, **labels: str) -> dict[str, Any]:
    notes = {"harvesterhci.io/maintain-status": "completed"} if maintenance else {}
    return {"metadata": {"name": "node1", "labels": labels, "annotations": notes}, "spec": {}, "status": {"conditions": [READY]}}


def bmc(state: str = "on", *, status: str = "inventoryNodeReady", **action: str) -> Object:
    return {"status": {"status": status, "machinePowerState": state, "powerAction": action}}


def seen(found: Object, machine: Object | None, *, addon: bool = True) -> Snapshot:
    other = {"metadata": {"name": "node2"}, "spec": {}}
    there: dict[Ref, Object | None] = {REF: found, inventory("node1"): machine, DEFINITION: {"metadata": {}} if addon else None}
    return Snapshot(there, {guests("node1"): (), NODES: (found, other)})


def calls(plan: Any) -> list[str]:
    asked = [step for step in plan.steps if isinstance(step, Call)]
    return [step.body["operation"] if "powerAction" in step.path else step.path.partition("action=")[2] for step in asked]  # type: ignore[call-overload,index]


def test_a_host_is_emptied_before_it_is_switched_off() -> None:
    plan = KIND.update(host(), host(maintenance=True, power="off"), seen(node(), bmc()))
    assert calls(plan) == ["enableMaintenanceMode", "shutdown"]
    assert isinstance(plan.steps[-1], Await)


def test_a_host_is_switched_on_before_it_is_taken_back_into_use() -> None:
    plan = KIND.update(host(maintenance=True, power="off"), host(power="on"), seen(node(maintenance=True), bmc("off")))
    assert calls(plan) == ["poweron", "disableMaintenanceMode"]


def test_a_delete_switches_a_host_on_that_was_declared_off() -> None:
    plan = KIND.delete(host(maintenance=True, power="off"), seen(node(maintenance=True), bmc("off")))
    assert calls(plan) == ["poweron", "disableMaintenanceMode"]


def test_a_reboot_is_done_once() -> None:
    old, new = host(maintenance=True), host(maintenance=True, reboot_trigger="firmware 2")
    plan = KIND.update(old, new, seen(node(maintenance=True), bmc()))
    assert calls(plan) == ["reboot"]
    note = plan.steps[-1]
    assert isinstance(note, Patch)
    done = node(maintenance=True)
    done["metadata"]["annotations"] |= note.body["metadata"]["annotations"]  # type: ignore[call-overload,index]
    assert REBOOTED_FOR in done["metadata"]["annotations"]
    assert calls(KIND.update(old, new, seen(done, bmc()))) == []


def test_what_is_so_already_asks_nothing() -> None:
    assert calls(KIND.update(host(), host(power="on"), seen(node(), bmc()))) == []


@pytest.mark.parametrize(
    ("look", "why"),
    [
        (seen(node(maintenance=True), None, addon=False), "the addon harvester-seeder is not enabled"),
        (seen(node(maintenance=True), None), "write down there how the BMC of the host is reached"),
        (seen(node(maintenance=True), bmc(status="")), "is not ready: the addon has not seen it yet"),
    ],
)
def test_what_nobody_could_ask_the_bmc_for_is_refused_at_preview(look: Snapshot, why: str) -> None:
    (change,) = KIND.update(host(maintenance=True), host(maintenance=True, power="off"), look).refused
    assert why in change.why


def test_a_host_is_switched_off_or_rebooted_in_maintenance_only() -> None:
    assert set(reasons(KIND, host(power="off"))) == {"power"}
    (change,) = KIND.update(host(), host(reboot_trigger="1"), seen(node(), bmc())).refused
    assert "in maintenance only" in change.why


def test_an_action_is_done_when_its_own_job_is_and_the_host_is_as_asked_for() -> None:
    judge = Acted(REF, "shutdown", before="old")
    assert isinstance(judge(seen(node(), bmc("off", lastJobName="old", actionStatus="complete"))), Waiting)
    assert isinstance(judge(seen(node(), bmc("on", lastJobName="new", actionStatus="complete"))), Waiting)
    assert judge(seen(node(), bmc("off", lastJobName="new", actionStatus="complete"))) == Ready()
    assert isinstance(judge(seen(node(), bmc("on", lastJobName="new", actionStatus="failed"))), Failed)


def test_a_role_is_harvesters_label_and_the_control_plane_is_not_taken_away() -> None:
    plan = KIND.update(host(), host(role="witness"), seen(node(), None))
    assert any(
        isinstance(step, Patch) and step.body["metadata"]["labels"] == {"node-role.harvesterhci.io/witness": "true"}  # type: ignore[call-overload,index]
        for step in plan.steps
    )
    manager = node(**{"node-role.kubernetes.io/control-plane": "true"})
    (change,) = KIND.update(host(), host(role="worker"), seen(manager, None)).refused
    assert change.effect is Effect.REFUSED
    assert "taken out and installed again" in change.why
