"""The first machine by programs in other languages, through the plugin and the real CLI: examples 13, 14 and 15.

What a language needs is obtained here alone; none of it is part of `make setup`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from declared import StackOf
from stack import EXAMPLES, Stack
from target import VMI, Target

from harvester_local.toolchain import bin_folder, go, golang

pytestmark = pytest.mark.timeout(1200)  # what is compiled for the first time takes minutes

ROOT = EXAMPLES.parent
PLUGIN = Path(sys.executable).with_name("pulumi-resource-harvester")
GO_SDK = "example.com/pulumi-harvester/sdk/go"


def generated(language: str, stack: Stack) -> Path:
    """The folder of an SDK that is generated for the program."""
    sdks = stack.folder / "sdks"
    subprocess.run([sys.executable, ROOT / "scripts" / "sdks.py", language, "--out", sdks], check=True)
    return sdks / language


def made_with_go(stack: Stack) -> None:
    """Compiles the program with an SDK that is generated for it. The CLI runs it as it is, instead of compiling it for each command."""
    environment = {**os.environ, **golang.ENVIRONMENT}
    for command in (["mod", "edit", "-replace", f"{GO_SDK}={generated('go', stack)}"], ["build", "-ldflags", "-s -w", "-o", "in-go", "."]):
        subprocess.run([go(stack.folder), *command], check=True, cwd=stack.folder, env=environment)
    project = stack.folder / "Pulumi.yaml"
    project.write_text(yaml.safe_dump({**yaml.safe_load(project.read_text()), "runtime": {"name": "go", "options": {"binary": "in-go"}}}))


def made_with_yaml(stack: Stack) -> None:
    """Takes the package as users do, from the plugin."""
    stack.run("package", "add", str(PLUGIN))


def made_with_typescript(stack: Stack) -> None:
    """Compiles an SDK that is generated for it, with what its lock file names from npm's registry."""
    if shutil.which("npm") is None:
        pytest.skip("TypeScript needs Node.js 20 or newer with npm on PATH")
    npm = ("npm", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000")
    got = subprocess.run([*npm, "ci", "--engine-strict"], cwd=stack.folder, check=False, capture_output=True, text=True)
    if got.returncode:
        pytest.skip(f"npm cannot install what a TypeScript program needs: {got.stderr[:600]}")
    sdk = generated("nodejs", stack)
    subprocess.run([*npm, "install", "--offline", sdk], cwd=stack.folder, check=True)
    subprocess.run(["npm", "run", "postinstall"], cwd=sdk, check=True)


LANGUAGES = {
    "13-in-go": ("go", made_with_go),
    "14-in-yaml": ("yaml", made_with_yaml),
    "15-in-typescript": ("nodejs", made_with_typescript),
}
"""By example: the name of its host, and what a program needs before its first `up`."""


@pytest.mark.parametrize("example", LANGUAGES)
def test_a_program_makes_changes_and_destroys_a_machine(example: str, target: Target, stack_of: StackOf) -> None:
    plain = yaml.safe_load((EXAMPLES / example / "Pulumi.yaml").read_text())["config"]["userData"]["default"]
    stack = stack_of(example, userData=f"{plain}password: planted\n")
    host, made = LANGUAGES[example]
    stack.environment = {"PATH": os.pathsep.join([str(bin_folder(["pulumi", f"pulumi-language-{host}"])), stack.env["PATH"]])}
    made(stack)
    stack.up()
    name = f"{stack.name}-first"
    address = target.get(VMI, name)["status"]["interfaces"][0]["ipAddress"]
    found = stack.outputs()
    assert (found["name"], found["ipAddress"], found["nodes"]) == (name, address, len(target.core.list_node().items))
    boot = target.get(VMI, name)["metadata"]["uid"]
    stack.configure({"memory": "3Gi"})
    assert "memory: stop-modify-start" in stack.preview()
    stack.up()
    assert target.get(VMI, name)["metadata"]["uid"] != boot
    stack.shows_no_change()
    assert "planted" not in stack.state()
    stack.destroy()
    assert target.leftovers() == []
