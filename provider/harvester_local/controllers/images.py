"""VirtualMachineImage: import with progress, retries and a terminal failure, and a storage class per image.

Each unfinished image has one task, its import, that walks the states in order; `reconcile` only sees to it that the
task exists, and cleans up after a deletion. Uploaded content reaches the task through `Uploads`.
Upstream: Harvester's pkg/image/common/operator.go and pkg/controller/master/image at v1.8.
"""

import asyncio
import logging
from collections.abc import Mapping

import aiohttp

from harvester_local.api.client import ApiError
from harvester_local.api.kinds import IMAGE, STORAGE_CLASS, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, finalizers, is_true, key_of, labels, part
from harvester_local.api.quantities import parse
from harvester_local.controllers.backing_images import BackingImages
from harvester_local.controllers.image_status import FINALIZER, by_cdi, imported, initialized, is_over, try_failed, upload_failed
from harvester_local.controllers.runtime import Context, Mapper, Tasks, own_key
from harvester_local.controllers.saved_images import SavedImages
from harvester_local.controllers.transfer import Content, TransferError, fetch, probe
from harvester_local.controllers.uploads import Uploads
from harvester_local.model.images import DISPLAY_NAME_LABEL, LONGHORN, STORAGE_CLASS_ANNOTATION
from harvester_local.model.saved_images import backing_image_of, is_saved

log = logging.getLogger(__name__)

STEPS = 4
"""How many times progress is reported between 0 and 100."""


class Images:
    """The controller. `close` ends the imports that run."""

    def __init__(self, context: Context, session: aiohttp.ClientSession, uploads: Uploads, saved: SavedImages) -> None:
        self._context, self._session, self._uploads, self._saved = context, session, uploads, saved
        self._stored = BackingImages(context)
        self._tasks = Tasks()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Images themselves."""
        return {IMAGE: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """See to it that an unfinished image is being imported, and that nothing stays of a deleted one."""
        image = self._context.store.get(IMAGE, key)
        if image is None:
            return None
        if is_true(image, "Imported") and not deleting(image):
            await self._label(image)
        elif by_cdi(image):
            return None
        elif deleting(image):
            await self._clean_up(image)
        elif FINALIZER not in finalizers(image):  # before anything is made that the image has to take along
            await self._context.api.hold(IMAGE, image, FINALIZER)
        elif not is_over(image):
            return self._tasks.start(image["metadata"]["uid"], lambda: self._import(image))
        return None

    async def close(self) -> None:
        """End every running import."""
        await self._tasks.close()

    async def _clean_up(self, image: Obj) -> None:
        uid = image["metadata"]["uid"]
        self._tasks.cancel(uid)
        self._uploads.drop(uid)
        if FINALIZER in finalizers(image):
            await self._context.api.delete(STORAGE_CLASS, Key("", self._class_name(image)))
            await self._stored.remove(image)
            await self._saved.forget(image)
            await self._context.api.let_go(IMAGE, image, FINALIZER)

    async def _label(self, image: Obj) -> None:
        """Give an imported image the label with its display name, as releases do whose mutator does not."""
        name = image["spec"]["displayName"]
        if labels(image).get(DISPLAY_NAME_LABEL) != name:
            await self._context.api.patch(IMAGE, key_of(image), {"metadata": {"labels": {DISPLAY_NAME_LABEL: name}}})

    # One import -----------------------------------------------------------------------------------------------------

    async def _import(self, image: Obj) -> None:
        """Attempts, one after the other, until one succeeds or the retries are used up."""
        try:
            while not await self._attempt(image):
                await self._pause()
        except ApiError as error:
            if error.status != 404:
                log.warning("image %s: import ended: %s", key_of(image), error)

    async def _pause(self) -> None:
        await asyncio.sleep(self._context.settings.retry_seconds)

    async def _attempt(self, image: Obj) -> bool:
        """One attempt; whether the import is over, for good or ill."""
        try:
            if image["spec"]["sourceType"] in {"download", "restore"} and not is_saved(image):
                await self._write(image, {"appliedUrl": image["spec"]["url"]})
                size = await probe(self._session, image["spec"]["url"])
            else:
                size = 0
            if image["spec"]["sourceType"] == "upload":
                self._uploads.expect(image["metadata"]["uid"])  # before anybody can see that it may come
            await self._initialize(image, size)
            content = await self._content(image, size)
            _verify(content, image["spec"].get("checksum") or "")
        except TransferError as error:
            return await self._fail(image, str(error))
        await self._finish(image, content)
        return True

    async def _initialize(self, image: Obj, size: int) -> None:
        await self._context.api.ensure(STORAGE_CLASS, self._class(image))
        await self._stored.make(image)
        await self._write(image, {**initialized(self._known(image), self._class_name(image)), **({"size": size} if size else {})})

    async def _content(self, image: Obj, size: int) -> Content:
        """The content, after the least time an import takes, with progress on the way."""
        source = image["spec"]["sourceType"]
        if source == "upload":
            content = await asyncio.shield(self._uploads.expect(image["metadata"]["uid"]))
        elif is_saved(image):
            content = await self._saved.content(image)
        elif source in {"download", "restore"}:
            return await self._download(image, size)
        else:
            content = self._derived(image)
        await self._pass_time(image)
        return content

    async def _download(self, image: Obj, size: int) -> Content:
        """Fetch while time passes; reported is the slower of the two."""
        done = 0

        def progress(count: int) -> None:
            nonlocal done
            done = count

        fetching = asyncio.create_task(fetch(self._session, image["spec"]["url"], progress))
        try:
            for step in range(1, STEPS + 1):
                await asyncio.sleep(self._context.settings.import_seconds / STEPS)
                if fetching.done() or step == STEPS:
                    continue
                await self._report(image, min(100 * step // STEPS, 100 * done // size if size else 0))
            return await fetching
        finally:
            fetching.cancel()

    async def _pass_time(self, image: Obj) -> None:
        for step in range(1, STEPS + 1):
            await asyncio.sleep(self._context.settings.import_seconds / STEPS)
            if step < STEPS:
                await self._report(image, 100 * step // STEPS)

    def _derived(self, image: Obj) -> Content:
        """Content of an image made from something inside the cluster: as large as its volume or source image, else 1 GiB."""
        spec = image["spec"]
        volume = self._context.store.get(VOLUME_CLAIM, Key(spec.get("pvcNamespace") or "", spec.get("pvcName") or ""))
        if volume is not None:
            size = int(parse(part(volume, "status", "capacity").get("storage", "1Gi")))
            return Content(size, size, "")
        secured = part(image, "spec", "securityParameters")
        source = self._context.store.get(IMAGE, Key(secured.get("sourceImageNamespace", ""), secured.get("sourceImageName", "")))
        status = part(source, "status")
        return Content(status.get("size", 1 << 30), status.get("virtualSize", 1 << 30), "")

    async def _report(self, image: Obj, progress: int) -> None:
        await self._write(image, {"progress": min(progress, 99)})

    async def _finish(self, image: Obj, content: Content) -> None:
        await self._stored.fill(image, content.size, content.virtual_size)
        await self._write(image, imported(self._known(image), content))

    async def _fail(self, image: Obj, error: str) -> bool:
        """Record a failed attempt; True when it was the last one allowed."""
        known = await self._context.api.get(IMAGE, key_of(image))
        status = upload_failed(known, error) if image["spec"]["sourceType"] == "upload" else try_failed(known, error)
        await self._write(image, status)
        return is_over({**known, "status": status})

    # Helpers --------------------------------------------------------------------------------------------------------

    def _known(self, image: Obj) -> Obj:
        return self._context.store.get(IMAGE, key_of(image)) or image

    async def _write(self, image: Obj, status: Obj) -> None:
        await self._context.api.patch_status(IMAGE, key_of(image), status)

    def _class_name(self, image: Obj) -> str:
        known, rules = part(self._known(image), "status").get("storageClassName"), self._context.rules
        uid = backing_image_of(image, keeps_origin=rules.restored_image_keeps_class).removeprefix("vmi-")
        return str(known or rules.image_class.format(uid=uid, name=image["metadata"]["name"]))

    def _class(self, image: Obj) -> Obj:
        parameters = {**part(image, "spec", "storageClassParameters"), "backingImage": self._stored.name(image)}
        base = self._context.store.get(STORAGE_CLASS, Key("", annotations(image).get(STORAGE_CLASS_ANNOTATION, "")))
        return {
            "metadata": {"name": self._class_name(image)},
            "provisioner": LONGHORN,
            "parameters": parameters,
            "reclaimPolicy": "Delete",
            "allowVolumeExpansion": True,
            "volumeBindingMode": (base or {}).get("volumeBindingMode", "Immediate"),
        }


def _verify(content: Content, checksum: str) -> None:
    if checksum and content.sha512 != checksum.lower():
        raise TransferError("the checksum of the downloaded file does not match")
