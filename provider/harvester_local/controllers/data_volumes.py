"""DataVolumes: a claim of the same name for each, filled by download, by upload, by a copy, or blank, which machines wait for.

Each unfinished DataVolume has one task, as images have. An import that fails is tried for ever, and counted. Upstream: CDI's
pkg/controller/datavolume. There are no pods and no scratch space; the overhead of file systems is the default one.
"""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping

import aiohttp

from harvester_local.api.client import ApiError
from harvester_local.api.kinds import DATA_VOLUME, STORAGE_CLASS, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, items, key_of, labels, owned_by, owner_reference, part
from harvester_local.api.quantities import parse
from harvester_local.controllers.conditions import virt
from harvester_local.controllers.runtime import Context, Mapper, Tasks, own_key
from harvester_local.controllers.transfer import TransferError, fetch
from harvester_local.controllers.uploads import Uploads
from harvester_local.model.data_volumes import AT_ONCE, DONE, POD_PHASE
from harvester_local.model.images import CDI_MODES

log = logging.getLogger(__name__)

_OVERHEAD = 0.055
_STEPS = 4
"""How many times progress is reported between 0 and 100."""
_WORDS = {"http": "Import", "blank": "Import", "pvc": "Clone", "upload": "Import"}
"""What the phases of each source begin with."""
_UNKNOWN = "rancher.io/local-path"
"""The provisioner of which CDI does not know what its volumes can do."""
_MODES = {"Block": ["ReadWriteMany"]}
"""What those of any other can do, where the class does not say it."""


class DataVolumes:
    """The controller. `close` ends the imports that run."""

    def __init__(self, context: Context, session: aiohttp.ClientSession, uploads: Uploads) -> None:
        self._context, self._session, self._uploads = context, session, uploads
        self._tasks = Tasks()
        self._waiting = context.store.index(DATA_VOLUME, _source_words)

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """DataVolumes, their claims and those that they are copies of, and their storage classes."""
        claims = {VOLUME_CLAIM: lambda claim: (key_of(claim), *self._waiting.keys(str(key_of(claim))))}
        return {DATA_VOLUME: own_key, STORAGE_CLASS: self._of_class, **claims}

    async def close(self) -> None:
        """End every import that runs."""
        await self._tasks.close()

    async def reconcile(self, key: Key) -> float | None:
        """Make the claim; once that is bound, see to it that it is being filled."""
        volume, claim = self._context.store.get(DATA_VOLUME, key), self._context.store.get(VOLUME_CLAIM, key)
        if volume is None or deleting(volume) or part(volume, "status").get("phase") == DONE:
            return None
        if claim is None or deleting(claim) or not owned_by(claim, volume):
            await self._claim(volume)
        elif part(claim, "status").get("phase") != "Bound":
            await self._write(volume, self._unbound(claim), Bound="False")
        elif self._has_source(volume):
            return self._tasks.start(volume["metadata"]["uid"], lambda: self._fill(volume))
        return None

    async def _claim(self, volume: Obj) -> None:
        storage = _storage(volume)
        modes = self._modes(storage)
        if modes is None:
            text = f"no accessMode defined DV nor on StorageProfile for {storage.get('storageClassName', '')} StorageClass"
            await self._write(volume, "Pending", message=text, Bound="False")
            return
        size = part(storage, "resources", "requests").get("storage", "0")
        if "storage" in part(volume, "spec") and modes["volumeMode"] == "Filesystem":
            size = str(int(float(parse(size)) / (1 - _OVERHEAD)))
        spec = {**storage, **modes, "resources": {"requests": {"storage": size}}}
        uid = volume["metadata"]["uid"]
        meta = {
            "name": volume["metadata"]["name"],
            "namespace": volume["metadata"]["namespace"],
            "labels": {**labels(volume), "app": "containerized-data-importer"},
            "annotations": {**annotations(volume), POD_PHASE: "Pending", "cdi.kubevirt.io/createdForDataVolume": uid},
            "ownerReferences": [{**owner_reference(volume), "apiVersion": DATA_VOLUME.api_version, "kind": DATA_VOLUME.kind}],
        }
        await self._context.api.ensure(VOLUME_CLAIM, {"metadata": meta, "spec": spec})

    def _modes(self, storage: Obj) -> Obj | None:
        """Volume mode and access modes: those declared, else those of the class; None where nobody says them, or the class is not there."""
        name = storage.get("storageClassName") or ""
        used = self._context.store.get(STORAGE_CLASS, Key("", name))
        if name and used is None:
            return None
        profile = _profile(used or {})
        mode = storage.get("volumeMode") or ("Block" if "Block" in profile else next(iter(profile), "Filesystem"))
        access = storage.get("accessModes") or profile.get(mode)
        return {"volumeMode": mode, "accessModes": access} if access else None

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
        """Attempts, one after the other, until one succeeds or the DataVolume has gone."""
        key, source = key_of(volume), part(volume, "spec", "source")
        word = next((text for name, text in _WORDS.items() if name in source), "Import")
        try:
            if "upload" in source:
                upload = self._uploads.expect(volume["metadata"]["uid"])  # before anybody can see that it may come
                await self._write(volume, "UploadReady", Bound="True", Running="True")
                await asyncio.shield(upload)
            restarts = 0
            while why := await self._attempt(volume, f"{word}InProgress"):
                restarts += 1
                await self._write(volume, f"{word}InProgress", message=why, Running="False", restarts=restarts)
                await asyncio.sleep(self._context.settings.retry_seconds)
                if not self._is_there(volume):
                    return
            if not self._is_there(volume):
                return
            await self._context.api.patch(VOLUME_CLAIM, key, {"metadata": {"annotations": {POD_PHASE: DONE}}})
            await self._write(volume, DONE, Bound="True", Running="False", Ready="True", progress="100.0%", reason="Completed")
        except ApiError as error:
            if error.status != 404:
                log.warning("data volume %s: %s", key, error)

    async def _attempt(self, volume: Obj, phase: str) -> str:
        """Fetch what has to be fetched while time passes; why that failed, empty where it did not."""
        await self._write(volume, phase, Bound="True", Running="True", progress="N/A")
        url = part(volume, "spec", "source", "http").get("url")
        if url:
            try:
                await fetch(self._session, url, lambda _: None)
            except TransferError as error:
                return f"Unable to connect to http data source: {error}"
        for step in range(1, _STEPS + 1):
            await asyncio.sleep(self._context.settings.import_seconds / _STEPS)
            if step < _STEPS:
                await self._write(volume, phase, progress=f"{100 * step / _STEPS:.2f}%")
        return ""

    def _of_class(self, known: Obj) -> Iterable[Key]:
        name = known["metadata"]["name"]
        return [key_of(each) for each in self._context.store.all(DATA_VOLUME) if _storage(each).get("storageClassName") == name]

    def _is_there(self, volume: Obj) -> bool:
        """Whether it is still the DataVolume of that name."""
        found = self._context.store.get(DATA_VOLUME, key_of(volume))
        return found is not None and not deleting(found) and found["metadata"]["uid"] == volume["metadata"]["uid"]

    async def _write(
        self, volume: Obj, phase: str, *, progress: str = "", message: str = "", reason: str = "", restarts: int = 0, **states: str
    ) -> None:
        """Phase, progress and conditions, `states` by their types; where nothing changes, or it has gone, nothing is written."""
        if not self._is_there(volume):
            return
        key = key_of(volume)
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


def _storage(volume: Obj) -> Obj:
    """What is asked for, in either of the two forms."""
    return part(volume, "spec", "storage") or part(volume, "spec", "pvc")


def _profile(store_class: Obj) -> Mapping[str, list[str]]:
    """What CDI's StorageProfile of a class says: volume mode -> access modes. Harvester writes it from the class's annotation."""
    try:
        given = json.loads(annotations(store_class or {"metadata": {}}).get(CDI_MODES) or "{}")
    except ValueError:
        given = {}
    return given or ({} if store_class.get("provisioner") == _UNKNOWN else _MODES)


def _source_words(volume: Obj) -> Iterable[str]:
    """Index words: the claim that it is a copy of."""
    source = part(volume, "spec", "source", "pvc")
    return (f"{source['namespace']}/{source['name']}",) if source.get("name") else ()
