"""The snapshots that a delete of a machine takes along: what preview and destroy say of them, and what they refuse.

Harvester deletes the snapshots of a machine with it, and looks for them by the machine's name alone, so that those of machines of that name
in all namespaces go, too (removeVMBackupSnapshot in pkg/controller/master/virtualmachine/vm_controller.go, the same from 1.5 to 1.9).
Backups stay.
"""

from collections.abc import Iterator

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Object, dig_str
from harvester_provider.core.plan import Change
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import BACKUP
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs

EVERYWHERE = Listing(BACKUP)
"""Where they are looked for; not every program may look there."""


def refused(old: VirtualMachineInputs, machine: Ref, seen: Snapshot) -> Iterator[Change]:
    """A refused change where snapshots of machines in other namespaces would go, and the machine does not say that they may."""
    others = [found for found in _doomed(machine, seen) if not found.startswith(f"{machine.namespace}/")]
    if others and old.snapshots_elsewhere == "protect":
        why = (
            f"Harvester would delete snapshots of other machines that are called {machine.name} as well: {', '.join(others)}. Delete them "
            'first, or write snapshotsElsewhere "delete" for this machine and run `pulumi up` before'
        )
        yield Change("snapshotsElsewhere", Effect.REFUSED, why)


def notes(machine: Ref, seen: Snapshot) -> Iterator[str]:
    """What is deleted together with the machine, or that nobody could look for it."""
    if EVERYWHERE not in seen:
        yield (
            f"{machine}: Harvester deletes snapshots of machines called {machine.name} in other namespaces with it. Whether there are any "
            "was not looked for: that takes the permission to list virtualmachinebackups in all namespaces"
        )
    elif doomed := _doomed(machine, seen):
        yield f"{machine}: its snapshots are deleted with it: {', '.join(doomed)}"


def _doomed(machine: Ref, seen: Snapshot) -> list[str]:
    """IDs of the snapshots that go with the machine."""
    found = seen.listings.get(EVERYWHERE, ())
    return sorted(f"{dig_str(each, 'metadata', 'namespace')}/{dig_str(each, 'metadata', 'name')}" for each in found if _goes(each, machine))


def _goes(found: Object, machine: Ref) -> bool:
    leaving = bool(dig_str(found, "metadata", "deletionTimestamp"))
    return not leaving and dig_str(found, "spec", "type") == "snapshot" and dig_str(found, "spec", "source", "name") == machine.name
