"""The dialect of Volume for a cluster without Harvester: blank it is the same claim; from an image it is a clone that CDI makes.

The claim is the resource, as with Harvester. Where CDI made it, its DataVolume is deleted, which takes the claim with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from harvester_provider.core.json import Object, dig_map, dig_objects, dig_strings
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Plan, Put, Remove, Step
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources import plain
from harvester_provider.resources.apis import DATA_VOLUME, IMAGE_ID
from harvester_provider.resources.volume import Volume
from harvester_provider.resources.volume.model import VolumeInputs


class PlainVolume(Volume):
    """The kind `Volume` without Harvester."""

    modes: ClassVar[Mapping[str, str]] = plain.MODES

    def requires(self, inputs: VolumeInputs) -> Sequence[Requirement]:
        """The same objects, or what stands for them."""
        return [replace(need, ref=plain.there(need.ref)) for need in super().requires(inputs)]

    def reads(self, ref: Ref, inputs: VolumeInputs | None, seen: Snapshot) -> Iterable[Want]:
        """The same, its DataVolume where it has one, and of a new one what it can be made of."""
        yield from plain.wanted(super().reads(ref, inputs, plain.as_harvester(seen)))
        yield replace(ref, api=DATA_VOLUME)
        if inputs is not None and ref in seen and seen[ref] is None:
            yield plain.STORAGE_CLASSES

    def create(self, inputs: VolumeInputs, seen: Snapshot) -> Plan:
        """Make the claim, or the DataVolume that makes it as a clone of the image."""
        chosen = None if inputs.image else plain.storage_class(inputs.storage_class, seen)
        plan = super().create(inputs.updated(storage_class=chosen), plain.as_harvester(seen))
        return plan if plan.refused or not inputs.image else replace(plan, steps=tuple(_by_cdi(step, inputs) for step in plan.steps))

    def makers(self, inputs: VolumeInputs) -> Iterable[Ref]:
        """Its DataVolume, too."""
        yield from super().makers(inputs)
        yield replace(self.ref(inputs), api=DATA_VOLUME)

    def recognises(self, found: Object) -> bool:
        """All but those that are images: what CDI filled, and is no clone of an image."""
        by_cdi = any(owner.get("kind") == DATA_VOLUME.kind for owner in dig_objects(found, "metadata", "ownerReferences"))
        return not by_cdi or IMAGE_ID in dig_strings(found, "metadata", "annotations")

    def _kept_by_users(self, ref: Ref, seen: Snapshot) -> str:  # noqa: ARG002  no webhook keeps it from growing
        return ""

    def size(self, ref: Ref, seen: Snapshot) -> Quantity | None:
        """Without what CDI adds for the file system."""
        return plain.size_of(seen.get(ref), seen.get(replace(ref, api=DATA_VOLUME)))

    def delete(self, old: VolumeInputs, seen: Snapshot) -> Plan:
        """Delete it and its data, by its DataVolume where it has one."""
        plan = super().delete(old, seen)
        made_by_cdi = seen.get(replace(self.ref(old), api=DATA_VOLUME))
        first = tuple(_by_cdi(step, old) for step in plan.steps) if made_by_cdi else ()
        return replace(plan, steps=(*first, *plan.steps))


def _by_cdi(step: Step, inputs: VolumeInputs) -> Step:
    """The same done by CDI: the claim made as a clone of its image, or deleted, with its DataVolume."""
    match step:
        case Put(ref=ref, body=body):
            source = plain.clone_of(Ref.named(DATA_VOLUME, inputs.image or "", inputs.namespace))
            volume = plain.data_volume(dig_map(body, "metadata"), source, dig_map(body, "spec"), at_once=True)
            return replace(step, ref=replace(ref, api=DATA_VOLUME), body=volume)
        case Remove(ref=ref):
            return replace(step, ref=replace(ref, api=DATA_VOLUME))
        case _:
            return step


KIND = PlainVolume()
