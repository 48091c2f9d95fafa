"""Streams a local file to Harvester's own API, as one part of a form. Memory stays at one chunk, whatever the file's size.

The file is hashed on the way: one that is no longer what the plan was made from is never taken for it, because the end of
the form is not sent then. An upload is never repeated here; what it leaves is the plan's business, another try the engine's.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from harvester_provider.core.errors import BadFile, HarvesterError, Unreachable, UploadCutOff, UploadFailed
from harvester_provider.core.plan import Upload
from harvester_provider.kube.cdi import through_proxy
from harvester_provider.kube.client import Client

CHUNK = 1 << 20
FIELDS = {"harvester": "chunk", "cdi": "file"}
"""The form field that each surface reads: Longhorn's backing image manager, and CDI's upload server."""


class _Form:
    """The body of the request, with what went wrong while it was made."""

    def __init__(self, step: Upload, progress: Callable[[int], None]) -> None:
        boundary = uuid4().hex
        self.content_type = f"multipart/form-data; boundary={boundary}"
        name = Path(step.file).name.replace('"', "_").replace("\r", "_").replace("\n", "_")
        disposition = f'Content-Disposition: form-data; name="{FIELDS[step.surface]}"; filename="{name}"'
        self._head = f"--{boundary}\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n".encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._step, self._progress = step, progress
        self.length = len(self._head) + step.size + len(self._tail)
        self.error: HarvesterError | None = None

    async def parts(self) -> AsyncIterator[bytes]:
        """The bytes, in order."""
        try:
            with await asyncio.to_thread(_open, self._step.file) as file:
                yield self._head
                async for part in self._content(file):
                    yield part
                yield self._tail
        except OSError as error:
            self.error = BadFile(f"{self._step.file}: it cannot be read: {error.strerror or error}")
            raise
        except BadFile as error:
            self.error = error
            raise

    async def _content(self, file: BinaryIO) -> AsyncIterator[bytes]:
        digest, done = hashlib.sha512(), 0
        while done < self._step.size and (part := await asyncio.to_thread(file.read, min(CHUNK, self._step.size - done))):
            await asyncio.to_thread(digest.update, part)
            done += len(part)
            if done == self._step.size and digest.hexdigest() != self._step.sha512:
                break
            yield part
            self._progress(done)
        if done != self._step.size or digest.hexdigest() != self._step.sha512:
            raise BadFile(f"{self._step.file}: it was changed since the update began: run `pulumi up` again when nobody writes to it")


def _open(path: str) -> BinaryIO:
    return Path(path).expanduser().open("rb")


async def send(client: Client, step: Upload, progress: Callable[[int], None]) -> None:
    """Send the file. `progress` is told the bytes so far.

    Raises UploadFailed (UploadCutOff where the connection was lost), or BadFile where the file is not what it was.
    """
    form = _Form(step, progress)
    asked = f"upload {step.file} to {step.ref}"
    try:
        async with asyncio.timeout(step.seconds):
            if step.surface == "cdi":
                await through_proxy(client, step, form.parts(), length=form.length, content_type=form.content_type, asked=asked)
            else:
                await client.stream(step.path, form.parts(), length=form.length, content_type=form.content_type, asked=asked)
    except TimeoutError as error:
        raise UploadFailed(f"{asked}: not done after {step.seconds:g} s: `timeouts` gives it more time") from error
    except HarvesterError as error:
        if form.error is not None:
            raise form.error from error
        lost = isinstance(error, Unreachable) and (not error.status or error.status >= 500)
        raise (UploadCutOff if lost else UploadFailed)(str(error)) from error
