"""Image: inputs and outputs, for each way an image comes into being. Rules across fields are in `check`."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from harvester_provider.core.quantity import Quantity
from harvester_provider.resources.model import REPLACE, NamespacedInputs, Outputs, QuantityText


class ImageInputs(NamespacedInputs):
    """An image: what the disks of machines are made from. Machines and volumes name it by its output `imageId`."""

    source_type: Literal["download", "upload", "export-from-volume", "clone"] = Field(default="download", json_schema_extra=REPLACE)
    """Where the content comes from. `download`: Harvester fetches `url`. `upload`: `file` is sent from where Pulumi runs.
    `export-from-volume`: a copy of `source_volume`. `clone`: `source_image`, encrypted or decrypted."""
    display_name: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Name in Harvester's UI, unique in the namespace: at most 63 letters, digits, `-`, `_` and `.`. Default: `name`."""
    url: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Where the cluster downloads it from: an http or https address of a qcow2, raw or ISO file. It must answer HEAD requests."""
    file: str | None = None
    """Path of a local qcow2, raw or ISO file to upload. Its content decides: another content makes another image, another path or
    date does not. An image that is adopted or imported needs none; given all the same, it must have the image's size, or its
    SHA-512 where that is known."""
    source_volume: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Volume that the image is a copy of, as `namespace/name`, or its name in the image's namespace."""
    source_image: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Image that is encrypted or decrypted, as `namespace/name`."""
    crypto_operation: Literal["encrypt", "decrypt"] | None = Field(default=None, json_schema_extra=REPLACE)
    """What `clone` does. To encrypt, `storage_class` must be one with encryption."""
    checksum: str | None = Field(default=None, json_schema_extra=REPLACE)
    """SHA-512 of the file: 128 hexadecimal digits in lower case. Only the backend `backingimage` verifies it. Of an upload it is
    computed, and need not be given."""
    storage_class: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Storage class whose replicas, disk and node selectors the image and its volumes use. Default: the cluster's default class.

    With the backend `cdi` it is the class the image is stored in.
    """
    backend: Literal["backingimage", "cdi"] = Field(default="backingimage", json_schema_extra=REPLACE)
    """Who stores it: `backingimage` (Longhorn v1) or `cdi` (any other storage; Harvester 1.5 and later)."""
    volume_size: QuantityText = Field(default=Quantity("10Gi"), json_schema_extra=REPLACE)
    """Without Harvester: size of the volume that holds the image, at least its virtual size. Disks made from it are no smaller.
    Harvester finds out by itself."""
    retry: int = Field(default=3, ge=0, le=10)
    """How often a failed import is tried again, 0 to 10. It takes 10 seconds and more from one try to the next."""
    file_sha512: str = Field(default="", json_schema_extra=REPLACE)
    """Set by the provider: SHA-512 of `file`."""
    file_size: int = 0
    """Set by the provider: size of `file` in bytes."""
    file_stamp: str = ""
    """Set by the provider: how the file looked when it was read, so that it is read again only when it looks different."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: object) -> object:
        """Fill in the display name, so that leaving it out and writing it down are the same."""
        if not isinstance(values, Mapping) or "name" not in values:
            return values
        given = {key: value for key, value in values.items() if key not in {"displayName", "display_name"} or value is not None}
        return {"displayName": values["name"], **given} if "display_name" not in given else given


class ImageOutputs(Outputs):
    """What is known of an image once it is imported."""

    image_id: str = ""
    """`namespace/name`: what disks and CD-ROMs name as their image."""
    storage_class_name: str = ""
    """The storage class of the volumes made from the image. Harvester makes it; its name differs from release to release."""
    size: int = 0
    """Size of the file, in bytes."""
    virtual_size: int = 0
    """Size of the disk in the file, in bytes. A volume made from the image must not be smaller."""
    progress: int = 0
    """Progress of the import, in percent. 100 once it is imported."""
