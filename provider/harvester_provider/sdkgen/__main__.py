"""`python -m harvester_provider.sdkgen [--check]`: write the Python SDK, or say which of its files are out of date."""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from harvester_provider.resources.registry import KINDS
from harvester_provider.schema import files
from harvester_provider.schema.models import read_package
from harvester_provider.sdkgen.modules import HEADER, PythonSdk

FOLDER = Path("sdk/python/pulumi_harvester")


def _generate(root: Path) -> Mapping[Path, str]:
    modules = PythonSdk(read_package(KINDS)).modules()
    return {root / FOLDER / f"{name}.py": tidy(text, root) for name, text in modules.items()}


def tidy(text: str, root: Path) -> str:
    """The source as the project's own linter and formatter want it: unused imports and suppressions out, lines wrapped."""
    for command in (["check", "--quiet", "--fix-only"], ["format", "--quiet"]):
        line = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(root / FOLDER / "generated.py"), "-"]
        text = subprocess.run(line, input=text, capture_output=True, text=True, check=True).stdout  # noqa: S603  the linter of the project
    return text


def _leftovers(root: Path) -> Iterable[Path]:
    return [path for path in (root / FOLDER).glob("*.py") if path.read_text(encoding="utf-8").startswith(HEADER)]


if __name__ == "__main__":
    sys.exit(files.main("Write the Python SDK from the models of all kinds.", "make sdk", _generate, _leftovers))
