"""Fixtures of the end-to-end cases: a cluster, a namespace of one's own, and stacks of real programs."""

import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from buckets import S3, Bucket, s3_server
from deployers import deployer
from fault_report import outcomes, table, write
from images import serving
from ranch import Ranch, ranch_on
from stack import EXAMPLES, Stack
from target import Target, connect, endpoint, given_cluster, namespace

from harvester_local.cluster import LocalHarvester
from harvester_local.settings import Settings

UPSTREAM = os.environ.get("HARVESTER_CRDS")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("end to end")
    group.addoption("--kubeconfig", help="run on the cluster of this kubeconfig instead of local ones")
    group.addoption("--endpoint", default="", help="URL of its Harvester API (https://VIP), where the kubeconfig does not tell it")
    group.addoption(
        "--endpoint-ca", default="", help="its certificate authority (PEM text, path or base64), where the kubeconfig's is another one"
    )
    group.addoption("--plain", action="store_true", help="that cluster has KubeVirt and no Harvester: run the cases of such clusters")
    group.addoption("--uplink", default="", help="a NIC that no other network uses, on all nodes of that cluster")
    group.addoption("--all-faults", action="store_true", help="every fault of the matrix instead of a few")
    group.addoption("--write-faults", action="store_true", help="put the table of faults into docs/faults.md")
    group.addoption("--image-url", default="", help="image that the cluster can download (default: a small one served by this run)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On local Harvesters, cases run with upstream's CRDs where they are at hand, else with the built-in ones."""
    if "crds" not in metafunc.fixturenames:
        return
    if metafunc.config.getoption("--kubeconfig"):
        chosen = ["given"]
    elif UPSTREAM:
        chosen = ["upstream"]
    else:
        chosen = ["lean"]
    metafunc.parametrize("crds", chosen, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all-faults"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(600))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table of faults, where they were run."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, []) if report.when == "call"]
    if found := outcomes(reports):
        terminalreporter.section("what became of the faults")
        terminalreporter.write("\n".join(table(found)) + "\n")
        if config.getoption("--write-faults"):
            write(found)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("images")) as url:
        yield url


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, crds: str, images: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    image_url = request.config.getoption("--image-url") or f"{images}/tiny.qcow2"
    given = request.config.getoption("--kubeconfig")
    if given:
        with given_cluster(Path(given), image_url, **endpoint(request.config)) as found:
            yield found
        return
    folder = tmp_path_factory.mktemp(f"harvester-{crds}")
    with (
        LocalHarvester(Settings(), folder=folder, crds=UPSTREAM if crds == "upstream" else None) as local,
        connect(local.kubeconfig_text) as api,
    ):
        yield Target(local.kubeconfig_text, local.endpoint, image_url, "", api, local)


@pytest.fixture
def target(cluster: Target) -> Iterator[Target]:
    """The cluster, with a namespace for this test alone."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    cluster.namespaces.append(name)
    with namespace(cluster.core, name):
        yield replace(cluster, namespace=name, namespaces=[])


@pytest.fixture
def short_namespace(simulated: Target) -> Iterator[str]:
    """A namespace whose name is short: names of cluster networks begin with it."""
    name = f"f{uuid.uuid4().hex[:5]}"
    simulated.namespaces.append(name)
    with namespace(simulated.core, name):
        yield name


@pytest.fixture
def uplink(request: pytest.FixtureRequest, target: Target) -> str:
    """A NIC of the nodes for cluster networks."""
    nic: str = request.config.getoption("--uplink") or ("ens9" if target.local else "")
    if not nic:
        pytest.skip("a cluster network takes a NIC of the nodes: name a free one with --uplink")
    return nic


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """An S3 server for backups."""
    with s3_server() as found:
        yield found


@pytest.fixture
def bucket(s3: S3) -> Bucket:
    """An empty bucket."""
    return s3.bucket()


@pytest.fixture(autouse=True)
def grouped(request: pytest.FixtureRequest) -> None:
    """Cases of an `xdist_group` change what a cluster has one of: on a given one, which all workers share, one worker takes them all."""
    group = request.node.get_closest_marker("xdist_group")
    shared = request.config.getoption("--kubeconfig") and hasattr(request.config, "workerinput")
    if group and shared and not request.node.nodeid.endswith(f"@{group.args[0]}"):
        pytest.fail("on a given cluster, more than one worker needs --dist loadgroup")


@pytest.fixture
def simulated(target: Target) -> Target:
    """The local Harvester, for cases that ask it for faults or for what only machines and nodes that run can show."""
    if target.local is None:
        pytest.skip("it asks for what only the local Harvester does on request: docs/conformance.md")
    return target


@pytest.fixture
async def ranch(cluster: Target) -> AsyncIterator[Ranch]:
    """A Rancher beside the Harvester, which the local one alone has."""
    if cluster.local is None:
        pytest.skip("there is no Rancher: it is part of the local Harvester")
    async with ranch_on(cluster) as found:
        yield found


@pytest.fixture
def stack_of(target: Target, tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Makes stacks of programs; destroys at the end what a failed test left. An example runs as an account that has its roles and no others."""
    made: list[Stack] = []
    with ExitStack() as accounts:

        def make(program: str | Path, **config: str) -> Stack:
            folder = EXAMPLES / program if isinstance(program, str) else program
            limited = accounts.enter_context(deployer(target, program, f"deployer-{len(made)}")) if isinstance(program, str) else {}
            work = tmp_path / f"stack{len(made)}"
            work.mkdir()
            name = f"s{uuid.uuid4().hex[:6]}"
            made.append(Stack.of(folder, work, name, {**target.config, **limited, **config}, {}))
            return made[-1]

        yield make
        for stack in made:
            if stack.resources():
                stack.run("destroy", "--yes", "--skip-preview", "--suppress-progress", check=False)
