"""Every example, end to end, through the real CLI: up, no change, its changes, no drift, destroy, nothing left.

Each goes through both front ends: one makes it, the stack moves, and the other changes and destroys it. It runs as an account that has the
roles of the example and no others, as whatever `stack_of` makes of an example.
Previews that an example's README prints (its blocks of `text`, one per change) are compared with real ones.
"""

from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import pytest
from buckets import REGION
from stack import EXAMPLES, Stack
from target import Target

from harvester_provider.core.effect import Effect

CHANGES: dict[str, list[dict[str, str]]] = {
    "01-first-vm": [{"memory": "3Gi"}],
    "02-two-nics": [{"memory": "3Gi"}],
    "03-change-a-nic": [{"secondNic": "vlanA"}],
    "04-resize-and-rewire": [{"cpu": "2", "memory": "2Gi", "diskSize": "30Gi", "secondNic": "vlanA"}, {"secondNic": "vlanB"}],
    "05-backup-and-restore": [{"stage": "replaced"}, {"stage": "lost"}, {"stage": "restored"}],
    "07-poor-mans-harvester": [{"memory": "2Gi"}],
    "09-nested-cluster": [{"workers": "1"}, {"kubernetesVersion": "v1.35.1+rke2r1", "workerMemory": "6Gi"}],
    "12-windows": [{"installed": "true"}],
    "10-nested-without-rancher": [{"kubernetesVersion": "v1.35.1+rke2r1", "workers": "1"}],
}
"""The changes that each example is shown to survive, one after the other."""
ELSEWHERE = {
    *("06-harvester-cluster", "08-bare-metal", "11-environment-per-pull-request"),
    *("13-in-go", "14-in-yaml", "15-in-typescript"),
}
"""Examples with a test module of their own."""
NEED_GUESTS = {"09-nested-cluster", "10-nested-without-rancher", "12-windows"}
"""Examples that need what runs inside of machines, a Rancher, or storage for what firmware keeps."""
SHARED = {"05-backup-and-restore": "backup-target"}
"""Examples that change what a cluster has one of, and the group of cases that do."""
FRONT_ENDS = ("dynamic", "plugin")
"""The one that makes an example and the one that changes it; every second example has them the other way round."""


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == CHANGES.keys() | ELSEWHERE


@pytest.fixture
def settings(request: pytest.FixtureRequest, example: str, target: Target) -> dict[str, str]:
    """What an example must be told before it runs here."""
    if example == "07-poor-mans-harvester":
        return {"install": "false"}  # the same text on a Harvester; `test_poor_mans_cluster` has it on a cluster without
    if example == "12-windows":
        return {"driversUrl": target.image_url}
    if example != "05-backup-and-restore":
        return {}
    bucket = request.getfixturevalue("bucket")
    keys = {"s3AccessKeyId": bucket.keys.access_key_id, "s3SecretAccessKey": bucket.keys.secret_access_key}
    return {"s3Endpoint": bucket.endpoint, "s3Bucket": bucket.name, "s3Region": REGION, **keys}


def each() -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.xdist_group(SHARED[name]) if name in SHARED else ()) for name in sorted(CHANGES)]


@pytest.mark.parametrize("example", each())
def test_an_example_from_up_to_destroy(example: str, settings: dict[str, str], target: Target, stack_of: Callable[..., Stack]) -> None:
    if example in NEED_GUESTS and target.local is None:
        pytest.skip("machines are not booted there: what runs inside of them is part of the local Harvester")
    made_by, changed_by = FRONT_ENDS if sorted(CHANGES).index(example) % 2 else reversed(FRONT_ENDS)
    stack = stack_of(example, **{"harvester:frontend": made_by}, **settings)
    stack.up()
    assert stack.outputs()["name"].startswith(stack.name)
    stack.shows_no_change()
    stack.configure({"harvester:frontend": changed_by})
    for change, printed in zip_longest(CHANGES[example], printed_previews(example), fillvalue=None):
        assert change, f"a preview without its change: {printed}"
        stack.configure(change)
        if printed:
            assert told(stack.preview()) == told(printed)
        stack.up()
    stack.shows_no_change()
    stack.refresh_shows_no_drift()
    stack.destroy()
    assert target.leftovers() == []


def printed_previews(example: str) -> list[str]:
    """The blocks of `text` in an example's README."""
    return [block.partition("```")[0] for block in (EXAMPLES / example / "README.md").read_text().split("```text\n")[1:]]


def told(preview: str) -> list[str]:
    """What a preview says of each changed property: `cpu: migrate (...)`."""
    lines = (line.strip() for line in preview.splitlines())
    return [line for line in lines if any(f": {effect.label} (" in line for effect in Effect)]
