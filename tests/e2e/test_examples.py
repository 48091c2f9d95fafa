"""Every example, end to end, through the real CLI: up, no change, a change, no drift, destroy, nothing left."""

from collections.abc import Callable

import pytest
from stack import EXAMPLES, Stack
from target import Target

CHANGES: dict[str, dict[str, str]] = {
    "01-first-vm": {"memory": "3Gi"},
    "02-two-nics": {"memory": "3Gi"},
    "03-change-a-nic": {"secondNic": "vlanA"},
    "10-nested-without-rancher": {"kubernetesVersion": "v1.35.1+rke2r1", "workers": "1"},
}
"""The change that each example is shown to survive."""
ELSEWHERE = {"06-harvester-cluster", "08-bare-metal"}
"""Examples with a test module of their own."""
NEED_GUESTS = {"10-nested-without-rancher"}
"""Examples that need what runs inside of machines."""


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == CHANGES.keys() | ELSEWHERE


@pytest.mark.parametrize("example", sorted(CHANGES))
def test_an_example_from_up_to_destroy(example: str, target: Target, stack_of: Callable[..., Stack]) -> None:
    if example in NEED_GUESTS and target.local is None:
        pytest.skip("machines are not booted there: what runs inside of them is part of the local Harvester")
    stack = stack_of(example)
    stack.up()
    assert stack.outputs()["name"].startswith(stack.name)
    stack.shows_no_change()
    stack.configure(CHANGES[example])
    stack.up()
    stack.shows_no_change()
    stack.refresh_shows_no_drift()
    stack.destroy()
    assert target.leftovers() == []
