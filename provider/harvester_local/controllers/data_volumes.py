"""DataVolumes: a claim of the same name for each, filled by download, upload or copy, as CDI does.

An import that fails is tried again for ever, and the condition Running says why. Upstream:
kubevirt/containerized-data-importer, pkg/controller/datavolume; modes by class are Harvester's storage profiles.
"""

import asyncio
import json
import logging
from collections.abc import Mapping

import aiohttp

from harvester_local.api.client import ApiError
from harvester_local.api.kinds import DATA_VOLUME, STORAGE_CLASS, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, now, owner_reference, part
from harvester_local.controllers.runtime import Context, Mapper, Tasks, own_key
from harvester_local.controllers.transfer import TransferError, fetch
from harvester_local.model.images import CDI_MODES

log = logging.getLogger(__name__)

STEPS = 4
"""How many times progress is reported between 0 and 100."""
_PHASES = {"http": "ImportInProgress", "upload": "UploadReady", "pvc": "CloneInProgress"}


class DataVolumes:
    """The controller. `close` ends what runs."""

    def __init__(self, context: Context, session: aiohttp.ClientSession) -> None:
        self._context, self._session = context, session
        self._tasks = Tasks()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """DataVolumes, and the claims of their names."""
        return {DATA_VOLUME: own_key, VOLUME_CLAIM: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """Make the claim, and once it is bound fill it."""
        volume = self._context.store.get(DATA_VOLUME, key)
        if volume is None or deleting(volume) or part(volume, "status").get("phase") == "Succeeded":
            return None
        claim = self._context.store.get(VOLUME_CLAIM, key)
        if claim is None:
            await self._context.api.ensure(VOLUME_CLAIM, self._claim(volume))
        elif part(claim, "status").get("phase") == "Bound":
            self._tasks.start(volume["metadata"]["uid"], lambda: self._fill(key, volume))
        return None

    async def close(self) -> None:
        """End every task."""
        await self._tasks.close()

    def _claim(self, volume: Obj) -> Obj:
        meta, storage = volume["metadata"], volume["spec"]["storage"]
        store_class = self._context.store.get(STORAGE_CLASS, Key("", storage.get("storageClassName") or ""))
        mode, access = _modes(store_class)
        return {
            "metadata": {
                "name": meta["name"],
                "namespace": meta["namespace"],
                "labels": {"app": "containerized-data-importer"},
                "annotations": {**annotations(volume), "cdi.kubevirt.io/createdForDataVolume": meta["uid"]},
                "ownerReferences": [owner_reference(volume)],
            },
            "spec": {
                "storageClassName": storage.get("storageClassName"),
                "resources": storage["resources"],
                "volumeMode": storage.get("volumeMode") or mode,
                "accessModes": storage.get("accessModes") or access,
            },
        }

    async def _fill(self, key: Key, volume: Obj) -> None:
        """Try until it succeeds, or the DataVolume is gone."""
        (source,) = volume["spec"]["source"]
        try:
            while why := await self._try(key, volume["spec"]["source"].get("http", {}).get("url"), _PHASES[source]):
                await self._say(key, "ImportInProgress", "N/A", running="False", why=why)
                await asyncio.sleep(self._context.settings.retry_seconds)
            await self._say(key, "Succeeded", "100.0%", running="False", why="")
        except ApiError as error:
            if error.status != 404:
                log.warning("data volume %s: %s", key, error)

    async def _try(self, key: Key, url: str | None, phase: str) -> str:
        """One try; why it failed, empty where it did not."""
        if url:
            try:
                await fetch(self._session, url, lambda _: None)
            except TransferError as error:
                return f"Unable to connect to http data source: {error}"
        for step in range(STEPS):
            await self._say(key, phase, f"{100 * step / STEPS:.1f}%", running="True", why="")
            await asyncio.sleep(self._context.settings.import_seconds / STEPS)
        return ""

    async def _say(self, key: Key, phase: str, progress: str, *, running: str, why: str) -> None:
        condition = {"type": "Running", "status": running, "message": why, "reason": "Error" if why else "", "lastTransitionTime": now()}
        await self._context.api.patch_status(DATA_VOLUME, key, {"phase": phase, "progress": progress, "conditions": [condition]})


def _modes(store_class: Obj | None) -> tuple[str, list[str]]:
    """Volume mode and access modes of a class: by its profile, else those of Longhorn."""
    try:
        profile = json.loads(annotations(store_class or {"metadata": {}}).get(CDI_MODES) or "{}")
    except ValueError:
        profile = {}
    mode = "Block" if "Block" in profile or not profile else next(iter(profile))
    return mode, list(profile.get(mode) or ["ReadWriteMany"])
