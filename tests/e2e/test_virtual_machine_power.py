"""Machines that are not what their run strategy says, and how they are brought back, on a cluster and through the real CLI."""

import pytest
from declared import Estate, StackOf, estate
from target import VM, VMI, Target, eventually


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


def stopped(here: Estate) -> bool:
    return bool(here.object()["status"].get("printableStatus") == "Stopped")


def test_a_machine_that_a_quota_halted_is_reported_and_left_alone_until_it_is_asked_for(here: Estate) -> None:
    here.declare(here.vm()).stack.up()
    mark = {"harvesterhci.io/insufficient-resource-quota": "memory: 2Gi of 1Gi"}
    here.target.patch(VM, "vm", {"metadata": {"annotations": mark}, "spec": {"runStrategy": "Halted"}})
    eventually(lambda: stopped(here))
    here.stack.refresh_shows_no_drift()
    assert "the quota of the namespace is used up: memory: 2Gi of 1Gi" in here.stack.state()
    here.declare(here.vm(restart_trigger="quota raised")).stack.up()
    assert here.object()["status"]["printableStatus"] == "Running"
    assert '"statusReason"' not in here.stack.state()


@pytest.mark.usefixtures("simulated")
def test_a_machine_that_its_guest_shut_down_is_reported_and_started_only_on_request(here: Estate) -> None:
    here.declare(here.vm()).stack.up()
    here.target.patch(VMI, "vm", {"metadata": {"annotations": {"local.harvester/guest": "shutdown"}}})
    eventually(lambda: stopped(here))
    here.stack.refresh_shows_no_drift()
    assert "its guest shut itself down, or somebody stopped it" in here.stack.state()
    here.declare(here.vm(restart_trigger="1"))
    assert "restartTrigger: live (the machine is started)" in here.stack.preview()
    here.stack.up()
    assert here.object()["status"]["printableStatus"] == "Running"
