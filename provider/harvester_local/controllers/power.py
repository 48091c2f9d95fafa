"""Whether a machine should have an instance now: run strategies and requests to start and stop.

Pure. Follows the sync functions of KubeVirt's VM controller: what a strategy does depends on whether the machine has
been seen under it before, on the phase of its instance, and on the requests that the start and stop calls leave.
"""

from dataclasses import dataclass
from enum import Enum

from harvester_local.api.objects import Obj, deleting, items, part
from harvester_local.model.machines import FINAL_PHASES, phase, run_strategy

START_REQUEST = {"action": "Start"}


class Action(Enum):
    """What to do with the instance."""

    NOTHING = "nothing"
    START = "start"
    STOP = "stop"


@dataclass(frozen=True)
class Decision:
    """What to do, and the requests that remain afterwards."""

    action: Action
    requests: list[Obj]


def decide(machine: Obj, instance: Obj | None) -> Decision:
    """What the machine's run strategy and requests ask for."""
    requests = _current(items(machine, "status", "stateChangeRequests"), instance)
    strategy, seen = run_strategy(machine), part(machine, "status").get("runStrategy")
    if instance is None:
        starting = any(r.get("action") == "Start" for r in requests)
        if _starts(strategy, new=strategy != seen, requested=starting):
            return Decision(Action.START, [r for r in requests if r.get("action") != "Start"])
        return Decision(Action.NOTHING, requests)
    if deleting(instance):
        return Decision(Action.NOTHING, requests)
    stop_asked = any(r.get("action") == "Stop" for r in requests)
    final = phase(instance) in FINAL_PHASES
    if not _stops(strategy, final=final, requested=stop_asked):
        return Decision(Action.NOTHING, requests)
    if strategy == "RerunOnFailure" and phase(instance) == "Failed" and START_REQUEST not in requests:
        requests = [*requests, dict(START_REQUEST)]
    return Decision(Action.STOP, requests)


def _starts(strategy: str, *, new: bool, requested: bool) -> bool:
    match strategy:
        case "Always" | "WaitAsReceiver":
            return True
        case "RerunOnFailure" | "Once":
            return new or (requested and strategy == "RerunOnFailure")
        case "Manual":
            return requested
        case _:
            return False


def _stops(strategy: str, *, final: bool, requested: bool) -> bool:
    match strategy:
        case "Always" | "RerunOnFailure" | "WaitAsReceiver":
            return final or requested
        case "Manual":
            return requested
        case "Halted":
            return True
        case _:
            return False


def _current(requests: list[Obj], instance: Obj | None) -> list[Obj]:
    """Without requests to stop an instance that has gone."""
    uid = instance["metadata"]["uid"] if instance else None
    return [r for r in requests if r.get("action") != "Stop" or r.get("uid") == uid]
