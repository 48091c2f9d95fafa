"""The objects around a restore - backup, machine, new volumes - as references and as texts, read from inputs and snapshots.

Names follow upstream's pkg/controller/master/backup/{restore,util}.go. Nothing here decides.
"""

import hashlib
import json
from collections.abc import Iterable

from harvester_provider.core.json import Json, Object, dig_int, dig_map, dig_objects, dig_str, dig_strings, parsed
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources import saving
from harvester_provider.resources.apis import BACKUP, PERSISTENT_VOLUME_CLAIM, RESTORE, VIRTUAL_MACHINE_INSTANCE
from harvester_provider.resources.virtual_machine_restore.model import VirtualMachineRestoreInputs

TEMPLATES = "harvesterhci.io/volumeClaimTemplates"
LAST_STRATEGY = "harvesterhci.io/vmRunStrategy"
REMOVED_CLAIMS = "harvesterhci.io/removedPersistentVolumeClaims"
LAST_RESTORE = "restore.harvesterhci.io/last-restore-uid"
STOPPED_FOR_RESTORE = "harvester.pulumi.com/stopped-for-restore"
"""Our own: the run strategy that a machine had before it was stopped for a restore."""
_MARKS = ("harvesterhci.io/imageId",)
_SPEC = ("accessModes", "resources", "storageClassName", "volumeMode")


def restore_ref(inputs: VirtualMachineRestoreInputs) -> Ref:
    """The object of a restore. Its name holds what is restored to where, because the object of an earlier one may have to stay."""
    said = [inputs.backup, inputs.virtual_machine, inputs.mode, inputs.keep_mac_address, inputs.old_disks, inputs.halt, inputs.trigger]
    digest = hashlib.sha256(json.dumps([str(each) for each in said]).encode()).hexdigest()[:8]
    return Ref(RESTORE, f"{inputs.name}-{digest}", inputs.namespace)


def backup_ref(inputs: VirtualMachineRestoreInputs) -> Ref:
    """The backup."""
    namespace, _, name = inputs.backup.rpartition("/")
    return Ref(BACKUP, name, namespace or inputs.namespace)


def machine_ref(inputs: VirtualMachineRestoreInputs) -> Ref:
    """The machine to make or to replace."""
    return saving.machine_ref(inputs.virtual_machine, inputs.namespace)


def instance_ref(machine: Ref) -> Ref:
    """The running guest of a machine."""
    return Ref(VIRTUAL_MACHINE_INSTANCE, machine.name, machine.namespace)


def refresh_interval(setting: Object) -> int:
    """Seconds from one look of the cluster at the backup target to the next; 0 where it looks only when the target is set."""
    return dig_int(parsed(setting.get("value")), "refreshIntervalInSeconds")


def saved_volumes(backup: Object) -> list[Object]:
    """The volumes in a backup."""
    return dig_objects(backup, "status", "volumeBackups")


def new_claims(restore: Object, backup: Object) -> dict[str, str]:
    """Name of the new claim of each disk. It is fixed by the UID of the restore."""
    name, identity = dig_str(backup, "metadata", "name"), dig_str(restore, "metadata", "uid")
    disks = [dig_str(each, "volumeName") for each in saved_volumes(backup)]
    return {disk: f"restore-{name}-{identity}-{disk}" for disk in disks}


def claim_refs(claims: Iterable[str], namespace: str) -> list[Ref]:
    """The claims of these names."""
    return [Ref(PERSISTENT_VOLUME_CLAIM, name, namespace) for name in claims]


def claim_templates(claims: dict[str, str], backup: Object) -> str:
    """The annotation by which Harvester and we know the machine's volumes again; its restore has dropped it."""
    entries: list[Json] = []
    for each in saved_volumes(backup):
        saved = dig_map(each, "persistentVolumeClaim")
        marks = {key: text for key, text in dig_strings(saved, "metadata", "annotations").items() if key in _MARKS}
        meta: Json = {"name": claims[dig_str(each, "volumeName")], **({"annotations": marks} if marks else {})}
        spec = dig_map(saved, "spec")
        entries.append({"metadata": meta, "spec": {key: spec[key] for key in _SPEC if key in spec}})
    return json.dumps(entries, separators=(",", ":"))


def in_place_of(claims: dict[str, str], backup: Object) -> str:
    """Which volume of the backup each new one stands for."""
    old = {dig_str(each, "volumeName"): dig_str(each, "persistentVolumeClaim", "metadata", "name") for each in saved_volumes(backup)}
    return json.dumps({old[disk]: claim for disk, claim in claims.items()}, separators=(",", ":"), sort_keys=True)


def restored_names(noted: str) -> list[str]:
    """The new volumes in our note on a machine."""
    return list(dig_strings(parsed(noted)).values())


def restore_id(restore: Object) -> str:
    """How a machine notes which restore it was made by."""
    return f"{dig_str(restore, 'metadata', 'name')}-{dig_str(restore, 'metadata', 'uid')}"


def made_by(machine: Ref, restore: Ref, seen: Snapshot) -> bool:
    """Whether the machine is still the one that the restore made or replaced."""
    return dig_strings(seen.get(machine), "metadata", "annotations").get(LAST_RESTORE) == restore_id(seen.get(restore))
