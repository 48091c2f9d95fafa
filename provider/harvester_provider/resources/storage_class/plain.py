"""The dialect of StorageClass for a cluster without Harvester: there are no images that could need a class."""

from collections.abc import Iterable

from harvester_provider.core.ref import Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.storage_class import IMAGES, StorageClass
from harvester_provider.resources.storage_class.model import StorageClassInputs


class PlainStorageClass(StorageClass):
    """The kind `StorageClass` without Harvester."""

    def reads(self, ref: Ref, inputs: StorageClassInputs | None, seen: Snapshot) -> Iterable[Want]:
        """The same without images."""
        return (want for want in super().reads(ref, inputs, seen) if want != IMAGES)


KIND = PlainStorageClass()
