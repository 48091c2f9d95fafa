"""StorageClass: how volumes are stored. Longhorn's own, with tags, replicas and encryption, or a third-party CSI driver's.

From inputs to plans. What a class says of itself cannot be changed (Kubernetes), so that nearly every change replaces it;
volumes keep what they were made with. Reserved classes and those that images need are never deleted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, dig_str, dig_strings, id_of
from harvester_provider.core.kind import Requirement
from harvester_provider.core.ownership import is_ours, mark
from harvester_provider.core.plan import Change, Patch, Plan, Put, Remove, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import IMAGE, SECRET, STORAGE_CLASS
from harvester_provider.resources.kind import BaseKind, entries_patch, manifest, metadata, metadata_patch
from harvester_provider.resources.model import Outputs
from harvester_provider.resources.storage_class import default
from harvester_provider.resources.storage_class import parameters as named
from harvester_provider.resources.storage_class.model import StorageClassInputs

_RESERVED = "harvesterhci.io/is-reserved-storageclass"
IMAGES = Listing(IMAGE)
"""Where those are that may need a class."""


class StorageClass(BaseKind[StorageClassInputs]):
    """The kind `StorageClass`."""

    name: ClassVar[str] = "StorageClass"
    api: ClassVar[Api] = STORAGE_CLASS
    inputs: ClassVar[type[StorageClassInputs]] = StorageClassInputs
    outputs_model: ClassVar[type[Outputs]] = Outputs

    def check(self, inputs: StorageClassInputs) -> Sequence[Problem]:
        """Longhorn's inputs for Longhorn only, one key, a whole CDI profile."""
        return list(named.check(inputs))

    def requires(self, inputs: StorageClassInputs) -> Sequence[Requirement]:
        """The Secret with the key, where it is not made here."""
        encryption = inputs.encryption
        if not is_known(encryption) or encryption is None or not is_known(encryption.secret) or not encryption.secret:
            return ()
        return (Requirement("encryption.secret", Ref.of_id(SECRET, encryption.secret), "make it first, or give a passphrase"),)

    def reads(self, ref: Ref, inputs: StorageClassInputs | None, seen: Snapshot) -> Iterable[Want]:
        """All classes, for the default one; the key that was made for it; once it is there, the images that need it."""
        yield from (ref, default.CLASSES)
        if inputs is not None and (secret := named.own_secret(inputs)) is not None:
            yield secret
        if ref in seen and seen[ref] is not None:
            yield IMAGES

    def create(self, inputs: StorageClassInputs, seen: Snapshot) -> Plan:
        """Make the key, then the class; where it becomes the default, the present default steps back before."""
        ref = self.ref(inputs)
        before = default.current(ref, seen) if inputs.default_class else ""
        marks = {**named.cdi_annotations(inputs.cdi), **(default.marks(before) if inputs.default_class else {})}
        body = manifest(
            self.api, metadata(inputs, annotations=marks), provisioner=inputs.provisioner, parameters=named.parameters(inputs),
            reclaimPolicy=inputs.reclaim_policy, volumeBindingMode=inputs.volume_binding_mode,
            allowVolumeExpansion=inputs.allow_volume_expansion,
        )  # fmt: skip
        steps = (*_key(inputs), *default.give_up(before), Put(ref, body, says=f"make {ref}"))
        return Plan(steps=steps, recover=default.restore(before))

    def update(self, old: StorageClassInputs, new: StorageClassInputs, seen: Snapshot) -> Plan:
        """Metadata, the default role, growth and the CDI profile in place; everything else replaces."""
        ref = self.ref(new)
        old = named.in_words_of(old, new)
        changes = [*self.changes(old, new), *_encryption_changes(old, new)]
        changes = [change for change in changes if change.property != "encryption" or change.effect > Effect.METADATA]
        if Plan(changes=tuple(changes)).replaces:
            return Plan(changes=(*changes, *self._needed(ref, seen)))
        steps: list[Step] = []
        before = default.current(ref, seen) if new.default_class and not old.default_class else ""
        marks = entries_patch(named.cdi_annotations(old.cdi), named.cdi_annotations(new.cdi))
        if new.default_class and not old.default_class:
            steps += default.give_up(before)
            marks |= default.marks(before)
        meta = metadata_patch(old, new)
        if marks:
            meta = {**meta, "annotations": {**dict(_map(meta.get("annotations"))), **marks}}
        body: dict[str, Json] = {"metadata": meta} if meta else {}
        if old.allow_volume_expansion != new.allow_volume_expansion:
            body["allowVolumeExpansion"] = new.allow_volume_expansion
        if body:
            steps.append(Patch(ref, body, says=f"change {', '.join(change.property for change in changes)} of {ref}"))
        if old.default_class and not new.default_class:
            steps += default.give_back(ref, seen)
        return Plan(steps=tuple(steps), changes=tuple(changes), recover=default.restore(before))

    def delete(self, old: StorageClassInputs, seen: Snapshot) -> Plan:
        """Give the default role back, delete the class, then the key that was made for it. A reserved class stays."""
        ref = self.ref(old)
        if dig_strings(seen.get(ref), "metadata", "annotations").get(_RESERVED) == "true":
            return Plan(notes=(f"{ref} is one of Harvester's own and stays in the cluster",))
        if needed := self._needed(ref, seen):
            return Plan(changes=needed)
        secret = named.own_secret(old)
        own = secret is not None and is_ours(seen.get(secret), old.owner)
        key = (Remove(secret, says=f"delete {secret}"),) if secret is not None and own else ()
        remove = Remove(ref, says=f"delete {ref}", seconds=old.seconds("delete", 300))
        return Plan(steps=(*default.give_back(ref, seen), remove, *key))

    def _needed(self, ref: Ref, seen: Snapshot) -> tuple[Change, ...]:
        """A refusal where images are stored with it: Harvester would not let it go (upstream storageclass/validator.go)."""
        images = [
            id_of(image)
            for image in (seen.listed(IMAGES) if IMAGES in seen else ())
            if dig_str(image, "spec", "targetStorageClassName") == ref.name and not dig_str(image, "metadata", "deletionTimestamp")
        ]
        if not images:
            return ()
        why = f"{ref} is that of the images {', '.join(sorted(images))}: delete those first, or make another class beside it"
        return (Change("images", Effect.REFUSED, why),)

    def observe(self, ref: Ref, prior: StorageClassInputs | None, seen: Snapshot) -> StorageClassInputs:
        """The class as the cluster has it. Defaults that are not declared, and what Harvester fills in for CDI, are no drift."""
        found = seen.get(ref)
        values: dict[str, object] = {
            **named.observed_parameters(prior, found),
            "provisioner": dig_str(found, "provisioner"),
            "reclaim_policy": dig_str(found, "reclaimPolicy") or "Delete",
            "volume_binding_mode": dig_str(found, "volumeBindingMode") or "Immediate",
            "allow_volume_expansion": found.get("allowVolumeExpansion") is True,
            "default_class": default.is_default(found) and (prior is None or prior.default_class),
            "cdi": named.observed_cdi(prior.cdi if prior else None, dig_strings(found, "metadata", "annotations")),
        }
        observed = self.observed(ref, prior, found, values)
        secret = named.own_secret(observed)
        if secret is None or observed.encryption is None:
            return observed
        return observed.updated(encryption=named.observed_key(observed.encryption, seen.get(secret)))


def _map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _key(inputs: StorageClassInputs) -> tuple[Step, ...]:
    """The Secret with the key, where it is made here."""
    secret = named.own_secret(inputs)
    if secret is None or inputs.encryption is None:
        return ()
    meta: dict[str, Json] = {"name": secret.name, "namespace": secret.namespace, "annotations": mark(inputs.owner)}
    body = manifest(SECRET, meta, type="Opaque", data=named.key_data(inputs.encryption))
    return (Put(secret, body, says=f"make {secret} with the key"),)


def _encryption_changes(old: StorageClassInputs, new: StorageClassInputs) -> list[Change]:
    """Another Secret is another class. Another key in the same Secret would make volumes unreadable, and is refused."""
    if old.encryption == new.encryption:
        return []
    if named.own_secret(old) is not None and named.own_secret(new) is not None:
        why = "volumes of this class are encrypted with the old key and could not be read any more: declare another class with the new one"
        return [Change("encryption", Effect.REFUSED, why)]
    return [Change("encryption", Effect.REPLACE, "cannot be changed in place")]


KIND = StorageClass()
