"""A plain Kubernetes becomes a cluster for machines under every fault, as every kind of a Harvester lives under them.

Each fault has a cluster of KubeVirt's next release before it, so that all manifests are applied again.
"""

import uuid
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from fault_injection import lived, settings
from fault_kills import KILLED, live_killed
from fault_matrix import Matrix, Score, connecting
from fault_report import PROPERTY
from fault_rows import FAULTS
from kind_rows import DIALECT_ROWS, PLAIN_ROWS
from plain import kubevirt_cluster, plain_cluster, releases
from target import Target, namespace


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault_name" in metafunc.fixturenames:
        every = metafunc.config.getoption("--all-faults")
        metafunc.parametrize("fault_name", [name for name, fault in FAULTS.items() if every or fault.short])


@pytest.fixture(scope="module")
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with plain_cluster(request.config, tmp_path_factory.mktemp("plain")) as found:
        yield found


@pytest.fixture(scope="module")
def release() -> Iterator[int]:
    return count()


@pytest.fixture
def matrix(plain: Target, release: Iterator[int], tmp_path: Path) -> Matrix:
    kubevirt = f"1.1.{next(release)}"
    words = {"kubevirt": kubevirt, "folder": releases(tmp_path / "releases", kubevirt)}
    return Matrix(PLAIN_ROWS, plain.namespace, words, connecting(settings(plain)))


async def test_a_cluster_is_made_one_for_machines_and_let_go(
    fault_name: str, plain: Target, matrix: Matrix, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    score = await lived(matrix, FAULTS[fault_name], plain, tmp_path)
    record_property(PROPERTY, score.outcome(fault_name, FAULTS[fault_name], PLAIN_ROWS))
    assert not score.troubles
    assert score.struck, "the fault never struck"


@pytest.fixture(scope="module")
def kubevirt(request: pytest.FixtureRequest, images: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with kubevirt_cluster(request.config, tmp_path_factory.mktemp("kubevirt"), f"{images}/tiny.qcow2") as found:
        yield found


@pytest.fixture
def dialects(kubevirt: Target) -> Iterator[Matrix]:
    name = f"f{uuid.uuid4().hex[:5]}"
    with namespace(kubevirt.core, name):
        yield Matrix(DIALECT_ROWS, name, {"image_url": kubevirt.image_url}, connecting(settings(kubevirt)))


async def test_kinds_in_the_dialect_of_such_a_cluster_are_not_lost_and_not_there_twice(
    fault_name: str, kubevirt: Target, dialects: Matrix, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    score = await lived(dialects, FAULTS[fault_name], kubevirt, tmp_path)
    record_property(PROPERTY, score.outcome(fault_name, FAULTS[fault_name], DIALECT_ROWS))
    assert not score.troubles
    assert score.struck, "the fault never struck"


@pytest.mark.long
@pytest.mark.parametrize("name", KILLED)
async def test_a_provider_that_is_killed_while_it_makes_one_goes_on_the_next_time(
    name: str, plain: Target, matrix: Matrix, record_property: Callable[[str, object], None]
) -> None:
    fault, score = KILLED[name], Score()
    await live_killed(matrix, fault, plain, score)
    record_property(PROPERTY, score.outcome(name, fault, PLAIN_ROWS))
    assert not score.troubles
    assert score.struck, "the fault never struck"


@pytest.mark.long
@pytest.mark.parametrize("name", KILLED)
async def test_a_provider_that_is_killed_in_the_dialect_of_such_a_cluster_leaves_nothing_behind(
    name: str, kubevirt: Target, dialects: Matrix, record_property: Callable[[str, object], None]
) -> None:
    fault, score = KILLED[name], Score()
    await live_killed(dialects, fault, kubevirt, score)
    record_property(PROPERTY, score.outcome(name, fault, DIALECT_ROWS))
    assert not score.troubles
    assert score.struck, "the fault never struck"
