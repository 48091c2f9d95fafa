"""The dialect of Image for a cluster without Harvester: a DataVolume, which CDI fills by download or as a copy of a volume.

Its volume is what disks are clones of. A DataVolume cannot be changed once it is there (CDI datavolume-validate.go), and CDI
tries a failed import for ever: after `retry` tries it counts as failed here, and is deleted and made again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from harvester_provider.core.errors import PlanRefused
from harvester_provider.core.json import Json, Object, condition, dig_int, dig_map, dig_str, dig_strings
from harvester_provider.core.ownership import is_ours
from harvester_provider.core.plan import Await, Patch, Plan, Put, Remove, Step, Upload
from harvester_provider.core.problem import Problem
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources import plain
from harvester_provider.resources.apis import DATA_VOLUME, IMAGE_ID, PERSISTENT_VOLUME_CLAIM
from harvester_provider.resources.image import Image
from harvester_provider.resources.image.model import ImageInputs, ImageOutputs
from harvester_provider.resources.image.status import CONTENT
from harvester_provider.resources.kind import metadata, metadata_patch

_DISPLAY_NAME = "harvesterhci.io/imageDisplayName"
"""The label by which Harvester's images are found by their display name."""
_UPLOAD_PATH = "/v1beta1/upload-form"
_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Populated:
    """Judges by the phase of a DataVolume, and by how often its import was tried."""

    ref: Ref
    retry: int

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the volume has all of its content."""
        found = seen.get(self.ref)
        phase = dig_str(found, "status", "phase")
        if phase == "Succeeded":
            return Ready()
        if has_failed(found, self.retry):
            return Failed(f"import failed: {_trouble(found)}", f"check url ({_url(found)}): the cluster's nodes must reach it")
        trouble, progress = _trouble(found), dig_str(found, "status", "progress")
        return Waiting(f"{phase or 'not begun'}{f' {progress}' if progress else ''}{f', {trouble}' if trouble else ''}", trouble=trouble)


@dataclass(frozen=True, slots=True)
class TakesUpload:
    """Judges whether CDI waits for the content."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready in that phase, which lasts until all of it has come."""
        phase = dig_str(seen.get(self.ref), "status", "phase")
        return Ready() if phase == "UploadReady" else Waiting(phase or "not begun")


def _upload(ref: Ref, inputs: ImageInputs, seconds: float) -> tuple[Step, ...]:
    """The steps that bring the content of a local file, none for other sources. One that was cut off is done again."""
    if inputs.source_type != "upload" or not inputs.file:
        return ()
    ready = Await(of=ref, until="ready for its upload", wants=(ref,), judge=TakesUpload(ref), seconds=seconds)
    return ready, Upload(ref, _UPLOAD_PATH, inputs.file, inputs.file_size, inputs.file_sha512, seconds, (ready,), surface="cdi")


def has_failed(found: Object, retry: int) -> bool:
    """Whether nothing more comes of it: CDI has given up, or has tried more often than `retry` says."""
    return dig_str(found, "status", "phase") == "Failed" or dig_int(found, "status", "restartCount") > retry


def _trouble(found: Object) -> str:
    running = condition(found, "Running")
    return dig_str(running, "message") if running.get("status") == "False" and dig_str(running, "reason") != "Completed" else ""


def _url(found: Object) -> str:
    return dig_str(found, "spec", "source", "http", "url")


class PlainImage(Image):
    """The kind `Image` without Harvester."""

    api: ClassVar[Api] = DATA_VOLUME

    def lacks(self, inputs: ImageInputs) -> Sequence[Problem]:
        """What CDI cannot do."""
        return list(_lacks(inputs))

    def reads(self, ref: Ref, inputs: ImageInputs | None, seen: Snapshot) -> Iterable[Want]:
        """The DataVolume; of a new one the storage classes."""
        yield ref
        if inputs is not None and ref in seen and (seen[ref] is None or has_failed(seen.get(ref), inputs.retry)):
            yield plain.STORAGE_CLASSES

    def create(self, inputs: ImageInputs, seen: Snapshot) -> Plan:
        """Make the DataVolume; CDI fills it then."""
        return Plan(steps=(_put(self.ref(inputs), inputs, seen),))

    def settle(self, inputs: ImageInputs, seen: Snapshot) -> Sequence[Step]:
        """Wait until it is filled."""
        return self._wait(inputs, seen, "create")

    def _wait(self, inputs: ImageInputs, seen: Snapshot, operation: str) -> tuple[Step, ...]:
        judge = Populated(self.ref(inputs), inputs.retry)
        if isinstance(judge(seen), Ready):
            return ()
        seconds = inputs.seconds(operation, _SECONDS)
        return (
            *_upload(judge.ref, inputs, seconds),
            Await(of=judge.ref, until="imported", wants=(judge.ref,), judge=judge, seconds=seconds),
        )

    def update(self, old: ImageInputs, new: ImageInputs, seen: Snapshot) -> Plan:
        """Metadata in place; everything else replaces. An import of ours that failed is deleted and made again."""
        ref = self.ref(new)
        found = seen.get(ref)
        changes = tuple(self.changes(old, new))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        if has_failed(found, new.retry) and is_ours(found, new.owner):
            remove = Remove(ref, says=f"delete {ref}, whose import failed", seconds=new.seconds("delete", 300))
            again = self._wait(new, Snapshot(), "update")
            return Plan(steps=(remove, _put(ref, new, seen), *again), changes=changes, notes=(f"{ref}: {_trouble(found)}",))
        meta = metadata_patch(old, new)
        patch = (Patch(ref, {"metadata": meta}, says=f"change the metadata of {ref}"),) if meta else ()
        return Plan(steps=(*patch, *self._wait(new, seen, "update")), changes=changes)

    def observe(self, ref: Ref, prior: ImageInputs | None, seen: Snapshot) -> ImageInputs:
        """The image as the cluster has it. A storage class that was chosen for it counts only where it is declared."""
        found = seen.get(ref)
        storage = dig_map(found, "spec", "storage")
        size = dig_str(storage, "resources", "requests", "storage")
        values: dict[str, object] = {
            "display_name": self.display_name(found) or ref.name,
            "url": _url(found) or None,
            "volume_size": prior.volume_size if prior and size and prior.volume_size == Quantity(size) else Quantity(size or "0"),
        }
        if prior is None or prior.storage_class:
            values["storage_class"] = dig_str(storage, "storageClassName") or None
        if "upload" in dig_map(found, "spec", "source"):
            values |= {"source_type": "upload", "file_sha512": dig_str(found, "metadata", "annotations", CONTENT)}
        copied = dig_map(found, "spec", "source", "pvc")
        if copied:
            values |= {"source_type": "export-from-volume", "source_volume": _named(ref, prior, copied)}
        return self.observed(ref, prior, found, values)

    def display_name(self, found: Object) -> str:
        """As it is labelled; its name where it is not."""
        return dig_str(found, "metadata", "labels", _DISPLAY_NAME) or dig_str(found, "metadata", "name")

    def recognises(self, found: Object) -> bool:
        """What has its content from elsewhere: volumes are blank, or clones of an image."""
        source = dig_map(found, "spec", "source")
        return bool(source.keys() & {"http", "upload", "pvc"}) and IMAGE_ID not in dig_strings(found, "metadata", "annotations")

    def outputs(self, inputs: ImageInputs, seen: Snapshot) -> Mapping[str, Json]:
        """What the DataVolume says."""
        found = seen.get(self.ref(inputs))
        text = dig_str(found, "status", "progress").rstrip("%")
        return ImageOutputs(
            image_id=self.ref(inputs).id,
            storage_class_name=dig_str(found, "spec", "storage", "storageClassName"),
            virtual_size=int(inputs.volume_size),
            progress=100 if dig_str(found, "status", "phase") == "Succeeded" else int(float(text)) if text[:1].isdigit() else 0,
        ).wire()


def _named(ref: Ref, prior: ImageInputs | None, source: Object) -> str:
    """The volume it is a copy of, as `prior` writes it where that is the same one."""
    found = f"{dig_str(source, 'namespace')}/{dig_str(source, 'name')}"
    written = prior.source_volume if prior else None
    return written if written and Ref.named(PERSISTENT_VOLUME_CLAIM, written, ref.namespace).id == found else found


def _lacks(inputs: ImageInputs) -> Iterable[Problem]:
    """What there is with Harvester only."""
    if is_known(inputs.source_type) and inputs.source_type == "clone":
        yield Problem("sourceType", "images are encrypted and decrypted by Harvester, and this cluster has none")
    yield from plain.lacks(inputs, {"checksum": "CDI does not verify it, and this cluster has no Harvester that would: leave it out"})


def _put(ref: Ref, inputs: ImageInputs, seen: Snapshot) -> Put:
    """Raises PlanRefused where it is not clear which storage class to take."""
    try:
        chosen = plain.storage_class(inputs.storage_class, seen)
    except PlanRefused as error:
        raise PlanRefused(f"{ref}: {error}") from error
    if inputs.source_type == "upload":
        source: Object = {"upload": {}}
        says = f"make {ref} for the upload of {inputs.file}"
    elif inputs.source_volume:
        source = plain.clone_of(Ref.named(PERSISTENT_VOLUME_CLAIM, inputs.source_volume, inputs.namespace))
        says = f"make {ref} from the volume {inputs.source_volume}"
    else:
        source, says = {"http": {"url": inputs.url}}, f"download {ref} from {inputs.url}"
    storage: Object = {
        "accessModes": [plain.MODES["access_mode"]],
        "volumeMode": plain.MODES["volume_mode"],
        "resources": {"requests": {"storage": inputs.volume_size.text}},
        "storageClassName": chosen,
    }
    content = {CONTENT: inputs.file_sha512} if inputs.source_type == "upload" else {}
    meta = metadata(inputs, labels={_DISPLAY_NAME: inputs.display_name or inputs.name}, annotations=content)
    return Put(ref, plain.data_volume(meta, source, storage, at_once=True), says=says)


KIND = PlainImage()
