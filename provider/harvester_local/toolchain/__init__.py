"""Finds the programs that the local Harvester and the Pulumi engine are made of."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from harvester_local.errors import LocalError


def ensure(names: Sequence[str], report: Callable[[str], None] = print) -> dict[str, Path]:
    """Return the path of each program, from $HARVESTER_TOOLS or PATH. Raises LocalError for one that is not there."""
    search = os.pathsep.join(filter(None, (os.environ.get("HARVESTER_TOOLS"), os.environ.get("PATH"))))
    found = {name: shutil.which(name, path=search) for name in names}
    if missing := [name for name, path in found.items() if path is None]:
        raise LocalError(f"{', '.join(missing)}: not found: put them on PATH or name their folder in HARVESTER_TOOLS")
    report(f"{', '.join(names)}: found")
    return {name: Path(path) for name, path in found.items() if path}
