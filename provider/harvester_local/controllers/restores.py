"""VirtualMachineRestore: new volumes with the content of a backup, under a new machine or an existing one, which is then started.

What a step cannot do is noted on the object and tried again, for ever, as upstream does; content is read from the target
before the machine starts. Upstream: pkg/controller/master/backup/restore.go in Harvester v1.8.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Iterable, Mapping

from harvester_local.api.client import ApiError
from harvester_local.api.kinds import BACKUP, MACHINE, RESTORE, SECRET, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, items, key_of, now, owner_reference, part
from harvester_local.backup_store import StoreError
from harvester_local.controllers.backup_stores import Stores
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.events import WARNING, Recorder
from harvester_local.controllers.faults import Fault, fault_of
from harvester_local.controllers.runtime import Context, Deadlines, Mapper, own_key
from harvester_local.model.machines import RUN_STRATEGY, VOLUME_TEMPLATES, claims, run_strategy, template_spec
from harvester_local.model.saved import CONTENT, LAST_RESTORE, RESTORE_NAME, DamagedError, SavedVolume, is_ready

log = logging.getLogger(__name__)

AGAIN_SECONDS = 2.0
_DROPPED = "pv.kubernetes.io"


class CannotRestoreError(Exception):
    """A step failed; the text is what a user sees."""


class Restores:
    """The controller."""

    def __init__(self, context: Context, stores: Stores, recorder: Recorder) -> None:
        self._context, self._stores, self._recorder, self._deadlines = context, stores, recorder, Deadlines()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Restores, their machines and their claims."""
        return {RESTORE: own_key, MACHINE: _restore_of, VOLUME_CLAIM: _restore_of}

    async def reconcile(self, key: Key) -> float | None:
        """Take the next step; what fails is tried again."""
        restore = self._context.store.get(RESTORE, key)
        if restore is None or deleting(restore) or part(restore, "status").get("complete") is True:
            return None
        try:
            return await self._step(key, restore)
        except (CannotRestoreError, StoreError, DamagedError) as error:
            await self._say(restore, "False", str(error), reason="Error")
            await self._recorder.record(
                restore, "VirtualMachineRestoreError", f"VirtualMachineRestore encountered error {error}", kind=WARNING
            )
            return AGAIN_SECONDS

    async def _step(self, key: Key, restore: Obj) -> float | None:
        status = part(restore, "status")
        if status.get("complete") is None:
            await self._write(key, {"complete": False, "progress": 0})
            return 0.0
        spec = restore["spec"]
        backup = self._context.store.get(BACKUP, Key(spec["virtualMachineBackupNamespace"], spec["virtualMachineBackupName"]))
        if backup is None or not is_ready(backup):
            raise CannotRestoreError(f"VMBackup {spec['virtualMachineBackupNamespace']}/{spec['virtualMachineBackupName']} is not ready")
        if not status.get("restores"):
            await self._write(key, self._volumes(restore, backup))
            return 0.0
        bound = [await self._claim(restore, volume, entry) for volume, entry in _pairs(restore, backup)]
        machine = await self._machine(restore, backup)
        await self._secrets(restore, backup, machine)
        if not restore["metadata"].get("ownerReferences"):
            owner = {"metadata": {"ownerReferences": [owner_reference(machine)]}, "status": {"targetUID": machine["metadata"]["uid"]}}
            await self._context.api.patch(RESTORE, key, owner)
            return 0.0
        remaining = self._deadlines.remaining(restore["metadata"]["uid"], "restore", self._context.settings.backup_seconds)
        if not all(bound) or remaining:
            await self._say(restore, "True", "Creating new PVCs", progress=50)
            return remaining or None
        await self._fill(restore, backup)
        return await self._start(restore, machine)

    def _volumes(self, restore: Obj, backup: Obj) -> Obj:
        """What will be made, and what is to go with a `delete` policy: the volumes of the backup's source as it is now."""
        key, spec = key_of(restore), restore["spec"]
        made = [
            {
                "volumeName": entry["volumeName"],
                "volumeBackupName": entry["name"],
                "volumeSize": entry.get("volumeSize", 0),
                "persistentVolumeClaimSpec": {
                    "metadata": {"name": claim_name(restore, entry["volumeName"]), "namespace": key.namespace},
                    "spec": entry["persistentVolumeClaim"]["spec"],
                },
            }
            for entry in items(backup, "status", "volumeBackups")
        ]
        status: Obj = {"restores": made}
        if not spec.get("newVM") and spec.get("deletionPolicy") != "retain":
            source = self._context.store.get(MACHINE, Key(backup["metadata"]["namespace"], backup["spec"]["source"]["name"]))
            status["deletedVolumes"] = claims(template_spec(source)) if source else []
        return status

    # Volumes --------------------------------------------------------------------------------------------------------

    async def _claim(self, restore: Obj, volume: Obj, entry: Obj) -> bool:
        """Whether the new claim is bound; it is made where it is missing."""
        key = Key(restore["metadata"]["namespace"], volume["persistentVolumeClaimSpec"]["metadata"]["name"])
        claim = self._context.store.get(VOLUME_CLAIM, key)
        if claim is None:
            saved = entry["persistentVolumeClaim"]
            marks = {
                name: text for name, text in (part(saved, "metadata").get("annotations") or {}).items() if not name.startswith(_DROPPED)
            }
            meta = {
                "namespace": key.namespace,
                "name": key.name,
                "labels": part(saved, "metadata").get("labels") or {},
                "annotations": {**marks, RESTORE_NAME: restore["metadata"]["name"]},
                "ownerReferences": [owner_reference(restore)],
            }
            kept = ("accessModes", "resources", "storageClassName", "volumeMode")
            spec = {name: saved["spec"][name] for name in kept if name in saved["spec"]}
            await self._context.api.ensure(VOLUME_CLAIM, {"metadata": meta, "spec": spec})
            return False
        return bool(part(claim, "status").get("phase") == "Bound")

    async def _fill(self, restore: Obj, backup: Obj) -> None:
        """Put the saved content on the new volumes, read from where it was saved."""
        for volume, entry in _pairs(restore, backup):
            key = Key(restore["metadata"]["namespace"], volume["persistentVolumeClaimSpec"]["metadata"]["name"])
            claim = self._context.store.get(VOLUME_CLAIM, key)
            if claim is None or CONTENT in annotations(claim):
                continue
            try:
                content = await self._content(restore, backup, entry)
            except (StoreError, DamagedError) as error:
                name = f"pvc-{claim['metadata']['uid']}"
                raise CannotRestoreError(f"volume longhorn-system/{name} restore failed: {error}") from error
            await self._context.api.patch(VOLUME_CLAIM, key, {"metadata": {"annotations": {CONTENT: content}}})

    async def _content(self, restore: Obj, backup: Obj, entry: Obj) -> str:
        if fault_of(restore) is Fault.DISK_FULL:
            raise StoreError("no space left on device")
        if backup["spec"]["type"] == "snapshot":
            return str(json.loads(annotations(backup).get(CONTENT) or "{}").get(entry["volumeName"], ""))
        store, saved = await self._stores.open(), SavedVolume.of(entry)
        checksum = saved.checksum(await asyncio.to_thread(store.read, saved.config))
        return saved.verified(await asyncio.to_thread(store.read, saved.block(checksum)), checksum).decode()

    # Machine --------------------------------------------------------------------------------------------------------

    async def _machine(self, restore: Obj, backup: Obj) -> Obj:
        """The machine with the backup's spec and the new volumes, halted until those are filled."""
        key = Key(restore["metadata"]["namespace"], restore["spec"]["target"]["name"])
        machine, restore_id = self._context.store.get(MACHINE, key), f"{restore['metadata']['name']}-{restore['metadata']['uid']}"
        if machine is not None and annotations(machine).get(LAST_RESTORE) == restore_id:
            return machine
        marks = {LAST_RESTORE: restore_id, RESTORE_NAME: restore["metadata"]["name"]}
        spec = _spec(restore, backup)
        if machine is None:
            source = part(backup, "status", "source")
            kept = {name: text for name, text in annotations(source).items() if name == "field.cattle.io/description"}
            meta = {"name": key.name, "namespace": key.namespace, "annotations": {**kept, **marks}}
            meta["labels"] = {"harvesterhci.io/creator": "harvester", "harvesterhci.io/vmName": key.name}
            return await self._context.api.create(MACHINE, {"metadata": meta, "spec": spec})
        kept = {name: text for name, text in annotations(machine).items() if name != VOLUME_TEMPLATES}
        meta = {**machine["metadata"], "annotations": {**kept, **marks}}
        return await self._context.api.replace(MACHINE, {**machine, "metadata": meta, "spec": spec})

    async def _secrets(self, restore: Obj, backup: Obj, machine: Obj) -> None:
        """Cloud-init data as it was, under a name of its own for a new machine."""
        for saved in items(backup, "status", "secretBackups"):
            name = secret_name(restore, saved["name"]) if restore["spec"].get("newVM") else saved["name"]
            meta = {"name": name, "namespace": machine["metadata"]["namespace"], "ownerReferences": [owner_reference(machine)]}
            found = await self._context.api.ensure(SECRET, {"metadata": meta, "data": saved["data"]})
            if (found.get("data") or {}) != saved["data"]:
                await self._context.api.replace(SECRET, {**found, "data": saved["data"]})

    async def _start(self, restore: Obj, machine: Obj) -> float | None:
        """Start the machine as virt-api's start call would, wait until it runs, and let the old volumes go."""
        key = key_of(machine)
        if run_strategy(machine) == "Halted" and not restore["spec"].get("haltAfterRestore"):
            strategy = annotations(machine).get(RUN_STRATEGY) or "RerunOnFailure"
            await self._context.api.patch_version(MACHINE, machine, {"spec": {"runStrategy": strategy}})
            return AGAIN_SECONDS
        if not part(machine, "status").get("ready") and not restore["spec"].get("haltAfterRestore"):
            await self._say(restore, "True", "Waiting for target vm to be ready", progress=90)
            return AGAIN_SECONDS
        for name in part(restore, "status").get("deletedVolumes") or []:
            await self._context.api.delete(VOLUME_CLAIM, Key(key.namespace, name))
        await self._say(restore, "False", "Operation complete", ready="True", progress=100, complete=True, restoreTime=now())
        return None

    # Status ---------------------------------------------------------------------------------------------------------

    async def _say(self, restore: Obj, progressing: str, message: str, *, reason: str = "", ready: str = "False", **more: object) -> None:
        found = rancher(restore, "InProgress", progressing, reason=reason, message=message)
        found = rancher({"status": {"conditions": found}}, "Ready", ready, reason=reason, message=message)
        status = part(restore, "status")
        if found != items(restore, "status", "conditions") or any(status.get(name) != value for name, value in more.items()):
            await self._write(key_of(restore), {"conditions": found, **more})

    async def _write(self, key: Key, status: Obj) -> None:
        try:
            await self._context.api.patch(RESTORE, key, {"status": status})
        except ApiError as error:
            if error.status != 404:
                raise


def claim_name(restore: Obj, volume: str) -> str:
    """The name of the new claim of a disk."""
    return f"restore-{restore['spec']['virtualMachineBackupName']}-{restore['metadata']['uid']}-{volume}"


def secret_name(restore: Obj, name: str) -> str:
    """The name of a restored Secret of a new machine."""
    return f"vm-{restore['spec']['target']['name']}-{hashlib.sha256(name.encode()).hexdigest()[:8]}-ref"


def _spec(restore: Obj, backup: Obj) -> Obj:
    """The machine's spec as saved, with the new claims; a new machine has MAC addresses and Secrets of its own."""
    spec: Obj = json.loads(json.dumps(part(backup, "status", "source", "spec")))
    spec.pop("running", None)
    spec["runStrategy"] = "Halted"
    inside, is_new = spec["template"]["spec"], restore["spec"].get("newVM")
    made = {each["volumeName"]: each["persistentVolumeClaimSpec"]["metadata"]["name"] for each in items(restore, "status", "restores")}
    for volume in inside.get("volumes") or []:
        if volume["name"] in made and "persistentVolumeClaim" in volume:
            volume["persistentVolumeClaim"]["claimName"] = made[volume["name"]]
        for source in (part(volume, "cloudInitNoCloud", name) for name in ("secretRef", "networkDataSecretRef")) if is_new else ():
            if source:
                source["name"] = secret_name(restore, source["name"])
    if is_new:
        spec["template"].setdefault("metadata", {}).setdefault("labels", {})["harvesterhci.io/vmName"] = restore["spec"]["target"]["name"]
        for nic in inside["domain"].get("devices", {}).get("interfaces") or [] if not restore["spec"].get("keepMacAddress") else ():
            nic.pop("macAddress", None)
    return spec


def _pairs(restore: Obj, backup: Obj) -> list[tuple[Obj, Obj]]:
    """Each volume to make with what it is made from."""
    saved = {entry["volumeName"]: entry for entry in items(backup, "status", "volumeBackups")}
    return [(volume, saved[volume["volumeName"]]) for volume in items(restore, "status", "restores") if volume["volumeName"] in saved]


def _restore_of(obj: Obj) -> Iterable[Key]:
    name = annotations(obj).get(RESTORE_NAME)
    return (Key(obj["metadata"]["namespace"], name),) if name else ()
