"""The parts of a machine as inputs: disks, network interfaces, the cloud-init drive, and how a machine is stopped.

Lists of them are keyed by name, everywhere. Rules across fields are in `check`.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from harvester_provider.resources.model import SECRET, DurationText, Model, Name, QuantityText
from harvester_provider.resources.policies import AfterDeadline, default_of

NicName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=63)]
"""Name of a network interface, as KubeVirt takes it: letters, digits, `-` and `_`."""

Serial = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+-]*$", max_length=256)]
"""Serial number of a disk, as KubeVirt takes it: at most 256 letters, digits and `_.+-` (vmi-create-admitter.go)."""


class Disk(Model):
    """A disk or CD-ROM. It has one source: `image`, `existing_volume`, `container_image`, or none for a blank disk of `size`."""

    name: Name
    """Name of the disk, unique in the machine. A disk with another name is another disk, with a volume of its own."""
    type: Literal["disk", "cd-rom"] = "disk"
    """`disk` or `cd-rom`. A CD-ROM without a source is an empty drive (Harvester 1.8 and later)."""
    bus: Literal["virtio", "sata", "scsi", "usb"] | None = None
    """How the guest sees it. Default: `virtio` for disks, `scsi` for those with `hot_plug`, `sata` for CD-ROMs."""
    size: QuantityText | None = None
    """Size of the volume, such as `20Gi`; required for images (at least their virtual size) and blank disks. It can grow, never shrink:
    while the guest runs where the volume's driver does that (Harvester's setting `csi-online-expand-validation`), with a stop otherwise."""
    image: str | None = None
    """Image the volume is made from, as `namespace/name` (the `id` of an Image)."""
    existing_volume: str | None = None
    """Name of a volume (PersistentVolumeClaim) in the machine's namespace. It is attached, and never deleted with the machine."""
    container_image: str | None = None
    """Container image with a disk in it, such as `docker.io/kubevirt/fedora-cloud-container-disk-demo`. What is written to it is lost."""
    storage_class: str | None = None
    """Storage class of the volume. Default: the cluster's default class, or the image's own. Another one copies the content to a new
    volume while the guest runs, with a live migration and without a stop (Harvester 1.8 and later); the former volume is kept or deleted
    as `on_delete` says. A new machine's volume of an image is made in the image's class first: `storage_class` of the Image is shorter."""
    access_mode: Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"] | None = None
    """Access mode of the volume. Live migration needs `ReadWriteMany`, which is the default; without Harvester it is `ReadWriteOnce`."""
    volume_mode: Literal["Block", "Filesystem"] | None = None
    """Mode of the volume. Default: `Block`; without Harvester `Filesystem`."""
    boot_order: int | None = Field(default=None, ge=1)
    """Place in the boot order, from 1. Default: the firmware tries the disks in their order."""
    cache_mode: Literal["none", "writeback", "writethrough"] | None = None
    """Cache of the host. Default: KubeVirt's choice."""
    serial: Serial | None = None
    """Serial number that the guest sees."""
    hot_plug: bool = False
    """Whether the disk, or the medium of a CD-ROM drive, can be plugged in and out while the guest runs (Harvester 1.8 and later; before
    that such a disk is added with a stop). Its bus is `scsi` (default) or `virtio`, of CD-ROMs `sata`. Source: KubeVirt hotplug.go."""
    on_delete: Literal["keep", "delete", "delete-backed-up"] | None = None
    """What happens to the volume when the machine is deleted or replaced, or the disk is removed: `keep` it, or `delete` it and its data.
    `delete-backed-up`: the same, but refused until a ready backup holds the volume; a snapshot is none, because it goes with the volume.
    Default: `keep`; `delete` for the medium of a CD-ROM made from an image, which holds nothing that the image does not."""

    @property
    def deletes(self) -> bool:
        """Whether the volume goes with the disk. One that was attached never does."""
        if self.existing_volume:
            return False
        return (self.on_delete or ("delete" if self.type == "cd-rom" else "keep")) != "keep"


class NetworkInterface(Model):
    """A network interface (NIC) of the machine."""

    name: NicName
    """Name of the interface, unique in the machine. A NIC keeps its MAC address as long as it keeps its name."""
    network: str = ""
    """VLAN network as `namespace/name` (the `id` of a VlanNetwork). Empty: the management network."""
    type: Literal["bridge", "masquerade"] | None = None
    """How it is connected. Default: `masquerade` on the management network, `bridge` on others."""
    model: Literal["virtio", "e1000", "e1000e", "ne2k_pci", "pcnet", "rtl8139"] = "virtio"
    """Device the guest sees."""
    mac_address: str | None = None
    """MAC address, such as `52:54:00:12:34:56`. Default: the cluster makes one, and keeps it."""
    boot_order: int | None = Field(default=None, ge=1)
    """Place in the boot order, for network boot."""
    wait_for_address: bool | None = None
    """With `wait_for="address"`: whether this NIC's address is waited for. Default: those are waited for that can report one."""


class CloudInitDrive(Model):
    """What cloud-init in the guest reads at the first boot. Either a CloudInit resource by `secret_name`, or the texts themselves."""

    type: Literal["noCloud", "configDrive"] = "noCloud"
    """Kind of the data source."""
    device: Literal["disk", "cd-rom"] | None = None
    """How the guest sees it: a disk on the bus `virtio`, which is the default, or a CD-ROM on `sata`."""
    user_data: str | None = Field(default=None, json_schema_extra=SECRET)
    """User data. Kept in a Secret that belongs to the machine."""
    network_data: str | None = Field(default=None, json_schema_extra=SECRET)
    """Network configuration, version 1 or 2. Kept in the same Secret."""
    secret_name: str | None = None
    """Secret in the machine's namespace with the keys `userdata` and, if there is any, `networkdata`; as name or `namespace/name`."""
    network_data_secret_name: str | None = None
    """Another Secret for the key `networkdata`, where network data and user data are kept apart."""


class StopPolicy(Model):
    """How a running machine is stopped for changes that it cannot take while it runs; with `force`, also when it is deleted."""

    deadline: DurationText | None = Field(default=None, json_schema_extra=default_of("stopDeadline"))
    """How long the guest may take to shut down. Default: the provider's setting `harvester:stopDeadline`, or the machine's termination
    grace period and one minute."""
    then: AfterDeadline = Field(default="give-up", json_schema_extra=default_of("stopThen"))
    """What happens after the deadline; the provider's setting `harvester:stopThen` is the default for all machines. `give-up`: the update
    fails, and the machine is started again as it was. `force`: it is switched off. `wait`: it is waited for until the time of the whole
    update (`timeouts.update`) is over."""
