"""The native plugin through the real CLI: stacks that move to it, what only a plugin can, and imports.

Examples go through it in `test_examples`.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import by_hand
from declared import StackOf, estate
from stack import SECONDS, Stack, end_group
from target import VMI, Target, eventually

from harvester_provider.resources.registry import KINDS

PLUGIN = {"harvester:frontend": "plugin"}


def test_a_stack_moves_to_the_plugin_without_a_restart(target: Target, stack_of: StackOf) -> None:
    stack = stack_of("01-first-vm")
    stack.up()
    name = f"{stack.name}-first"
    boot = target.get(VMI, name)["metadata"]["uid"]
    stack.configure(PLUGIN)
    stack.shows_no_change()
    stack.up()
    assert target.get(VMI, name)["metadata"]["uid"] == boot
    assert "pulumi-python" not in stack.state()
    stack.destroy()
    assert target.leftovers() == []


def test_ctrl_c_ends_a_wait_at_once_keeps_what_was_made_and_the_next_up_goes_on(simulated: Target, stack_of: StackOf) -> None:
    here = estate(simulated, stack_of)
    here.stack.configure(PLUGIN)
    silent = here.vm(wait_for="address", annotations={"local.harvester/fault": "no-address"})
    process = here.declare(silent).stack.start("up", "--yes", "--skip-preview")
    try:
        eventually(lambda: simulated.names(VMI) == ["vm"] and simulated.get(VMI, "vm").get("status", {}).get("phase") == "Running")
        boot = here.boot()
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does
        output, _ = process.communicate(timeout=60)  # the wait itself would take ten minutes
    finally:
        end_group(process)
    assert process.returncode
    assert "cancelled before it was finished: the next `pulumi up` goes on from here" in output
    (machine,) = [entry for entry in json.loads(here.stack.state())["deployment"]["resources"] if entry["type"].endswith(":VirtualMachine")]
    assert machine["id"] == f"{simulated.namespace}/vm"
    assert "cancelled" in machine["initErrors"][0]
    simulated.patch(VMI, "vm", {"metadata": {"annotations": {"local.harvester/fault": None}}})
    here.declare(here.vm(wait_for="address")).stack.up()
    assert here.boot() == boot
    here.stack.shows_no_change()
    here.stack.destroy()
    assert simulated.leftovers() == []


def test_what_was_made_by_hand_is_adopted_and_its_next_preview_is_empty(target: Target, stack_of: StackOf, tmp_path: Path) -> None:
    """With the program, the import file and the report that `pulumi-harvester import` writes."""
    kubeconfig, out = tmp_path / "kubeconfig", tmp_path / "adopted"
    kubeconfig.write_text(target.kubeconfig)
    endpoint = ["--endpoint", target.endpoint] if target.endpoint else []
    command = ["pulumi-harvester", "import", "--out", str(out), "--kubeconfig", str(kubeconfig), "--namespace", target.namespace, *endpoint]
    with by_hand.made(target) as ids:
        kinds = [part for kind in ids for part in ("--kind", kind)]
        subprocess.run([Path(sys.executable).parent / command[0], *command[1:], *kinds], check=True, timeout=SECONDS)
        imports, report = json.loads((out / "import.json").read_text())["resources"], (out / "left-out.md").read_text()
        found = {(entry["type"].rsplit(":", 1)[-1], entry["id"]) for entry in imports}
        assert found >= set(ids.items()), report
        assert {kind for kind, identity in found if identity.startswith(target.namespace)} <= ids.keys()
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
