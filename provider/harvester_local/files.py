"""Writing files so that a reader, or the next run after a crash, sees the old content or the new, never half of it."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Replace the file's content in one step; only its owner may read it (mode 0600)."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    part.replace(path)


def tail(path: Path, lines: int = 15, at_most: int = 16_384) -> str:
    """Return the last lines of a log, an empty text when there is none. Reads no more than `at_most` bytes."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - at_most))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])
