"""What each change does to a running guest: one table, as data. Plans look it up, docs print it, nothing else decides it.

Rows are tried from the top; the first one whose field and release match counts. Sources: KubeVirt
pkg/virt-controller/watch/vm/vm.go (syncRestartRequired), Harvester pkg/controller/master/virtualmachine.
"""

import re
from dataclasses import dataclass
from typing import Final

from harvester_provider.core.effect import Effect
from harvester_provider.resources.virtual_machine.abilities import Need

Release = tuple[int, int]
"""A release of Harvester, such as `(1, 8)`."""
NEWEST: Final[Release] = (99, 0)
"""Stands for a release that is not numbered, such as a build from the main branch."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a change of `field` does while the guest runs, from the release `since` on.

    Fields of a list's entries are written `disks[].size`; `disks[+]` is a new entry and `disks[-]` a removed one.
    """

    field: str
    effect: Effect
    why: str
    source: str = ""
    since: Release = (0, 0)
    needs: frozenset[Need] = frozenset()
    """Conditions that must hold besides."""


_STOP = Effect.STOP_MODIFY_START
_RESTART = "KubeVirt vm.go syncRestartRequired: every other difference of the template's spec needs a restart"
_NETWORK = "KubeVirt pkg/network/vmliveupdate/restart.go"
_NEW_NIC = f"{_NETWORK}: it compares the NICs that the guest has, and asks for no restart for others"
_HOT_VOLUMES = "KubeVirt pkg/storage/hotplug/hotplug.go"
_HOT_DISK = frozenset({Need.HOT_PLUG, Need.SAME_VOLUMES, Need.DECLARATIVE_VOLUMES})
_HOT_MEDIUM = frozenset({Need.DRIVE, Need.SAME_VOLUMES, Need.DECLARATIVE_VOLUMES})
_GROWTH = "Harvester pkg/webhook/util/volume.go (CheckExpand)"
_DETACHED = "the volume grows only while it is detached"
_EXPAND = frozenset({Need.EXPAND_DISKS, Need.GROWS_IN_USE, Need.NO_PLUGGED_FILES})
_STORAGE = (
    "Harvester pkg/api/vm/handler.go (storageMigration), vm_controller.go; KubeVirt volume-migration.go, vm.go handleVolumeUpdateRequest"
)
_HOT_NICS = "KubeVirt pkg/network/controllers/vm.go; Harvester pkg/util/virtualmachine/virtualmachine.go (SupportHotplugNic)"
_NIC = frozenset({Need.MIGRATABLE, Need.MACS, Need.NO_CLUSTER_NODE, Need.BRIDGED})
_HOT_CPU = "KubeVirt vm.go handleCPUChangeRequest; Harvester pkg/api/vm/handler.go (cpuAndMemoryHotplug)"
_HOT_MEMORY = "KubeVirt vm.go handleMemoryHotplugRequest; Harvester pkg/api/vm/handler.go (cpuAndMemoryHotplug)"
_PLACEMENT = "KubeVirt vm.go handleAffinityChangeRequest, under vmRolloutStrategy LiveUpdate and while no restart is required"
_RESERVED = "Harvester virtualmachine/mutator.go computes memory.guest anew for it"
_TOLERATIONS = "KubeVirt vm.go handleTolerationsChangeRequest (since 1.5), under the same conditions"
_MOVES = "and the guest moves to another node"
_NO_WORD = "; for hot-plug volumes KubeVirt asks for no restart, also where it cannot plug them in (before Harvester 1.8)"
_READ_AT_START = "only read at a start"
_DUE = frozenset({Need.NOTHING_DUE, Need.LIVE_UPDATE})
_COPY = _DUE | {Need.MOVABLE, Need.COPYABLE}
_NO_COPY = "its volume cannot move to another class: give the disk another name to get a new volume"

_MOVABLE = frozenset({Need.MIGRATABLE})

TABLE: Final[tuple[Row, ...]] = (
    Row("description", Effect.METADATA, "", "annotation of the VM object"),
    Row("tags", Effect.METADATA, "", "labels; Harvester copies them to the running instance (SyncLabelsToVmi)"),
    Row("labels", Effect.METADATA, "", "labels; Harvester copies them to the running instance (SyncLabelsToVmi)"),
    Row("annotations", Effect.METADATA, "", "annotations of the VM object"),
    Row("sshKeys", Effect.METADATA, "the guest reads them at its first boot only", "cloud-init; recorded in harvesterhci.io/sshNames"),
    Row("cloudInit.userData", Effect.METADATA, "the guest reads it at its next start, most of it only at the first", "content of a Secret"),
    Row("cloudInit.networkData", Effect.METADATA, "the guest reads it at its next start", "content of a Secret"),
    Row("cloudInit", _STOP, "another cloud-init drive", _RESTART),
    Row("runStrategy", Effect.LIVE, "", "KubeVirt vm.go syncRunStrategy"),
    Row("nodeSelector", Effect.LIVE, "used at the next migration or start", _PLACEMENT, (1, 6), _DUE),
    Row("nodeSelector", _STOP, _READ_AT_START, _RESTART),
    Row("nodeAffinity", Effect.LIVE, "used at the next migration or start", _PLACEMENT, (1, 6), _DUE),
    Row("nodeAffinity", _STOP, _READ_AT_START, _RESTART),
    Row("vmAffinity", Effect.LIVE, "used at the next migration or start", _PLACEMENT, (1, 6), _DUE),
    Row("vmAffinity", _STOP, _READ_AT_START, _RESTART),
    Row("vmAntiAffinity", Effect.LIVE, "used at the next migration or start", _PLACEMENT, (1, 6), _DUE),
    Row("vmAntiAffinity", _STOP, _READ_AT_START, _RESTART),
    Row("tolerations", Effect.LIVE, "used at the next migration or start", _TOLERATIONS, (1, 6), _DUE),
    Row("tolerations", _STOP, _READ_AT_START, _RESTART),
    Row("priorityClass", _STOP, _READ_AT_START, _RESTART),
    Row("cpu", Effect.MIGRATE, f"CPUs are plugged in, {_MOVES}", _HOT_CPU, (1, 6), _DUE | {Need.MIGRATABLE, Need.ROOM_FOR_CPUS}),
    Row("cpu", _STOP, "the number of CPUs of a running guest is fixed", _RESTART),
    Row("memory", Effect.MIGRATE, f"the memory is resized, {_MOVES}", _HOT_MEMORY, (1, 6), _DUE | {Need.MIGRATABLE, Need.ROOM_FOR_MEMORY}),
    Row("memory", _STOP, "the memory of a running guest is fixed", _RESTART),
    Row("hotPlug", _STOP, "the room for CPUs and memory is fixed at a start", _RESTART),
    Row("hostname", _STOP, "read at a start only", _RESTART),
    Row("machineType", _STOP, "part of the machine's hardware", _RESTART),
    Row("efi", _STOP, "part of the machine's firmware", _RESTART),
    Row("secureBoot", _STOP, "part of the machine's firmware", _RESTART),
    Row("persistentEfi", _STOP, "part of the machine's firmware", _RESTART),
    Row("persistentTpm", _STOP, "part of the machine's hardware", _RESTART),
    Row("cpuModel", _STOP, "part of the machine's hardware", _RESTART),
    Row("cpuPinning", _STOP, "CPUs are pinned at a start", _RESTART),
    Row("isolateEmulatorThread", _STOP, "CPUs are pinned at a start", _RESTART),
    Row("reservedMemory", _STOP, "the memory of a running guest is fixed", _RESERVED),
    Row("hostDevices", _STOP, "part of the machine's hardware", _RESTART),
    Row("tablet", _STOP, "part of the machine's hardware", _RESTART),
    Row("sound", _STOP, "part of the machine's hardware", _RESTART),
    Row("watchdog", _STOP, "part of the machine's hardware", _RESTART),
    Row("rng", _STOP, "part of the machine's hardware", _RESTART),
    Row("clock", _STOP, "part of the machine's hardware", _RESTART),
    Row("hyperv", _STOP, "part of the machine's hardware", _RESTART),
    Row("sysprep.autounattend", Effect.METADATA, "read by the next installation or generalized start", "content of a Secret"),
    Row("sysprep", _STOP, "another CD-ROM with answer files", _RESTART),
    Row("maintenanceModeStrategy", Effect.METADATA, "", "label of the VM object, read when a node goes into maintenance mode"),
    Row("tpm", _STOP, "part of the machine's hardware", _RESTART),
    Row("evictionStrategy", _STOP, "read at a start only", _RESTART),
    Row("terminationGracePeriodSeconds", _STOP, "read at a start only", _RESTART),
    Row("paused", Effect.LIVE, "the guest stands still or goes on, and is not restarted", "KubeVirt virt-api, pause and unpause"),
    Row("migrateTo", Effect.MIGRATE, "the guest moves to the node", "Harvester pkg/api/vm/handler.go (migrate)", (0, 0), _MOVABLE),
    Row("migrateTo", Effect.REFUSED, "it cannot be moved while it runs", "KubeVirt migration-create-admitter.go"),
    Row("restartTrigger.soft", Effect.LIVE, "the guest is asked to reboot itself, in the same machine", "KubeVirt virt-api, softreboot"),
    Row("restartTrigger", Effect.RESTART, "asked for by another restartTrigger", "stopped and started by the run strategy, power.py"),
    Row("disks[].size", Effect.LIVE, "the volume grows, the guest sees it at once", _GROWTH, (1, 7), _EXPAND),
    Row("disks[].size", Effect.LIVE, "the volume grows, the guest sees it at once", _GROWTH, (1, 6), _EXPAND | {Need.ENGINE_V1}),
    Row("disks[].size", _STOP, _DETACHED, _GROWTH),
    Row("disks[].storageClass", Effect.MIGRATE, f"its content is copied to a new volume, {_MOVES}", _STORAGE, (1, 8), _COPY),
    Row("disks[].storageClass", Effect.REFUSED, _NO_COPY, "KubeVirt volume-migration.go"),
    Row("disks[+]", Effect.LIVE, "the disk is plugged in", _HOT_VOLUMES, (1, 8), _HOT_DISK),
    Row("disks[+]", _STOP, "a new disk", f"KubeVirt vm.go validLiveUpdateDisks{_NO_WORD}"),
    Row("disks[-]", Effect.LIVE, "the disk is unplugged", _HOT_VOLUMES, (1, 8), _HOT_DISK),
    Row("disks[-]", _STOP, "a disk is removed", f"KubeVirt vm.go validLiveUpdateDisks{_NO_WORD}"),
    Row("disks[].medium", Effect.LIVE, "the medium is changed", _HOT_VOLUMES, (1, 8), _HOT_MEDIUM),
    Row("disks[].medium", _STOP, "another volume", "KubeVirt vm.go validLiveUpdateVolumes"),
    Row("disks[]", _STOP, "part of the machine's hardware", _RESTART),
    Row("networkInterfaces[+]", Effect.MIGRATE, f"the NIC is plugged in, {_MOVES}", _HOT_NICS, (1, 7), _NIC | {Need.NOT_LEAVING}),
    Row("networkInterfaces[+]", _STOP, "a new NIC", _NEW_NIC),
    Row("networkInterfaces[-]", Effect.MIGRATE, f"the NIC is unplugged, {_MOVES}", _HOT_NICS, (1, 7), _NIC | {Need.ANOTHER_NIC}),
    Row("networkInterfaces[-]", _STOP, "a NIC is removed", _NETWORK),
    Row("networkInterfaces[].network", _STOP, "a NIC is connected to another network", _NETWORK),
    Row("networkInterfaces[]", _STOP, "part of the machine's hardware", _NETWORK),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Guest:
    """What decides between the rows: whether a guest runs, and the release of the cluster."""

    runs: bool
    release: Release = NEWEST
    holds: frozenset[Need] = frozenset()
    """The conditions that hold, of the machine and of what changes."""


def effect_of(field: str, guest: Guest) -> tuple[Effect, str]:
    """The effect of a change of `field` on `guest`, and the reason in the user's words."""
    rows = [row for row in TABLE if _covers(row.field, field) and row.since <= guest.release]
    row = next((row for row in rows if row.needs <= guest.holds), None)
    if row is None:
        raise AssertionError(f"no row for {field}")
    if not guest.runs and row.effect > Effect.METADATA:
        return Effect.METADATA, "the machine is off"
    return row.effect, row.why + _unfulfilled(rows[0], guest)


def _unfulfilled(best: Row, guest: Guest) -> str:
    """What would have to be so for a smaller effect."""
    lacks = [need for need in Need if need in best.needs - guest.holds]
    return f"; without a stop only where {' and '.join(lacks)}" if lacks else ""


def _covers(row: str, field: str) -> bool:
    """A row for `disks[]` or `cloudInit` also covers the fields below it that have no row of their own."""
    return row == field or field.startswith(f"{row}.")


def release(version: str) -> Release:
    """The release in the setting `server-version` (`v1.8.2`); NEWEST where it has no number."""
    match = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else NEWEST
