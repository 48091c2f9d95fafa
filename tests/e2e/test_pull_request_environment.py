"""Example 11 as CI runs it: an environment is made, brought up to date, tested, removed, and removed once more.

It goes through both front ends: the dynamic provider makes it, and the plugin removes it.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from deployers import deployer
from ranch import Ranch
from stack import EXAMPLES, Stack

PROGRAM = "11-environment-per-pull-request"
SECONDS = 240


@pytest.fixture
def limited(ranch: Ranch) -> Iterator[dict[str, str]]:
    """The way to both clusters as accounts with the roles of the example and no others."""
    with deployer(replace(ranch.target, namespace=ranch.harvester.namespace), PROGRAM, "deployer") as found:
        yield found


async def test_an_environment_is_made_tested_and_removed(ranch: Ranch, limited: dict[str, str], tmp_path: Path) -> None:
    assert ranch.target.local is not None
    credential = await ranch.credential()
    shutil.copytree(EXAMPLES / PROGRAM, tmp_path / "program")
    for part in ("home", "state"):
        (tmp_path / part).mkdir()
    where, rancher = ranch.harvester.namespace, json.loads(limited["harvester:clusters"])["rancher"]
    chosen = {
        "namespace": where, "image": f"{where}/disc", "network": f"{where}/red", "cloudCredential": credential.state["credential"],
    }  # fmt: skip
    given = {
        "HARVESTER_KUBECONFIG": limited["harvester:kubeconfig"],
        "RANCHER_URL": ranch.target.local.endpoint,
        "RANCHER_TOKEN": rancher["token"],
        "RANCHER_CA": rancher["ca"],
        "ENVIRONMENT_CONFIG": json.dumps(chosen),
    }
    environment = Stack(tmp_path / "program", tmp_path, ranch.name, given).env
    plugin = {"ENVIRONMENT_CONFIG": json.dumps({**chosen, "harvester:frontend": "plugin"})}

    async def run(command: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "environment.py", command, ranch.name, cwd=tmp_path / "program", env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), SECONDS)
        assert process.returncode == 0, output.decode()
        return output.decode()

    await run("up")
    machines = sorted(machine["metadata"]["uid"] for machine in ranch.machines())
    environment |= plugin
    await run("up")
    assert sorted(machine["metadata"]["uid"] for machine in ranch.machines()) == machines
    nodes = (await run("test")).splitlines()
    assert sorted(node.partition(":")[0] for node in nodes) == sorted(machine["metadata"]["name"] for machine in ranch.machines())
    assert len(nodes) == 2
    assert all(node.endswith(": ready") for node in nodes)
    assert rancher["token"] not in (tmp_path / "program" / f"Pulumi.{ranch.name}.yaml").read_text()
    await run("destroy")
    assert ranch.machines() == []
    assert "no such environment" in await run("destroy")
    await credential.destroy()
