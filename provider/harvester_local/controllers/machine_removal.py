"""What Harvester deletes together with a machine: the claims that it was told to, and snapshots.

Snapshots are looked for by the name of their machine alone, so that those of machines of that name in other namespaces go, too. Upstream:
cleanupPVCAndSnapshot and removeVMBackupSnapshot in pkg/controller/master/virtualmachine/vm_controller.go, the same from 1.5 to 1.9.
"""

from collections.abc import Iterator

from harvester_local.api.kinds import BACKUP, VOLUME_CLAIM
from harvester_local.api.objects import Key, Obj, annotations, deleting, key_of, part
from harvester_local.api.store import Index, Store
from harvester_local.controllers.runtime import Context
from harvester_local.model.machines import REMOVED_CLAIMS


def snapshots_by_machine(store: Store) -> Index:
    """Snapshots of machines by the machine's name."""
    return store.index(BACKUP, _machine_of_a_snapshot)


def _machine_of_a_snapshot(backup: Obj) -> Iterator[str]:
    if part(backup, "spec").get("type") == "snapshot":
        yield part(backup, "spec", "source").get("name", "")


async def take_along(context: Context, machine: Obj, snapshots: Index) -> None:
    """Delete them."""
    if context.settings.flavor == "harvester":
        for snapshot in context.store.find(snapshots, machine["metadata"]["name"]):
            if not deleting(snapshot):
                await context.api.delete(BACKUP, key_of(snapshot))
    for name in filter(None, annotations(machine).get(REMOVED_CLAIMS, "").split(",")):
        await context.api.delete(VOLUME_CLAIM, Key(machine["metadata"]["namespace"], name.strip()))
