"""Reading the logs of a local Harvester's programs."""

import time
from collections.abc import Iterator
from pathlib import Path

from harvester_local.errors import LocalError
from harvester_local.files import tail
from harvester_local.layout import Layout

PAUSE = 0.3
"""Seconds between two looks at the files while following."""


def log_files(layout: Layout, name: str | None) -> dict[str, Path]:
    """The log of one program, or all logs by program name. Raises LocalError when there is none."""
    found = {path.stem: path for path in sorted(layout.logs.glob("*.log"))}
    if not found:
        raise LocalError(f"no logs in {layout.folder}: start one with `pulumi-harvester local up`, or name its --folder")
    if name is None:
        return found
    if name not in found:
        raise LocalError(f"{name}: no log of that name in {layout.logs}: choose one of {', '.join(found)}")
    return {name: found[name]}


def last_lines(files: dict[str, Path], count: int) -> Iterator[tuple[str, str]]:
    """The last lines of each file, as pairs of program name and line."""
    for name, path in files.items():
        for line in tail(path, count, at_most=count * 2048).splitlines():
            yield name, line


def follow(files: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """What is appended from now on, as pairs of program name and line; without end."""
    opened = {name: path.open(errors="replace") for name, path in files.items()}
    try:
        for file in opened.values():
            file.seek(0, 2)
        while True:
            new = [(name, line.rstrip("\n")) for name, file in opened.items() for line in file]
            yield from new
            if not new:
                time.sleep(PAUSE)
    finally:
        for file in opened.values():
            file.close()
