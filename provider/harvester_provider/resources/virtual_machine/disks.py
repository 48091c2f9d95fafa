"""One disk between its input and the three places a machine keeps it in: device, volume, claim template.

Pure translation, both ways; nothing here decides what a change does.
"""

from collections.abc import Mapping

from harvester_provider.core.json import Json, Object, dig_int, dig_map, dig_str
from harvester_provider.core.quantity import Quantity
from harvester_provider.resources.apis import IMAGE_ID
from harvester_provider.resources.virtual_machine.devices import Disk

MODES: Mapping[str, str] = {"access_mode": "ReadWriteMany", "volume_mode": "Block"}
"""What the volumes of a Harvester have where nothing is declared."""
_GIB = 2**30


def bus(disk: Disk) -> str:
    """The bus, the default filled in."""
    if disk.bus or disk.type == "cd-rom":
        return disk.bus or "sata"
    return "scsi" if disk.hot_plug else "virtio"


def has_source(disk: Disk) -> bool:
    """Whether there is a volume behind it; an empty CD-ROM drive has none."""
    return needs_claim(disk) or disk.existing_volume is not None or disk.container_image is not None


def needs_claim(disk: Disk) -> bool:
    """Whether Harvester makes a volume for it."""
    return disk.existing_volume is None and disk.container_image is None and (disk.image is not None or disk.size is not None)


def device(disk: Disk) -> dict[str, Json]:
    """The entry of `devices.disks`."""
    kind = "cdrom" if disk.type == "cd-rom" else "disk"
    optional: Mapping[str, Json] = {"bootOrder": disk.boot_order, "cache": disk.cache_mode, "serial": disk.serial}
    return {"name": disk.name, kind: {"bus": bus(disk)}, **{key: value for key, value in optional.items() if value is not None}}


def volume(disk: Disk, claim: str) -> dict[str, Json] | None:
    """The entry of `volumes`; None for an empty CD-ROM drive. `claim` is the volume that Harvester makes, if it makes one."""
    if disk.container_image is not None:
        return {"name": disk.name, "containerDisk": {"image": disk.container_image}}
    name = disk.existing_volume or claim
    hot_plug: Mapping[str, Json] = {"hotpluggable": True} if disk.hot_plug else {}
    return {"name": disk.name, "persistentVolumeClaim": {"claimName": name, **hot_plug}} if name else None


def claim_template(disk: Disk, claim: str, image: Object, marks: Mapping[str, str]) -> dict[str, Json]:
    """The entry of the annotation with claim templates. `image` is the image object, empty for a blank disk."""
    annotations = {**marks, **({IMAGE_ID: disk.image} if disk.image else {})}
    storage_class = dig_str(image, "status", "storageClassName") or disk.storage_class
    spec: dict[str, Json] = {
        "accessModes": [disk.access_mode or MODES["access_mode"]],
        "resources": {"requests": {"storage": size(disk, image).text}},
        "volumeMode": disk.volume_mode or MODES["volume_mode"],
        **({"storageClassName": storage_class} if storage_class else {}),
    }
    return {"metadata": {"name": claim, **({"annotations": annotations} if annotations else {})}, "spec": spec}


def size(disk: Disk, image: Object) -> Quantity:
    """The declared size, or that of the image, in whole GiB. Zero where neither is known."""
    if disk.size is not None:
        return disk.size
    return Quantity(f"{-(-image_bytes(image) // _GIB)}Gi")


def image_bytes(image: Object) -> int:
    """What a volume made from the image needs at least, in bytes. Zero where the cluster has not said it yet."""
    return max(dig_int(image, "status", "virtualSize"), dig_int(image, "status", "size"))


def kind_of(entry: Object) -> str:
    """`disk` or `cd-rom`, read from a device."""
    return "cd-rom" if "cdrom" in entry else "disk"


def bus_of(entry: Object) -> str:
    """The bus, read from a device; empty where the cluster chooses."""
    return dig_str(entry, "cdrom" if "cdrom" in entry else "disk", "bus")


def claim_of(entry: Object) -> str:
    """The name of the claim behind a volume; of a data volume it is the same."""
    return dig_str(entry, "persistentVolumeClaim", "claimName") or dig_str(entry, "dataVolume", "name")


def container_of(entry: Object) -> str:
    """The container image behind a volume."""
    return dig_str(dig_map(entry, "containerDisk"), "image")
