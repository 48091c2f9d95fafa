"""Edits of disks, by name: removed ones, new ones, then changed ones. Entries are edited, not rewritten, so that volume names stay.

A disk keeps its volume as long as it keeps its name: what would put other content behind a name is refused.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

from harvester_provider.core.json import Json, Object, dig, dig_objects, dig_str, parsed
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources import growth
from harvester_provider.resources.virtual_machine import abilities, disks, manifest, sizing, storage_moves, words
from harvester_provider.resources.virtual_machine.devices import Disk
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.edits import DISKS, VOLUMES, Edit, local, nothing
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.manifest import Suffix
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs

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
    before = dig_objects(parsed(draft.get(*_TEMPLATES)))
    after = change(before)
    if after != before:
        draft.replace_text(json.dumps(after), *_TEMPLATES)
