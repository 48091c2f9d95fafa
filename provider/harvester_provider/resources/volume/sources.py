"""What a volume is made from: an image, a snapshot, another volume, or nothing. From the inputs to the claim's fields.

Pure translation and its rules. Sources: upstream pkg/api/volume/handler.go and pkg/api/volumesnapshot/handler.go, which
make claims in the same way.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harvester_provider.core.json import Json, Object, dig, dig_int, dig_str, dig_strings
from harvester_provider.core.kind import Requirement
from harvester_provider.core.problem import Problem
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import IMAGE, IMAGE_ID, PERSISTENT_VOLUME_CLAIM, STORAGE_CLASS, VOLUME_SNAPSHOT
from harvester_provider.resources.naming import named
from harvester_provider.resources.volume.model import VolumeInputs

STORAGE_CLASS_NOTE = "harvesterhci.io/storageClassName"
"""Annotation of a VolumeSnapshot with the storage class of the volume it was taken of."""
RESERVED_CLASSES = ("longhorn-static", "vmstate-persistence")
"""Storage classes that Harvester keeps for itself (upstream pkg/webhook/resources/persistentvolumeclaim)."""
_GIB = 2**30
_NAMED: Mapping[str, tuple[str, Api]] = {
    "image": ("image", IMAGE),
    "snapshot": ("snapshot", VOLUME_SNAPSHOT),
    "source_volume": ("sourceVolume", PERSISTENT_VOLUME_CLAIM),
}
"""Field -> property and what it names."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a claim takes over from what it is made from. Empty for a blank one."""

    storage_class: str = ""
    size: Quantity | None = None
    """The least size, which is also the default."""
    image: str = ""
    fields: tuple[tuple[str, Json], ...] = ()
    """Fields of the claim's spec."""
    trouble: str = ""
    """Why nothing can be made from it now."""


def ref_of(inputs: VolumeInputs) -> Ref | None:
    """The object that the volume is made from, None for a blank one and for one that is not known yet."""
    for field, (_, api) in _NAMED.items():
        identity = getattr(inputs, field)
        if is_known(identity, inputs.namespace) and identity:
            return Ref.named(api, identity, inputs.namespace)
    return None


def source(inputs: VolumeInputs, seen: Snapshot) -> Source:
    """What the claim takes over, from the object as it was seen."""
    ref = ref_of(inputs)
    if ref is None:
        return Source()
    found = seen.get(ref)
    by_api = {IMAGE: _of_image, VOLUME_SNAPSHOT: _of_snapshot, PERSISTENT_VOLUME_CLAIM: _of_volume}
    return by_api[ref.api](ref, found)


def _of_image(ref: Ref, found: Object) -> Source:
    if dig_str(found, "spec", "backend") == "cdi":
        why = f"{ref} has the backend cdi, of which Harvester makes volumes for machines only: give the disk of the machine this image"
        return Source(trouble=why)
    storage_class = dig_str(found, "status", "storageClassName")
    size = max(dig_int(found, "status", "virtualSize"), dig_int(found, "status", "size"))
    trouble = "" if storage_class and size else f"{ref} is not imported yet: wait until it is, then run `pulumi up` again"
    return Source(storage_class, Quantity(f"{-(-size // _GIB)}Gi") if size else None, ref.id, (), trouble)


def _of_snapshot(ref: Ref, found: Object) -> Source:
    ready = dig(found, "status", "readyToUse") is True
    said = dig_str(found, "status", "error", "message")
    reason = f"{ref} cannot be restored yet" + (f": {said}" if said else ": it is not ready to use")
    notes = dig_strings(found, "metadata", "annotations")
    data_source: Json = {"apiGroup": VOLUME_SNAPSHOT.group, "kind": VOLUME_SNAPSHOT.kind, "name": ref.name}
    return Source(
        notes.get(STORAGE_CLASS_NOTE, ""), _quantity(found, "status", "restoreSize"), notes.get(IMAGE_ID, ""),
        (("dataSource", data_source),), "" if ready else reason,
    )  # fmt: skip


def _of_volume(ref: Ref, found: Object) -> Source:
    data_source: Json = {"kind": PERSISTENT_VOLUME_CLAIM.kind, "name": ref.name}
    return Source(
        dig_str(found, "spec", "storageClassName"), _quantity(found, "spec", "resources", "requests", "storage"),
        dig_strings(found, "metadata", "annotations").get(IMAGE_ID, ""), (("dataSource", data_source),),
    )  # fmt: skip


def _quantity(found: Object, *path: str) -> Quantity | None:
    text = dig_str(found, *path)
    return Quantity(text) if text else None


def check(inputs: VolumeInputs) -> Iterator[Problem]:
    """Rules of the sources, the size and the class."""
    identities = {alias: getattr(inputs, field) for field, (alias, _) in _NAMED.items()}
    if is_known(*identities.values()):
        given = [alias for alias, identity in identities.items() if identity]
        if len(given) > 1:
            yield Problem(given[1], f"{' and '.join(given)} are sources of one volume: give one of them")
        if not given and inputs.size is None:
            yield Problem("size", "missing: give the size of a blank volume, such as 20Gi, or an image, snapshot or sourceVolume")
    yield from _shapes(inputs)
    if is_known(inputs.size) and inputs.size is not None and inputs.size <= Quantity("0"):
        yield Problem("size", f"{inputs.size} is no size: write for example 20Gi")
    if is_known(inputs.storage_class, inputs.image) and inputs.storage_class:
        if inputs.image:
            yield Problem("storageClass", "the image decides its own storage: leave storageClass out, or set it on the Image")
        elif inputs.storage_class in RESERVED_CLASSES:
            yield Problem("storageClass", f"{inputs.storage_class} is reserved by Harvester: choose another class")


def _shapes(inputs: VolumeInputs) -> Iterator[Problem]:
    """IDs of another shape; snapshots and volumes of another namespace, which Kubernetes does not take as a source."""
    refs, problems = named({alias: (api, getattr(inputs, field)) for field, (alias, api) in _NAMED.items()}, inputs.namespace)
    yield from problems
    for alias, ref in refs.items():
        if ref.api is not IMAGE and ref.namespace != inputs.namespace:
            yield Problem(alias, f"{ref} is in another namespace: a volume can only be made from one of its own, {inputs.namespace}")


def requires(inputs: VolumeInputs) -> Iterable[Requirement]:
    """The source and the storage class, where they are known."""
    ref = ref_of(inputs)
    if ref is not None:
        alias = next(alias for alias, api in _NAMED.values() if api is ref.api)
        yield Requirement(alias, ref, "give its id, or its name in the same namespace")
    if is_known(inputs.storage_class) and inputs.storage_class:
        hint = "`kubectl get storageclass` shows the names; leave it out for the default class"
        yield Requirement("storageClass", Ref(STORAGE_CLASS, inputs.storage_class), hint)
