"""One at a time across processes: a file lock whose second comer says that it waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from harvester_local.progress import Report


@contextmanager
def held(path: Path, waiting: str, report: Report) -> Iterator[None]:
    """Hold the lock file for the length of the block; when somebody else has it, report `waiting` once and wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report(waiting)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
