"""What the cluster says of an image: whether it takes an upload, whether it is imported, and why not. Judges and readers only."""

from dataclasses import dataclass

from harvester_provider.core.json import Object, condition, dig_int, dig_objects, dig_str, dig_strings, is_true
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import DATA_VOLUME

CONTENT = "harvester.pulumi.com/content-sha512"
"""Our own: SHA-512 of the file that an image is uploaded from."""
UPLOADED = "harvester.pulumi.com/uploaded-sha512"
"""Our own: the same, once the cluster has all of it."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Judges an import by its conditions (upstream pkg/image/common/operator.go).

    A failed try is shown and waited out, because Harvester tries again by itself. `RetryLimitExceeded` is the end, and so
    is an upload that failed.
    """

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the image is imported."""
        found = seen.get(self.ref)
        if is_imported(found):
            return Ready()
        if has_failed(found):
            return Failed(f"import failed: {failure(found)}", _way_out(found))
        done = dig_int(found, "status", "progress")
        tries = dig_str(condition(found, "RetryLimitExceeded"), "message") or _cdi_trouble(seen.get(data_volume(self.ref)))
        return Waiting(f"importing {done} %" + (f", {tries}" if tries else ""), trouble=tries)


@dataclass(frozen=True, slots=True)
class Initialized:
    """Judges whether an image takes its upload."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the storage waits for the content."""
        found = seen.get(self.ref)
        if is_true(found, "Initialized"):
            return Ready()
        if has_failed(found):
            return Failed(failure(found), "look at the storage of the cluster (Longhorn)")
        return Waiting("not initialized yet")


def is_imported(found: Object) -> bool:
    """Whether all of it is there."""
    return is_true(found, "Imported") and dig_int(found, "status", "progress") == 100


def has_failed(found: Object) -> bool:
    """Whether the import failed for good."""
    return is_true(found, "RetryLimitExceeded") or dig_str(condition(found, "Imported"), "reason") == "UploadFailed"


def failure(found: Object) -> str:
    """Why an import failed, in the cluster's words."""
    messages = (dig_str(condition(found, kind), "message") for kind in ("RetryLimitExceeded", "Imported", "Initialized"))
    return next(filter(None, messages), "the cluster does not say why")


def lacks_upload(found: Object) -> bool:
    """Whether it is an upload that was cut off: an image takes one upload only, and such a one never becomes ready."""
    if dig_str(found, "spec", "sourceType") != "upload" or is_imported(found):
        return False
    notes = dig_strings(found, "metadata", "annotations")
    return not notes.get(UPLOADED) or notes.get(UPLOADED) != notes.get(CONTENT)


def _way_out(found: Object) -> str:
    source = dig_str(found, "spec", "sourceType")
    if source != "download":
        return "`pulumi up` makes the image again"
    what = "url and checksum" if dig_str(found, "spec", "checksum") else "url"
    return f"check {what} ({dig_str(found, 'spec', 'url')}): the cluster's nodes must reach it; then `pulumi up` makes the image again"


def data_volume(ref: Ref) -> Ref:
    """What CDI makes for an image."""
    return Ref(DATA_VOLUME, ref.name, ref.namespace)


def _cdi_trouble(volume: Object) -> str:
    """What CDI says of an import that does not run. It tries for ever and never marks the image as failed."""
    running = next((each for each in dig_objects(volume, "status", "conditions") if each.get("type") == "Running"), {})
    return dig_str(running, "message") if running.get("status") == "False" else ""
