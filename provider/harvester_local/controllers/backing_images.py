"""Longhorn's BackingImage behind an image: how large it is, and on which disks it lies. Nothing else of Longhorn is there.

Upstream: pkg/image/backingimage/backingimage.go in Harvester, and Longhorn's backing image controller.
"""

from harvester_local.api.kinds import BACKING_IMAGE
from harvester_local.api.objects import Key, Obj, key_of, now, part
from harvester_local.controllers.runtime import Context
from harvester_local.model.machines import IMAGE_ID
from harvester_local.model.saved_images import backing_image_of

NAMESPACE = "longhorn-system"


class BackingImages:
    """Makes, fills and removes them, for the images controller."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def name(self, image: Obj) -> str:
        """Name of the backing image."""
        return backing_image_of(image, keeps_origin=self._context.rules.restored_image_keeps_class)

    async def make(self, image: Obj) -> None:
        """The object, without content."""
        spec = image["spec"]
        body = {
            "metadata": {"name": self._key(image).name, "namespace": NAMESPACE, "annotations": {IMAGE_ID: str(key_of(image))}},
            "spec": {
                "sourceType": spec["sourceType"],
                "sourceParameters": {},
                "checksum": spec.get("checksum") or "",
                "minNumberOfCopies": _copies(image),
            },
        }
        await self._context.api.ensure(BACKING_IMAGE, body)

    async def fill(self, image: Obj, size: int, virtual_size: int) -> None:
        """As many copies as its class has replicas, on the first nodes."""
        count = min(_copies(image), self._context.settings.nodes)
        ready = {"state": "ready", "progress": 100, "lastStateTransitionTime": now()}
        files = {f"disk-node{number}": ready for number in range(1, count + 1)}
        status = {"size": size, "realSize": size, "virtualSize": virtual_size, "diskFileStatusMap": files}
        await self._context.api.patch_status(BACKING_IMAGE, self._key(image), status)

    async def remove(self, image: Obj) -> None:
        """It goes with its image."""
        await self._context.api.delete(BACKING_IMAGE, self._key(image))

    def _key(self, image: Obj) -> Key:
        return Key(NAMESPACE, self.name(image))


def _key(image: Obj) -> Key:
    return Key(NAMESPACE, f"vmi-{image['metadata']['uid']}")


def _copies(image: Obj) -> int:
    return int(part(image, "spec", "storageClassParameters").get("numberOfReplicas") or 3)
