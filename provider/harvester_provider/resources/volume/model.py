"""Volume: inputs and outputs. Names follow those of a machine's disks. Only shapes and defaults; rules are in `sources`."""

from typing import Literal

from pydantic import Field

from harvester_provider.resources.model import REPLACE, NamespacedInputs, Outputs, QuantityText


class VolumeInputs(NamespacedInputs):
    """A volume that lives by itself: machines attach it by its name (`existing_volume`), and it outlives them.

    It is blank, or made from one of `image`, `snapshot` and `source_volume`.
    """

    size: QuantityText | None = None
    """Size, such as `20Gi`. It can grow, never shrink: while machines run with it where its driver does that (Harvester's setting
    `csi-online-expand-validation`). Required for a blank volume; otherwise the default is
    that of what it is made from, an image's in whole GiB."""
    image: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Image it is made from, as `namespace/name` (the `id` of an Image)."""
    snapshot: str | None = Field(default=None, json_schema_extra=REPLACE)
    """VolumeSnapshot of the same namespace that it is restored from, by its `id` or name."""
    source_volume: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Volume of the same namespace that it is a copy of, by its `id` or name."""
    storage_class: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Storage class. Default: that of the image, the snapshot or the volume it is made from, else the cluster's default class."""
    access_mode: Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"] | None = Field(
        default=None, json_schema_extra=REPLACE
    )
    """Access mode. Live migration of machines needs `ReadWriteMany`, which is the default; LVM has `ReadWriteOnce` only, and without
    Harvester that is the default."""
    volume_mode: Literal["Block", "Filesystem"] | None = Field(default=None, json_schema_extra=REPLACE)
    """Mode. Default: `Block`, which machines use; without Harvester `Filesystem`."""


class VolumeOutputs(Outputs):
    """What the cluster says of a volume."""

    phase: str = ""
    """`Bound` once it is provisioned, `Pending` before; some storage classes wait for the first machine that uses it."""
    capacity: str = ""
    """The size it really has."""
    storage_class_name: str = ""
    """The storage class it has, also where none was declared."""
    persistent_volume: str = ""
    """Name of the PersistentVolume behind it."""
    attached_to: list[str] = []
    """The machines that have it as a disk, each `namespace/name`, running or not; as of the last update or refresh."""
