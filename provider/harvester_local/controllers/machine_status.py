"""What a VirtualMachine says of itself: printableStatus and conditions, from the machine and its instance.

Pure. The order of the statuses and the condition texts are KubeVirt's, see virt-controller's vm.go.
"""

from harvester_local.api.objects import Obj, condition, deleting, is_true, items, part
from harvester_local.controllers.conditions import virt
from harvester_local.model.data_volumes import is_being_filled
from harvester_local.model.machines import FINAL_PHASES, phase, run_strategy

RESTART_REQUIRED = "RestartRequired"
_OWN = ("RestartRequired", "Failure")
"""Conditions of the machine that are not copied from its instance."""


def printable_status(machine: Obj, instance: Obj | None, claims: list[Obj]) -> str:
    """One word for where the machine stands. `claims` are those of it that exist."""
    if deleting(machine):
        return "Terminating"
    if instance is not None and phase(instance) not in FINAL_PHASES:
        return _living(instance, claims)
    if part(machine, "status").get("startFailure") and run_strategy(machine) in {"Always", "RerunOnFailure", "Once"}:
        return "CrashLoopBackOff"
    return "Stopped"


def _living(instance: Obj, claims: list[Obj]) -> str:
    """The first status in KubeVirt's order that an instance which has not ended is in."""
    migration = part(instance, "status", "migrationState")
    synchronized, scheduled = condition(instance, "Synchronized") or {}, condition(instance, "PodScheduled") or {}
    in_order = (
        ("Stopping", deleting(instance)),
        ("Migrating", bool(migration.get("startTimestamp")) and not migration.get("completed")),
        ("Paused", is_true(instance, "Paused")),
        ("Running", phase(instance) == "Running"),
        ("ErrorPvcNotFound", synchronized.get("reason") == "FailedPvcNotFound"),
        ("ErrorUnschedulable", (scheduled.get("status"), scheduled.get("reason")) == ("False", "Unschedulable")),
        ("Provisioning", any(is_being_filled(claim) for claim in claims)),
        ("WaitingForVolumeBinding", any(map(_unbound, claims)) and phase(instance) in {"", "Pending"}),
    )
    return next((word for word, holds in in_order if holds), "Starting")


def _unbound(claim: Obj) -> bool:
    return bool(part(claim, "status").get("phase") != "Bound")


def pending_restart(machine: Obj) -> str:
    """Why the machine is known to need a restart, empty when it does not."""
    known = condition(machine, RESTART_REQUIRED) or {}
    return str(known.get("message") or RESTART_REQUIRED) if known.get("status") == "True" else ""


def conditions(machine: Obj, instance: Obj | None, *, restart: str) -> list[Obj]:
    """The machine's conditions: its own, and those of its instance while there is one. `restart`: why one is needed."""
    known: list[Obj] = items(machine, "status", "conditions")
    if instance is None:
        result = virt(known, "Ready", "False", reason="VMINotExists", message="VMI does not exist") if known else known
    else:
        copied = [c for c in items(instance, "status", "conditions") if c["type"] not in _OWN]
        own = [c for c in known if c["type"] in _OWN]
        if not any(c["type"] == "Ready" for c in copied):
            copied = [*virt([c for c in known if c["type"] == "Ready"], "Ready", "False", **_MISSING), *copied]
        result = [*copied, *own]
    if restart:
        return virt(result, RESTART_REQUIRED, "True", message=restart)
    return [c for c in result if c["type"] != RESTART_REQUIRED]


_MISSING = {"reason": "VMIConditionMissing", "message": "VMI is missing the Ready condition"}


def status_of(machine: Obj, instance: Obj | None, claims: list[Obj], *, restart: str, seen_strategy: str) -> Obj:
    """The whole status that the machine should have; keys that are null should go."""
    known, generation = part(machine, "status"), machine["metadata"].get("generation", 1)
    ready = instance is not None and is_true(instance, "Ready")
    return {
        "printableStatus": printable_status(machine, instance, claims),
        "created": True if instance is not None else None,
        "ready": True if ready else None,
        "conditions": conditions(machine, instance, restart=restart) or None,
        "runStrategy": seen_strategy or None,
        "desiredGeneration": generation,
        "observedGeneration": known.get("observedGeneration", generation) if restart else generation,
    }


def difference(known: Obj, wanted: Obj) -> Obj:
    """The merge patch from `known` to `wanted`, empty when nothing differs."""
    return {name: value for name, value in wanted.items() if known.get(name) != value}
