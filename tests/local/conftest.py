"""What the tests of the local Harvester share: the programs, and one Harvester per run for those that only look at it."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from backup_plane import Plane

from harvester_local import toolchain
from harvester_local.cluster import LocalHarvester
from harvester_local.programs import TOOLS
from harvester_local.settings import Settings

StandIn = Callable[[str], Sequence[str]]


@pytest.fixture(scope="session")
def tools() -> dict[str, Path]:
    """Paths of etcd, kube-apiserver and kube-controller-manager."""
    return toolchain.ensure(TOOLS)


@pytest.fixture(scope="session")
def stand_in() -> StandIn:
    """Command of a stand-in for the plane, by its manner: `ready`, `fail` or `never`."""
    program = str(Path(__file__).with_name("stand_in_plane.py"))
    return lambda manner: (sys.executable, program, manner)


@pytest.fixture(scope="session")
def local_harvester(tools: dict[str, Path]) -> Iterator[LocalHarvester]:
    """A whole Harvester, quick in everything, for all tests that leave it as they found it."""
    quick = Settings(
        boot_seconds=0.2, address_seconds=0.1, shutdown_seconds=0.2, import_seconds=0.2, migrate_seconds=0.2, retry_seconds=0.1
    )
    with LocalHarvester(quick, tools=tools) as local:
        yield local


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    """The controllers of backups, on an empty share."""
    (tmp_path / "share").mkdir()
    async with Plane(tmp_path / "share").running(tmp_path / "work") as found:
        yield found
