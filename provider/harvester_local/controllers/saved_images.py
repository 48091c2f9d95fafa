"""Images on the backup target: saved with the first backup of a volume made from one, made from there in another cluster.

Upstream: pkg/controller/master/backup/backup_{backing_image,metadata}.go in Harvester v1.8, and what Longhorn does of itself
when it backs up a volume with a backing image.
"""

import asyncio
import json
import logging

from harvester_local.api.kinds import IMAGE, NAMESPACE, STORAGE_CLASS
from harvester_local.api.objects import Key, Obj, annotations, key_of, part
from harvester_local.backup_store import BackupStore, StoreError
from harvester_local.controllers.backup_stores import Stores
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.runtime import Context
from harvester_local.controllers.transfer import Content, TransferError
from harvester_local.model.images import DISPLAY_NAME_LABEL
from harvester_local.model.machines import IMAGE_ID
from harvester_local.model.saved_images import (
    FOLDER,
    address,
    backing_image_at,
    content_path,
    described,
    description,
    description_path,
)

log = logging.getLogger(__name__)


class SavedImages:
    """What the controllers of backups, of the target and of images do with them."""

    def __init__(self, context: Context, stores: Stores) -> None:
        self._context, self._stores = context, stores

    async def save(self, claim: Obj) -> None:
        """Save and describe the image that a volume was made from, where there is one. Raises StoreError."""
        store_class = self._context.store.get(STORAGE_CLASS, Key("", part(claim, "spec").get("storageClassName") or ""))
        name = part(store_class, "parameters").get("backingImage")
        image = self._context.store.get(IMAGE, Key.parse(annotations(claim).get(IMAGE_ID, ""), claim["metadata"]["namespace"]))
        if not name or image is None:
            return
        target, store = self._stores.target(), await self._stores.open()
        if not await asyncio.to_thread(store.paths, content_path(name)):
            await asyncio.to_thread(store.write, content_path(name), _content_file(image, image["spec"].get("checksum") or ""))
        key, text = key_of(image), description(image, address(target.url, name))
        await asyncio.to_thread(store.write, description_path(*key), text)
        if part(image, "status").get("backupTarget") != target.reference:
            status = {"backupTarget": target.reference, "conditions": rancher(image, "MetadataReady", "True")}
            await self._context.api.patch_status(IMAGE, key, status)

    async def find(self, store: BackupStore) -> None:
        """Make an image of each that is described on the target and whose name and display name are free here."""
        for path in await asyncio.to_thread(store.paths, FOLDER):
            try:
                image = described(await asyncio.to_thread(store.read, path))
            except ValueError:
                log.warning("backup target: %s cannot be read", path)
                continue
            content = content_path(backing_image_at(image["spec"]["url"]))
            if self._is_taken(image) or not await asyncio.to_thread(store.paths, content):
                continue
            await self._context.api.ensure(NAMESPACE, {"metadata": {"name": image["metadata"]["namespace"]}})
            await self._context.api.ensure(IMAGE, image)

    async def content(self, image: Obj) -> Content:
        """What an image is restored from. Raises TransferError."""
        try:
            store = await self._stores.open()
            return _content_in(await asyncio.to_thread(store.read, content_path(backing_image_at(image["spec"]["url"]))))
        except (StoreError, ValueError) as error:
            raise TransferError(f"failed to restore backing image: {error}") from error

    async def forget(self, image: Obj) -> None:
        """Remove the description of a deleted image from the target that it is on."""
        noted = part(image, "status", "backupTarget")
        if not noted or noted != self._stores.target().reference:
            return
        try:
            store = await self._stores.open()
            await asyncio.to_thread(store.remove, description_path(*key_of(image)))
        except StoreError as error:
            log.warning("image %s: its description stays on the target: %s", key_of(image), error)

    def _is_taken(self, image: Obj) -> bool:
        key, shown = key_of(image), image["spec"].get("displayName")
        labelled = (part(each, "metadata", "labels").get(DISPLAY_NAME_LABEL) for each in self._context.store.all(IMAGE, key.namespace))
        return self._context.store.get(IMAGE, key) is not None or shown in labelled


def _content_file(image: Obj, sha512: str) -> bytes:
    """What stands for the content: its sizes and checksum."""
    status = part(image, "status")
    return json.dumps({"Size": status.get("size", 0), "VirtualSize": status.get("virtualSize", 0), "Checksum": sha512}).encode()


def _content_in(file: bytes) -> Content:
    """The content that a file stands for. Raises ValueError."""
    try:
        found = json.loads(file)
        return Content(int(found["Size"]), int(found["VirtualSize"]), str(found["Checksum"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("backing image backup: its description cannot be read") from error
