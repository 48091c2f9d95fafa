"""Failures that can be asked for per object, by the annotation `local.harvester/fault`.

A word list and its reader; what each word does is said here and done where it belongs.
"""

from enum import StrEnum

from harvester_local.api.objects import Obj, annotations

ANNOTATION = "local.harvester/fault"
GUEST_ANNOTATION = "local.harvester/guest"


class Fault(StrEnum):
    """Values of the annotation. Those that name no other kind are for a VirtualMachine."""

    NEVER_BOOTS = "never-boots"
    """The instance is scheduled and never runs."""
    NO_ADDRESS = "no-address"
    """The guest has no agent: it never reports an address."""
    IGNORES_SHUTDOWN = "ignores-shutdown"
    """The guest ignores a graceful stop and is killed when its termination grace period is over."""
    NEVER_STOPS = "never-stops"
    """The guest does not end even then; only a stop with a grace period of 0 ends it."""
    UNSCHEDULABLE = "unschedulable"
    """No node takes the machine."""
    CRASH_LOOP = "crash-loop"
    """The guest ends in failure as soon as it runs, again and again."""
    MIGRATION_FAILS = "migration-fails"
    """Every live migration of the machine fails."""
    NEVER_JOINS = "never-joins"
    """The machine of a guest cluster runs and never becomes a node of it."""
    DISK_FULL = "disk-full"
    """For a VirtualMachineBackup or a VirtualMachineRestore: there is no room for its volumes."""
    UPLINK_FAILS = "uplink-fails"
    """For a VlanConfig: its VlanStatuses are never ready."""
    PROVISIONING_FAILS = "provisioning-fails"
    """For a PersistentVolumeClaim: no volume is made for it, and none grows."""
    SNAPSHOT_FAILS = "snapshot-fails"
    """For a VolumeSnapshot: the driver takes none and says why."""
    ADDON_FAILS = "addon-fails"
    """For an Addon: its chart cannot be installed."""
    BMC_REFUSES = "bmc-refuses"
    """For an Inventory: its BMC does nothing that it is asked for."""
    UPGRADE_FAILS = "upgrade-fails"
    """For a Version: an upgrade to it fails on its first node."""


def fault_of(obj: Obj) -> Fault | None:
    """The failure asked for, None for none. An unknown word is none, so that an annotation never breaks a controller."""
    word = annotations(obj).get(ANNOTATION, "")
    return Fault(word) if word in set(Fault) else None


class GuestEvent(StrEnum):
    """Values of the annotation `local.harvester/guest` of an instance: what its guest does by itself."""

    SHUTDOWN = "shutdown"
    """The guest powers itself off: the instance ends as Succeeded."""
    CRASH = "crash"
    """The guest's process dies: the instance ends as Failed."""


def guest_event(instance: Obj) -> GuestEvent | None:
    """What the guest was told to do, None for nothing."""
    word = annotations(instance).get(GUEST_ANNOTATION, "")
    return GuestEvent(word) if word in set(GuestEvent) else None
