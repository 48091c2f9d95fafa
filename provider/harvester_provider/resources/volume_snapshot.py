"""VolumeSnapshot: a volume as it was at one moment, from which other volumes are made. Ready means that it can be restored.

It is made as Harvester's own API makes one (upstream pkg/api/volume/handler.go): with the snapshot class that the setting
csi-driver-config names for the volume's driver, and with notes of where it comes from. One module from inputs to verdict.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import InvalidId
from harvester_provider.core.json import Json, Object, dig, dig_str, dig_strings, parsed
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Await, Change, Patch, Plan, Put, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.apis import (
    IMAGE_ID,
    PERSISTENT_VOLUME_CLAIM,
    SETTING,
    STORAGE_CLASS,
    VOLUME_SNAPSHOT,
    VOLUME_SNAPSHOT_CLASS,
)
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import REPLACE, NamespacedInputs, Outputs

_DRIVERS = Ref(SETTING, "csi-driver-config")
"""Setting: driver -> its snapshot classes, for snapshots and for backups."""
_PROVISIONER = "volume.kubernetes.io/storage-provisioner"
_CLASS_NOTE, _PROVISIONER_NOTE = "harvesterhci.io/storageClassName", "harvesterhci.io/storageProvisioner"
_SECONDS = 600.0


class VolumeSnapshotInputs(NamespacedInputs):
    """A snapshot of a volume. It stays in the cluster's storage: for a copy elsewhere, back up the machine."""

    volume: str = Field(json_schema_extra=REPLACE)
    """Volume of the same namespace it is taken of, by its `id` or name."""
    snapshot_class: str | None = Field(default=None, json_schema_extra=REPLACE)
    """VolumeSnapshotClass. Default: the one that the setting `csi-driver-config` names for the volume's storage driver."""


class VolumeSnapshotOutputs(Outputs):
    """What is known of a snapshot."""

    ready: bool = False
    """Whether it can be restored."""
    restore_size: str = ""
    """The least size of a volume that is made from it."""
    taken_at: str = ""
    """The moment it shows, in UTC (RFC 3339)."""
    snapshot_class_name: str = ""
    """The VolumeSnapshotClass it has, also where none was declared."""
    storage_class_name: str = ""
    """Storage class of the volume it was taken of; a volume that is made from it has it too."""


@dataclass(frozen=True, slots=True)
class Restorable:
    """Judges by `readyToUse`. An error is shown and waited out, because the driver is asked again."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where a volume can be made from it."""
        found = seen.get(self.ref)
        if is_ready(found):
            return Ready()
        said = dig_str(found, "status", "error", "message")
        return Waiting(said or "being taken")


def is_ready(found: Object) -> bool:
    """Whether a volume can be made from it."""
    return dig(found, "status", "readyToUse") is True


class VolumeSnapshot(BaseKind[VolumeSnapshotInputs]):
    """The kind `VolumeSnapshot`."""

    name: ClassVar[str] = "VolumeSnapshot"
    api: ClassVar[Api] = VOLUME_SNAPSHOT
    inputs: ClassVar[type[VolumeSnapshotInputs]] = VolumeSnapshotInputs
    outputs_model: ClassVar[type[VolumeSnapshotOutputs]] = VolumeSnapshotOutputs

    def check(self, inputs: VolumeSnapshotInputs) -> Sequence[Problem]:
        """The volume is one of the same namespace."""
        if not is_known(inputs.volume, inputs.namespace):
            return ()
        try:
            volume = Ref.named(PERSISTENT_VOLUME_CLAIM, inputs.volume, inputs.namespace)
        except InvalidId as error:
            return (Problem("volume", str(error)),)
        if volume.namespace != inputs.namespace:
            return (Problem("volume", f"{volume} is in another namespace: declare the snapshot there (namespace={volume.namespace!r})"),)
        return ()

    def requires(self, inputs: VolumeSnapshotInputs) -> Sequence[Requirement]:
        """The volume, and the snapshot class where one is named."""
        out = []
        if is_known(inputs.volume, inputs.namespace):
            out.append(Requirement("volume", _volume(inputs), "give the id of a Volume, or a name from the machine's output `volumes`"))
        if is_known(inputs.snapshot_class) and inputs.snapshot_class:
            out.append(Requirement("snapshotClass", Ref(VOLUME_SNAPSHOT_CLASS, inputs.snapshot_class), "leave it out for the default"))
        return out

    def reads(self, ref: Ref, inputs: VolumeSnapshotInputs | None, seen: Snapshot) -> Iterable[Want]:
        """Of a new one: its volume, that one's storage class, and the setting with the snapshot classes."""
        yield ref
        if inputs is None or ref not in seen or seen[ref] is not None:
            return
        yield from (_volume(inputs), _DRIVERS)
        if name := dig_str(seen.get(_volume(inputs)), "spec", "storageClassName"):
            yield Ref(STORAGE_CLASS, name)

    def create(self, inputs: VolumeSnapshotInputs, seen: Snapshot) -> Plan:
        """Take it, with the notes that a restore goes by."""
        ref, volume = self.ref(inputs), seen.get(_volume(inputs))
        storage_class = dig_str(volume, "spec", "storageClassName")
        driver = dig_strings(volume, "metadata", "annotations").get(_PROVISIONER) or dig_str(
            seen.get(Ref(STORAGE_CLASS, storage_class)), "provisioner"
        )
        name = inputs.snapshot_class or _default_class(seen.get(_DRIVERS), driver)
        if not name:
            why = f"the setting csi-driver-config names no snapshot class for {driver or 'its driver'}: name one, or add it there"
            return Plan(changes=(Change("snapshotClass", Effect.REFUSED, why),))
        notes = {
            _CLASS_NOTE: storage_class,
            _PROVISIONER_NOTE: driver,
            IMAGE_ID: dig_strings(volume, "metadata", "annotations").get(IMAGE_ID),
        }
        body = manifest(
            self.api, metadata(inputs, annotations={key: value for key, value in notes.items() if value}),
            spec={"source": {"persistentVolumeClaimName": _volume(inputs).name}, "volumeSnapshotClassName": name},
        )  # fmt: skip
        return Plan(steps=(Put(ref, body, says=f"take {ref} of {_volume(inputs)}"),))

    def settle(self, inputs: VolumeSnapshotInputs, seen: Snapshot) -> Sequence[Step]:
        """Wait until it can be restored."""
        ref = self.ref(inputs)
        if is_ready(seen.get(ref)):
            return ()
        return (Await(of=ref, until="restorable", wants=(ref,), judge=Restorable(ref), seconds=inputs.seconds("create", _SECONDS)),)

    def update(self, old: VolumeSnapshotInputs, new: VolumeSnapshotInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  only metadata can change
        """Patch the metadata; anything else is another snapshot."""
        ref = self.ref(new)
        was = old.updated(volume=new.volume) if _volume(old) == _volume(new) else old
        was = was if new.snapshot_class else was.updated(snapshot_class=None)
        changes = tuple(self.changes(was, new))
        meta = metadata_patch(old, new)
        if Plan(changes=changes).replaces or not meta:
            return Plan(changes=changes)
        return Plan(steps=(Patch(ref, {"metadata": meta}, says=f"change the metadata of {ref}"),), changes=changes)

    def observe(self, ref: Ref, prior: VolumeSnapshotInputs | None, seen: Snapshot) -> VolumeSnapshotInputs:
        """The snapshot as the cluster has it."""
        found = seen.get(ref)
        name = dig_str(found, "spec", "source", "persistentVolumeClaimName")
        written = prior is not None and _volume(prior).name == name
        values: dict[str, object] = {"volume": prior.volume if prior is not None and written else f"{ref.namespace}/{name}"}
        if prior is None or prior.snapshot_class:
            values["snapshot_class"] = dig_str(found, "spec", "volumeSnapshotClassName") or None
        return self.observed(ref, prior, found, values)

    def outputs(self, inputs: VolumeSnapshotInputs, seen: Snapshot) -> Mapping[str, Json]:
        """What the status says."""
        found = seen.get(self.ref(inputs))
        return VolumeSnapshotOutputs(
            ready=is_ready(found),
            restore_size=dig_str(found, "status", "restoreSize"),
            taken_at=dig_str(found, "status", "creationTime"),
            snapshot_class_name=dig_str(found, "spec", "volumeSnapshotClassName"),
            storage_class_name=dig_strings(found, "metadata", "annotations").get(_CLASS_NOTE, ""),
        ).wire()


def _volume(inputs: VolumeSnapshotInputs) -> Ref:
    return Ref.named(PERSISTENT_VOLUME_CLAIM, inputs.volume, inputs.namespace)


def _default_class(setting: Object, driver: str) -> str:
    """The snapshot class of a driver, from the setting's JSON; empty where it names none."""
    return dig_str(parsed(dig_str(setting, "value") or dig_str(setting, "default")), driver, "volumeSnapshotClassName")


KIND = VolumeSnapshot()
