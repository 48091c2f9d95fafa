"""Volume: a PersistentVolumeClaim as Harvester shows it under Volumes. From inputs to plans; its data is what must not be lost.

A volume that a machine has as a disk is neither deleted nor replaced, and none ever shrinks: both are said before
anything is changed. Where a volume comes from is in `sources`, what the cluster says of it in `status`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, dig_map, dig_str, dig_strings
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Await, Change, Patch, Plan, Put, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources import growth
from harvester_provider.resources.apis import IMAGE_ID, PERSISTENT_VOLUME_CLAIM, STORAGE_CLASS, VOLUME_SNAPSHOT
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.volume import sources
from harvester_provider.resources.volume.model import VolumeInputs, VolumeOutputs
from harvester_provider.resources.volume.status import Bound, Grown, capacity, machines, request, users

_SECONDS = 600.0


class Volume(BaseKind[VolumeInputs]):
    """The kind `Volume`."""

    name: ClassVar[str] = "Volume"
    api: ClassVar[Api] = PERSISTENT_VOLUME_CLAIM
    inputs: ClassVar[type[VolumeInputs]] = VolumeInputs
    outputs_model: ClassVar[type[VolumeOutputs]] = VolumeOutputs
    modes: ClassVar[Mapping[str, str]] = {"access_mode": "ReadWriteMany", "volume_mode": "Block"}
    """What a volume has where nothing is declared."""

    def check(self, inputs: VolumeInputs) -> Sequence[Problem]:
        """One source at most, a size, and a class that is not reserved."""
        return list(sources.check(inputs))

    def requires(self, inputs: VolumeInputs) -> Sequence[Requirement]:
        """What it is made from, and its storage class."""
        return list(sources.requires(inputs))

    def reads(self, ref: Ref, inputs: VolumeInputs | None, seen: Snapshot) -> Iterable[Want]:
        """Of a new volume its source; of one that is there its storage class and who uses it, and of one that grows whether it can then."""
        yield ref
        if ref not in seen:
            return
        if seen[ref] is not None:
            yield machines(ref)
            if storage_class := growth.class_of(seen.get(ref)):
                yield storage_class
            size, have = inputs.size if inputs else None, self.size(ref, seen)
            if size is not None and have is not None and size > have:
                yield growth.IN_USE
        elif inputs is not None and (source := sources.ref_of(inputs)) is not None:
            yield source

    def create(self, inputs: VolumeInputs, seen: Snapshot) -> Plan:
        """Make the claim; the storage then makes the volume. What cannot come to anything is refused before."""
        inputs = self._filled(inputs)
        ref, source = self.ref(inputs), sources.source(inputs, seen)
        if source.trouble:
            return Plan(changes=(Change("", Effect.REFUSED, source.trouble),))
        size = inputs.size if inputs.size is not None else source.size
        if size is None or (source.size is not None and size < source.size):
            least = f"at least {source.size}, the size of what it is made from" if source.size else "a size, such as 20Gi"
            return Plan(changes=(Change("size", Effect.REFUSED, f"{size or 'nothing'} is too small: give {least}"),))
        marks = {IMAGE_ID: source.image} if source.image else {}
        storage_class = inputs.storage_class or source.storage_class
        spec: dict[str, Json] = {
            "accessModes": [inputs.access_mode],
            "volumeMode": inputs.volume_mode,
            "resources": {"requests": {"storage": size.text}},
            **({"storageClassName": storage_class} if storage_class else {}),
            **dict(source.fields),
        }
        return Plan(steps=(Put(ref, manifest(self.api, metadata(inputs, annotations=marks), spec=spec), says=f"make {ref} of {size}"),))

    def settle(self, inputs: VolumeInputs, seen: Snapshot) -> Sequence[Step]:
        """Wait until it is provisioned; not with a class that waits for the first machine that uses it."""
        ref = self.ref(inputs)
        found = seen.get(ref)
        storage_class = seen.get(Ref(STORAGE_CLASS, dig_str(found, "spec", "storageClassName")))
        judge = Bound(ref)
        if dig_str(storage_class, "volumeBindingMode") == "WaitForFirstConsumer" or dig_str(found, "status", "phase") == "Bound":
            return ()
        return (Await(of=ref, until="bound", wants=(ref,), judge=judge, seconds=inputs.seconds("create", _SECONDS)),)

    def update(self, old: VolumeInputs, new: VolumeInputs, seen: Snapshot) -> Plan:
        """Grow it and change its metadata in place. Everything else is another volume, and the data of this one is gone."""
        old, new, ref = self._filled(old), self._filled(new), self.ref(new)
        growth, size_effect = self._growth(new, seen)
        changes = [_final(change) for change in self.changes(_in_words_of(ref, old, new), new, {"size": size_effect})]
        plan = Plan(changes=tuple(changes))
        if plan.replaces and (attached := users(ref, seen)):
            why = (
                f"{ref} is attached to {', '.join(attached)}, and its data would be deleted with it: "
                f"detach it in an update of its own, or declare another volume beside it and move the data"
            )
            return replace(plan, changes=(*changes, Change("attachedTo", Effect.REFUSED, why)))
        if plan.replaces or plan.refused:
            return plan
        meta = metadata_patch(old, new)
        patch = (Patch(ref, {"metadata": meta}, says=f"change the metadata of {ref}"),) if meta else ()
        return replace(plan, steps=(*patch, *growth))

    def _filled(self, inputs: VolumeInputs) -> VolumeInputs:
        return inputs.updated(**{name: getattr(inputs, name) or mode for name, mode in self.modes.items()})

    def size(self, ref: Ref, seen: Snapshot) -> Quantity | None:
        """The size that was asked for."""
        return request(seen.get(ref))

    def _growth(self, new: VolumeInputs, seen: Snapshot) -> tuple[Sequence[Step], tuple[Effect, str]]:
        """The steps to the declared size, and what they do."""
        ref = self.ref(new)
        found = seen.get(ref)
        have, size = self.size(ref, seen), new.size
        if size is None or have is None:
            return (), (Effect.METADATA, "")
        if size < have:
            why = f"{ref} has {have} and cannot shrink to {size}: write {have}, or copy its data to another, smaller volume"
            return (), (Effect.REFUSED, why)
        if size > have and (why := growth.forbidden(found, seen) or self._kept_by_users(ref, seen)):
            return (), (Effect.REFUSED, why)
        there = capacity(found)
        grow = Patch(
            ref, {"spec": {"resources": {"requests": {"storage": size.text}}}}, says=f"grow {ref} from {have} to {size}", effect=Effect.LIVE
        )  # fmt: skip
        wait = Await(of=ref, until=f"as large as {size}", wants=(ref,), judge=Grown(ref, size), seconds=new.seconds("update", _SECONDS))
        under_way = there is not None and there < size
        steps = (*((grow,) if size > have else ()), *((wait,) if size > have or under_way else ()))
        return steps, (Effect.LIVE, "it grows, also while a machine uses it") if size > have else (Effect.METADATA, "")

    def _kept_by_users(self, ref: Ref, seen: Snapshot) -> str:
        """Why it cannot grow while machines run with it; empty where it can, or where none does (Harvester's webhook, CheckExpand)."""
        running = users(ref, seen, running=True)
        if not running or growth.in_use(seen.get(ref), seen):
            return ""
        driver = growth.driver(seen.get(ref), seen) or "its driver"
        return f"{driver} grows no volumes in use (Harvester's setting {growth.IN_USE.name}): stop {', '.join(running)} first"

    def delete(self, old: VolumeInputs, seen: Snapshot) -> Plan:
        """Delete it and its data; not as long as a machine has it as a disk."""
        ref = self.ref(old)
        if attached := users(ref, seen):
            why = f"{ref} is attached to {', '.join(attached)}: remove the disk there first. The volume and its data are kept"
            return Plan(changes=(Change("attachedTo", Effect.REFUSED, why),))
        return super().delete(old, seen)

    def observe(self, ref: Ref, prior: VolumeInputs | None, seen: Snapshot) -> VolumeInputs:
        """The volume as the cluster has it. What follows from its source (size, class) counts only where it is declared."""
        found = seen.get(ref)
        modes = found.get("spec") if isinstance(found.get("spec"), Mapping) else {}
        access = dig_str(modes, "accessModes", 0)
        values: dict[str, object] = {
            **_origin(ref, prior, found),
        }
        if prior is None or prior.access_mode:
            values["access_mode"] = access or "ReadWriteMany"
        if prior is None or prior.volume_mode:
            values["volume_mode"] = dig_str(found, "spec", "volumeMode") or "Filesystem"
        if prior is None or prior.size is not None:
            values["size"] = self.size(ref, seen)
        if prior is None or prior.storage_class:
            values["storage_class"] = dig_str(found, "spec", "storageClassName") or None
        if prior is None and values["image"]:
            values["storage_class"] = None  # it is the image's own
        return self.observed(ref, prior, found, values)

    def belongs(self, inputs: VolumeInputs, seen: Snapshot) -> str:
        """The machine that has it as a disk, which declares it."""
        attached = users(self.ref(inputs), seen)
        return super().belongs(inputs, seen) or (f"it is a disk of {', '.join(attached)}" if attached else "")

    def outputs(self, inputs: VolumeInputs, seen: Snapshot) -> Mapping[str, Json]:
        """Phase, capacity, class, and who uses it."""
        ref = self.ref(inputs)
        found = seen.get(ref)
        return VolumeOutputs(
            phase=dig_str(found, "status", "phase"),
            capacity=dig_str(found, "status", "capacity", "storage"),
            storage_class_name=dig_str(found, "spec", "storageClassName"),
            persistent_volume=dig_str(found, "spec", "volumeName"),
            attached_to=users(ref, seen),
        ).wire()


def _in_words_of(ref: Ref, old: VolumeInputs, new: VolumeInputs) -> VolumeInputs:
    """`old` as `new` would write it: a size or class that is left out is the one the volume has, a bare name is that of an ID."""
    left_out = {name: None for name in ("size", "storage_class") if getattr(new, name) is None}
    named = {name: _as_written(ref, getattr(new, name), getattr(old, name)) for name in ("image", "snapshot", "source_volume")}
    return old.updated(**left_out, **named)


def _final(change: Change) -> Change:
    """A replacement of a volume is the end of its data, and is called that."""
    why = "cannot be changed in place: a new volume takes its place, and the data of this one is deleted"
    return replace(change, why=why) if change.effect is Effect.REPLACE else change


def _origin(ref: Ref, prior: VolumeInputs | None, found: Mapping[str, Json]) -> dict[str, object]:
    """What the volume was made from, in the words of `prior` where they mean the same."""
    data = dig_map(found, "spec", "dataSource")
    name = dig_str(data, "name")
    seen = {
        "snapshot": f"{ref.namespace}/{name}" if data.get("kind") == VOLUME_SNAPSHOT.kind else None,
        "source_volume": f"{ref.namespace}/{name}" if data.get("kind") == PERSISTENT_VOLUME_CLAIM.kind else None,
    }
    image = None if name else dig_strings(found, "metadata", "annotations").get(IMAGE_ID)
    return {field: _as_written(ref, getattr(prior, field, None), value) for field, value in {"image": image, **seen}.items()}


def _as_written(ref: Ref, written: str | None, value: str | None) -> str | None:
    """`written`, where it names the same object as `value` does."""
    return written if written and value and _full(ref, written) == _full(ref, value) else value


def _full(ref: Ref, identity: str) -> str:
    return identity if "/" in identity else f"{ref.namespace}/{identity}"


KIND = Volume()
