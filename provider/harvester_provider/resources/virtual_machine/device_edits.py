"""Edits of disks and NICs, by name. Server-filled values (volume names, MAC addresses) stay, because entries are edited, not rewritten.

A disk keeps its volume as long as it keeps its name: what would put other content behind a name is refused.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

from harvester_provider.core.json import Json, Object, dig, dig_str
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources import growth
from harvester_provider.resources.virtual_machine import abilities, disks, manifest, nics, sizing, storage_moves, words
from harvester_provider.resources.virtual_machine.devices import Disk, NetworkInterface
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.edits import DISKS, INTERFACES, NETWORKS, VOLUMES, Edit, local, nothing
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.manifest import Suffix
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.words import DEVICES

_TEMPLATES = ("metadata", "annotations", words.VOLUME_CLAIM_TEMPLATES)
_DEVICE_FIELDS = {"type": "type", "bus": "bus", "boot_order": "bootOrder", "cache_mode": "cacheMode", "serial": "serial"}
_SOURCE_FIELDS = {"image": "image", "existing_volume": "existingVolume", "container_image": "containerImage"}
_VOLUME_FIELDS = {"access_mode": "accessMode", "volume_mode": "volumeMode"}


def disk_edits(old: VirtualMachineInputs, new: VirtualMachineInputs, live: Live, seen: Snapshot, suffix: Suffix) -> Iterator[Edit]:
    """Edits of the disks: removed ones, new ones, then changed ones."""
    before, after = {disk.name: disk for disk in old.disks}, {disk.name: disk for disk in new.disks}
    for name in before.keys() - after.keys():
        yield Edit(f"disks[{name}]", "disks[-]", _remover(name, live), holds=abilities.of_removed_disk(name, live), device=name)
    for name, disk in after.items():
        path = f"disks[{name}]"
        if name not in before:
            refused = storage_moves.cannot_come(disk, new, seen)
            yield Edit(path, "disks[+]", _adder(disk, new, seen, suffix), refused, abilities.of_new_disk(disk), device=name)
        elif before[name] != disk:
            yield from _changed_disk(path, before[name], disk, new, live, seen, suffix)


def _remover(name: str, live: Live) -> Callable[[Draft], None]:
    def act(draft: Draft) -> None:
        claim = live.claim(name)
        draft.remove_entry(name, *DISKS)
        draft.remove_entry(name, *VOLUMES)
        _copy_nothing(draft)
        _edit_templates(draft, lambda entries: [entry for entry in entries if dig_str(entry, "metadata", "name") != claim])

    return act


def _adder(disk: Disk, new: VirtualMachineInputs, seen: Snapshot, suffix: Suffix) -> Callable[[Draft], None]:
    def act(draft: Draft) -> None:
        if draft.index(disk.name, *DISKS) is not None:
            return  # an interrupted update has added it already
        draft.append(disks.device(disk), *DISKS)
        _copy_nothing(draft)
        _attach(draft, disk, new, seen, suffix)

    return act


def _attach(draft: Draft, disk: Disk, new: VirtualMachineInputs, seen: Snapshot, suffix: Suffix) -> None:
    """Put the disk's source behind its name: a volume, and a claim template where Harvester makes it."""
    claim = ""
    if disks.needs_claim(disk):
        claim = manifest.claim_name(new.name, disk, suffix)
        template = manifest.claim_template(new, disk, claim, seen)
        _edit_templates(draft, lambda entries: [*entries, template])
    volume = disks.volume(disk, claim)
    if volume is not None:
        draft.append(volume, *VOLUMES)


def _copy_nothing(draft: Draft) -> None:
    """Another volume behind a disk is what it is: left over from a storage migration, this would have the former content copied to it."""
    draft.drop("spec", "updateVolumesStrategy")


def _changed_disk(
    path: str, before: Disk, disk: Disk, new: VirtualMachineInputs, live: Live, seen: Snapshot, suffix: Suffix
) -> Iterator[Edit]:
    for name, alias in _DEVICE_FIELDS.items():
        if getattr(before, name) != getattr(disk, name):
            yield Edit(f"{path}.{alias}", f"disks[].{alias}", lambda draft: draft.edit_entry(disk.name, _device(disk), *DISKS))
    sources = [alias for name, alias in _SOURCE_FIELDS.items() if getattr(before, name) != getattr(disk, name)]
    if sources:
        yield _other_source(f"{path}.{sources[0]}", before, disk, new, live, seen, suffix)
    elif before.size != disk.size:
        yield _other_size(f"{path}.size", disk, live, seen)
    moves = bool(disk.storage_class) and before.storage_class != disk.storage_class
    if before.storage_class != disk.storage_class and not sources:
        yield storage_moves.edit(f"{path}.storageClass", disk, new, live, seen, suffix)
    if not sources:
        for name, alias in _VOLUME_FIELDS.items():
            if _kept(before, name) != _kept(disk, name) and not (moves and name == "access_mode"):
                why = f"the volume of disk {disk.name} is made and keeps its {alias}: give the disk another name to get a new volume"
                yield Edit(f"{path}.{alias}", "disks[]", lambda _: None, why)
    if before.hot_plug != disk.hot_plug and not sources:
        hot_plug: dict[str, Json] = {"hotpluggable": True if disk.hot_plug else None}
        yield _pluggable(f"{path}.hotPlug", disk, hot_plug) if disk.name in live.volumes else local(f"{path}.hotPlug")
    if before.on_delete != disk.on_delete:
        yield local(f"{path}.onDelete")


def _kept(disk: Disk, name: str) -> str | None:
    """What a volume has once it is made, the default where nothing is declared."""
    found: str | None = getattr(disk, name) or disks.MODES.get(name)
    return found


def _pluggable(path: str, disk: Disk, hot_plug: dict[str, Json]) -> Edit:
    """The same volume, on the bus and with the mark of one that can be plugged in and out."""

    def act(draft: Draft) -> None:
        draft.edit_entry(disk.name, _device(disk), *DISKS)
        where = draft.index(disk.name, *VOLUMES)
        if where is not None and draft.get(*VOLUMES, where, "persistentVolumeClaim") is not None:
            draft.edit_entry(disk.name, {}, *VOLUMES)
            draft.merge(hot_plug, *VOLUMES, where, "persistentVolumeClaim")

    return Edit(path, "disks[].hotPlug", act)


def _device(disk: Disk) -> dict[str, Json]:
    """The device's members, None for those that go."""
    absent: dict[str, Json] = dict.fromkeys(("disk", "cdrom", "bootOrder", "cache", "serial"))
    return absent | disks.device(disk)


def _other_source(path: str, before: Disk, disk: Disk, new: VirtualMachineInputs, live: Live, seen: Snapshot, suffix: Suffix) -> Edit:
    """Another source behind the same name: fine for CD-ROMs and for what was attached, refused where data would vanish from sight."""
    claim = live.claim(disk.name)
    if before.type == "disk" and claim and live.claim_template(claim):
        what = f"from {before.image}" if before.image else "for it"
        why = f"disk {disk.name} keeps the volume that was made {what}: give the disk another name to get a new one"
        return Edit(path, "disks[]", lambda _: None, why)

    def act(draft: Draft) -> None:
        draft.remove_entry(disk.name, *VOLUMES)
        _copy_nothing(draft)
        _edit_templates(draft, lambda entries: [entry for entry in entries if dig_str(entry, "metadata", "name") != claim])
        _attach(draft, disk, new, seen, suffix)

    return Edit(path, "disks[].medium", act, holds=abilities.of_other_medium(before, disk, live), device=disk.name)


def _other_size(path: str, disk: Disk, live: Live, seen: Snapshot) -> Edit:
    """Growth through the claim template; a shrink is refused, by Harvester as well as here. A size that is left out stays."""
    claim, size, row = live.claim(disk.name), disk.size, "disks[].size"
    have = sizing.quantity(dig(live.claim_template(claim), "spec", "resources", "requests", "storage"))
    if size is None or size == have:
        return local(path)
    if have is not None and size < have:
        why = f"disk {disk.name} has {have} and a volume cannot shrink: declare at least {have}, or make a new disk of another name"
        return Edit(path, row, nothing, why)
    if why := growth.forbidden(live.volume(claim, seen), seen):
        return Edit(path, row, nothing, f"disk {disk.name}: {why}")

    def act(draft: Draft) -> None:
        _edit_templates(draft, lambda entries: [_resized(entry, claim, size) for entry in entries])

    return Edit(path, row, act, holds=abilities.of_growth(disk.name, live, seen))


def _resized(entry: Object, claim: str, size: Quantity) -> Object:
    have = dig_str(entry, "spec", "resources", "requests", "storage")
    if dig_str(entry, "metadata", "name") != claim or (have and Quantity(have) == size):
        return entry
    changed: Any = json.loads(json.dumps(entry))
    changed["spec"].setdefault("resources", {}).setdefault("requests", {})["storage"] = size.text
    return cast("Object", changed)


def _edit_templates(draft: Draft, change: Callable[[list[Object]], list[Object]]) -> None:
    """Edit the annotation with the claim templates. It fails where somebody else changed it meanwhile."""
    text = draft.get(*_TEMPLATES)
    try:
        before = json.loads(text) if isinstance(text, str) and text else []
    except ValueError:
        before = []
    after = change(before)
    if after != before:
        draft.replace_text(json.dumps(after), *_TEMPLATES)


def nic_edits(old: VirtualMachineInputs, new: VirtualMachineInputs, live: Live) -> Iterator[Edit]:
    """Edits of the NICs: removed ones, new ones, then changed ones."""
    before = {nic.name: nic for nic in old.network_interfaces}
    after = {nic.name: nic for nic in new.network_interfaces}
    for name in before.keys() - after.keys():
        holds = abilities.of_removed_nic(name, live, stays=bool(live.interfaces.keys() & after.keys()))
        yield Edit(
            f"networkInterfaces[{name}]", "networkInterfaces[-]", _remover_of_nic(name), holds=holds, act_live=_unplugger(name), device=name
        )
    for name, nic in after.items():
        path = f"networkInterfaces[{name}]"
        if name not in before:
            yield Edit(path, "networkInterfaces[+]", _plugger(nic, new.namespace), holds=abilities.of_new_nic(nic, live), device=name)
        elif before[name] != nic:
            yield from _changed_nic(path, before[name], nic, new.namespace)


def _unplugger(name: str) -> Callable[[Draft], None]:
    """Mark a NIC: KubeVirt takes it out with the next migration, and its entries with it."""
    return lambda draft: draft.edit_entry(name, {"state": "absent"}, *INTERFACES)


def _remover_of_nic(name: str) -> Callable[[Draft], None]:
    def act(draft: Draft) -> None:
        draft.remove_entry(name, *INTERFACES)
        draft.remove_entry(name, *NETWORKS)
        if not draft.get(*INTERFACES):
            draft.merge({"autoattachPodInterface": False}, *DEVICES)

    return act


def _plugger(nic: NetworkInterface, namespace: str) -> Callable[[Draft], None]:
    def act(draft: Draft) -> None:
        where = draft.index(nic.name, *INTERFACES)
        if where is not None and draft.get(*INTERFACES, where, "state") == "absent":
            _remover_of_nic(nic.name)(draft)  # one of that name was being unplugged
        if draft.index(nic.name, *INTERFACES) is None:
            draft.append(nics.interface(nic), *INTERFACES)
        if draft.index(nic.name, *NETWORKS) is None:
            draft.append(nics.network(nic, namespace), *NETWORKS)

    return act


def _changed_nic(path: str, before: NetworkInterface, nic: NetworkInterface, namespace: str) -> Iterator[Edit]:
    if before.network != nic.network:
        yield Edit(f"{path}.network", "networkInterfaces[].network", lambda draft: _rewire(draft, before, nic, namespace))
    elif before.type != nic.type:
        yield Edit(f"{path}.type", "networkInterfaces[].type", lambda draft: _rebind(draft, before, nic))
    if before.model != nic.model:
        yield Edit(
            f"{path}.model", "networkInterfaces[].model", lambda draft: draft.edit_entry(nic.name, {"model": nic.model}, *INTERFACES)
        )
    if before.boot_order != nic.boot_order:
        boot: dict[str, Json] = {"bootOrder": nic.boot_order}
        yield Edit(f"{path}.bootOrder", "networkInterfaces[].bootOrder", lambda draft: draft.edit_entry(nic.name, boot, *INTERFACES))
    if before.mac_address != nic.mac_address:
        yield Edit(f"{path}.macAddress", "networkInterfaces[].macAddress", lambda draft: _readdress(draft, nic))
    if before.wait_for_address != nic.wait_for_address:
        yield local(f"{path}.waitForAddress")


def _rewire(draft: Draft, before: NetworkInterface, nic: NetworkInterface, namespace: str) -> None:
    elsewhere: dict[str, Json] = {"pod": None, "multus": None}
    draft.edit_entry(nic.name, elsewhere | nics.source(nic, namespace), *NETWORKS)
    _rebind(draft, before, nic)


def _rebind(draft: Draft, before: NetworkInterface, nic: NetworkInterface) -> None:
    if nics.binding(before) != nics.binding(nic):
        absent: dict[str, Json] = dict.fromkeys(nics.BINDINGS)
        draft.edit_entry(nic.name, absent | {nics.binding(nic): {}}, *INTERFACES)


def _readdress(draft: Draft, nic: NetworkInterface) -> None:
    """Another MAC address; one that is no longer declared stays as it is."""
    where = draft.index(nic.name, *INTERFACES)
    have = draft.get(*INTERFACES, where, "macAddress") if where is not None else None
    if nic.mac_address and not (isinstance(have, str) and nics.same_mac(have, nic.mac_address)):
        draft.edit_entry(nic.name, {"macAddress": nic.mac_address}, *INTERFACES)


def pin_macs(draft: Draft, live: Live) -> None:
    """Write down the MAC addresses of the NICs that stay: before Harvester 1.7 a stop may forget those that nobody declared."""
    for name, entry in live.interfaces.items():
        mac = live.mac(name)
        if mac and not entry.get("macAddress") and draft.index(name, *INTERFACES) is not None:
            where = cast("int", draft.index(name, *INTERFACES))
            if not draft.get(*INTERFACES, where, "macAddress"):
                draft.edit_entry(name, {"macAddress": mac}, *INTERFACES)
