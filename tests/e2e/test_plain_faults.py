"""The kinds of clusters without Harvester under every fault, as those of a Harvester live under them.

A plain Kubernetes becomes a cluster for machines: each fault has one of KubeVirt's next release before it, so that all manifests are
applied again. On one that has KubeVirt, the kinds that speak another dialect there are made, read, changed and removed.
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
def bare(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with plain_cluster(request.config, tmp_path_factory.mktemp("plain")) as found:
        yield found


@pytest.fixture(scope="module")
def kubevirt(request: pytest.FixtureRequest, images: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with kubevirt_cluster(request.config, tmp_path_factory.mktemp("kubevirt"), f"{images}/tiny.qcow2") as found:
        yield found


@pytest.fixture(scope="module")
def release() -> Iterator[int]:
    return count()


@pytest.fixture
def installing(bare: Target, release: Iterator[int], tmp_path: Path) -> tuple[Target, Matrix]:
    version = f"1.1.{next(release)}"
    words = {"kubevirt": version, "folder": releases(tmp_path / "releases", version)}
    return bare, Matrix(PLAIN_ROWS, bare.namespace, words, connecting(settings(bare)))


@pytest.fixture
def speaking(kubevirt: Target) -> Iterator[tuple[Target, Matrix]]:
    name = f"f{uuid.uuid4().hex[:5]}"
    with namespace(kubevirt.core, name):
        yield kubevirt, Matrix(DIALECT_ROWS, name, {"image_url": kubevirt.image_url}, connecting(settings(kubevirt)))


@pytest.fixture(params=["installing", "speaking"])
def estate(request: pytest.FixtureRequest) -> tuple[Target, Matrix]:
    """A cluster, and the lives of what is made there."""
    found: tuple[Target, Matrix] = request.getfixturevalue(request.param)
    return found


async def test_nothing_is_lost_and_nothing_is_there_twice_without_harvester(
    fault_name: str, estate: tuple[Target, Matrix], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    target, matrix = estate
    score = await lived(matrix, FAULTS[fault_name], target, tmp_path)
    record_property(PROPERTY, score.outcome(fault_name, FAULTS[fault_name], matrix))
    assert not score.troubles, "\n".join(score.troubles)
    assert score.struck, "the fault never struck"


@pytest.mark.long
@pytest.mark.parametrize("name", KILLED)
async def test_a_provider_that_is_killed_without_harvester_goes_on_the_next_time(
    name: str, estate: tuple[Target, Matrix], record_property: Callable[[str, object], None]
) -> None:
    (target, matrix), score = estate, Score()
    await live_killed(matrix, KILLED[name], target, score)
    record_property(PROPERTY, score.outcome(name, KILLED[name], matrix))
    assert not score.troubles, "\n".join(score.troubles)
    assert score.struck, "the fault never struck"
