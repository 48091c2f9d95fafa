"""Whose an object is by now: another one that took its name, or one that another program has adopted. Pure."""

from collections.abc import Sequence

from harvester_provider.core.json import Object
from harvester_provider.core.ownership import is_ours, owner_of, uid
from harvester_provider.core.ref import Ref
from harvester_provider.engine.state import Wire


def is_another(found: Object, state: Wire, owner: str) -> bool:
    """Whether the object took the name of ours after ours was gone: other UID, and not our mark."""
    known = state.get("uid")
    return bool(known) and known != uid(found) and not is_ours(found, owner)


def taken_over(found: Object, owner: str) -> bool:
    """Whether another program has adopted what `owner` made."""
    return bool(owner and owner_of(found)) and not is_ours(found, owner)


def shared(ref: Ref, found: Object, owner: str) -> Sequence[str]:
    """What preview says where another program has adopted it; nothing otherwise."""
    if not taken_over(found, owner):
        return ()
    return (
        f"{ref} belongs to {owner_of(found)} by now, which adopted it: two programs that declare one object undo each other's changes; "
        "`pulumi state delete` takes it out of one of them",
    )
