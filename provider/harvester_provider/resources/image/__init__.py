"""Image: what the disks of machines are made from, by download, upload, export of a volume, or a clone with another encryption.

From inputs to plans. An image cannot be changed once it is there, and Harvester ignores one whose import failed for good,
or whose upload was cut off: such a one of ours is deleted and made again. Reading the file is not done here.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from harvester_provider.core.content import Content
from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig_int, dig_str
from harvester_provider.core.kind import Requirement
from harvester_provider.core.ownership import is_ours
from harvester_provider.core.plan import Await, Change, Patch, Plan, Put, Remove, Step, Upload
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import IMAGE, STORAGE_CLASS
from harvester_provider.resources.image.check import check
from harvester_provider.resources.image.model import ImageInputs, ImageOutputs
from harvester_provider.resources.image.origin import in_words, in_words_of, origin, source, volume
from harvester_provider.resources.image.status import (
    CONTENT,
    UPLOADED,
    Imported,
    Initialized,
    data_volume,
    failure,
    has_failed,
    is_imported,
    lacks_upload,
)
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch

__all__ = ["KIND", "ImageInputs", "ImageOutputs", "Imported"]

_STORAGE_CLASS = "harvesterhci.io/storageClassName"
_IMPORT_SECONDS, _UPLOAD_SECONDS = 1800.0, 7200.0
_INITIALIZE_SECONDS = 120.0


class Image(BaseKind[ImageInputs]):
    """The kind `Image`."""

    name: ClassVar[str] = "Image"
    api: ClassVar[Api] = IMAGE
    inputs: ClassVar[type[ImageInputs]] = ImageInputs
    outputs_model: ClassVar[type[ImageOutputs]] = ImageOutputs
    foresees: ClassVar[bool] = True

    def local_file(self, inputs: ImageInputs) -> str | None:
        """The file to upload."""
        return inputs.file

    def content(self, inputs: ImageInputs) -> Content:
        """What is known of the file."""
        return Content(inputs.file_sha512, inputs.file_size, inputs.file_stamp)

    def with_content(self, inputs: ImageInputs, content: Content) -> ImageInputs:
        """The inputs with what is known of the file."""
        return inputs.updated(file_sha512=content.sha512, file_size=content.size, file_stamp=content.stamp)

    def check(self, inputs: ImageInputs) -> Sequence[Problem]:
        """Names, addresses, sizes and what belongs to the source."""
        return list(check(inputs))

    def requires(self, inputs: ImageInputs) -> Sequence[Requirement]:
        """The storage class, the volume and the image that are named."""
        out = []
        if is_known(inputs.storage_class) and inputs.storage_class:
            hint = "`kubectl get storageclass` shows the names; leave it out for the default class"
            out.append(Requirement("storageClass", Ref(STORAGE_CLASS, inputs.storage_class), hint))
        if is_known(inputs.source_volume, inputs.namespace) and inputs.source_volume:
            out.append(Requirement("sourceVolume", volume(inputs), "give the id of a Volume"))
        if is_known(inputs.source_image, inputs.namespace) and inputs.source_image:
            out.append(Requirement("sourceImage", source(inputs), "give the id of an Image"))
        return out

    def changed(self, old: ImageInputs, new: ImageInputs) -> list[str]:
        """The path and size of a file say nothing beside its content."""
        return [name for name in super().changed(old, new) if name not in {"file", "file_size"}]

    def objections(self, inputs: ImageInputs, seen: Snapshot) -> Sequence[Problem]:  # noqa: ARG002  nothing of it is there
        """An upload needs its file; an image that is there already does without."""
        return _without_file(inputs)

    def create(self, inputs: ImageInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new image depends on nothing else
        """Make the image object; the cluster then fetches the content, or gets it. What an upload that fails leaves is removed."""
        ref = self.ref(inputs)
        upload = _upload(ref, inputs)
        return Plan(steps=(_put(ref, inputs), *upload), recover=(_clean_up(ref),) if upload else ())

    def settle(self, inputs: ImageInputs, seen: Snapshot) -> Sequence[Step]:
        """Wait for the import."""
        ref = self.ref(inputs)
        return () if is_imported(seen.get(ref)) else (_wait(ref, inputs, inputs.seconds("create", _IMPORT_SECONDS)),)

    def update(self, old: ImageInputs, new: ImageInputs, seen: Snapshot) -> Plan:
        """Metadata, description and retries in place; everything else replaces.

        An import of ours that failed for good, or whose upload was cut off, is deleted and made again. One that is still
        under way is waited for.
        """
        ref = self.ref(new)
        found = seen.get(ref)
        changes = tuple(in_words(change) for change in self.changes(in_words_of(old, new), new))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        wait = () if is_imported(found) else (_wait(ref, new, new.seconds("update", _IMPORT_SECONDS)),)
        if not is_imported(found) and (has_failed(found) or lacks_upload(found)) and is_ours(found, new.owner):
            why = failure(found) if has_failed(found) else "its upload was cut off"
            if without := _without_file(new):
                return Plan(changes=tuple(Change(each.property, Effect.REFUSED, f"{ref}: {why}; {each.reason}") for each in without))
            remove = Remove(ref, says=f"delete {ref}, which cannot be used", seconds=new.seconds("delete", 300))
            steps = (remove, _put(ref, new), *_upload(ref, new), *wait)
            return Plan(steps=steps, changes=changes, notes=(f"{ref}: {why}",))
        body = _patch(old, new)
        patch = (Patch(ref, body, says=f"change {', '.join(change.property for change in changes)} of {ref}"),) if body else ()
        return Plan(steps=(*patch, *wait), changes=changes)

    def observe(self, ref: Ref, prior: ImageInputs | None, seen: Snapshot) -> ImageInputs:
        """The image as the cluster has it. What the webhook fills in (storage class, backend) counts only where it is declared."""
        found = seen.get(ref)
        texts = {name: dig_str(found, "spec", key) for name, key in _TEXTS.items()}
        texts["storage_class"] = texts["storage_class"] or dig_str(found, "metadata", "annotations", _STORAGE_CLASS)
        values: dict[str, object] = {
            name: text or None for name, text in texts.items() if prior is None or getattr(prior, name) is not None
        }
        values |= origin(ref, prior, found)
        values["backend"] = dig_str(found, "spec", "backend") or "backingimage"
        values["retry"] = dig_int(found, "spec", "retry", default=3)
        if prior is None or prior.description:
            values["description"] = dig_str(found, "spec", "description")
        return self.observed(ref, prior, found, values, described=False)

    def foretell(self, ref: Ref) -> Mapping[str, Json]:
        """Its ID under the name that others use."""
        return {"imageId": ref.id}

    def outputs(self, inputs: ImageInputs, seen: Snapshot) -> Mapping[str, Json]:
        """What the status says."""
        ref = self.ref(inputs)
        found = seen.get(ref)
        return ImageOutputs(
            image_id=ref.id,
            storage_class_name=dig_str(found, "status", "storageClassName"),
            size=dig_int(found, "status", "size"),
            virtual_size=dig_int(found, "status", "virtualSize"),
            progress=dig_int(found, "status", "progress"),
        ).wire()


_TEXTS = {"display_name": "displayName", "url": "url", "checksum": "checksum", "storage_class": "targetStorageClassName"}
"""Inputs that are texts of the spec. None where they are not declared."""
_SAYS = {
    "download": "download {ref} from {inputs.url}",
    "upload": "make {ref} for the upload of {inputs.file}",
    "export-from-volume": "make {ref} from the volume {inputs.source_volume}",
    "clone": "{inputs.crypto_operation} {inputs.source_image} as {ref}",
}


def _put(ref: Ref, inputs: ImageInputs) -> Put:
    marks = {_STORAGE_CLASS: inputs.storage_class, CONTENT: inputs.file_sha512 if inputs.source_type == "upload" else ""}
    spec: dict[str, Json] = {
        "displayName": inputs.display_name,
        "sourceType": inputs.source_type,
        "backend": inputs.backend,
        "retry": inputs.retry,
        "url": inputs.url or "",
    }
    checksum = inputs.checksum or (inputs.file_sha512 if inputs.backend == "backingimage" else "")
    optional = {"checksum": checksum, "description": inputs.description, "targetStorageClassName": inputs.storage_class}
    spec |= {key: value for key, value in optional.items() if value}
    if inputs.source_volume:
        spec |= {"pvcName": volume(inputs).name, "pvcNamespace": volume(inputs).namespace}
    if inputs.source_image:
        copied = source(inputs)
        spec["securityParameters"] = {
            "cryptoOperation": inputs.crypto_operation, "sourceImageName": copied.name, "sourceImageNamespace": copied.namespace,
        }  # fmt: skip
    meta = metadata(inputs, annotations={key: value for key, value in marks.items() if value}, described=False)
    return Put(ref, manifest(IMAGE, meta, spec=spec), says=_SAYS[inputs.source_type].format(ref=ref, inputs=inputs))


def _without_file(inputs: ImageInputs) -> tuple[Problem, ...]:
    missing = inputs.source_type == "upload" and not inputs.file
    return (Problem("file", "missing: the path of the qcow2, raw or ISO file to upload"),) if missing else ()


def _upload(ref: Ref, inputs: ImageInputs) -> tuple[Step, ...]:
    """The steps that bring the content of a local file, none for other sources."""
    if inputs.source_type != "upload" or not inputs.file:
        return ()
    ready = Await(of=ref, until="ready for its upload", wants=(ref,), judge=Initialized(ref), seconds=_INITIALIZE_SECONDS)
    again = (_clean_up(ref), _put(ref, inputs), ready)
    action = f"/v1/harvester/{IMAGE.group}.{IMAGE.plural}/{ref.namespace}/{ref.name}?action=upload&size={inputs.file_size}"
    return (
        ready,
        Upload(ref, action, inputs.file, inputs.file_size, inputs.file_sha512, inputs.seconds("create", _UPLOAD_SECONDS), again),
        Patch(ref, {"metadata": {"annotations": {UPLOADED: inputs.file_sha512}}}),
    )


def _clean_up(ref: Ref) -> Remove:
    return Remove(ref, says=f"delete {ref}, whose upload failed")


def _patch(old: ImageInputs, new: ImageInputs) -> Object:
    spec: dict[str, Json] = {}
    if old.retry != new.retry:
        spec["retry"] = new.retry
    if old.description != new.description:
        spec["description"] = new.description or None
    meta = metadata_patch(old, new, described=False)
    return {key: part for key, part in (("metadata", meta), ("spec", spec)) if part}


def _wait(ref: Ref, inputs: ImageInputs, seconds: float) -> Await:
    wants = (ref, data_volume(ref)) if inputs.backend == "cdi" else (ref,)
    return Await(of=ref, until="imported", wants=wants, judge=Imported(ref), seconds=seconds)


KIND = Image()
