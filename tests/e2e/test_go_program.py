"""A program in another language: example 13, in Go, on the SDK that is generated from the plugin's schema, through the real CLI.

Go and its language host are obtained for this module alone; nothing of either is part of `make setup`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from declared import StackOf
from stack import EXAMPLES
from target import VMI, Target

from harvester_local.toolchain import bin_folder, go, golang

pytestmark = pytest.mark.timeout(1200)  # what is compiled for the first time takes minutes

ROOT = EXAMPLES.parent
PROGRAM = EXAMPLES / "13-in-go"
SDK = "example.com/pulumi-harvester/sdk/go"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, compiled with an SDK that was generated for it. The CLI runs it as it is, instead of compiling it for each command."""
    folder = tmp_path_factory.mktemp("go")
    subprocess.run([sys.executable, ROOT / "scripts" / "sdks.py", "go", "--out", folder], check=True)
    copy = folder / "program"
    shutil.copytree(PROGRAM, copy)
    environment = {**os.environ, **golang.ENVIRONMENT}
    for command in (["mod", "edit", "-replace", f"{SDK}={folder / 'go'}"], ["build", "-ldflags", "-s -w", "-o", "in-go", "."]):
        subprocess.run([go(PROGRAM), *command], check=True, cwd=copy, env=environment)
    project = yaml.safe_load((copy / "Pulumi.yaml").read_text())
    (copy / "Pulumi.yaml").write_text(yaml.safe_dump({**project, "runtime": {"name": "go", "options": {"binary": "in-go"}}}))
    return copy


def test_a_program_in_go_makes_changes_and_destroys_a_machine(program: Path, target: Target, stack_of: StackOf) -> None:
    plain = yaml.safe_load((program / "Pulumi.yaml").read_text())["config"]["userData"]["default"]
    stack = stack_of(program, userData=f"{plain}password: planted\n")
    stack.environment = {"PATH": os.pathsep.join([str(bin_folder(["pulumi", "pulumi-language-go"])), stack.env["PATH"]])}
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
