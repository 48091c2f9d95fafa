"""VirtualMachineImages that CDI stores: a DataVolume for each, and its progress on the image. The image's own class is the volume's.

Upstream: pkg/image/cdi in Harvester v1.8. A failed try before the DataVolume is there counts; after that CDI tries for ever.
"""

import asyncio
from collections.abc import Mapping

import aiohttp

from harvester_local.api.kinds import DATA_VOLUME, IMAGE, STORAGE_CLASS, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, deleting, finalizers, is_true, owned_by, owner_reference, part, with_finalizers
from harvester_local.api.quantities import parse
from harvester_local.controllers.image_status import FINALIZER, by_cdi, imported, initialized, is_over, try_failed, upload_failed
from harvester_local.controllers.runtime import Context, Deadlines, Mapper, Tasks, own_key
from harvester_local.controllers.transfer import Content, TransferError, sizes
from harvester_local.controllers.uploads import Uploads
from harvester_local.model.data_volumes import AT_ONCE

SUCCEEDED = "Succeeded"


class CdiImages:
    """The controller. `close` ends the waits for uploads."""

    def __init__(self, context: Context, session: aiohttp.ClientSession, uploads: Uploads) -> None:
        self._context, self._session, self._uploads, self._deadlines = context, session, uploads, Deadlines()
        self._tasks = Tasks()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Images, and the DataVolumes of their names."""
        return {IMAGE: own_key, DATA_VOLUME: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """Take the next step of an image that CDI stores."""
        image = self._context.store.get(IMAGE, key)
        if image is None or not by_cdi(image):
            return None
        if deleting(image):
            await self._clean_up(key, image)
        elif not is_true(image, "Imported") and not is_over(image):
            return await self._step(key, image)
        return None

    async def close(self) -> None:
        """End every wait."""
        await self._tasks.close()

    async def _step(self, key: Key, image: Obj) -> float | None:
        volume = self._context.store.get(DATA_VOLUME, key)
        if volume is not None:
            if owned_by(volume, image):  # else that of a former image of its name, which is on its way out
                await self._follow(key, image, volume)
            return None
        if image["spec"]["sourceType"] == "upload":
            self._uploads.expect(image["metadata"]["uid"])  # before anybody can see that it may come
            await self._initialize(key, image)
            self._tasks.start(image["metadata"]["uid"], lambda: self._upload(key, image))
            return None
        failed = part(image, "status").get("failed", 0)
        if failed and (left := self._deadlines.remaining(image["metadata"]["uid"], f"{failed}", self._context.settings.retry_seconds)):
            return left
        try:
            content = await self._sizes(image)
        except TransferError as error:
            await self._write(key, try_failed(image, str(error)))
            return None
        await self._initialize(key, image)
        await self._import(key, image, content)
        return None

    async def _sizes(self, image: Obj) -> Content:
        """How large it is, in the file and for a guest, before anything of it is fetched."""
        spec = image["spec"]
        if spec["sourceType"] == "download":
            return await sizes(self._session, spec["url"])
        claim = self._context.store.get(VOLUME_CLAIM, Key(spec.get("pvcNamespace") or "", spec.get("pvcName") or ""))
        if claim is None:
            raise TransferError(f"failed to get source PVC {spec.get('pvcNamespace')}/{spec.get('pvcName')}")
        size = int(parse(part(claim, "status", "capacity").get("storage", "0")))
        return Content(size, size, "")

    async def _initialize(self, key: Key, image: Obj) -> None:
        if is_true(image, "Initialized"):
            return
        kept = with_finalizers(image, FINALIZER)
        status = initialized(image, image["spec"]["targetStorageClassName"])
        await self._context.api.patch(IMAGE, key, {"metadata": {"finalizers": kept}, "status": status})

    async def _upload(self, key: Key, image: Obj) -> None:
        try:
            content = await asyncio.shield(self._uploads.expect(image["metadata"]["uid"]))
        except TransferError as error:
            await self._write(key, upload_failed(await self._context.api.get(IMAGE, key), str(error)))
            return
        await self._import(key, image, content)

    async def _import(self, key: Key, image: Obj, content: Content) -> None:
        """Note the sizes, and have CDI make the volume."""
        await self._write(key, {"size": content.size, "virtualSize": content.virtual_size})
        spec = image["spec"]
        sources: dict[str, Obj] = {
            "download": {"http": {"url": spec.get("url")}},
            "upload": {"upload": {}},
            "export-from-volume": {"pvc": {"namespace": key.namespace, "name": spec.get("pvcName")}},
        }
        store_class = self._context.store.get(STORAGE_CLASS, Key("", spec["targetStorageClassName"])) or {}
        marks = {AT_ONCE: "true"} if store_class.get("volumeBindingMode") == "WaitForFirstConsumer" else {}
        meta = {"name": key.name, "namespace": key.namespace, "annotations": marks, "ownerReferences": [owner_reference(image)]}
        storage = {"storageClassName": spec["targetStorageClassName"], "resources": {"requests": {"storage": str(content.virtual_size)}}}
        body = {"metadata": meta, "spec": {"source": sources[spec["sourceType"]], "storage": storage}}
        volume = await self._context.api.ensure(DATA_VOLUME, body)
        if spec["sourceType"] == "upload":
            self._uploads.pass_on(volume["metadata"]["uid"], content)

    async def _follow(self, key: Key, image: Obj, volume: Obj) -> None:
        status, known = part(volume, "status"), part(image, "status")
        if status.get("phase") == SUCCEEDED:
            await self._write(key, imported(image, Content(known.get("size", 0), known.get("virtualSize", 0), "")))
            return
        percent = int(float(str(status.get("progress") or "0").rstrip("%").replace("N/A", "0")))
        if percent != known.get("progress"):
            await self._write(key, {"progress": min(percent, 99)})

    async def _clean_up(self, key: Key, image: Obj) -> None:
        uid = image["metadata"]["uid"]
        self._tasks.cancel(uid)
        self._uploads.drop(uid)
        if FINALIZER in finalizers(image):
            await self._context.api.delete(DATA_VOLUME, key)
            await self._context.api.let_go(IMAGE, image, FINALIZER)

    async def _write(self, key: Key, status: Obj) -> None:
        await self._context.api.patch_status(IMAGE, key, status)
