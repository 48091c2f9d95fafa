"""Fetching an image over HTTP as Longhorn does: ask first, then stream, count and hash; nothing is kept.

Knows nothing of Kubernetes; the images controller turns its results and errors into status.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

CHUNK = 1 << 20
_HEAD_BYTES = 512
_HEADER = 128
_QCOW2 = struct.Struct(">4sIQIIQ")


class TransferError(Exception):
    """The image could not be had; the text is what a user sees in the image's conditions."""


@dataclass(frozen=True)
class Content:
    """What was fetched: bytes in the file, bytes the guest sees, SHA-512 in hex."""

    size: int
    virtual_size: int
    sha512: str


class Measure:
    """Counts and hashes content that streams past."""

    def __init__(self) -> None:
        self.size, self._head, self._hash = 0, b"", hashlib.sha512()

    def feed(self, part: bytes) -> None:
        """Take in the next part."""
        self.size += len(part)
        self._hash.update(part)
        if len(self._head) < _HEAD_BYTES:
            self._head += part[: _HEAD_BYTES - len(self._head)]

    def content(self) -> Content:
        """All that is known after the last part."""
        return Content(self.size, virtual_size(self._head, self.size), self._hash.hexdigest())


def virtual_size(head: bytes, size: int) -> int:
    """The disk's size from a qcow2 header; for any other content the file's own size."""
    if len(head) >= _QCOW2.size:
        magic, version, _, _, _, virtual = _QCOW2.unpack_from(head)
        if magic == b"QFI\xfb" and version in {2, 3}:
            return int(virtual)
    return size


async def probe(session: aiohttp.ClientSession, url: str) -> int:
    """Ask for the image without fetching it: its size, 0 when not told. Raises TransferError unless the answer is 200 to 399."""
    try:
        async with session.head(url, allow_redirects=True) as answer:
            if not 200 <= answer.status < 400:
                raise TransferError(f"got {answer.status} status code from {url}")
            return answer.content_length or 0
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise TransferError(f'Head "{url}": {error}') from error


async def sizes(session: aiohttp.ClientSession, url: str) -> Content:
    """How large an image is, in the file and for a guest, as Harvester asks before CDI fetches it: whatever the answer's status is.

    Raises TransferError.
    """
    try:
        async with session.get(url, headers={"Range": f"bytes=0-{_HEADER - 1}"}) as answer:
            head = await answer.content.read(_HEADER)
        if len(head) < _HEADER:
            raise TransferError(f"failed to fetch image virtual size: content length is less than {_HEADER} bytes")
        async with session.head(url, allow_redirects=True) as answer:
            size = answer.content_length
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise TransferError(f'failed to fetch image virtual size: Get "{url}": {error}') from error
    if size is None:
        raise TransferError("failed to fetch image size: Content-Length is not found in the header")
    return Content(size, virtual_size(head, size), "")


async def fetch(session: aiohttp.ClientSession, url: str, progress: Callable[[int], None]) -> Content:
    """Fetch and measure the image; `progress` is told the bytes so far. Raises TransferError."""
    measure = Measure()
    try:
        async with session.get(url) as answer:
            if answer.status != 200:
                raise TransferError(f"got {answer.status} status code from {url}")
            async for part in answer.content.iter_chunked(CHUNK):
                measure.feed(part)
                progress(measure.size)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise TransferError(f'Get "{url}": {error}') from error
    return measure.content()
