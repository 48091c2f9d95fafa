"""Machines that are not what their run strategy says, and how they are brought back, on a cluster and through the real CLI."""

import pytest
from declared import Estate, StackOf, disk, estate
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


def test_machines_of_one_group_are_changed_one_after_the_other(here: Estate) -> None:
    web = {"disruption_group": "web"}
    here.declare(here.vm("one", **web), here.vm("two", **web)).stack.up()
    boots = {name: here.boot(name) for name in ("one", "two")}
    here.declare(here.vm("one", **web, hostname="a"), here.vm("two", **web, hostname="b"))
    assert "one of disruption group web: at most 1 of it is down at a time" in here.stack.preview()
    here.stack.up()
    assert all(here.boot(name) != boot for name, boot in boots.items())
    first, second = sorted(phases(here, name) for name in ("one", "two"))
    assert first[0] <= second[1], "the second one was stopped only when the first one ran again"


def phases(here: Estate, name: str) -> tuple[str, str]:
    """When the guest came to run, and when it was made."""
    times = {
        each["phase"]: str(each["phaseTransitionTimestamp"]) for each in here.target.get(VMI, name)["status"]["phaseTransitionTimestamps"]
    }
    return times["Running"], times["Pending"]


@pytest.mark.usefixtures("simulated")
def test_a_guest_is_paused_rebooted_softly_and_let_go_on_without_a_restart(here: Estate) -> None:
    here.declare(here.vm(paused=True)).stack.up()
    eventually(lambda: here.object()["status"]["printableStatus"] == "Paused")  # KubeVirt says it of the guest first, then of the machine
    boot = here.boot()
    here.stack.refresh_shows_no_drift()
    here.declare(here.vm(restart_trigger="1", restart_mode="soft"))
    preview = here.stack.preview()
    assert "paused: live" in preview
    assert "restartTrigger: live (the guest is asked to reboot itself" in preview
    here.stack.up()
    eventually(lambda: here.object()["status"]["printableStatus"] == "Running")
    assert here.boot() == boot


def test_a_guest_moves_to_the_named_node(here: Estate) -> None:
    disks = [disk("root", on_delete="delete", access_mode="ReadWriteMany")]
    here.declare(here.vm(disks=disks)).stack.up()
    boot, before = here.boot(), here.target.get(VMI, "vm")["status"]["nodeName"]
    nodes = sorted(node.metadata.name for node in here.target.core.list_node().items)
    other = next(name for name in nodes if name != before)
    here.declare(here.vm(disks=disks, migrate_to=other)).stack.up()
    assert here.target.get(VMI, "vm")["status"]["nodeName"] == other
    assert here.boot() == boot
    here.stack.refresh_shows_no_drift()
