"""The native plugin through the real CLI: stacks that move to it, and what only a plugin can.

Examples go through it in `test_examples`, imports in `test_imports`.
"""

import json
import os
import re
import signal
import sys
from pathlib import Path

from declared import StackOf, declared, estate
from stack import Stack, end_group
from target import VM, VMI, Target, eventually

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


def test_names_patience_and_secrets_are_the_engines_and_a_create_that_ends_half_way_is_finished(
    simulated: Target, stack_of: StackOf
) -> None:
    """With values inside of objects that are not known at preview."""
    here, planted = estate(simulated, stack_of), "correct-horse-battery-staple"
    here.stack.configure(PLUGIN)
    here.stack.run("config", "set", "--path", "pulumi:autonaming.pattern", "${name}-${hex(4)}")
    data = declared("CloudInit", "data", user_data={"$secret": f"#cloud-config\npassword: {planted}\n"})
    inputs = {"cloud_init": {"secret_name": {"$of": "data.id"}}, "tags": {"code": {"$secret": planted}, "data": {"$of": "data.uid"}}}
    silent = {**here.vm(wait_for="address", annotations={"local.harvester/fault": "no-address"}, **inputs), "create": "4s"}
    seen = [here.declare(data, silent).stack.preview()]
    seen.append(here.stack.fails("up", "--yes", "--skip-preview", "--suppress-progress"))
    assert "after 4 s" in seen[-1]  # the engine's patience, not the ten minutes of the provider
    (name,) = simulated.names(VM)
    assert re.fullmatch(r"vm-[0-9a-f]{4}", name)
    (secret,) = simulated.secrets()
    assert re.fullmatch(r"data-[0-9a-f]{4}", secret)
    uid = simulated.core.read_namespaced_secret(secret, simulated.namespace).metadata.uid
    assert simulated.get(VM, name)["metadata"]["labels"]["tag.harvesterhci.io/data"] == uid
    seen.append(here.stack.state())
    (machine,) = [entry for entry in json.loads(seen[-1])["deployment"]["resources"] if entry["type"].endswith(":VirtualMachine")]
    assert (machine["id"], len(machine["initErrors"])) == (f"{simulated.namespace}/{name}", 1)
    eventually(lambda: simulated.names(VMI) == [name] and simulated.get(VMI, name).get("status", {}).get("phase") == "Running")
    boot = here.boot(name)
    simulated.patch(VMI, name, {"metadata": {"annotations": {"local.harvester/fault": None}}})
    seen.append(here.declare(data, here.vm(wait_for="address", **inputs)).stack.up())
    assert here.boot(name) == boot
    assert not [output for output in seen if planted in output]
    seen.append(here.stack.destroy())
    assert simulated.leftovers() == []


def test_the_cli_reads_the_schema_from_the_installed_plugin(tmp_path: Path) -> None:
    plugin = Path(sys.executable).parent / "pulumi-resource-harvester"
    found = Stack(tmp_path, tmp_path, "none").run("package", "get-schema", str(plugin))
    assert json.loads(found.output)["resources"].keys() == {f"harvester:index:{kind}" for kind in KINDS}
