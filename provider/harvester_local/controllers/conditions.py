"""Conditions in the forms that the simulated controllers write.

Pure. Rancher's kinds stamp `lastUpdateTime`, KubeVirt's `lastTransitionTime`; in both, a condition
whose status does not change keeps its time.
"""

from harvester_local.api.objects import Obj, condition, items, now


def rancher(obj: Obj, kind: str, status: str, *, reason: str = "", message: str = "") -> list[Obj]:
    """The object's conditions with one of them set, in the form of Harvester's own kinds."""
    fresh = {"type": kind, "status": status, **({"reason": reason} if reason else {}), **({"message": message} if message else {})}
    return _put(items(obj, "status", "conditions"), fresh, {"lastUpdateTime": now()})


def virt(conditions: list[Obj], kind: str, status: str, *, reason: str = "", message: str = "") -> list[Obj]:
    """`conditions` with one of them set, in KubeVirt's form."""
    fresh = {"type": kind, "status": status, **({"reason": reason} if reason else {}), **({"message": message} if message else {})}
    return _put(conditions, fresh, {"lastTransitionTime": now()})


def without(conditions: list[Obj], *kinds: str) -> list[Obj]:
    """`conditions` but those of the given types."""
    return [c for c in conditions if c.get("type") not in kinds]


def _put(conditions: list[Obj], fresh: Obj, stamps: Obj) -> list[Obj]:
    known = condition({"status": {"conditions": conditions}}, fresh["type"])
    if known is None:
        return [*conditions, {**fresh, **stamps}]
    kept = {name: known[name] for name in stamps if name in known} if known.get("status") == fresh["status"] else {}
    return [{**fresh, **stamps, **kept} if c is known else c for c in conditions]
