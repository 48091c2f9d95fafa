"""The provider, or all of Pulumi, is killed at each writing request in turn: the next plain command ends in the declared state."""

import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psutil
import pytest
from declared import Entry, Estate, StackOf, declared, disk, estate
from gate import Gate, When
from images import qcow2
from stack import SECONDS, Stack, end_group
from target import IMAGE, VM, Target

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBjYvZz0R7uJaJcbpJnsgD7rSn9o5RMNcPfCnK4y81/k somebody@example.org"

STATE_BYTES = 8192
"""Less than the state of the program takes."""
MOMENTS: tuple[When, ...] = ("before", "after")


@pytest.fixture
def gate(target: Target) -> Iterator[Gate]:
    with Gate(target).open() as gate:
        yield gate


@pytest.fixture
def here(target: Target, gate: Gate, stack_of: StackOf) -> Estate:
    found = estate(target, stack_of)
    found.stack.configure({"harvester:kubeconfig": gate.kubeconfig})
    return found


UP = ("up", "--yes", "--skip-preview", "--suppress-progress")
DESTROY = ("destroy", "--yes", "--skip-preview", "--suppress-progress")


def provider_dies(command: "subprocess.Popen[str]") -> None:
    """Kill the host of the dynamic provider that the command started."""
    below = psutil.Process(command.pid).children(recursive=True)
    (provider,) = [child for child in below if "pulumi.dynamic" in child.cmdline()]
    provider.kill()


def everything_dies(command: "subprocess.Popen[str]") -> None:
    """Kill the command and all that it started."""
    found = psutil.Process(command.pid)
    for process in (found, *found.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # children end with what started them
            process.kill()


def ctrl_c(command: "subprocess.Popen[str]") -> None:
    """Press it twice, as somebody does who does not want to wait: to all of the terminal's processes."""
    for _ in range(2):
        os.killpg(command.pid, signal.SIGINT)


def interrupted(
    stack: Stack, gate: Gate, number: int, when: When, *command: str, kill: Callable[["subprocess.Popen[str]"], None] = provider_dies
) -> str:
    """Run a command, and kill at its `number`-th write. Returns that request; nothing where the command ended before so many."""
    with ThreadPoolExecutor(1) as pool, gate.holding(number, when) as hold:
        process = stack.start(*command)
        try:
            end = pool.submit(process.communicate, timeout=SECONDS)
            wait((end, hold.reached), SECONDS, FIRST_COMPLETED)
            if hold.reached.done():
                kill(process)
            output, _ = end.result(SECONDS)
        finally:
            end_group(process)
    assert bool(process.returncode) == hold.reached.done(), output
    return hold.reached.result() if hold.reached.done() else ""


@contextmanager
def at(request: str, number: int, when: When) -> Iterator[None]:
    """Say in a failure where the interruption was."""
    try:
        yield
    except Exception as error:
        error.add_note(f"interrupted {when} write {number}: {request or '(none)'}")
        raise


def whole(here: Estate) -> list[Entry]:
    """A machine with all that a create writes: image, key, cloud-init, two disks."""
    disks = [disk("root", image={"$of": "image.id"}, on_delete="delete"), disk("data", on_delete="delete")]
    key = declared("SshKey", "key", public_key=KEY)
    machine = here.vm(disks=disks, ssh_keys=[{"$of": "key.id"}], cloud_init={"user_data": "#cloud-config\npackages: [git]\n"})
    return [here.image(), key, machine]


def assert_complete(here: Estate) -> None:
    """Exactly what `whole` declares, and the machine runs."""
    assert here.object()["status"]["ready"]
    claims = [f"pvc/{claim}" for claim in sorted(here.claims().values())]
    assert len(claims) == 2
    (secret,) = here.target.secrets()
    assert sorted(here.target.leftovers()) == sorted([
        "virtualmachines/vm", "virtualmachineinstances/vm", "virtualmachineimages/image", "keypairs/key", *claims, f"secret/{secret}",
    ])  # fmt: skip


@pytest.mark.parametrize("when", MOMENTS)
def test_a_create_and_a_destroy_that_are_cut_off_at_any_write_are_finished_by_the_next_run(here: Estate, gate: Gate, when: When) -> None:
    here.declare(*whole(here))
    for number in count(1):
        made = interrupted(here.stack, gate, number, when, *UP)
        with at(made, number, when):
            if made:
                here.stack.up()
            assert_complete(here)
        removed = interrupted(here.stack, gate, number, when, *DESTROY)
        with at(removed, number, when):
            if removed:
                here.stack.destroy()
            assert here.target.leftovers() == []
        if not made and not removed:
            break
    assert number > 4, "an image, a key, a machine and its Secret are at least four writes"


@pytest.mark.usefixtures("simulated")
@pytest.mark.parametrize(("number", "when"), [(2, "before"), (2, "after")])
def test_an_upload_whose_provider_is_killed_is_finished_by_the_next_run(
    here: Estate, gate: Gate, tmp_path: Path, number: int, when: When
) -> None:
    """Killed while it sends the file, which is sent anew to a new image; and when all of it has come, which is never sent twice."""
    file = tmp_path / "tiny.qcow2"
    file.write_bytes(qcow2())
    here.declare(declared("Image", "image", source_type="upload", file=str(file))).stack.configure({"harvester:endpoint": gate.url})
    cut = interrupted(here.stack, gate, number, when, *UP)
    assert cut == f"POST /v1/harvester/harvesterhci.io.virtualmachineimages/{here.target.namespace}/image"
    before = here.target.get(IMAGE, "image")["metadata"]["uid"]
    here.stack.up()
    found = here.target.get(IMAGE, "image")
    assert (found["status"]["progress"], found["status"]["size"]) == (100, len(qcow2()))
    assert (found["metadata"]["uid"] == before) == (when == "after")
    here.stack.shows_no_change()
    here.stack.destroy()
    assert here.target.leftovers() == []


def rewired(here: Estate, network: str) -> list[Entry]:
    nics = [{"name": "first", "mac_address": "52:54:00:aa:00:01"}, {"name": "second", "network": {"$of": f"{network}.id"}}]
    networks = [declared("VlanNetwork", name, cluster_network="mgmt", vlan_id=vlan) for name, vlan in (("red", 11), ("blue", 12))]
    return [*networks, here.vm(run_strategy="Always", network_interfaces=nics)]


@pytest.mark.parametrize("when", MOMENTS)
def test_a_nic_change_that_is_cut_off_at_any_write_ends_with_the_machine_running_as_it_was_powered(
    here: Estate, gate: Gate, when: When
) -> None:
    here.declare(*rewired(here, "red")).stack.up()
    macs, claims = here.macs(), here.claims()
    for number in count(1):
        network = "blue" if number % 2 else "red"
        cut = interrupted(here.declare(*rewired(here, network)).stack, gate, number, when, *UP)
        with at(cut, number, when):
            if cut:
                here.stack.up()
            found = here.object()
            assert found["status"]["ready"]
            assert found["spec"]["runStrategy"] == "Always"
            assert found["spec"]["template"]["spec"]["networks"][1]["multus"]["networkName"].endswith(f"/{network}")
            assert (here.macs(), here.claims()) == (macs, claims)
            assert here.target.names(VM) == ["vm"]
            assert sorted(claims.values()) == here.target.claims()
        if not cut:
            break
    assert number > 3, "stop, modify and start are three writes"
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()


def test_after_all_of_pulumi_was_killed_cancel_and_up_end_in_the_declared_state(here: Estate, gate: Gate) -> None:
    here.declare(*whole(here))
    assert interrupted(here.stack, gate, 3, "after", *UP, kill=everything_dies)
    assert "locked" in here.stack.fails(*UP)
    here.stack.run("cancel", "--yes")
    here.stack.up()
    assert_complete(here)
    here.stack.shows_no_change()


def test_after_ctrl_c_the_next_up_ends_in_the_declared_state(here: Estate, gate: Gate) -> None:
    here.declare(*whole(here))
    assert interrupted(here.stack, gate, 3, "after", *UP, kill=ctrl_c)
    here.stack.run("cancel", "--yes", check=False)  # where the second one left the lock
    here.stack.up()
    assert_complete(here)
    here.stack.shows_no_change()


def test_a_disk_that_is_full_under_the_state_loses_nothing_that_was_made(here: Estate) -> None:
    """A limit on the size of files is the same to the CLI: a write fails in the middle of the run, and the state is lost altogether.

    A stack of the same name finds its objects again by their marks.
    """
    process = here.declare(*whole(here)).stack.start(*UP)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (STATE_BYTES, STATE_BYTES))
    try:
        output, _ = process.communicate(timeout=SECONDS)
    finally:
        end_group(process)
    assert process.returncode
    assert "file too large" in output
    for left in (here.stack.home / "state").rglob(f"{here.stack.name}.json*"):
        left.unlink()  # Pulumi leaves half a file, of which its backup is a copy
    here.stack.run("stack", "init", here.stack.name)
    here.stack.up()
    assert_complete(here)
    here.stack.shows_no_change()
