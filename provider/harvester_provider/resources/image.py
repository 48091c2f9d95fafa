"""Image: what the disks of machines are made from. Harvester's own VirtualMachineImage, imported from a URL.

One module from inputs to outputs: model, rules, object, plan, verdict. An image cannot be changed once it is imported,
and Harvester ignores one whose import failed for good, so that such a one is deleted and made again.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from harvester_provider.core.json import Json, Object, condition, dig_int, dig_objects, dig_str, is_true
from harvester_provider.core.kind import Requirement
from harvester_provider.core.ownership import is_ours
from harvester_provider.core.plan import Await, Patch, Plan, Put, Remove, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import DATA_VOLUME, IMAGE, STORAGE_CLASS
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import REPLACE, NamespacedInputs, Outputs

_STORAGE_CLASS = "harvesterhci.io/storageClassName"
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LATER = frozenset({"upload", "export-from-volume", "clone", "restore"})
_IMPORT_SECONDS = 1800.0


def _supported(value: object) -> object:
    if isinstance(value, str) and value in _LATER:
        raise ValueError(f"{value!r} is not supported yet: use download, with the url of the file")
    return value


class ImageInputs(NamespacedInputs):
    """An image that Harvester downloads. Machines name it by its output `imageId`."""

    source_type: Annotated[Literal["download"], BeforeValidator(_supported)] = Field(default="download", json_schema_extra=REPLACE)
    """Where the content comes from. `download`: Harvester itself fetches `url`."""
    display_name: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Name in Harvester's UI, unique in the namespace: at most 63 letters, digits, `-`, `_` and `.`. Default: `name`."""
    url: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Where the cluster downloads it from: an http or https address of a qcow2, raw or ISO file. It must answer HEAD requests."""
    checksum: str | None = Field(default=None, json_schema_extra=REPLACE)
    """SHA-512 of the file: 128 hexadecimal digits in lower case. Only the backend `backingimage` verifies it."""
    storage_class: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Storage class whose replicas, disk and node selectors the image and its volumes use. Default: the cluster's default class.

    With the backend `cdi` it is the class the image is stored in.
    """
    backend: Literal["backingimage", "cdi"] = Field(default="backingimage", json_schema_extra=REPLACE)
    """Who stores it: `backingimage` (Longhorn v1) or `cdi` (any other storage; Harvester 1.5 and later)."""
    retry: int = Field(default=3, ge=0, le=10)
    """How often a failed import is tried again, 0 to 10. It takes 10 seconds and more from one try to the next."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: object) -> object:
        """Fill in the display name, so that leaving it out and writing it down are the same."""
        if not isinstance(values, Mapping) or "name" not in values:
            return values
        given = {key: value for key, value in values.items() if key not in {"displayName", "display_name"} or value is not None}
        return {"displayName": values["name"], **given} if "display_name" not in given else given


class ImageOutputs(Outputs):
    """What is known of an image once it is imported."""

    image_id: str = ""
    """`namespace/name`: what disks and CD-ROMs name as their image."""
    storage_class_name: str = ""
    """The storage class of the volumes made from the image. Harvester makes it; its name differs from release to release."""
    size: int = 0
    """Size of the file, in bytes."""
    virtual_size: int = 0
    """Size of the disk in the file, in bytes. A volume made from the image must not be smaller."""
    progress: int = 0
    """Progress of the import, in percent. 100 once it is imported."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Judges an import by its conditions (upstream pkg/image/common/operator.go).

    A failed try is shown and waited out, because Harvester tries again by itself. `RetryLimitExceeded` is the end.
    """

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the image is imported."""
        found = seen.get(self.ref)
        if _is_imported(found):
            return Ready()
        if is_true(found, "RetryLimitExceeded"):
            return Failed(f"import failed: {_failure(found)}", _way_out(found))
        done = dig_int(found, "status", "progress")
        tries = dig_str(condition(found, "RetryLimitExceeded"), "message") or _cdi_trouble(seen.get(_data_volume(self.ref)))
        return Waiting(f"importing {done} %" + (f", {tries}" if tries else ""))


def _is_imported(found: Object) -> bool:
    return is_true(found, "Imported") and dig_int(found, "status", "progress") == 100


def _failure(found: Object) -> str:
    messages = (dig_str(condition(found, kind), "message") for kind in ("RetryLimitExceeded", "Imported", "Initialized"))
    return next(filter(None, messages), "the cluster does not say why")


def _way_out(found: Object) -> str:
    what = "url and checksum" if dig_str(found, "spec", "checksum") else "url"
    return f"check {what} ({dig_str(found, 'spec', 'url')}): the cluster's nodes must reach it; then `pulumi up` makes the image again"


def _data_volume(ref: Ref) -> Ref:
    return Ref(DATA_VOLUME, ref.name, ref.namespace)


def _cdi_trouble(volume: Object) -> str:
    """What CDI says of an import that does not run. It tries for ever and never marks the image as failed."""
    running = next((each for each in dig_objects(volume, "status", "conditions") if each.get("type") == "Running"), {})
    return dig_str(running, "message") if running.get("status") == "False" else ""


class Image(BaseKind[ImageInputs]):
    """The kind `Image`."""

    name: ClassVar[str] = "Image"
    api: ClassVar[Api] = IMAGE
    inputs: ClassVar[type[ImageInputs]] = ImageInputs
    outputs_model: ClassVar[type[ImageOutputs]] = ImageOutputs

    def check(self, inputs: ImageInputs) -> Sequence[Problem]:
        """Name, address and checksum as Harvester's webhook and Longhorn want them (upstream pkg/image/common/validator.go)."""
        return [*_check_display_name(inputs.display_name), *_check_url(inputs), *_check_checksum(inputs)]

    def requires(self, inputs: ImageInputs) -> Sequence[Requirement]:
        """The storage class, where one is named."""
        if not (is_known(inputs.storage_class) and inputs.storage_class):
            return ()
        hint = "`kubectl get storageclass` shows the names; leave it out for the default class"
        return (Requirement("storageClass", Ref(STORAGE_CLASS, inputs.storage_class), hint),)

    def create(self, inputs: ImageInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new image depends on nothing else
        """Make the image object; the cluster then downloads the file."""
        return Plan(steps=(_put(self.ref(inputs), inputs),))

    def settle(self, inputs: ImageInputs, seen: Snapshot) -> Sequence[Step]:
        """Wait for the import."""
        ref = self.ref(inputs)
        return () if _is_imported(seen.get(ref)) else (_wait(ref, inputs, inputs.seconds("create", _IMPORT_SECONDS)),)

    def update(self, old: ImageInputs, new: ImageInputs, seen: Snapshot) -> Plan:
        """Metadata, description and retries in place; everything else replaces.

        An import of ours that failed for good is deleted and made again. One that is still under way is waited for.
        """
        ref = self.ref(new)
        found = seen.get(ref)
        changes = tuple(self.changes(old, new))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        wait = () if _is_imported(found) else (_wait(ref, new, new.seconds("update", _IMPORT_SECONDS)),)
        if is_true(found, "RetryLimitExceeded") and not _is_imported(found) and is_ours(found, new.owner):
            remove = Remove(ref, says=f"delete {ref}, whose import failed for good", seconds=new.seconds("delete", 300))
            return Plan(steps=(remove, _put(ref, new), *wait), changes=changes, notes=(f"{ref}: {_failure(found)}",))
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
        values["source_type"] = dig_str(found, "spec", "sourceType") or "download"
        values["backend"] = dig_str(found, "spec", "backend") or "backingimage"
        values["retry"] = dig_int(found, "spec", "retry", default=3)
        if prior is None or prior.description:
            values["description"] = dig_str(found, "spec", "description")
        return self.observed(ref, prior, found, values, described=False)

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


def _put(ref: Ref, inputs: ImageInputs) -> Put:
    chosen = {_STORAGE_CLASS: inputs.storage_class} if inputs.storage_class else {}
    spec: dict[str, Json] = {
        "displayName": inputs.display_name,
        "sourceType": inputs.source_type,
        "backend": inputs.backend,
        "retry": inputs.retry,
        "url": inputs.url or "",
    }
    optional = {"checksum": inputs.checksum, "description": inputs.description, "targetStorageClassName": inputs.storage_class}
    spec |= {key: value for key, value in optional.items() if value}
    body = manifest(IMAGE, metadata(inputs, annotations=chosen, described=False), spec=spec)
    return Put(ref, body, says=f"download {ref} from {inputs.url}")


def _patch(old: ImageInputs, new: ImageInputs) -> Object:
    spec: dict[str, Json] = {}
    if old.retry != new.retry:
        spec["retry"] = new.retry
    if old.description != new.description:
        spec["description"] = new.description or None
    meta = metadata_patch(old, new, described=False)
    return {key: part for key, part in (("metadata", meta), ("spec", spec)) if part}


def _wait(ref: Ref, inputs: ImageInputs, seconds: float) -> Await:
    wants = (ref, _data_volume(ref)) if inputs.backend == "cdi" else (ref,)
    return Await(of=ref, until="imported", wants=wants, judge=Imported(ref), seconds=seconds)


def _check_display_name(value: str | None) -> Iterable[Problem]:
    if is_known(value) and value is not None and _LABEL_VALUE.fullmatch(value) is None:
        yield Problem("displayName", f"{value!r}: use at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends")


def _check_url(inputs: ImageInputs) -> Iterable[Problem]:
    url = inputs.url
    if not is_known(url):
        return
    if not url:
        yield Problem("url", "missing: the http or https address that the cluster downloads the image from")
        return
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", url)
    except ValueError:
        sound = False
    if not sound:
        yield Problem("url", f"{url!r} is no http or https address: write for example https://example.org/image.qcow2")


def _check_checksum(inputs: ImageInputs) -> Iterable[Problem]:
    checksum = inputs.checksum
    if not is_known(checksum) or checksum is None:
        return
    if re.fullmatch(r"[0-9a-f]{128}", checksum) is None:
        hint = "; 64 digits are a SHA-256, which Harvester does not take" if re.fullmatch(r"[0-9a-fA-F]{64}", checksum) else ""
        yield Problem("checksum", f"not a SHA-512: write its 128 hexadecimal digits in lower case, without a prefix{hint}")
    elif inputs.backend == "cdi":
        yield Problem("checksum", "the backend cdi does not verify it: leave it out, or use the backend backingimage")


KIND = Image()
