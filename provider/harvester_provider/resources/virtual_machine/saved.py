"""Disks whose data must be in a backup before it may go: what of a plan is refused, because there is none.

Their volumes are deleted with machine or disk only where the disk says `delete-backed-up` and a ready backup on the backup target holds
the very volume. Which volumes go is decided in `removal` and `plan`.
"""

from collections.abc import Iterable, Iterator

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Object, dig_objects, dig_str
from harvester_provider.core.plan import Change
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready
from harvester_provider.resources.apis import BACKUP
from harvester_provider.resources.saving import Restorable
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs

_POLICY = "delete-backed-up"


def reads(live: Live, inputs: VirtualMachineInputs) -> Iterator[Listing]:
    """The backups of the namespace, where a volume may have to be in one: a disk says so, or may have said so before it was taken out."""
    undeclared = any(live.claim(name) for name in live.disks.keys() - {disk.name for disk in inputs.disks})
    if undeclared or any(disk.on_delete == _POLICY for disk in inputs.disks):
        yield Listing(BACKUP, live.ref.namespace)


def unsaved(old: VirtualMachineInputs, live: Live, seen: Snapshot, doomed: Iterable[str]) -> Iterator[Change]:
    """A refused change for each volume that is to go and must not: its disk wants a backup, and no ready one holds it."""
    guarded = {live.claim(disk.name): disk.name for disk in old.disks if disk.on_delete == _POLICY}
    going = [claim for claim in doomed if claim in guarded]
    held = {claim for found in seen.listed(Listing(BACKUP, live.ref.namespace)) for claim in _holds(found)} if going else set()
    for claim in going:
        if claim not in held:
            why = (
                f"volume {claim} of disk {guarded[claim]} would be deleted, and no ready backup holds it: make a VirtualMachineBackup of "
                f'{live.ref.id} first, or write on_delete="delete" for the disk and run `pulumi up` before'
            )
            yield Change(f"disks[{guarded[claim]}]", Effect.REFUSED, why)


def _holds(found: Object) -> Iterator[str]:
    """The volumes that a backup holds; none as long as it cannot be restored, and none for a snapshot."""
    ref = Ref(BACKUP, dig_str(found, "metadata", "name"), dig_str(found, "metadata", "namespace"))
    if dig_str(found, "spec", "type") == "snapshot" or Restorable(ref)(Snapshot({ref: found})) != Ready():
        return
    for entry in dig_objects(found, "status", "volumeBackups"):
        yield dig_str(entry, "persistentVolumeClaim", "metadata", "name")
