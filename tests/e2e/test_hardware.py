"""CPUs, memory and placement of a running machine, and a machine with all the hardware that a Windows guest asks for."""

from typing import Any

import pytest
from declared import Estate, StackOf, estate
from target import VMI, Target, eventually

ROOM = {"hot_plug": {"max_cpu": 4, "max_memory": "4Gi"}, "memory": "1Gi"}
PLACED = {
    "node_affinity": [
        {"match": [{"key": "kubernetes.io/os", "values": ["linux"]}]},
        {"match": [{"key": "fast", "operator": "Exists"}], "weight": 9},
    ],
    "vm_anti_affinity": [{"match_labels": {"app": "shop"}, "weight": 50}],
    "tolerations": [{"key": "rack", "operator": "Exists", "effect": "NoSchedule"}],
}
WINDOWS = {
    "cpu": 2,
    "memory": "2Gi",
    "efi": True,
    "secure_boot": True,
    "tpm": True,
    "cpu_model": "host-passthrough",
    "cpu_pinning": True,
    "reserved_memory": "256Mi",
    "hyperv": ["relaxed", "vapic", "spinlocks", "vpindex", "synic", "synictimer", "frequencies"],
    "clock": {"timezone": "Europe/Berlin", "timers": {"hpet": False, "pit": "delay", "rtc": "catchup", "hyperv": True}},
    "tablet": "usb",
    "sound": "ich9",
    "watchdog": "reset",
    "rng": True,
    "sysprep": {"secret_name": "answers"},
    "maintenance_mode_strategy": "ShutdownAndRestartAfterDisable",
}


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


def guest(here: Estate) -> tuple[Any, Any]:
    """CPUs and memory as the running guest has them."""
    status = here.target.get(VMI, "vm")["status"]
    return status["currentCPUTopology"]["sockets"], status["memory"]["guestCurrent"]


def test_cpus_memory_and_placement_change_without_a_restart(here: Estate) -> None:
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
    here.declare(here.vm(**{**ROOM, **PLACED, "cpu": 3, "memory": "2Gi"}))
    preview = here.stack.preview()
    assert all(f"{name}: live" in preview for name in ("nodeAffinity", "vmAntiAffinity", "tolerations"))
    here.stack.up()
    assert (here.boot(), guest(here)) == (boot, (3, "2Gi"))
    tolerations = [{"key": "rack", "operator": "Exists", "effect": "NoSchedule"}]
    eventually(lambda: here.target.get(VMI, "vm")["spec"].get("tolerations") == tolerations)
    assert not here.wants_restart()
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()


def test_plugged_memory_goes_back_without_a_restart(here: Estate) -> None:
    here.declare(here.vm(**ROOM)).stack.up()
    boot = here.boot()
    here.declare(here.vm(**{**ROOM, "memory": "2Gi"})).stack.up()
    here.declare(here.vm(**ROOM)).stack.up()
    assert (here.boot(), guest(here)) == (boot, (1, "1Gi"))
    assert not here.wants_restart()


def test_a_machine_for_windows_has_all_that_is_declared(here: Estate) -> None:
    secret = {"metadata": {"name": "answers"}, "stringData": {"autounattend.xml": "<unattend/>"}}
    here.target.core.create_namespaced_secret(here.target.namespace, secret)
    here.declare(here.vm(**WINDOWS)).stack.up()
    spec = here.target.get(VMI, "vm")["spec"]
    assert spec["domain"]["features"]["hyperv"]["spinlocks"] == {"enabled": True, "spinlocks": 8191}
    assert spec["domain"]["clock"]["timezone"] == "Europe/Berlin"
    assert spec["domain"]["memory"]["guest"] == "1792Mi"
    assert {"name": "sysprep", "sysprep": {"secret": {"name": "answers"}}} in spec["volumes"]
    here.stack.refresh_shows_no_drift()
    boot = here.boot()
    installed = {name: value for name, value in WINDOWS.items() if name not in ("sysprep", "cpu_pinning")}
    here.declare(here.vm(**installed, persistent_tpm=True))
    preview = here.stack.preview()
    assert all(f"{name}: stop-modify-start" in preview for name in ("sysprep", "cpuPinning", "persistentTpm"))
    here.stack.up()
    assert here.boot() != boot
    assert not here.wants_restart()
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
