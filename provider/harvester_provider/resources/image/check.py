"""The rules of an image, before anything is asked of a cluster. Upstream: pkg/image/common/validator.go, and Longhorn's on sizes."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from harvester_provider.core.problem import Problem
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import IMAGE, PERSISTENT_VOLUME_CLAIM
from harvester_provider.resources.image.model import ImageInputs
from harvester_provider.resources.labels import LABEL_VALUE, SHAPE
from harvester_provider.resources.naming import named

_SECTOR = 512
_SOURCES = {
    "download": {"url": "url"},
    "upload": {"file": "file"},
    "export-from-volume": {"source_volume": "sourceVolume"},
    "clone": {"source_image": "sourceImage", "crypto_operation": "cryptoOperation"},
}
"""Source type -> the fields it needs and nobody else has, with their names on the wire."""
_MISSING = {
    "url": "the http or https address that the cluster downloads the image from",
    "source_volume": "the volume to copy, as namespace/name",
    "source_image": "the image to encrypt or decrypt, as namespace/name",
    "crypto_operation": "encrypt or decrypt",
}
"""What must be there in any case. The file of an upload is needed only where there is no image yet."""


def check(inputs: ImageInputs) -> Iterator[Problem]:
    """Every broken rule."""
    yield from _display_name(inputs.display_name)
    yield from _fields(inputs)
    yield from _url(inputs.url)
    yield from _checksum(inputs)
    yield from _file(inputs)
    yield from _clone(inputs)
    yield from _names(inputs)
    if is_known(inputs.volume_size) and inputs.volume_size <= Quantity("0"):
        yield Problem("volumeSize", f"{inputs.volume_size} is no size: write for example 10Gi")


def _display_name(value: str | None) -> Iterable[Problem]:
    if is_known(value) and value is not None and LABEL_VALUE.fullmatch(value) is None:
        yield Problem("displayName", f"{value!r}: {SHAPE}")


def _fields(inputs: ImageInputs) -> Iterator[Problem]:
    """What the source type needs is there, and what belongs to another one is not."""
    if not is_known(inputs.source_type):
        return
    for source, fields in _SOURCES.items():
        for field, alias in fields.items():
            value = getattr(inputs, field)
            if source == inputs.source_type and field in _MISSING and is_known(value) and not value:
                yield Problem(alias, f"missing: {_MISSING[field]}")
            elif source != inputs.source_type and is_known(value) and value:
                yield Problem(alias, f"it belongs to the source type {source}: leave it out, or set sourceType={source!r}")


def _url(url: str | None) -> Iterable[Problem]:
    if not is_known(url) or not url:
        return
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", url)
    except ValueError:
        sound = False
    if not sound:
        yield Problem("url", f"{url!r} is no http or https address: write for example https://example.org/image.qcow2")


def _checksum(inputs: ImageInputs) -> Iterable[Problem]:
    checksum = inputs.checksum
    if not is_known(checksum) or checksum is None:
        return
    if re.fullmatch(r"[0-9a-f]{128}", checksum) is None:
        hint = "; 64 digits are a SHA-256, which Harvester does not take" if re.fullmatch(r"[0-9a-fA-F]{64}", checksum) else ""
        yield Problem("checksum", f"not a SHA-512: write its 128 hexadecimal digits in lower case, without a prefix{hint}")
    elif inputs.backend == "cdi":
        yield Problem("checksum", "the backend cdi does not verify it: leave it out, or use the backend backingimage")
    elif is_known(inputs.file_sha512) and inputs.file_sha512 and inputs.file_sha512 != checksum:
        yield Problem(
            "checksum", f"the content of {inputs.file} has the SHA-512 {inputs.file_sha512}: it is another file, or a damaged one"
        )


def _file(inputs: ImageInputs) -> Iterable[Problem]:
    if not is_known(inputs.file_sha512, inputs.file_size) or not inputs.file_sha512:
        return
    if not inputs.file_size:
        yield Problem("file", f"{inputs.file} is empty")
    elif inputs.backend == "backingimage" and inputs.file_size % _SECTOR:
        more = f"pad it (truncate -s %{_SECTOR} FILE)"
        yield Problem(
            "file", f"{inputs.file} has {inputs.file_size} bytes, and Longhorn takes whole sectors of {_SECTOR} bytes only: {more}"
        )


def _clone(inputs: ImageInputs) -> Iterable[Problem]:
    if inputs.source_type != "clone" or not is_known(inputs.storage_class):
        return
    if inputs.backend == "cdi":
        yield Problem("backend", "only Longhorn's backend backingimage encrypts and decrypts images: leave it out")
    if inputs.crypto_operation == "encrypt" and not inputs.storage_class:
        yield Problem("storageClass", "missing: a StorageClass with encryption, whose key the image is encrypted with")


def _names(inputs: ImageInputs) -> Iterable[Problem]:
    """IDs of another shape."""
    sources = {"sourceVolume": (PERSISTENT_VOLUME_CLAIM, inputs.source_volume), "sourceImage": (IMAGE, inputs.source_image)}
    refs, problems = named(sources, inputs.namespace)
    yield from problems
    if "sourceVolume" in refs and inputs.backend == "cdi" and refs["sourceVolume"].namespace != inputs.namespace:
        yield Problem("sourceVolume", f"the backend cdi copies volumes of the image's own namespace {inputs.namespace} only")
