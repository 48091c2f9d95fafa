"""The cluster's default class, of which Harvester allows one. Whoever becomes it notes who was, and gives it back at the end.

Upstream: pkg/webhook/resources/storageclass/validator.go refuses a second one.
"""

from harvester_provider.core.json import Object, dig_str, dig_strings
from harvester_provider.core.plan import Patch, Step
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import STORAGE_CLASS

CLASSES = Listing(STORAGE_CLASS)
IS_DEFAULT = "storageclass.kubernetes.io/is-default-class"
PREVIOUS = "harvester.pulumi.com/previous-default-class"
"""Our own: the class that was the default before this one."""


def is_default(found: Object) -> bool:
    """Whether it is the default class."""
    return dig_strings(found, "metadata", "annotations").get(IS_DEFAULT) == "true"


def current(ref: Ref, seen: Snapshot) -> str:
    """Name of another class that is the default now, or an empty text."""
    names = [dig_str(found, "metadata", "name") for found in seen.listed(CLASSES) if is_default(found)]
    return next((name for name in names if name != ref.name), "")


def marks(previous: str) -> dict[str, str]:
    """The annotations of the class that becomes the default."""
    return {IS_DEFAULT: "true"} | ({PREVIOUS: previous} if previous else {})


def give_up(name: str) -> tuple[Step, ...]:
    """Take the role from another class."""
    return (_set(name, "false", f"{name} is no longer the default storage class"),) if name else ()


def give_back(ref: Ref, seen: Snapshot) -> tuple[Step, ...]:
    """Give the role back to the class that had it before, where that is still there and no other took it."""
    found = seen.get(ref)
    previous = dig_strings(found, "metadata", "annotations").get(PREVIOUS, "")
    mine = Patch(ref, {"metadata": {"annotations": {IS_DEFAULT: "false", PREVIOUS: None}}}, says=f"{ref} is no longer the default")
    there = any(dig_str(other, "metadata", "name") == previous for other in seen.listed(CLASSES))
    if not is_default(found):
        return ()
    return (mine, *((_set(previous, "true", f"{previous} is the default storage class again"),) if previous and there else ()))


def restore(name: str) -> tuple[Step, ...]:
    """Undo `give_up`."""
    return (_set(name, "true", f"{name} is the default storage class again"),) if name else ()


def _set(name: str, value: str, says: str) -> Patch:
    return Patch(Ref(STORAGE_CLASS, name), {"metadata": {"annotations": {IS_DEFAULT: value}}}, says=says)
