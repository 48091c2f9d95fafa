"""The setting `backup-target`: its keys go into a Secret, Longhorn is told, and asked whether the storage answers.

Upstream: pkg/controller/master/backup/backup_target.go in Harvester v1.8, and Longhorn's backup target controller.
"""

import asyncio
import base64
import json
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from harvester_local.api.kinds import BACKUP, LONGHORN_TARGET, NAMESPACE, SECRET, SETTING, STORAGE_CLASS, Kind
from harvester_local.api.objects import Key, Obj, annotations, items, now, part
from harvester_local.backup_store import StoreError
from harvester_local.controllers.backup_stores import TARGET_KEY, TARGET_SECRET, Stores
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.runtime import Context, Mapper
from harvester_local.controllers.saved_images import SavedImages
from harvester_local.model.backup_targets import METADATA_FOLDER, SECRET_NAME, SETTING_NAME, BackupTarget, text_hash
from harvester_local.model.saved import FINALIZER

log = logging.getLogger(__name__)

POLL_SECONDS = 5.0
HASH, REFRESHED = "harvesterhci.io/hash", "harvesterhci.io/lastRefreshTime"
_LONGHORN = Key("longhorn-system", "default")


class BackupTargets:
    """The controller."""

    def __init__(self, context: Context, stores: Stores, images: SavedImages) -> None:
        self._context, self._stores, self._images = context, stores, images

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """The one setting."""
        return {SETTING: _the_one}

    async def reconcile(self, key: Key) -> float | None:
        """Bring keys, Longhorn and the condition in line with the setting; then look whether the storage answers, again and again."""
        setting = self._context.store.get(SETTING, key)
        if setting is None:
            return None
        try:
            target = BackupTarget.parse(setting.get("value") or "")
        except ValueError as error:
            await self._configured(setting, "False", str(error))
            return None
        await self._longhorn({"spec": {"backupTargetURL": target.url, "credentialSecret": SECRET_NAME if target.type == "s3" else ""}})
        if target.type == "s3" and target.has_keys:
            await self._keep_keys(target)
            await self._context.api.patch_version(SETTING, setting, {"value": target.without_keys()})
            return None
        if target.type != "s3":
            await self._keep_keys(None)
        if target.is_default:
            await self._reset(setting)
            return None
        await self._configured(setting, "True", "")
        if await self._answers() and self._is_due(setting, target):
            await self._find_backups(target)
            await self._mark(setting)
        return min(POLL_SECONDS, target.refreshIntervalInSeconds or POLL_SECONDS)

    async def _longhorn(self, body: Obj) -> None:
        known = self._context.store.get(LONGHORN_TARGET, _LONGHORN)
        if known is not None and any(part(known, "spec").get(name) != value for name, value in body["spec"].items()):
            await self._context.api.patch(LONGHORN_TARGET, _LONGHORN, body)
            await self._context.api.patch_status(LONGHORN_TARGET, _LONGHORN, {"available": False, "conditions": []})

    async def _keep_keys(self, target: BackupTarget | None) -> None:
        """Write the Secret that Longhorn and the webhook take the keys from; empty it without a target."""
        data = {}
        if target is not None:
            plain = {
                "AWS_ACCESS_KEY_ID": target.accessKeyId,
                "AWS_SECRET_ACCESS_KEY": target.secretAccessKey,
                "AWS_ENDPOINTS": target.endpoint,
                "AWS_CERT": (self._context.store.get(SETTING, Key("", "additional-ca")) or {}).get("value") or target.cert,
                "VIRTUAL_HOSTED_STYLE": str(target.virtualHostedStyle).lower(),
            }
            data = {name: base64.b64encode(text.strip().encode()).decode() for name, text in plain.items()}
        found = await self._context.api.ensure(
            SECRET, {"metadata": {"name": TARGET_SECRET.name, "namespace": TARGET_SECRET.namespace}, "type": "Opaque", "data": data}
        )
        if (found.get("data") or {}) != data:
            await self._context.api.replace(SECRET, {**found, "data": data})

    async def _reset(self, setting: Obj) -> None:
        if HASH in annotations(setting) or REFRESHED in annotations(setting):
            await self._context.api.patch(SETTING, TARGET_KEY, {"metadata": {"annotations": {HASH: None, REFRESHED: None}}})
        await self._configured(setting, "False", "")

    async def _configured(self, setting: Obj, status: str, message: str) -> None:
        conditions = rancher(setting, "configured", status, message=message)
        if conditions != items(setting, "status", "conditions"):
            await self._context.api.patch(SETTING, TARGET_KEY, {"status": {"conditions": conditions}})

    async def _answers(self) -> bool:
        """Ask the storage, and have Longhorn's object say the answer."""
        try:
            store = await self._stores.open()
            await asyncio.to_thread(store.check)
            why = ""
        except StoreError as error:
            why = str(error)
        bad = {"type": "Unavailable", "status": "True" if why else "False", "reason": "Unavailable" if why else "", "message": why}
        known = part(self._context.store.get(LONGHORN_TARGET, _LONGHORN), "status")
        if known.get("available") is not (not why) or known.get("conditions") != [bad]:
            status = {"available": not why, "conditions": [bad], "lastSyncedAt": now()}
            await self._context.api.patch_status(LONGHORN_TARGET, _LONGHORN, status)
        return not why

    def _is_due(self, setting: Obj, target: BackupTarget) -> bool:
        """Whether it is time to look for backups that other clusters made: once, and then at the target's interval."""
        if annotations(setting).get(HASH) != text_hash(setting["value"]):
            return True
        last = annotations(setting).get(REFRESHED, "")
        interval = timedelta(seconds=target.refreshIntervalInSeconds)
        return bool(interval) and (not last or datetime.fromisoformat(last) + interval <= datetime.now(UTC))

    async def _find_backups(self, target: BackupTarget) -> None:
        """Make an object of each backup that is described on the target and not known here, where its storage classes exist.

        Those of images that are made now do not yet, as in upstream's caches, so that such a backup is found at the next look.
        """
        store = await self._stores.open()
        known = {each["metadata"]["name"] for each in self._context.store.all(STORAGE_CLASS)}
        await self._images.find(store)
        for path in await asyncio.to_thread(store.paths, METADATA_FOLDER):
            try:
                found = json.loads(await asyncio.to_thread(store.read, path))
            except ValueError:
                log.warning("backup target: %s cannot be read", path)
                continue
            key = Key(found["namespace"], found["name"])
            classes = {part(entry, "persistentVolumeClaim", "spec").get("storageClassName") for entry in found["volumeBackups"]}
            if self._context.store.get(BACKUP, key) or not classes <= known:
                continue
            await self._context.api.ensure(NAMESPACE, {"metadata": {"name": key.namespace}})
            status = {
                "readyToUse": False,
                "backupTarget": target.reference,
                "source": found["vmSourceSpec"],
                "volumeBackups": found["volumeBackups"],
                "secretBackups": found["secretBackups"],
            }
            meta = {"name": key.name, "namespace": key.namespace, "finalizers": [FINALIZER]}
            await self._context.api.ensure(BACKUP, {"metadata": meta, "spec": found["backupSpec"], "status": status})

    async def _mark(self, setting: Obj) -> None:
        """Note that the backups on the target are known by now."""
        marks = {HASH: text_hash(setting["value"]), REFRESHED: now()}
        await self._context.api.patch(SETTING, TARGET_KEY, {"metadata": {"annotations": marks}})


def _the_one(setting: Obj) -> Iterable[Key]:
    return (TARGET_KEY,) if setting["metadata"]["name"] == SETTING_NAME else ()
