"""Two guest clusters of one program, in one namespace and VLAN: each is its own, and stays when the other goes."""

import json
from pathlib import Path

from declared import StackOf
from ranch import versions
from stack import Stack
from target import VM, Target

PROGRAM = Path(__file__).parent / "programs" / "side-by-side"
LEFT, RIGHT = {"left": "192.168.100.50"}, {"right": "192.168.100.51"}


def brought_up(stack: Stack, guests: dict[str, str]) -> dict[str, set[str]]:
    """The nodes of each of the guest clusters, as each says of itself."""
    stack.configure({"guests": json.dumps(guests)})
    stack.up()
    return {name: set(versions(kubeconfig)) for name, kubeconfig in stack.outputs().items()}


def test_each_of_two_guest_clusters_has_its_own_nodes_and_stays_when_the_other_goes(simulated: Target, stack_of: StackOf) -> None:
    stack = stack_of(PROGRAM)
    both = brought_up(stack, LEFT | RIGHT)
    assert both.keys() == {"left", "right"}
    assert [len(nodes) for nodes in both.values()] == [2, 2]
    assert sorted(both["left"] | both["right"]) == simulated.names(VM)
    before = {name: simulated.get(VM, name)["metadata"]["uid"] for name in both["left"]}
    stack.shows_no_change()
    assert brought_up(stack, LEFT) == {"left": both["left"]}
    assert {name: simulated.get(VM, name)["metadata"]["uid"] for name in simulated.names(VM)} == before
    stack.shows_no_change()
    stack.refresh_shows_no_drift()
    stack.destroy()
    assert simulated.leftovers() == []
