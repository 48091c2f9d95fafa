"""Update policy and restarts on purpose, on a cluster and through the real CLI."""

import pytest
from declared import Estate, StackOf, estate
from target import Target


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


def test_with_the_policy_live_a_stop_is_refused_at_preview(here: Estate) -> None:
    here.declare(here.vm(update_policy="live")).stack.up()
    here.declare(here.vm(update_policy="live", hostname="shop"))
    assert "updatePolicy is live" in here.stack.fails("preview")


def test_a_deferred_change_leaves_the_guest_running_and_a_restart_trigger_brings_it(here: Estate) -> None:
    here.declare(here.vm(update_policy="defer")).stack.up()
    boot = here.boot()
    here.declare(here.vm(update_policy="defer", hostname="shop"))
    assert "is left running" in here.stack.preview()
    here.stack.up()
    assert here.boot() == boot
    assert here.object()["spec"]["template"]["spec"]["hostname"] == "shop"
    assert '"restartRequired": true' in here.stack.state()
    here.stack.refresh_shows_no_drift()
    here.declare(here.vm(update_policy="defer", hostname="shop", restart_trigger="1"))
    assert "restartTrigger: restart" in here.stack.preview()
    here.stack.up()
    assert here.boot() != boot
    assert '"restartRequired": true' not in here.stack.state()
    here.stack.shows_no_change()
