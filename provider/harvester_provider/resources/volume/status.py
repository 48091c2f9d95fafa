"""What the cluster says of a volume: whether it is there, whether it has grown, and who uses it. Judges and readers only."""

from dataclasses import dataclass

from harvester_provider.core.json import Object, condition, dig_map, dig_objects, dig_str, is_true
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import VIRTUAL_MACHINE


@dataclass(frozen=True, slots=True)
class Bound:
    """Judges that the volume is provisioned."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the claim is bound."""
        phase = dig_str(seen.get(self.ref), "status", "phase")
        if phase == "Bound":
            return Ready()
        if phase == "Lost":
            return Failed("its PersistentVolume is gone, and the data with it", "restore it from a snapshot or backup under another name")
        return Waiting(f"{phase or 'not seen yet'}, being provisioned")


@dataclass(frozen=True, slots=True)
class Grown:
    """Judges that the storage has the size.

    Ready too where only the file system in it is left to grow, which is done when it is mounted next.
    """

    ref: Ref
    size: Quantity

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the capacity is there."""
        found = seen.get(self.ref)
        have = capacity(found)
        if have is not None and have >= self.size:
            return Ready()
        if is_true(found, "FileSystemResizePending"):
            return Ready()
        states = dig_map(found, "status", "allocatedResourceStatuses")
        if str(states.get("storage", "")).endswith("Infeasible"):
            return Failed(_said(found) or "the storage cannot give that much", "take the size back, or make room on the disks of the nodes")
        return Waiting(f"{have or 'nothing'} of {self.size}" + (f": {_said(found)}" if _said(found) else ""))


def _said(found: Object) -> str:
    kinds = ("ControllerResizeError", "NodeResizeError", "Resizing")
    return next((text for kind in kinds if (text := dig_str(condition(found, kind), "message"))), "")


def request(found: Object) -> Quantity | None:
    """The size that was asked for."""
    text = dig_str(found, "spec", "resources", "requests", "storage")
    return Quantity(text) if text else None


def capacity(found: Object) -> Quantity | None:
    """The size that is there."""
    text = dig_str(found, "status", "capacity", "storage")
    return Quantity(text) if text else None


def machines(ref: Ref) -> Listing:
    """Where those are that may use the volume."""
    return Listing(VIRTUAL_MACHINE, ref.namespace)


def users(ref: Ref, seen: Snapshot, *, running: bool = False) -> list[str]:
    """The machines that have the volume as a disk, `namespace/name`, in order. One that is being deleted does not count.

    With `running`, those that are off are left out.
    """
    listing = machines(ref)
    if listing not in seen:
        return []
    found = [machine for machine in seen.listed(listing) if _uses(machine, ref.name) and not (running and _is_off(machine))]
    return sorted(f"{ref.namespace}/{dig_str(machine, 'metadata', 'name')}" for machine in found)


def _is_off(machine: Object) -> bool:
    return dig_str(machine, "status", "printableStatus") == "Stopped"


def _uses(machine: Object, claim: str) -> bool:
    if dig_str(machine, "metadata", "deletionTimestamp"):
        return False
    for volume in dig_objects(machine, "spec", "template", "spec", "volumes"):
        if claim in (dig_str(volume, "persistentVolumeClaim", "claimName"), dig_str(volume, "dataVolume", "name")):
            return True
    return False
