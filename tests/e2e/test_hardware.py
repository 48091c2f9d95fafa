"""CPUs, memory and placement of a running machine, and a machine with all the hardware that a Windows guest asks for."""

from typing import Any

import pytest
from declared import Estate, StackOf, estate
from target import VMI, Target

ROOM = {"hot_plug": {"max_cpu": 4, "max_memory": "4Gi"}, "memory": "1Gi"}


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


def guest(here: Estate) -> tuple[Any, Any]:
    """CPUs and memory as the running guest has them."""
    status = here.target.get(VMI, "vm")["status"]
    return status["currentCPUTopology"]["sockets"], status["memory"]["guestCurrent"]


def test_cpus_and_memory_are_plugged_in_without_a_restart(here: Estate) -> None:
    here.declare(here.vm(**ROOM)).stack.up()
    boot = here.boot()
    assert guest(here) == (1, "1Gi")
    here.declare(here.vm(**{**ROOM, "cpu": 3, "memory": "2Gi"}))
    preview = here.stack.preview()
    assert "cpu: migrate (CPUs are plugged in, and the guest moves to another node)" in preview
    assert "memory: migrate" in preview
    here.stack.up()
    assert (here.boot(), guest(here)) == (boot, (3, "2Gi"))
    assert not here.wants_restart()
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
    here.declare(here.vm(**{**ROOM, "cpu": 3})).stack.up()
    assert (here.boot(), guest(here)) == (boot, (3, "1Gi"))
    assert not here.wants_restart()
