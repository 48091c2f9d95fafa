"""Reads a local file that an object is made from: its SHA-512, and whether it must be read again at all.

A file is not read again while it looks as it did: same device, inode, size and times. A file that was changed within the
last moments before it was read may change again without looking different, so that its look is not remembered.
"""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from stat import S_ISREG
from typing import TypeVar

from harvester_provider.core.content import Content
from harvester_provider.core.errors import BadFile, InvalidInputs
from harvester_provider.core.kind import Kind
from harvester_provider.core.problem import Problem
from harvester_provider.core.unknown import UNKNOWN, Unknown
from harvester_provider.engine.reporter import Reporter
from harvester_provider.engine.state import Wire, inputs_of_state

I = TypeVar("I")  # noqa: E741  the inputs model of a kind; one letter is the custom for type variables

FILE = "file"
"""The input that names a local file, of every kind that has one."""
CHUNK = 4 << 20
_SETTLED_NS = 2_000_000_000
"""File systems keep times as coarse as two seconds (FAT)."""
_SHOWN = 256 << 20
"""Bytes between two lines of progress."""


def with_file(kind: Kind[I], inputs: I, olds: Wire, reporter: Reporter) -> I:
    """The inputs with what is in the local file that they name. Raises InvalidInputs where it cannot be read."""
    path = kind.local_file(inputs)
    if isinstance(path, Unknown):
        return kind.with_content(inputs, Content(UNKNOWN, UNKNOWN, UNKNOWN))
    if not path:
        return kind.with_content(inputs, Content())
    old = inputs_of_state(kind, olds)
    known = kind.content(old) if old is not None else Content()
    try:
        return kind.with_content(inputs, content_of(path, known, reporter.progress))
    except BadFile as error:
        raise InvalidInputs(kind.name, [Problem(FILE, str(error))]) from error


def content_of(path: str, known: Content, progress: Callable[[str], None], clock: Callable[[], int] = time.time_ns) -> Content:
    """What is in the file; `known` where it looks as it did then. Raises BadFile where it cannot be read, or changes meanwhile."""
    try:
        before = _look(path)
        stamp = _stamp(before)
        if known.stamp and known.stamp == stamp:
            return known
        read_at = clock()
        sha512 = _digest(path, before.st_size, progress)
        if _stamp(_look(path)) != stamp:
            raise BadFile(f"{path}: it was changed while it was read: run it again when nobody writes to it")
    except OSError as error:
        raise BadFile(f"{path}: it cannot be read: {error.strerror or error}: check the path, which starts at {Path.cwd()}") from error
    newest = max(before.st_mtime_ns, before.st_ctime_ns)
    return Content(sha512, before.st_size, stamp if read_at - newest > _SETTLED_NS else "")


def _look(path: str) -> os.stat_result:
    found = Path(path).expanduser().stat()
    if not S_ISREG(found.st_mode):
        raise BadFile(f"{path}: it is no file: give the path of a qcow2, raw or ISO file")
    return found


def _stamp(found: os.stat_result) -> str:
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def _digest(path: str, size: int, progress: Callable[[str], None]) -> str:
    digest, done, shown = hashlib.sha512(), 0, 0
    with Path(path).expanduser().open("rb") as file:
        while part := file.read(CHUNK):
            digest.update(part)
            done += len(part)
            if done - shown >= _SHOWN:
                shown = done
                progress(f"reading {path}: {100 * done // max(size, 1)} %")
    return digest.hexdigest()
