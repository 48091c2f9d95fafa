"""Generates the SDKs of other languages from the plugin's schema, for each whose Pulumi language host is on PATH. Standard library only."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("nodejs", "go", "dotnet", "java")


def main() -> int:
    """Generate what can be generated, and name the rest. 1 where nothing could be."""
    plugin = Path(sys.executable).parent / "pulumi-resource-harvester"
    done = 0
    for language in LANGUAGES:
        host = f"pulumi-language-{language}"
        if shutil.which(host) is None:
            print(f"{language}: not generated: {host} is not on PATH (the official Pulumi archive has it)")
            continue
        command = ["pulumi", "package", "gen-sdk", str(plugin), "--language", language, "--out", str(ROOT / "sdk")]
        if subprocess.run(command, check=False).returncode:
            print(f"{language}: not generated: see above")
            continue
        print(f"{language}: written to sdk/{language}")
        done += 1
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
