"""Every rule across fields that needs no cluster, all at once. Values that are not known yet break no rule.

Sources: KubeVirt's admission (vmi-create-admitter.go), Harvester's validator (virtualmachine/validator.go).
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from harvester_provider.core.errors import InvalidId
from harvester_provider.core.problem import Problem
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Ref
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import IMAGE, KEY_PAIR, NETWORK, SECRET
from harvester_provider.resources.virtual_machine import check_hardware, cloud_init, nics, words
from harvester_provider.resources.virtual_machine.devices import Disk, NetworkInterface
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs

_MAC = re.compile(r"([0-9a-f]{2}[:-]){5}[0-9a-f]{2}")
_LEAST_MEMORY = Quantity("10Mi")


def problems(inputs: VirtualMachineInputs) -> list[Problem]:
    """Every broken rule, with the property path that Pulumi shows."""
    disks = inputs.disks if is_known(inputs.disks) else []
    interfaces = inputs.network_interfaces if is_known(inputs.network_interfaces) else []
    return [
        *_hardware(inputs),
        *check_hardware.problems(inputs),
        *_waiting(inputs),
        *_paused(inputs),
        *_unique("disks", disks),
        *_unique("networkInterfaces", interfaces),
        *_boot_orders(disks, interfaces),
        *(problem for number, disk in enumerate(disks) for problem in _disk(f"disks[{number}]", disk)),
        *(problem for number, nic in enumerate(interfaces) for problem in _nic(f"networkInterfaces[{number}]", nic)),
        *_together(interfaces),
        *_cloud_init(inputs),
        *_identities(inputs, disks, interfaces),
    ]


def _hardware(inputs: VirtualMachineInputs) -> Iterator[Problem]:
    if is_known(inputs.memory) and inputs.memory < _LEAST_MEMORY:
        yield Problem("memory", f"{inputs.memory} is less than {_LEAST_MEMORY}, the least a machine can have: write for example 2Gi")
    if is_known(inputs.secure_boot, inputs.efi) and inputs.secure_boot and not inputs.efi:
        yield Problem("secureBoot", "it needs EFI: set efi as well")
    if is_known(inputs.annotations):
        for key in inputs.annotations:
            if key in _OURS:
                yield Problem(f"annotations[{key}]", "the provider writes this annotation itself: use the input for it instead")


_OURS = {
    words.HOTPLUG,
    words.RESERVED_MEMORY,
    words.VOLUME_CLAIM_TEMPLATES,
    words.LAST_STRATEGY,
    words.REMOVED_CLAIMS,
    words.STOPPED_FOR_UPDATE,
    words.CLAIMS_TO_DELETE,
    words.RESTART_DUE,
    words.RESTARTED_FOR,
}


def _waiting(inputs: VirtualMachineInputs) -> Iterator[Problem]:
    """What is waited for and cannot come."""
    if not is_known(inputs.wait_for, inputs.cloud_init, inputs.ssh_keys):
        return
    if inputs.wait_for == "cloud-init" and inputs.cloud_init is None and not inputs.ssh_keys:
        yield Problem("waitFor", "cloud-init has nothing to do here and never finishes: give cloudInit or sshKeys, or wait for agent")


def _paused(inputs: VirtualMachineInputs) -> Iterator[Problem]:
    """A guest that stands still tells nothing more, and one that is not waited for cannot be paused."""
    if is_known(inputs.paused, inputs.wait_for) and inputs.paused and inputs.wait_for == "nothing":
        yield Problem("paused", "a guest can only be paused once it runs: let waitFor be running, or more")


def _unique(path: str, entries: Sequence[Disk | NetworkInterface]) -> Iterator[Problem]:
    names: dict[str, int] = {}
    for number, entry in enumerate(entries):
        if not is_known(entry.name):
            continue
        if entry.name in names:
            yield Problem(f"{path}[{number}].name", f"{entry.name!r} is the name of {path}[{names[entry.name]}] already: names are unique")
        names.setdefault(entry.name, number)


def _boot_orders(disks: Sequence[Disk], interfaces: Sequence[NetworkInterface]) -> Iterator[Problem]:
    """Boot orders are unique over disks and NICs together (KubeVirt)."""
    lists: dict[str, Sequence[Disk | NetworkInterface]] = {"disks": disks, "networkInterfaces": interfaces}
    places = [(f"{path}[{number}].bootOrder", entry.boot_order) for path, entries in lists.items() for number, entry in enumerate(entries)]
    taken: dict[int, str] = {}
    for path, order in places:
        if not is_known(order) or order is None:
            continue
        if order in taken:
            yield Problem(path, f"{order} is the place of {taken[order]} already: give each its own")
        taken.setdefault(order, path)


def _disk(path: str, disk: Disk) -> Iterator[Problem]:
    taken = {words.CLOUD_INIT_DISK: "the cloud-init drive", words.SYSPREP_DISK: "the CD-ROM with answer files (sysprep)"}
    if is_known(disk.name) and disk.name in taken:
        yield Problem(f"{path}.name", f"{disk.name!r} is the name of {taken[disk.name]}: choose another")
    sources = {"image": disk.image, "existingVolume": disk.existing_volume, "containerImage": disk.container_image}
    if not is_known(*sources.values(), disk.size, disk.storage_class):
        return
    given = [name for name, value in sources.items() if value]
    if len(given) > 1:
        yield Problem(path, f"{' and '.join(given)} are sources of one disk: give one of them")
    if not given and disk.type == "disk" and disk.size is None:
        yield Problem(path, "it has no source: give image, existingVolume or containerImage, or size for a blank disk")
    if disk.image and disk.size is None and disk.type == "disk":
        yield Problem(f"{path}.size", "missing: give the size of the volume, at least the virtual size of the image")
    if disk.size is not None and disk.size <= Quantity("0"):
        yield Problem(f"{path}.size", f"{disk.size} is no size: write for example 20Gi")
    yield from _hot_plug(path, disk)
    yield from _needless(path, disk, given)
    yield from _cd_rom(path, disk, given)


def _hot_plug(path: str, disk: Disk) -> Iterator[Problem]:
    """What KubeVirt can plug into a running guest."""
    if not is_known(disk.hot_plug, disk.type, disk.bus) or not disk.hot_plug:
        return
    if disk.container_image is not None:
        yield Problem(f"{path}.hotPlug", "only volumes can be plugged in and out, not a containerImage: leave hotPlug out")
    if disk.type == "disk" and disk.bus not in (None, "scsi", "virtio"):
        yield Problem(f"{path}.bus", f"{disk.bus!r} takes no disk while the guest runs: use scsi or virtio, or leave bus out")


def _needless(path: str, disk: Disk, given: Sequence[str]) -> Iterator[Problem]:
    """What says nothing beside the given source."""
    attached = [name for name in given if name != "image"]
    if attached and disk.size is not None:
        yield Problem(f"{path}.size", f"{attached[0]} has a size of its own: leave size out")
    if attached and disk.storage_class:
        yield Problem(f"{path}.storageClass", f"{attached[0]} has its own storage: leave storageClass out")
    if "existingVolume" in given and disk.on_delete in {"delete", "delete-backed-up"}:
        yield Problem(f"{path}.onDelete", "a volume that was attached is never deleted with the machine: leave onDelete out")


def _cd_rom(path: str, disk: Disk, given: Sequence[str]) -> Iterator[Problem]:
    if disk.type != "cd-rom":
        return
    if disk.bus not in (None, "sata") and is_known(disk.bus):
        yield Problem(f"{path}.bus", f"{disk.bus!r} is no bus for a CD-ROM on Harvester: use sata, or leave it out")
    if not given and disk.size is not None:
        yield Problem(f"{path}.size", "a blank CD-ROM holds nothing: give image, or leave size out for an empty drive")


def _nic(path: str, nic: NetworkInterface) -> Iterator[Problem]:
    if is_known(nic.network, nic.type):
        if nic.network and nic.type == "masquerade":
            yield Problem(f"{path}.type", "masquerade is for the management network only: use bridge, or leave type out")
        if not nic.network and nic.type == "bridge":
            yield Problem(f"{path}.type", "the management network takes masquerade: leave type out, or name a VLAN network")
    if is_known(nic.mac_address) and nic.mac_address is not None:
        yield from _mac(f"{path}.macAddress", nic.mac_address)


def _mac(path: str, text: str) -> Iterator[Problem]:
    mac = text.lower()
    if _MAC.fullmatch(mac) is None:
        yield Problem(path, f"{text!r} is no MAC address: write six pairs of hexadecimal digits, such as 52:54:00:12:34:56")
    elif set(mac) <= set("0:-"):
        yield Problem(path, "all zero is no MAC address of a machine: write for example 52:54:00:12:34:56, or leave it out")
    elif int(mac[:2], 16) & 1:
        yield Problem(path, f"{text} is a group address (its first byte is odd): write for example 52:54:00:12:34:56")


def _together(interfaces: Sequence[NetworkInterface]) -> Iterator[Problem]:
    """Rules between the NICs."""
    on_pod = [number for number, nic in enumerate(interfaces) if is_known(nic.network) and not nic.network]
    for number in on_pod[1:]:
        yield Problem(
            f"networkInterfaces[{number}].network", f"networkInterfaces[{on_pod[0]}] is on the management network already: one is the most"
        )
    seen: dict[str, int] = {}
    for number, nic in enumerate(interfaces):
        if not is_known(nic.mac_address) or not nic.mac_address:
            continue
        first = next((other for mac, other in seen.items() if nics.same_mac(mac, nic.mac_address)), None)
        if first is not None:
            yield Problem(
                f"networkInterfaces[{number}].macAddress", f"{nic.mac_address} is that of networkInterfaces[{first}]: give each its own"
            )
        seen.setdefault(nic.mac_address, number)


def _cloud_init(inputs: VirtualMachineInputs) -> Iterator[Problem]:
    drive = inputs.cloud_init
    if not is_known(drive) or drive is None:
        return
    inline = {"userData": drive.user_data, "networkData": drive.network_data}
    if not is_known(*inline.values(), drive.secret_name, drive.network_data_secret_name):
        return
    given = [name for name, value in inline.items() if value]
    if drive.secret_name and given:
        yield Problem("cloudInit.secretName", f"{' and '.join(given)} would be ignored beside it: give the texts or the Secret, not both")
    elif drive.network_data_secret_name and drive.network_data:
        yield Problem("cloudInit.networkDataSecretName", "networkData would be ignored beside it: give one of them")
    if not given and not drive.secret_name and not drive.network_data_secret_name and not inputs.ssh_keys:
        yield Problem("cloudInit", "it is empty: give userData, networkData or secretName, or leave cloudInit out")
    if is_known(inputs.ssh_keys) and inputs.ssh_keys:
        if drive.secret_name:
            yield Problem("sshKeys", "keys cannot be added to the Secret in cloudInit.secretName: put them into its user data")
        elif why := cloud_init.trouble(drive.user_data or ""):
            yield Problem("cloudInit.userData", why)


def _identities(inputs: VirtualMachineInputs, disks: Sequence[Disk], interfaces: Sequence[NetworkInterface]) -> Iterator[Problem]:
    """IDs of the wrong shape, and objects that must be in the machine's own namespace."""
    drive = inputs.cloud_init if is_known(inputs.cloud_init) else None
    named: list[tuple[str, Any, Any]] = [(f"disks[{number}].image", IMAGE, disk.image) for number, disk in enumerate(disks)]
    named += [(f"networkInterfaces[{number}].network", NETWORK, nic.network) for number, nic in enumerate(interfaces)]
    named += [(f"sshKeys[{number}]", KEY_PAIR, key) for number, key in enumerate(inputs.ssh_keys if is_known(inputs.ssh_keys) else ())]
    own = {"cloudInit.secretName": drive.secret_name, "cloudInit.networkDataSecretName": drive.network_data_secret_name} if drive else {}
    named += [(path, SECRET, name) for path, name in own.items()]
    for path, api, identity in named:
        if not is_known(identity, inputs.namespace) or not identity:
            continue
        try:
            ref = Ref.named(api, identity, inputs.namespace)
        except InvalidId as error:
            yield Problem(path, str(error))
            continue
        if path in own and ref.namespace != inputs.namespace:
            yield Problem(path, f"the guest can only read Secrets of the machine's own namespace {inputs.namespace}, not {ref.namespace}")
    for number, disk in enumerate(disks):
        if is_known(disk.existing_volume) and disk.existing_volume and "/" in disk.existing_volume:
            yield Problem(f"disks[{number}].existingVolume", "write the bare name: volumes are those of the machine's namespace")
