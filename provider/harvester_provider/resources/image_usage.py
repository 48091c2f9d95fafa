"""Which images are used, by whom, and what they cost on the disks of the nodes. Pure: from a snapshot to a report.

An image that nobody uses still fills disks: Longhorn keeps a copy of it on as many nodes as its storage class has
replicas. What counts as a use follows upstream's own rule for a delete (pkg/image/common/validator.go), and what is about
to use it: machines whose volumes are not made yet, templates, backups and snapshots.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harvester_provider.core.json import Json, Object, dig, dig_int, dig_list, dig_map, dig_objects, dig_str, dig_strings, id_of, parsed
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Api, Listing
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import IMAGE, IMAGE_ID, PERSISTENT_VOLUME_CLAIM, VIRTUAL_MACHINE, VOLUME_SNAPSHOT

_HCI = ("harvesterhci.io", "v1beta1")
IMAGES, CLAIMS, MACHINES, SNAPSHOTS = (Listing(api) for api in (IMAGE, PERSISTENT_VOLUME_CLAIM, VIRTUAL_MACHINE, VOLUME_SNAPSHOT))
TEMPLATES = Listing(Api(*_HCI, "virtualmachinetemplateversions", "VirtualMachineTemplateVersion"))
BACKUPS = Listing(Api(*_HCI, "virtualmachinebackups", "VirtualMachineBackup"))
BACKING_IMAGES = Listing(Api("longhorn.io", "v1beta2", "backingimages", "BackingImage"))
LONGHORN_NODES = Listing(Api("longhorn.io", "v1beta2", "nodes", "Node"))
WANTS = (IMAGES, CLAIMS, MACHINES, SNAPSHOTS, TEMPLATES, BACKUPS, BACKING_IMAGES, LONGHORN_NODES)
"""What must be listed. A kind that the cluster does not serve is an empty listing."""
_VOLUME_TEMPLATES = "harvesterhci.io/volumeClaimTemplates"
_UPGRADE = "harvesterhci.io/os-upgrade-image"


@dataclass(frozen=True, slots=True)
class Usage:
    """One image. `cost` is what it takes on all disks together, in bytes; `copies` are on `nodes`, as far as these are known."""

    image: str
    display_name: str
    users: tuple[str, ...]
    size: int
    copies: int
    cost: int
    nodes: tuple[str, ...]

    @property
    def unused(self) -> bool:
        """Whether nobody uses it."""
        return not self.users

    def wire(self) -> dict[str, Json]:
        """For machines to read."""
        return {
            "image": self.image, "displayName": self.display_name, "users": list(self.users), "size": self.size,
            "copies": self.copies, "cost": self.cost, "nodes": list(self.nodes),
        }  # fmt: skip


def usages(seen: Snapshot) -> list[Usage]:
    """All images, the most expensive first."""
    users = _users(seen)
    nodes = _nodes_by_disk(seen.listed(LONGHORN_NODES))
    stored = {_annotation(each, IMAGE_ID): each for each in seen.listed(BACKING_IMAGES)}
    claims = {id_of(claim): claim for claim in seen.listed(CLAIMS)}
    found = [_usage(image, users, stored.get(id_of(image), {}), claims, nodes) for image in seen.listed(IMAGES)]
    return sorted(found, key=lambda usage: (-usage.cost, usage.image))


def _usage(image: Object, users: Mapping[str, set[str]], stored: Object, claims: Mapping[str, Object], nodes: Mapping[str, str]) -> Usage:
    identity, cdi = id_of(image), dig_str(image, "spec", "backend") == "cdi"
    words = {identity, *(() if cdi else (dig_str(image, "status", "storageClassName"),))} - {""}
    by_whom = {user for word in words for user in users.get(word, ())} - {f"volume {identity}"}
    if _annotation(image, _UPGRADE) == "True":
        by_whom.add("the upgrade of Harvester")
    size = dig_int(image, "status", "size")
    disks = [disk for disk, file in dig_map(stored, "status", "diskFileStatusMap").items() if dig_str(file, "state") == "ready"]
    if cdi:
        capacity = dig_str(claims.get(identity, {}), "status", "capacity", "storage")
        copies, cost = (1, int(Quantity(capacity))) if capacity else (0, 0)
    else:
        copies, cost = len(disks), len(disks) * (dig_int(stored, "status", "realSize") or dig_int(stored, "status", "size") or size)
    where = tuple(sorted({nodes[disk] for disk in disks if disk in nodes}))
    return Usage(identity, dig_str(image, "spec", "displayName"), tuple(sorted(by_whom)), size, copies, cost, where)


def _users(seen: Snapshot) -> dict[str, set[str]]:
    """Who names which image, by the image's ID or by the storage class of its volumes."""
    out: dict[str, set[str]] = {}
    for word, user in _uses(seen):
        out.setdefault(word, set()).add(user)
    return out


def _uses(seen: Snapshot) -> Iterator[tuple[str, str]]:
    for claim in seen.listed(CLAIMS):
        for word in (_annotation(claim, IMAGE_ID), dig_str(claim, "spec", "storageClassName")):
            yield word, f"volume {id_of(claim)}"
    for machine in seen.listed(MACHINES):
        yield from ((word, f"machine {id_of(machine)}") for word in _templates(_annotation(machine, _VOLUME_TEMPLATES)))
    for snapshot in seen.listed(SNAPSHOTS):
        yield _annotation(snapshot, IMAGE_ID), f"snapshot {id_of(snapshot)}"
    for version in seen.listed(TEMPLATES):
        texts = dig_strings(version, "spec", "vm", "metadata", "annotations")
        for word in (dig_str(version, "spec", "imageId"), *_templates(texts.get(_VOLUME_TEMPLATES, ""))):
            yield word, f"template {id_of(version)}"
    for backup in seen.listed(BACKUPS):
        for part in dig_objects(backup, "status", "volumeBackups"):
            claim = dig_map(part, "persistentVolumeClaim")
            words = (dig_str(claim, "spec", "storageClassName"), _annotation(claim, IMAGE_ID))
            yield from ((word, f"backup {id_of(backup)}") for word in words)


def _templates(text: str) -> Iterable[str]:
    """The images in an annotation with volume templates. A broken one names none."""
    return [dig_str(entry, "metadata", "annotations", IMAGE_ID) for entry in dig_list(parsed(text))]


def _nodes_by_disk(nodes: Iterable[Object]) -> dict[str, str]:
    return {
        dig_str(disk, "diskUUID"): dig_str(node, "metadata", "name")
        for node in nodes
        for disk in dig_map(dig(node, "status"), "diskStatus").values()
    }


def _annotation(found: Object, name: str) -> str:
    return dig_strings(found, "metadata", "annotations").get(name, "")
