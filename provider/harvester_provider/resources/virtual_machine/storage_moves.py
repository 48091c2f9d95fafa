"""A disk whose volume moves to another storage class while the guest runs: the edit, the steps that ask for it, and their verdict.

The plan makes the new volume, Harvester's action `storageMigration` names it in the machine's claim templates, KubeVirt copies the
content with a live migration, and Harvester puts the new claim in the place of the old one (pkg/api/vm/handler.go, vm_controller.go;
KubeVirt volume-migration.go). Harvester moves one volume of a machine at a time.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import PlanRefused
from harvester_provider.core.json import Json, by_name, condition, dig, dig_objects, dig_str, is_true
from harvester_provider.core.ownership import mark
from harvester_provider.core.plan import Await, Call, Change, Put, Step
from harvester_provider.core.ref import Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import IMAGE, PERSISTENT_VOLUME_CLAIM, SERVER_VERSION
from harvester_provider.resources.kind import manifest
from harvester_provider.resources.virtual_machine import abilities, disks, removal, sizing, words
from harvester_provider.resources.virtual_machine.devices import Disk
from harvester_provider.resources.virtual_machine.edits import Edit, local, nothing
from harvester_provider.resources.virtual_machine.effects import release
from harvester_provider.resources.virtual_machine.hot_plug import BEGIN_SECONDS, begun, migration_words
from harvester_provider.resources.virtual_machine.live import Live, instance_of
from harvester_provider.resources.virtual_machine.manifest import Suffix
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.power import STARTS
from harvester_provider.resources.virtual_machine.waits import START_SECONDS

ROW = "disks[].storageClass"
_SECONDS = 3600.0
"""Default for the copy of one volume."""
SINCE = (1, 8)
"""The first release of Harvester that moves volumes."""
WAIT_OR_CANCEL = "wait until it is there, or cancel it in Harvester's UI"
_RECOVERY = "ManualRecoveryRequired"
"""Condition of a machine whose guest ended while a volume was copied (KubeVirt vm.go, syncVolumeMigration)."""


def edit(path: str, disk: Disk, new: VirtualMachineInputs, live: Live, seen: Snapshot, suffix: Suffix) -> Edit:
    """Another storage class of a disk. One that is no longer declared leaves the volume where it is."""
    claim, wanted = live.claim(disk.name), disk.storage_class
    target = live.target(claim)
    if not wanted:
        return local(path)
    if target and class_of(target, live, seen) != wanted:
        return Edit(path, ROW, nothing, f"disk {disk.name} is being copied to volume {target}: {WAIT_OR_CANCEL}")
    if not target and class_of(claim, live, seen) == wanted:
        return Edit(path, ROW, nothing)
    runs = live.on or live.stopped_for_update
    if not runs or not live.claim_template(claim):
        name = "give the disk another name to get a new volume"
        return Edit(
            path, ROW, nothing, f"the volume of disk {disk.name} moves only under a running guest: start the machine first, or {name}"
        )
    asks = tuple(steps(disk, new, live, seen, suffix))
    return Edit(path, ROW, nothing, holds=abilities.of_moved_volume(disk.name, live), asks=asks)


def may_follow(inputs: VirtualMachineInputs, seen: Snapshot) -> None:
    """Refuse a new machine whose volumes cannot come to be where they are declared. Raises PlanRefused."""
    if inputs.run_strategy in STARTS and release(dig_str(seen.get(SERVER_VERSION), "value")) >= SINCE:
        return
    for why in (cannot_come(disk, inputs, seen) for disk in inputs.disks):
        if why:
            raise PlanRefused(f"{why}; a new machine has it moved where runStrategy starts it, on Harvester 1.8 and later")


def cannot_come(disk: Disk, inputs: VirtualMachineInputs, seen: Snapshot) -> str:
    """Why the volume of a new disk is not made in the declared class; empty where it is."""
    made = dig_str(seen.get(Ref.named(IMAGE, disk.image, inputs.namespace)), "status", "storageClassName") if disk.image else ""
    if not disk.storage_class or not made or made == disk.storage_class:
        return ""
    return f"disk {disk.name}: the volume of an image is made in the image's own class: leave storageClass out, or set it on the Image"


def after_create(inputs: VirtualMachineInputs, live: Live, seen: Snapshot, suffix: Suffix) -> Iterator[Step]:
    """The volumes of a new machine that are not where they are declared: those of images are made in the image's own class."""
    for disk in inputs.disks:
        claim = live.claim(disk.name)
        if disk.storage_class and live.claim_template(claim) and class_of(claim, live, seen) != disk.storage_class:
            yield from steps(disk, inputs, live, seen, suffix)


def steps(disk: Disk, new: VirtualMachineInputs, live: Live, seen: Snapshot, suffix: Suffix) -> Iterator[Step]:
    """Make the volume, have the content copied, and wait for it. The former volume goes only with a disk that says so."""
    claim = live.claim(disk.name)
    source = dig_str(live.claim_template(claim), "metadata", "name")
    target = Ref(PERSISTENT_VOLUME_CLAIM, live.target(claim) or _name(disk, source, new), live.ref.namespace)
    moved, settled = Moved(live.ref, disk.name, source, target.name), Settled(live.ref)
    if not live.target(claim):
        yield Put(target, _volume(disk, source, target, live, seen, new), says=f"make volume {target.id} in class {disk.storage_class}")
        body: dict[str, Json] = {"sourceVolume": source, "targetVolume": target.name}
        kept = "" if disk.deletes else f"; volume {source} is kept"
        path = f"/v1/harvester/{live.ref.api.group}.{live.ref.api.plural}/{live.ref.id}?action=storageMigration"
        yield Await(live.ref, "running and on no migration", settled.wants, settled, new.seconds("update", START_SECONDS))
        yield Call("harvester", "POST", path, body, f"copy disk {disk.name} of {live.ref} to it while the guest runs{kept}", Effect.MIGRATE)
        yield Await(live.ref, f"noted as moving disk {disk.name}", (live.ref,), Asked(live.ref, target.name), BEGIN_SECONDS)
    yield begun(live.ref, replace(moved, begun=False), moved.wants, new.owner, suffix())
    yield Await(
        live.ref, f"running with disk {disk.name} in class {disk.storage_class}", moved.wants, moved, new.seconds("update", _SECONDS)
    )
    if disk.deletes:
        yield from removal.release_claim(live, source, seen)


def while_copying(change: Change, live: Live, *, halts: bool) -> Change:
    """While a volume is being copied the guest must not stop, and its volumes stay as they are: the copy would be in pieces."""
    volumes = change.property.startswith("disks[") and not change.property.endswith("].storageClass") and change.effect > Effect.NONE
    off = change.effect.stops_guest or (halts and change.property == "runStrategy")
    if change.effect is Effect.REFUSED or not live.on or not live.copies or not (volumes or off):
        return change
    return Change(change.property, Effect.REFUSED, f"a volume of the machine is being copied to {', '.join(live.copies)}: {WAIT_OR_CANCEL}")


def left_behind(old: VirtualMachineInputs, new: VirtualMachineInputs, live: Live) -> list[str]:
    """The volumes that an interrupted update has copied and did not come to delete."""
    classes = {disk.name: disk.storage_class for disk in old.disks}
    moved = [disk for disk in new.disks if disk.deletes and classes.get(disk.name) != disk.storage_class]
    return [name for disk in moved if (name := live.copied_from(live.claim(disk.name)))]


def class_of(claim: str, live: Live, seen: Snapshot) -> str:
    """The storage class of a volume, as the machine or the volume itself says it."""
    entry = live.claim_template(claim)
    declared = dig_str(entry, "spec", "storageClassName") if dig_str(entry, "metadata", "name") == claim else ""
    return declared or dig_str(seen.get(Ref(PERSISTENT_VOLUME_CLAIM, claim, live.ref.namespace)), "spec", "storageClassName")


def _name(disk: Disk, source: str, new: VirtualMachineInputs) -> str:
    """The name of the new volume: another one for each move, the same one when an interrupted move is made again."""
    digest = hashlib.sha256(f"{source} {disk.storage_class}".encode()).hexdigest()
    return f"{new.name}-{disk.name}-{digest[:5]}"


def _volume(disk: Disk, source: str, target: Ref, live: Live, seen: Snapshot, new: VirtualMachineInputs) -> dict[str, Json]:
    """A volume of the same kind and at least the size: that of the declared disk, or of a volume that has grown by other ways."""
    found, image = seen.get(Ref(PERSISTENT_VOLUME_CLAIM, source, target.namespace)), live.image(source)
    asked = dig_str(live.claim_template(source), "spec", "resources", "requests", "storage")
    sizes = [disk.size, sizing.quantity(asked), sizing.quantity(dig(found, "status", "capacity", "storage"))]
    marks = {**mark(new.owner), words.COPY_OF: source, **({words.MADE_FROM: image} if image else {})}
    spec: dict[str, Json] = {
        "accessModes": [disk.access_mode or disks.MODES["access_mode"]],
        "resources": {"requests": {"storage": max(size for size in sizes if size is not None).text}},
        "storageClassName": disk.storage_class,
        "volumeMode": disk.volume_mode or disks.MODES["volume_mode"],
    }
    meta: dict[str, Json] = {"name": target.name, "namespace": target.namespace, "annotations": marks}
    return dict(manifest(PERSISTENT_VOLUME_CLAIM, meta, spec=spec))


@dataclass(frozen=True, slots=True)
class Settled:
    """Judges whether the guest runs and stays where it is: Harvester begins no copy before (validator.go, checkTargetVolumes)."""

    ref: Ref

    @property
    def wants(self) -> tuple[Want, ...]:
        """What must be seen to judge."""
        return (self.ref, instance_of(self.ref))

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where no migration is on its way."""
        live = Live.of(self.ref, seen)
        if not live.on:
            return Failed("the guest was switched off meanwhile", "start it, and run `pulumi up` again")
        status = dig_str(live.vm, "status", "printableStatus")
        return Ready() if status == "Running" else Waiting(status or "being made")


@dataclass(frozen=True, slots=True)
class Asked:
    """Judges whether the machine is seen as the request has left it. What was seen before says nothing of this copy, and a migration
    that is on its way then is not its own."""

    ref: Ref
    target: str

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where a claim template names the new volume, or the machine has gone."""
        live = Live.of(self.ref, seen)
        return Waiting("Harvester has not noted the request yet") if live.vm and not live.claim_template(self.target) else Ready()


@dataclass(frozen=True, slots=True)
class Moved:
    """Judges whether the guest of `ref` has `target` behind its disk, and Harvester has put it in the place of `source`."""

    ref: Ref
    disk: str
    source: str
    target: str
    begun: bool = True
    """Whether the copy was seen to be on its way. Before, what is seen can be older than the request."""

    @property
    def wants(self) -> tuple[Want, ...]:
        """What must be seen to judge."""
        return (self.ref, instance_of(self.ref), Ref(PERSISTENT_VOLUME_CLAIM, self.target, self.ref.namespace))

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where all of it is done, so that nobody makes the former volume anew once it is deleted."""
        live = Live.of(self.ref, seen)
        if not live.vm:
            return Failed("the machine was deleted meanwhile", "run `pulumi refresh`")
        return self._trouble(live) or self._progress(live)

    def _trouble(self, live: Live) -> Failed | None:
        recovery, restart = condition(live.vm, _RECOVERY), condition(live.vm, "RestartRequired")
        change = condition(live.instance, "VolumesChange")
        if recovery.get("status") == "True" or not live.on:
            why = dig_str(recovery, "reason") or "the guest was switched off"
            way_out = f"put {self.source} behind the disk again in Harvester's UI (Cancel Storage Migration), and start the machine"
            return Failed(f"disk {self.disk} was not copied to its end: {why}", way_out)
        if restart.get("status") == "True":
            return Failed(f"the cluster cannot copy it under the running guest: {dig_str(restart, 'message')}", WAIT_OR_CANCEL)
        if self.begun and change.get("status") == "False" and dig_str(change, "message"):
            return Failed(f"disk {self.disk} cannot be copied: {dig_str(change, 'message')}", WAIT_OR_CANCEL)
        if self.begun and live.claim(self.disk) == self.source and live.claim_template(self.source) and not live.target(self.source):
            return Failed("somebody has cancelled it", "run `pulumi up` again to have it copied")
        return None

    def _progress(self, live: Live) -> Ready | Waiting:
        running = by_name(dig_objects(live.instance, "spec", "volumes"))
        reported = by_name(dig_objects(live.instance, "status", "volumeStatus")).get(self.disk, {})
        inside = dig_str(running.get(self.disk, {}), "persistentVolumeClaim", "claimName")
        done = self.target == inside == dig_str(reported, "persistentVolumeClaimInfo", "claimName")
        if not done or is_true(live.instance, "VolumesChange"):
            return Waiting(f"disk {self.disk} is being copied to {self.target}{migration_words(live)}")
        if dig_str(live.claim_template(self.target), "metadata", "name") != self.target:
            return Waiting(f"disk {self.disk} is copied, Harvester has not noted its new volume yet")
        return Ready()
