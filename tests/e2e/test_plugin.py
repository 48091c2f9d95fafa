"""The native plugin through the real CLI: whole examples, stacks that move to it, what only a plugin can, and imports."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import by_hand
import pytest
from declared import Estate, StackOf, estate
from stack import SECONDS, Stack, end_group
from target import VMI, Target

from harvester_provider.resources.registry import KINDS

PLUGIN = {"harvester:frontend": "plugin"}
PLANTED = "#cloud-config\npassword: correct-horse\n"


def test_an_example_moves_to_the_plugin_without_a_restart_and_lives_on_there(target: Target, stack_of: StackOf) -> None:
    stack = stack_of("01-first-vm")
    stack.up()
    name = f"{stack.name}-first"
    boot = target.get(VMI, name)["metadata"]["uid"]
    stack.configure(PLUGIN)
    stack.shows_no_change()
    stack.up()
    assert target.get(VMI, name)["metadata"]["uid"] == boot
    assert "pulumi-python" not in stack.state()
    stack.configure({"memory": "3Gi"})
    stack.up()
    stack.shows_no_change()
    stack.refresh_shows_no_drift()
    stack.destroy()
    assert target.leftovers() == []


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    found = estate(target, stack_of)
    found.stack.configure(PLUGIN)
    return found


def interrupted(stack: Stack, at: str) -> str:
    """The output of an `up` that gets a Ctrl-C once it has printed `at`."""
    process = stack.start("up", "--yes", "--skip-preview")
    output = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line)
            if at in line:
                os.killpg(process.pid, signal.SIGINT)  # as a terminal does
                break
        rest, _ = process.communicate(timeout=SECONDS)
    finally:
        end_group(process)
    assert process.returncode
    return "".join(output) + rest


def test_a_machine_that_never_got_ready_is_kept_and_finished_even_after_a_ctrl_c_in_its_wait(here: Estate) -> None:
    waiting = {"wait_for": "agent", "cloud_init": {"user_data": PLANTED}}  # for an agent that the guest does not have
    failed = here.declare(here.vm(**waiting, timeouts={"create": "10s"})).stack.fails("up", "--yes", "--skip-preview")
    assert "not running with its guest agent after 10 s" in failed
    kept = json.loads(here.stack.state())["deployment"]["resources"][-1]
    assert kept["id"] == f"{here.target.namespace}/vm"
    assert kept["initErrors"]
    assert "correct-horse" not in failed + json.dumps(kept)
    claims = here.target.claims()
    here.declare(here.vm(**waiting))
    assert "cancelled" in interrupted(here.stack, "harvester:index:VirtualMachine vm updating")
    here.declare(here.vm(cloud_init={"user_data": PLANTED})).stack.up()
    assert here.object()["status"]["ready"]
    assert here.target.claims() == claims
    here.stack.shows_no_change()
    here.stack.destroy()
    assert here.target.leftovers() == []


def test_what_was_made_by_hand_is_adopted_and_its_next_preview_is_empty(target: Target, stack_of: StackOf, tmp_path: Path) -> None:
    by_hand.make(target)
    kubeconfig, out = tmp_path / "kubeconfig", tmp_path / "adopted"
    kubeconfig.write_text(target.kubeconfig)
    endpoint = ["--endpoint", target.endpoint] if target.endpoint else []
    command = ["pulumi-harvester", "import", "--out", str(out), "--kubeconfig", str(kubeconfig), "--namespace", target.namespace, *endpoint]
    kinds = [part for kind in by_hand.KINDS for part in ("--kind", kind)]
    subprocess.run([Path(sys.executable).parent / command[0], *command[1:], *kinds], check=True, timeout=SECONDS)
    found = {(entry["type"].rsplit(":", 1)[-1], entry["id"]) for entry in json.loads((out / "import.json").read_text())["resources"]}
    assert found == {(kind, f"{target.namespace}/hand") for kind in by_hand.KINDS}, (out / "left-out.md").read_text()
    assert by_hand.PASSWORD not in (out / "__main__.py").read_text()
    stack = stack_of(out)
    stack.run("config", "set-all", "--json", (out / "secrets.json").read_text())
    stack.run("import", "--file", "import.json", "--yes", "--skip-preview", "--generate-code=false")
    stack.shows_no_change()
    assert by_hand.PASSWORD not in stack.state()


def test_the_cli_reads_the_schema_from_the_installed_plugin(tmp_path: Path) -> None:
    plugin = Path(sys.executable).parent / "pulumi-resource-harvester"
    found = Stack(tmp_path, tmp_path, "none").run("package", "get-schema", str(plugin))
    assert json.loads(found.output)["resources"].keys() == {f"harvester:index:{kind}" for kind in KINDS}
