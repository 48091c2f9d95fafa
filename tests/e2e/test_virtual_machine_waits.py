"""What the provider decides for all machines, and what a create waits for, on a cluster and through the real CLI."""

import pytest
from declared import Estate, StackOf, estate
from target import VM, Target


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


def test_the_providers_policy_holds_for_a_machine_that_waits_for_its_cloud_init(here: Estate) -> None:
    here.stack.configure({"harvester:updatePolicy": "defer", "harvester:stopDeadline": "5m"})
    first = {"wait_for": "cloud-init", "cloud_init": {"user_data": "#cloud-config\npackages: [qemu-guest-agent]\n"}}
    here.declare(here.vm(**first)).stack.up()
    ready = [each for each in here.object()["status"]["conditions"] if each["type"] == "Ready"]
    assert ready[0]["status"] == "True"
    boot = here.boot()
    here.declare(here.vm(**first, hostname="shop")).stack.up()
    assert here.boot() == boot
    assert here.object()["spec"]["template"]["spec"]["hostname"] == "shop"
    state = here.stack.state()
    assert '"updatePolicy": "defer"' in state
    assert '"deadline": "5m"' in state
    assert '"pendingChanges"' in state
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()


def test_a_machine_that_cannot_start_says_why_and_what_to_do_without_waiting_for_the_deadline(here: Estate) -> None:
    here.declare(here.vm(node_selector={"no-such-label": "here"}))
    output = here.stack.fails("up", "--yes", "--skip-preview")
    assert "no node takes it" in output
    assert "Next: lower cpu or memory" in output
    here.declare(here.vm()).stack.up()
    assert here.object()["status"]["printableStatus"] == "Running"
    assert here.target.names(VM) == ["vm"]
