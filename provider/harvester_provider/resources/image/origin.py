"""Where the content of an image comes from: read from the object, and compared with what the program writes for it.

Pure. Of an image that was uploaded elsewhere only its size is known, and its SHA-512 where whoever uploaded it gave one.
"""

from harvester_provider.core.json import Object, dig_int, dig_map, dig_str, dig_strings
from harvester_provider.core.plan import Change
from harvester_provider.core.ref import Ref
from harvester_provider.resources.apis import IMAGE, PERSISTENT_VOLUME_CLAIM
from harvester_provider.resources.image.model import ImageInputs
from harvester_provider.resources.image.status import CONTENT


def volume(inputs: ImageInputs) -> Ref:
    """The volume that is exported."""
    return Ref.named(PERSISTENT_VOLUME_CLAIM, inputs.source_volume or "", inputs.namespace)


def source(inputs: ImageInputs) -> Ref:
    """The image that is encrypted or decrypted."""
    return Ref.named(IMAGE, inputs.source_image or "", inputs.namespace)


def origin(ref: Ref, prior: ImageInputs | None, found: Object) -> dict[str, object]:
    """The source type with what belongs to it, as `prior` writes it where that means the same."""
    kind = dig_str(found, "spec", "sourceType") or "download"
    secured = dig_map(found, "spec", "securityParameters")
    pvc, image = dig_str(found, "spec", "pvcName"), dig_str(secured, "sourceImageName")
    full = {
        "source_volume": f"{dig_str(found, 'spec', 'pvcNamespace')}/{pvc}" if pvc else None,
        "source_image": f"{dig_str(secured, 'sourceImageNamespace')}/{image}" if image else None,
    }
    names = {name: _as_written(ref.namespace, getattr(prior, name, None), value) for name, value in full.items()}
    values = {"source_type": kind, **names, "crypto_operation": dig_str(secured, "cryptoOperation") or None}
    return values | (_upload(prior, found) if kind == "upload" else {})


def _upload(prior: ImageInputs | None, found: Object) -> dict[str, object]:
    """The content that was uploaded: by our note, else by the checksum of whoever uploaded it, else by its size."""
    known = dig_strings(found, "metadata", "annotations").get(CONTENT) or dig_str(found, "spec", "checksum")
    size = dig_int(found, "status", "size")
    if prior is None:
        return {"file_sha512": known, "file_size": size, "checksum": None}
    if not prior.file:
        return {}
    if known:
        return {"file_sha512": known}
    return {"file_sha512": "", "file_size": size} if size not in {0, prior.file_size} else {}


def in_words_of(old: ImageInputs, new: ImageInputs) -> ImageInputs:
    """`old` as `new` writes what is the same: a bare name is that of an ID, and what is left out is what the image has.

    A file is that of an image of unknown content where both have the same size.
    """
    words: dict[str, object] = {
        name: _as_written(new.namespace, getattr(new, name), getattr(old, name)) for name in ("source_volume", "source_image")
    }
    words |= {name: None for name in ("storage_class", "checksum") if getattr(new, name) is None}
    unknown = not old.file_sha512 and old.file_size in {0, new.file_size}
    if not new.file or (unknown and old.source_type == "upload"):
        words["file_sha512"] = new.file_sha512
    return old.updated(**words)


def in_words(change: Change) -> Change:
    """Another content in the words of the input that the user wrote."""
    why = "its content is another one: the image is made again from it"
    return Change("file", change.effect, why) if change.property == "fileSha512" else change


def _as_written(namespace: str, written: str | None, value: str | None) -> str | None:
    """`written`, where it names the same object as `value` does."""
    if not written or not value:
        return value
    full = [identity if "/" in identity else f"{namespace}/{identity}" for identity in (written, value)]
    return written if full[0] == full[1] else value
