"""What a running machine can take without a stop: the conditions that rows of the table of effects name.

Each condition is a fact about the machine or its cluster as they were seen, or about the one device that changes. Nothing here decides
an effect.
Sources: Harvester pkg/util/virtualmachine/virtualmachine.go (hot actions of NICs), KubeVirt pkg/storage/hotplug/hotplug.go,
vm.go (handleCPUChangeRequest, handleMemoryHotplugRequest), pkg/liveupdate/memory/memory.go and volume-migration.go; Harvester
pkg/webhook/util/volume.go (growth).
"""

from collections.abc import Mapping
from enum import StrEnum

from harvester_provider.core.json import Object, condition, dig, dig_int, dig_list, dig_map, dig_objects, dig_str, is_true
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources import growth
from harvester_provider.resources.apis import CREATOR, KUBEVIRTS, NODE_DRIVER
from harvester_provider.resources.virtual_machine import disks, nics, policy, sizing
from harvester_provider.resources.virtual_machine.devices import Disk, NetworkInterface
from harvester_provider.resources.virtual_machine.live import Live


class Need(StrEnum):
    """A condition of a row, in the words in which preview says that it does not hold."""

    MIGRATABLE = "the machine can be migrated"
    MACS = "every NIC of it has its MAC address in the machine's spec (as after its next start)"
    NO_CLUSTER_NODE = "it is no node of a guest cluster"
    BRIDGED = "the NIC is a virtio one on a VLAN network"
    NOT_LEAVING = "a NIC of that name is not being unplugged"
    ANOTHER_NIC = "another NIC stays"
    HOT_PLUG = "the disk has hotPlug"
    SAME_VOLUMES = "no volume of it has moved to another storage class since its last start"
    DRIVE = "the medium that is put into the drive, and the one that is taken out, have hotPlug"
    ROOM_FOR_CPUS = "the machine was started with hotPlug, and their number grows to maxCpu at most"
    ROOM_FOR_MEMORY = "the machine was started with hotPlug, and it stays between what the guest started with and maxMemory"
    COPYABLE = "the disk is an ordinary one without hotPlug, and no other volume of the machine is ReadWriteOnce"
    MOVABLE = "nothing but its volumes keeps the machine on its node"
    NOTHING_DUE = "no restart of the machine is due already"
    LIVE_UPDATE = "KubeVirt's vmRolloutStrategy is LiveUpdate"
    GROWS_IN_USE = "the driver of the volume grows volumes in use (Harvester's setting csi-online-expand-validation)"
    NO_PLUGGED_FILES = "the volume is not a file system that is plugged in (hotPlug, volumeMode Filesystem)"
    ENGINE_V1 = "the volume is not one of Longhorn's data engine v2"
    EXPAND_DISKS = "KubeVirt's feature gate ExpandDisks is on"
    DECLARATIVE_VOLUMES = "KubeVirt's feature gate DeclarativeHotplugVolumes is on"


Needs = frozenset[Need]


def configuration(seen: Snapshot) -> Object | None:
    """How the cluster's KubeVirt is set up; None where nobody looked."""
    found = seen.listed(KUBEVIRTS) if KUBEVIRTS in seen else ()
    return next((dig_map(each, "spec", "configuration") for each in found), None)


def of_cluster(seen: Snapshot) -> Needs:
    """What the cluster's KubeVirt is set up for: a rollout strategy that is not named is LiveUpdate, its default since 1.6."""
    settings = configuration(seen)
    if settings is None:
        return frozenset()
    gates = dig_list(settings, "developerConfiguration", "featureGates")
    facts = {
        Need.LIVE_UPDATE: settings.get("vmRolloutStrategy") in (None, "LiveUpdate"),
        Need.EXPAND_DISKS: "ExpandDisks" in gates,
        Need.DECLARATIVE_VOLUMES: "DeclarativeHotplugVolumes" in gates,
    }
    return _holding(facts)


def of_machine(live: Live) -> Needs:
    """What holds for the machine as a whole."""
    facts = {
        Need.MIGRATABLE: is_true(live.instance, "LiveMigratable"),
        Need.MACS: all(entry.get("macAddress") for entry in live.interfaces.values()),
        Need.NO_CLUSTER_NODE: live.labels.get(CREATOR) != NODE_DRIVER,
        Need.NOTHING_DUE: not policy.due(live),
        Need.SAME_VOLUMES: not live.copies_claims,
        Need.MOVABLE: is_true(live.instance, "LiveMigratable") or _held_by_volumes(live),
    }
    return _holding(facts)


def of_cpu(wanted: int, live: Live) -> Needs:
    """What holds for another number of CPUs. The guest can have it already, after an interrupted update."""
    running = dig_map(live.instance, "spec", "domain", "cpu")
    most = dig_int(running, "maxSockets") if sizing.takes_sockets(live) else 0
    return _holding({Need.ROOM_FOR_CPUS: sizing.cpus(running) <= wanted <= most})


def of_memory(wanted: Quantity, live: Live) -> Needs:
    """What holds for another size of the memory."""
    most = sizing.quantity(dig(live.instance, "spec", "domain", "memory", "maxGuest"))
    least = sizing.quantity(dig(live.instance, "status", "memory", "guestAtBoot"))
    fits = most is not None and least is not None and least <= wanted <= most
    return _holding({Need.ROOM_FOR_MEMORY: sizing.has_room(live) and fits and sizing.pluggable(wanted)})


def of_new_nic(nic: NetworkInterface, live: Live) -> Needs:
    """What holds for a NIC that is added."""
    facts = {
        Need.BRIDGED: nics.binding(nic) == "bridge" and nic.model == "virtio" and nic.boot_order is None,
        Need.NOT_LEAVING: nic.name in live.interfaces or nic.name not in live.leaving,
    }
    return _holding(facts)


def of_removed_nic(name: str, live: Live, *, stays: bool) -> Needs:
    """What holds for a NIC that is removed. `stays`: whether the machine keeps another one."""
    entry = live.interfaces.get(name, {})
    bridged = not entry or (nics.binding_of(entry) == "bridge" and entry.get("model", "virtio") == "virtio")
    return _holding({Need.BRIDGED: bridged, Need.ANOTHER_NIC: stays})


def of_new_disk(disk: Disk) -> Needs:
    """What holds for a disk that is added."""
    return _holding({Need.HOT_PLUG: disk.hot_plug and disk.type == "disk"})


def of_removed_disk(name: str, live: Live) -> Needs:
    """What holds for a disk that is removed. A drive cannot be taken out of a running machine, only its medium."""
    return _holding({Need.HOT_PLUG: is_hot_plugged(live, name) and disks.kind_of(live.disks.get(name, {})) == "disk"})


def of_other_medium(before: Disk, disk: Disk, live: Live) -> Needs:
    """What holds for a drive whose medium changes."""
    drive = before.type == disk.type == "cd-rom" and disks.kind_of(live.disks.get(disk.name, {})) == "cd-rom"
    leaves, comes = disk.name in live.volumes, disks.has_source(disk)
    plugged = (not comes or disk.hot_plug) and (not leaves or is_hot_plugged(live, disk.name))
    return _holding({Need.DRIVE: drive and disks.bus_of(live.disks[disk.name]) == "sata" and (leaves or comes) and plugged})


def of_growth(disk: str, live: Live, seen: Snapshot) -> Needs:
    """What holds for a volume that grows (Longhorn's second engine counts on Harvester 1.6 only)."""
    claim = live.volume(live.claim(disk), seen)
    storage_class = growth.class_of(claim)
    facts = {
        Need.GROWS_IN_USE: growth.in_use(claim, seen),
        Need.NO_PLUGGED_FILES: not is_hot_plugged(live, disk) or dig_str(claim, "spec", "volumeMode") != "Filesystem",
        Need.ENGINE_V1: storage_class is None or dig_str(seen.get(storage_class), "parameters", "dataEngine") != "v2",
    }
    return _holding(facts)


def of_moved_volume(disk: str, live: Live) -> Needs:
    """What holds for a disk whose volume moves (KubeVirt volume-migration.go, ValidateVolumes and ValidateVolumesUpdateMigration)."""
    device = live.disks.get(disk, {})
    others = [each for each in dig_objects(live.instance, "status", "volumeStatus") if each.get("name") != disk]
    alone = [dig_list(each, "persistentVolumeClaimInfo", "accessModes") == ["ReadWriteOnce"] for each in others]
    plain = isinstance(device.get("disk"), Mapping) and device.get("shareable") is not True and not is_hot_plugged(live, disk)
    return _holding({Need.COPYABLE: plain and not any(alone)})


def _held_by_volumes(live: Live) -> bool:
    """Whether only volumes keep a guest on its node: those that are copied go with it."""
    movable, storage = condition(live.instance, "LiveMigratable"), condition(live.instance, "StorageLiveMigratable")
    return dig_str(movable, "reason") == "DisksNotLiveMigratable" and storage.get("status") != "False"


def is_hot_plugged(live: Live, disk: str) -> bool:
    """Whether the volume of a disk can be taken out while the guest runs."""
    return dig(live.volumes.get(disk, {}), "persistentVolumeClaim", "hotpluggable") is True


def _holding(facts: dict[Need, bool]) -> Needs:
    return frozenset(need for need, holds in facts.items() if holds)
