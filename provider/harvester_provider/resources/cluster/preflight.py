"""What keeps a cluster from an upgrade as it is now: Harvester's webhook would refuse it for the same, once the run has begun. Pure.

Upstream: pkg/webhook/resources/upgrade/validator.go. The webhook asks the nodes' kubelets for the room on their disks, and no API leads
there: what is read here is Longhorn's view of them, and the kubelet's word that a disk is full. Not looked at here: the certificates of the
nodes, managed charts and addons under way; the webhook says these itself.
"""

from collections.abc import Iterable, Iterator

from harvester_provider.core.json import Object, condition, dig, dig_int, dig_map, dig_objects, dig_str, id_of, is_true
from harvester_provider.core.ref import Listing, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.wording import first_of
from harvester_provider.resources.apis import BACKUP, LONGHORN_NODE, LONGHORN_VOLUME, NODE, SCHEDULE, VIRTUAL_MACHINE_INSTANCE

NODES = Listing(NODE)
_VOLUMES, _BACKUPS, _SCHEDULES = Listing(LONGHORN_VOLUME, "longhorn-system"), Listing(BACKUP), Listing(SCHEDULE)
_GUESTS, _STORAGE = Listing(VIRTUAL_MACHINE_INSTANCE), Listing(LONGHORN_NODE, "longhorn-system")
WANTS: tuple[Want, ...] = (NODES, _VOLUMES, _BACKUPS, _SCHEDULES, _GUESTS, _STORAGE)
"""What must be seen."""
_FEW = 3
"""With fewer nodes volumes are always degraded."""
_IMAGES_GIB = 13
"""What the images of a release take on each node, as the webhook has it (defaultNewImageSize)."""


def refusals(seen: Snapshot) -> Iterator[str]:
    """Why an upgrade cannot begin now, each with the way out."""
    nodes = seen.listed(NODES)
    for node in nodes:
        name = dig_str(node, "metadata", "name")
        if not is_true(node, "Ready"):
            yield f"node {name} is not ready: an upgrade needs all of them"
        elif dig(node, "spec", "unschedulable") is True:
            yield f"node {name} is cordoned: take it back into use"
        if is_true(node, "DiskPressure"):
            yield f"node {name} has a disk that is full, so that images are deleted there as they come: free some room on it"
    full = (dig_str(node, "metadata", "name") for node in seen.listed(_STORAGE) if not _has_room(node))
    way_out = f"the images of a release take {_IMAGES_GIB} GiB: delete what is not needed there, or add a disk"
    yield from _some("nodes have too little room on all of their disks", full, way_out)
    degraded = (_claim(volume) for volume in seen.listed(_VOLUMES) if dig_str(volume, "status", "robustness") == "degraded")
    if len(nodes) >= _FEW:
        yield from _some("volumes are degraded", degraded, "wait until their replicas are rebuilt")
    yield from _some(
        "backups or snapshots are under way", (id_of(each) for each in seen.listed(_BACKUPS) if _under_way(each)), "wait for them"
    )
    active = (id_of(each) for each in seen.listed(_SCHEDULES) if dig(each, "status", "suspended") is not True)
    yield from _some("schedules may start a backup meanwhile", active, "suspend them")
    if len(nodes) > 1:
        single = (_claim(volume) for volume in seen.listed(_VOLUMES) if dig_int(volume, "spec", "numberOfReplicas") == 1)
        way_out = (
            "they are gone while their node restarts: give them another replica (numberOfReplicas of the Longhorn volume), or delete them"
        )
        yield from _some("volumes have one replica", single, way_out)
        fixed = (id_of(guest) for guest in seen.listed(_GUESTS) if _stays(guest))
        yield from _some("machines cannot move to another node", fixed, "stop them")


def _some(what: str, names: Iterable[str], way_out: str) -> Iterator[str]:
    if found := sorted(names):
        yield f"{what}: {first_of(found)}: {way_out}"


def _has_room(node: Object) -> bool:
    """Whether one disk of a Longhorn node has room for the images of a release, or nothing is known of its disks yet."""
    disks = dig_map(node, "status", "diskStatus")
    return not disks or any(dig_int(disks, name, "storageAvailable") >= _IMAGES_GIB << 30 for name in disks)


def _claim(volume: Object) -> str:
    of = [dig_str(volume, "status", "kubernetesStatus", key) for key in ("namespace", "pvcName")]
    return "/".join(of) if all(of) else dig_str(volume, "metadata", "name")


def _under_way(backup: Object) -> bool:
    return dig(backup, "status", "readyToUse") is not True and not dig_str(backup, "status", "error", "message")


def _stays(guest: Object) -> bool:
    """Whether it is bound to its node, by a selector, a device, or whatever KubeVirt has found."""
    bound = dig(guest, "spec", "nodeSelector") or dig_objects(guest, "spec", "domain", "devices", "hostDevices")
    return bool(bound) or condition(guest, "LiveMigratable").get("status") == "False"
