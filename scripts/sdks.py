"""Generates the SDKs of other languages from the plugin's schema, into `sdk/` or another folder.

By the language's Pulumi host where it is on PATH, else by the same generator built with Go (`scripts/sdks`, for Go and Node.js).
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from harvester_local.errors import LocalError
from harvester_local.toolchain import go, golang
from harvester_provider.resources.functions import FUNCTIONS
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS
from harvester_provider.schema.document import schema_text
from harvester_provider.schema.models import read_package

ROOT = Path(__file__).resolve().parent.parent
GENERATOR = Path(__file__).resolve().parent / "sdks"
PLUGIN = Path(sys.executable).parent / "pulumi-resource-harvester"
LANGUAGES = ("nodejs", "go", "dotnet", "java")
BUILT_WITH_GO = ("nodejs", "go")


def main() -> int:
    """Generate what can be generated, and name the rest. 1 where nothing could be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = f"{', '.join(LANGUAGES)}; default: all"
    parser.add_argument("languages", nargs="*", metavar="LANGUAGE", choices=[*LANGUAGES, []], help=every)  # argparse checks none, too
    parser.add_argument("--out", type=Path, default=ROOT / "sdk", help="the folder that gets one of each language")
    options = parser.parse_args()
    done = 0
    for language in options.languages or LANGUAGES:
        out = options.out / language
        if any(way(language, out) for way in (by_host, by_go)):
            print(f"{language}: written to {out}")
            done += 1
        else:
            needed = "" if language not in BUILT_WITH_GO else ", and no Go could build its generator"
            print(f"{language}: not generated: no pulumi-language-{language} that generates SDKs is on PATH{needed}")
    return 0 if done else 1


def by_host(language: str, out: Path) -> bool:
    """By `pulumi package gen-sdk`, which asks the language's host."""
    if shutil.which(f"pulumi-language-{language}") is None or shutil.which("pulumi") is None:
        return False
    return ran("pulumi", "package", "gen-sdk", str(PLUGIN), "--language", language, "--out", str(out.parent))


def by_go(language: str, out: Path) -> bool:
    """By the generator alone; its first build takes some minutes."""
    if language not in BUILT_WITH_GO:
        return False
    try:
        program = go(GENERATOR)
    except LocalError as error:
        print(error, file=sys.stderr)
        return False
    with tempfile.TemporaryDirectory() as folder:
        schema = Path(folder, "schema.json")
        schema.write_text(schema_text(read_package(KINDS, ProviderSettings, FUNCTIONS), version("pulumi-harvester")), encoding="utf-8")
        return ran(str(program), "run", ".", str(schema), language, str(out), folder=GENERATOR)


def ran(*command: str, folder: Path = ROOT) -> bool:
    """Whether a command ended well. Go finds what was compiled for the Pulumi CLI."""
    return subprocess.run(command, check=False, cwd=folder, env={**os.environ, **golang.ENVIRONMENT}).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
