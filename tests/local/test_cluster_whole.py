"""The whole local Harvester, real plane included: up, a crash of the plane, up again on the same data, down."""

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from kubernetes import client, config

from harvester_local import processes
from harvester_local.cluster import LocalHarvester
from harvester_local.settings import Settings
from harvester_local.state import State


@pytest.fixture
def local(tools: Mapping[str, Path], tmp_path: Path) -> Iterator[LocalHarvester]:
    harvester = LocalHarvester(Settings(nodes=2), folder=tmp_path / "local", tools=tools)
    yield harvester.up()
    harvester.down()


def nodes(kubeconfig: Path) -> set[str]:
    return {node.metadata.name for node in client.CoreV1Api(config.new_client_from_config(str(kubeconfig))).list_node().items}


def test_a_user_comes_in_through_the_front_door_also_after_a_crash_of_the_plane(local: LocalHarvester) -> None:
    state = State.read(local.layout.state)
    assert state is not None
    before = nodes(local.kubeconfig)
    assert len(before) == 2

    os.kill(state.processes["plane"].pid, signal.SIGKILL)
    process = state.processes["plane"].process()
    assert not processes.still_running([process] if process else [], 30)
    assert [program.name for program in local.status().programs if not program.running] == ["plane"]

    local.up()
    assert nodes(local.kubeconfig) == before

    local.down()
    assert local.layout.log("plane").read_text().rstrip().endswith("ended"), "the plane had to be killed"
    assert not processes.marked(state.instance)
