"""The native plugin through the real CLI: whole examples, stacks that move to it, what only a plugin can, and imports."""

from declared import StackOf
from target import VMI, Target

PLUGIN = {"harvester:frontend": "plugin"}


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
