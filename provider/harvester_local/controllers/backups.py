"""VirtualMachineBackup: takes stock of a machine, saves its volumes, and describes the backup on the target.

Each unfinished backup has one task that walks the states in order. The volumes of a backup go to the target; those of a
snapshot stay on the object. Upstream: pkg/controller/master/backup/backup{,_status,_metadata}.go in Harvester v1.8.
"""

import asyncio
import json
import logging
from collections.abc import Mapping

from harvester_local.api.client import ApiError
from harvester_local.api.kinds import BACKUP, MACHINE, SECRET, VOLUME_CLAIM, Kind
from harvester_local.api.objects import (
    Key,
    Obj,
    annotations,
    deleting,
    finalizers,
    is_true,
    items,
    key_of,
    labels,
    now,
    part,
    with_finalizers,
)
from harvester_local.api.quantities import parse
from harvester_local.backup_store import StoreError
from harvester_local.controllers.backup_stores import Stores
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.faults import Fault, fault_of
from harvester_local.controllers.runtime import Context, Mapper, Tasks, own_key
from harvester_local.controllers.saved_images import SavedImages
from harvester_local.model.machines import claim_of, template_spec, volumes
from harvester_local.model.saved import CONTENT, FINALIZER, SavedVolume, content_of, error_of, is_new, is_ready, metadata_of, metadata_path

log = logging.getLogger(__name__)

DRIVER = "driver.longhorn.io"
CLASSES = {"backup": "longhorn", "snapshot": "longhorn-snapshot"}
STEPS = 4
"""How many times progress is reported between 0 and 100."""


class CannotSaveError(Exception):
    """The machine cannot be saved; the text is what a user sees."""


class Backups:
    """The controller. `close` ends what runs."""

    def __init__(self, context: Context, stores: Stores, images: SavedImages) -> None:
        self._context, self._stores, self._images = context, stores, images
        self._tasks = Tasks()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Backups themselves."""
        return {BACKUP: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """See to it that an unfinished backup is made, again where the target did not answer, and that nothing stays of a deleted one."""
        backup = self._context.store.get(BACKUP, key)
        if backup is None:
            return None
        if deleting(backup):
            await self._clean_up(backup)
            return None
        if error_of(backup) or _is_done(backup):
            return None
        return self._tasks.start(backup["metadata"]["uid"], lambda: self._make(key))

    async def close(self) -> None:
        """End every task."""
        await self._tasks.close()

    async def _make(self, key: Key) -> None:
        try:
            backup = await self._context.api.get(BACKUP, key)
            if is_new(backup):
                backup = await self._begin(backup)
            if not is_ready(backup):
                backup = await self._save(backup)
            if is_ready(backup) and backup["spec"]["type"] == "backup":
                await self._describe(backup)
        except CannotSaveError as error:
            await self._fail(key, str(error))
        except StoreError as error:
            log.warning("backup %s: %s", key, error)
        except ApiError as error:
            if error.status != 404:
                log.warning("backup %s ended: %s", key, error)

    # The states, in order -------------------------------------------------------------------------------------------

    async def _begin(self, backup: Obj) -> Obj:
        """Take stock: the machine as it is, its volumes and its secrets."""
        key, kind = key_of(backup), backup["spec"]["type"]
        machine = self._context.store.get(MACHINE, Key(key.namespace, backup["spec"]["source"]["name"]))
        if machine is None or deleting(machine):
            raise CannotSaveError(f'virtualmachine.kubevirt.io "{backup["spec"]["source"]["name"]}" not found')
        meta = {name: machine["metadata"].get(name) for name in ("name", "namespace", "annotations", "labels")}
        status = {
            "readyToUse": False,
            "progress": 0,
            "sourceUID": machine["metadata"]["uid"],
            "source": {"metadata": meta, "spec": machine["spec"]},
            "volumeBackups": [self._entry(backup, volume) for volume in volumes(template_spec(machine)) if claim_of(volume)],
            "secretBackups": await self._secrets(machine),
            "csiDriverVolumeSnapshotClassNames": {DRIVER: CLASSES[kind]},
            "conditions": _conditions(backup, "True", "", "Operation in progress", ready="False"),
        }
        if kind == "backup":
            status["backupTarget"] = self._stores.target().reference
        return await self._context.api.patch(
            BACKUP, key, {"metadata": {"finalizers": with_finalizers(backup, FINALIZER)}, "status": status}
        )

    def _entry(self, backup: Obj, volume: Obj) -> Obj:
        key, name = key_of(backup), claim_of(volume)
        claim = self._context.store.get(VOLUME_CLAIM, Key(key.namespace, name))
        if claim is None or not claim["spec"].get("volumeName"):
            raise CannotSaveError(f"unbound PVC {key.namespace}/{name}")
        kept = {mark: text for mark, text in annotations(claim).items() if mark != CONTENT}
        saved = {"name": name, "namespace": key.namespace, "labels": labels(claim), "annotations": kept}
        return {
            "name": f"{key.name}-volume-{name}",
            "volumeName": volume["name"],
            "csiDriverName": DRIVER,
            "persistentVolumeClaim": {"metadata": saved, "spec": claim["spec"]},
            "readyToUse": False,
            "progress": 0,
            "volumeSize": int(parse(part(claim, "status", "capacity").get("storage", "0"))),
        }

    async def _secrets(self, machine: Obj) -> list[Obj]:
        sources = [part(volume, "cloudInitNoCloud") for volume in volumes(template_spec(machine))]
        refs = [part(source, name).get("name") for source in sources for name in ("secretRef", "networkDataSecretRef")]
        found = []
        for name in dict.fromkeys(filter(None, refs)):
            secret = await self._context.api.get(SECRET, Key(machine["metadata"]["namespace"], name))
            found.append({"name": name, "data": {key: text for key, text in (secret.get("data") or {}).items() if text}})
        return found

    async def _save(self, backup: Obj) -> Obj:
        """Save each volume, with progress; on the first failure say which, as upstream does, and stop."""
        key, entries = key_of(backup), [dict(entry) for entry in items(backup, "status", "volumeBackups")]
        contents: dict[str, str] = {}
        for step in range(1, STEPS):
            await asyncio.sleep(self._context.settings.backup_seconds / STEPS)
            await self._write(key, {"progress": 100 * step // STEPS})
        for entry in entries:
            try:
                contents[entry["volumeName"]] = await self._save_volume(backup, entry)
            except StoreError as error:
                entry["error"] = {"message": str(error), "time": now()}
                text = f"VolumeSnapshot {entry['name']} in error state"
                await self._write(key, {"volumeBackups": entries, **_failed(await self._context.api.get(BACKUP, key), text)})
                return await self._context.api.get(BACKUP, key)
            entry |= {"readyToUse": True, "progress": 100, "creationTime": now()}
        status = {"volumeBackups": entries, "readyToUse": True, "progress": 100, "creationTime": now(), "error": None}
        status["conditions"] = _conditions(await self._context.api.get(BACKUP, key), "False", "", "Operation complete", ready="True")
        inside = {"metadata": {"annotations": {CONTENT: json.dumps(contents)}}} if backup["spec"]["type"] == "snapshot" else {}
        return await self._context.api.patch(BACKUP, key, {**inside, "status": status})

    async def _save_volume(self, backup: Obj, entry: Obj) -> str:
        """Save one volume; its content. Those of a backup that another cluster made are on the target already."""
        if fault_of(backup) is Fault.DISK_FULL:
            raise StoreError("failed to write: no space left on device")
        if entry.get("longhornBackupName"):
            store = await self._stores.open()
            await asyncio.to_thread(store.read, SavedVolume.of(entry).config)
            return ""
        claim = self._context.store.get(VOLUME_CLAIM, Key(key_of(backup).namespace, entry["persistentVolumeClaim"]["metadata"]["name"]))
        if claim is None:
            raise StoreError("the volume is gone")
        content = content_of(claim)
        if backup["spec"]["type"] == "backup":
            entry["longhornBackupName"] = f"backup-{backup['metadata']['uid'].replace('-', '')[:8]}{len(entry['name']):02x}"
            await self._images.save(claim)
            store = await self._stores.open()
            for path, data in SavedVolume.of(entry).files(content).items():
                await asyncio.to_thread(store.write, path, data)
        return content.decode()

    async def _describe(self, backup: Obj) -> None:
        """Write the description that other clusters find, where the backup is on the present target."""
        key = key_of(backup)
        if not is_true(backup, "MetadataReady") and self._is_here(backup):
            store = await self._stores.open()
            await asyncio.to_thread(store.write, metadata_path(*key), metadata_of(backup))
            await self._write(key, {"conditions": rancher(backup, "MetadataReady", "True")})

    def _is_here(self, backup: Obj) -> bool:
        return bool(part(backup, "status").get("backupTarget") == self._stores.target().reference)

    # The end of one -------------------------------------------------------------------------------------------------

    async def _clean_up(self, backup: Obj) -> None:
        """Delete what is on the target, as long as that is the one the backup is on."""
        self._tasks.cancel(backup["metadata"]["uid"])
        if FINALIZER not in finalizers(backup):
            return
        if backup["spec"]["type"] == "backup" and self._is_here(backup):
            try:
                await self._remove_files(backup)
            except StoreError as error:
                log.warning("backup %s: its files stay on the target: %s", key_of(backup), error)
        await self._context.api.let_go(BACKUP, backup, FINALIZER)

    async def _remove_files(self, backup: Obj) -> None:
        store = await self._stores.open()
        await asyncio.to_thread(store.remove, metadata_path(*key_of(backup)))
        for entry in items(backup, "status", "volumeBackups"):
            if entry.get("longhornBackupName"):
                await asyncio.to_thread(store.remove, SavedVolume.of(entry).config)

    async def _fail(self, key: Key, text: str) -> None:
        await self._write(key, _failed(await self._context.api.get(BACKUP, key), text))

    async def _write(self, key: Key, status: Obj) -> None:
        await self._context.api.patch(BACKUP, key, {"status": status})


def _is_done(backup: Obj) -> bool:
    return is_ready(backup) and (backup["spec"]["type"] == "snapshot" or is_true(backup, "MetadataReady"))


def _conditions(backup: Obj, progressing: str, reason: str, message: str, *, ready: str) -> list[Obj]:
    found = rancher(backup, "InProgress", progressing, reason=reason, message=message)
    return rancher({"status": {"conditions": found}}, "Ready", ready, message="Operation complete" if ready == "True" else "Not ready")


def _failed(backup: Obj, text: str) -> Obj:
    conditions = _conditions(backup, "False", "Error", text, ready="False")
    return {"readyToUse": False, "error": {"message": text, "time": now()}, "conditions": conditions}
