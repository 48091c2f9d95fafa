"""DataVolume on a cluster without Harvester: a claim of its name, filled by download, by a copy, or blank, which machines wait for.

Each unfinished DataVolume has one task, as images have. An import that fails is tried for ever, and counted. Upstream: CDI's
pkg/controller/datavolume. There are no pods and no scratch space; the overhead of file systems is the default one.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping

import aiohttp

from harvester_local.api.client import ApiError
from harvester_local.api.kinds import DATA_VOLUME, STORAGE_CLASS, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, items, key_of, labels, owner_reference, part
from harvester_local.api.quantities import parse
from harvester_local.controllers.conditions import virt
from harvester_local.controllers.runtime import Context, Mapper, Tasks, own_key
from harvester_local.controllers.transfer import TransferError, fetch
from harvester_local.controllers.uploads import Uploads
from harvester_local.model.data_volumes import AT_ONCE, DONE, POD_PHASE

log = logging.getLogger(__name__)

_OVERHEAD = 0.055
_STEPS = 4
_WORDS = {"http": "Import", "blank": "Import", "pvc": "Clone", "upload": "Import"}
"""What the phases of each source begin with."""


class PlainDataVolumes:
    """The controller. `close` ends the imports that run."""

    def __init__(self, context: Context, session: aiohttp.ClientSession, uploads: Uploads) -> None:
        self._context, self._session, self._uploads = context, session, uploads
        self._tasks = Tasks()
        self._waiting = context.store.index(DATA_VOLUME, _source_words)

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """DataVolumes, their claims and those that they are copies of."""
        return {DATA_VOLUME: own_key, VOLUME_CLAIM: lambda claim: (key_of(claim), *self._waiting.keys(str(key_of(claim))))}

    async def close(self) -> None:
        """End every import that runs."""
        await self._tasks.close()

    async def reconcile(self, key: Key) -> float | None:
        """Make the claim; once that is bound, see to it that it is being filled."""
        volume, claim = self._context.store.get(DATA_VOLUME, key), self._context.store.get(VOLUME_CLAIM, key)
        if volume is None or deleting(volume):
            self._tasks.cancel(str(key))
            return None
        if part(volume, "status").get("phase") == "Succeeded":
            return None
        if claim is None:
            await self._claim(volume)
        elif part(claim, "status").get("phase") != "Bound":
            await self._write(key, self._unbound(claim), Bound="False")
        elif self._has_source(volume):
            self._tasks.start(str(key), lambda: self._fill(volume))
        return None

    async def _claim(self, volume: Obj) -> None:
        storage = part(volume, "spec").get("storage") or part(volume, "spec", "pvc")
        size = part(storage, "resources", "requests").get("storage", "0")
        if "storage" in part(volume, "spec") and storage.get("volumeMode", "Filesystem") == "Filesystem":
            size = str(int(float(parse(size)) / (1 - _OVERHEAD)))
        spec = {"volumeMode": "Filesystem", **storage, "resources": {"requests": {"storage": size}}}
        meta = {
            "name": volume["metadata"]["name"],
            "namespace": volume["metadata"]["namespace"],
            "labels": {**labels(volume), "app": "containerized-data-importer"},
            "annotations": {**annotations(volume), POD_PHASE: "Pending"},
            "ownerReferences": [{**owner_reference(volume), "apiVersion": DATA_VOLUME.api_version, "kind": DATA_VOLUME.kind}],
        }
        if storage.get("accessModes"):
            await self._context.api.ensure(VOLUME_CLAIM, {"metadata": meta, "spec": spec})
            return
        text = f"no accessMode defined DV nor on StorageProfile for {storage.get('storageClassName', '')} StorageClass"
        await self._write(key_of(volume), "Pending", message=text, Bound="False")

    def _unbound(self, claim: Obj) -> str:
        used = self._context.store.get(STORAGE_CLASS, Key("", claim["spec"].get("storageClassName") or ""))
        waits = (used or {}).get("volumeBindingMode") == "WaitForFirstConsumer" and AT_ONCE not in annotations(claim)
        return "WaitForFirstConsumer" if waits else "Pending"

    def _has_source(self, volume: Obj) -> bool:
        """Whether the volume to copy is there and not being filled itself."""
        wanted = next(iter(_source_words(volume)), "")
        found = self._context.store.get(VOLUME_CLAIM, Key.parse(wanted)) if wanted else None
        return not wanted or (found is not None and annotations(found).get(POD_PHASE, DONE) == DONE)

    async def _fill(self, volume: Obj) -> None:
        """Attempts, one after the other, until one succeeds."""
        key, source = key_of(volume), part(volume, "spec", "source")
        word = next((text for name, text in _WORDS.items() if name in source), "Import")
        try:
            if "upload" in source:
                await self._write(key, "UploadReady", Bound="True", Running="True")
                await asyncio.shield(self._uploads.expect(volume["metadata"]["uid"]))
            for restarts in range(1 << 30):
                await self._write(key, f"{word}InProgress", Bound="True", Running="True", progress="N/A")
                try:
                    await self._transfer(key, f"{word}InProgress", source)
                except TransferError as error:
                    await self._write(key, f"{word}InProgress", message=str(error), Running="False", restarts=restarts + 1)
                    await asyncio.sleep(self._context.settings.retry_seconds)
                else:
                    break
            await self._context.api.patch(VOLUME_CLAIM, key, {"metadata": {"annotations": {POD_PHASE: DONE}}})
            await self._write(key, "Succeeded", Bound="True", Running="False", Ready="True", progress="100.0%", reason="Completed")
        except ApiError as error:
            if error.status != 404:
                log.warning("data volume %s: %s", key, error)

    async def _transfer(self, key: Key, phase: str, source: Obj) -> None:
        """Fetch what has to be fetched while time passes."""
        url = part(source, "http").get("url")
        fetching = asyncio.create_task(fetch(self._session, url, lambda _: None)) if url else None
        try:
            for step in range(1, _STEPS + 1):
                await asyncio.sleep(self._context.settings.import_seconds / _STEPS)
                if step < _STEPS and not (fetching and fetching.done()):
                    await self._write(key, phase, progress=f"{100 * step / _STEPS:.2f}%")
            if fetching:
                await fetching
        finally:
            if fetching:
                fetching.cancel()

    async def _write(
        self, key: Key, phase: str, *, progress: str = "", message: str = "", reason: str = "", restarts: int = 0, **states: str
    ) -> None:
        """Phase, progress and conditions, `states` by their types; where nothing changes, nothing is written."""
        known = part(self._context.store.get(DATA_VOLUME, key), "status")
        conditions = items({"status": known}, "status", "conditions")
        for kind, state in states.items():
            failed = bool(message) and state == "False"
            conditions = virt(conditions, kind, state, reason=reason or ("Error" if failed else ""), message=message if failed else "")
        status: Obj = {"phase": phase, "claimName": key.name, "conditions": conditions}
        status |= {"progress": progress} if progress else {}
        status |= {"restartCount": restarts} if restarts else {}
        if any(known.get(name) != value for name, value in status.items()):
            await self._context.api.patch_status(DATA_VOLUME, key, status)


def _source_words(volume: Obj) -> Iterable[str]:
    """Index words: the claim that it is a copy of."""
    source = part(volume, "spec", "source", "pvc")
    return (f"{source['namespace']}/{source['name']}",) if source.get("name") else ()
