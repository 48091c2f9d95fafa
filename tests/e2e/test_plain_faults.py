"""A plain Kubernetes becomes a cluster for machines under the faults of the API, as every kind of a Harvester lives under them.

Each fault has a cluster of KubeVirt's next release before it, so that all manifests are applied again.
"""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from fault_injection import injected, settings
from fault_matrix import Life, Matrix, Score, connecting
from fault_report import PROPERTY
from fault_rows import FAULTS, Place
from kind_rows import PLAIN_ROWS
from plain import plain_cluster, releases
from target import Target

MISREAD = "404 between list and get"
"""Left out: a part that is said to be gone is drift in a refresh, which the next `pulumi up` installs again."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    every = metafunc.config.getoption("--all-faults")
    there = {name: fault for name, fault in FAULTS.items() if fault.place is Place.FRONT_DOOR and name != MISREAD}
    metafunc.parametrize("fault_name", [name for name, fault in there.items() if every or fault.short])


@pytest.fixture(scope="module")
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with plain_cluster(request.config, tmp_path_factory.mktemp("plain")) as found:
        yield found


@pytest.fixture(scope="module")
def release() -> Iterator[int]:
    return count()


async def _nothing(_life: Life) -> None:
    """Nobody else is at work."""


async def test_a_cluster_is_made_one_for_machines_and_let_go(
    fault_name: str, plain: Target, release: Iterator[int], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    fault, score, kubevirt = FAULTS[fault_name], Score(), f"1.1.{next(release)}"
    words = {"kubevirt": kubevirt, "folder": releases(tmp_path / "releases", kubevirt)}
    matrix = Matrix(PLAIN_ROWS, plain.namespace, words, connecting(settings(plain)))
    async with injected(fault, plain, tmp_path, score) as (reach, during):
        try:
            await matrix.live(fault, reach, during, _nothing, score)
        finally:
            await matrix.end(fault)
    record_property(PROPERTY, score.outcome(fault_name, fault, len(PLAIN_ROWS)).recorded())
    assert not score.troubles
    assert score.struck, "the fault never struck"
