"""Maintenance of a node: which machines run there, what happens to each, and when the node is empty.

Pure judgement of snapshots. Upstream: pkg/api/node/handler.go (the actions), pkg/controller/master/nodedrain (who is stopped
and who moves), pkg/controller/master/node/maintain_controller.go (when it is done; a condition from 1.9, an annotation before).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from harvester_provider.core.json import Object, condition, dig_objects, dig_str, id_of
from harvester_provider.core.plan import Call
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import NODE, VIRTUAL_MACHINE_INSTANCE

_STATUS = "harvesterhci.io/maintain-status"
_STRATEGY = "harvesterhci.io/maintain-mode-strategy"
_CONDITION = "MaintenanceMode"
_STOPS = {
    "ShutdownAndRestartAfterEnable": "is shut down, and started on another node once this one is empty",
    "ShutdownAndRestartAfterDisable": "is shut down, and started again when the maintenance ends",
    "Shutdown": "is shut down and stays off",
}
"""What the label of a machine asks for, in place of a live migration."""
NODES = Listing(NODE)

Fate = Literal["moves", "stops", "stuck"]


@dataclass(frozen=True, slots=True)
class Guest:
    """A machine on the node, and what maintenance does to it. `why` says what keeps it from moving."""

    id: str
    fate: Fate
    words: str


def guests(node: str) -> Listing:
    """The machines that run on the node."""
    return Listing(VIRTUAL_MACHINE_INSTANCE, labels=(("kubevirt.io/nodeName", node),))


def fates(node: str, seen: Snapshot) -> list[Guest]:
    """What happens to each machine of the node, in the order of their IDs."""
    running = [found for found in seen.listings.get(guests(node), ()) if dig_str(found, "status", "nodeName") == node]
    return sorted((_fate(found) for found in running if dig_str(found, "status", "phase") == "Running"), key=lambda guest: guest.id)


def _fate(found: Object) -> Guest:
    name = id_of(found)
    strategy = dig_str(found, "metadata", "labels", _STRATEGY)
    if strategy in _STOPS:
        return Guest(name, "stops", _STOPS[strategy])
    migratable = condition(found, "LiveMigratable")
    if migratable.get("status") == "False":
        why = dig_str(migratable, "message") or dig_str(migratable, "reason") or "it cannot be migrated"
        return Guest(name, "stuck", why)
    return Guest(name, "moves", "moves to another node while it runs")


def lines(node: str, seen: Snapshot, *, stop_unmovable: bool) -> Iterable[str]:
    """What maintenance does to the machines of the node, a sentence each."""
    for guest in fates(node, seen):
        if guest.fate == "stuck":
            what = "it is switched off and stays off" if stop_unmovable else "it keeps the node from becoming empty"
            yield f"machine {guest.id} cannot move ({guest.words}): {what}"
        else:
            yield f"machine {guest.id} {guest.words}"


def refusal(node: str, seen: Snapshot, *, stop_unmovable: bool) -> str:
    """Why maintenance cannot begin, or an empty text."""
    others = [found for found in seen.listings.get(NODES, ()) if dig_str(found, "metadata", "name") != node and _available(found)]
    if NODES in seen and not others:
        return f"{node} is the last node that takes machines: the cluster needs another one first"
    stuck = [guest for guest in fates(node, seen) if guest.fate == "stuck"]
    if stuck and not stop_unmovable:
        names = "; ".join(f"{guest.id} ({guest.words})" for guest in stuck)
        way_out = "stop them, give them a maintenance strategy, or set stopUnmovable=True to switch them off"
        return f"these machines cannot move: {names}: {way_out}"
    return ""


def _available(found: Object) -> bool:
    return not (found.get("spec") or {}).get("unschedulable") and not status_of(found)  # type: ignore[union-attr]  # a spec is a mapping


def status_of(found: Object) -> str:
    """`running`, `completed` or nothing."""
    state = condition(found, _CONDITION)
    if state.get("status") == "True":
        return "completed" if state.get("reason") == "Completed" else "running"
    return dig_str(found, "metadata", "annotations", _STATUS)


def enable(node: str, *, force: bool) -> Call:
    """The action that empties the node."""
    body = {"force": "true" if force else "false"}
    return Call("harvester", "POST", f"/v1/harvester/nodes/{node}?action=enableMaintenanceMode", body, f"empty node {node} for maintenance")


def disable(node: str) -> Call:
    """The action that takes the node back into use."""
    path = f"/v1/harvester/nodes/{node}?action=disableMaintenanceMode"
    return Call("harvester", "POST", path, {}, f"take node {node} back into use")


@dataclass(frozen=True, slots=True)
class Empty:
    """Judges whether a node is empty for maintenance. `before` is what its condition said when the plan was made."""

    ref: Ref
    before: str = ""

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where Harvester says so; failed where it says that it cannot be done."""
        found = seen.get(self.ref)
        if status_of(found) == "completed":
            return Ready()
        state = condition(found, _CONDITION)
        fresh = state.get("status") == "False" and told(found) != self.before
        if fresh and state.get("reason") in {"NotPossible", "Error"}:
            return Failed(
                f"{dig_str(state, 'message')}", "`kubectl describe node` says more; set maintenance=False to take it back into use"
            )
        left = [guest.id for guest in fates(self.ref.name, seen)]
        return Waiting(f"{len(left)} machines are still there: {', '.join(left[:5])}" if left else "Harvester has not begun yet")


@dataclass(frozen=True, slots=True)
class InUse:
    """Judges whether maintenance is over."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where nothing is said of maintenance any more."""
        return Waiting("it still is in maintenance") if status_of(seen.get(self.ref)) else Ready()


def told(found: Object) -> str:
    """What the condition says, its time included."""
    return str(sorted(condition(found, _CONDITION).items()))


def addresses_of(found: Object) -> Sequence[Object]:
    """The addresses of a node that are in the management network."""
    return [item for item in dig_objects(found, "status", "addresses") if item.get("type") in {"InternalIP", "ExternalIP"}]
