"""The CPU manager of a node: asked for by an annotation, carried out by a job on the node, shown by a label.

Pure. Upstream: pkg/controller/master/node/cpu_manager_controller.go. The webhook refuses it where pinned machines run, and
lets one management node at a time through.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from harvester_provider.core.json import Json, Object, dig, dig_str, parsed
from harvester_provider.core.plan import Await, Patch, Step
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting

KEY = "cpumanager"
"""Key in the note of the node, and the label that shows it."""
_REQUEST = "harvesterhci.io/cpu-manager-update-status"
_SECONDS = 900.0


def is_on(found: Object) -> bool:
    """Whether the node has it."""
    return dig_str(found, "metadata", "labels", KEY) == "true"


def steps(ref: Ref, found: Object, wanted: Mapping[str, Json]) -> list[Step]:
    """Ask for it, and wait until the node shows it."""
    if KEY not in wanted or is_on(found) == (wanted[KEY] is True):
        return []
    on = wanted[KEY] is True
    request = json.dumps({"policy": "static" if on else "none", "status": "requested"})
    body = {"metadata": {"annotations": {_REQUEST: request}}}
    patch = Patch(ref, body, says=f"switch the CPU manager of {ref} {'on' if on else 'off'}")
    until = f"{'with' if on else 'without'} CPU manager"
    return [patch, Await(of=ref, until=until, wants=(ref,), judge=Switched(ref, on), seconds=_SECONDS)]


@dataclass(frozen=True, slots=True)
class Switched:
    """Judges whether the node shows what was asked for."""

    ref: Ref
    on: bool

    def __call__(self, seen: Snapshot) -> Verdict:
        """Failed where the job on the node failed."""
        found = seen.get(self.ref)
        status = dig_str(parsed(dig(found, "metadata", "annotations", _REQUEST)), "status")
        if status == "failed":
            return Failed("the job on the node failed", "`kubectl -n harvester-system get jobs` shows it")
        return Ready() if is_on(found) == self.on else Waiting(status or "the node has not begun")
