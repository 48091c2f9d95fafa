"""Programs that are on this machine already: in a folder, or on PATH and new enough. Looks, and changes nothing."""

import os
import re
import subprocess
from pathlib import Path

from harvester_local.toolchain.catalog import Tool, Version

VERSION_SECONDS = 30.0


def in_folder(tool: Tool, folder: Path) -> Path | None:
    """The program in `folder`, if all files of the tool are there and can be run."""
    complete = all(os.access(folder / name, os.X_OK) and (folder / name).is_file() for name in tool.files)
    return folder / tool.name if complete else None


def on_path(tool: Tool, search_path: str) -> Path | None:
    """The first complete and new enough one on `search_path`, which has the form of PATH."""
    for entry in filter(None, search_path.split(os.pathsep)):
        found = in_folder(tool, Path(entry))
        if found and (version := version_told(found.parent, tool.asks)) and version >= tool.minimum:
            return found
    return None


def version_told(folder: Path, asks: tuple[str, ...]) -> Version | None:
    """The version that a program of `folder` prints for itself; None when it is not there or does not tell."""
    program, *arguments = asks
    try:
        answer = subprocess.run(  # noqa: S603  a program that is about to be used anyway
            [folder / program, *arguments],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=False,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1", "GOTOOLCHAIN": "local"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(answer.stdout)


def parse_version(text: str) -> Version | None:
    """The first dotted version in a text, such as (1, 36, 3) in "Kubernetes v1.36.3"."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(part) for part in found.group().split(".")) if found else None
