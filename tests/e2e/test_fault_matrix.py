"""Every kind through every fault at every step: nothing is lost, nothing is there twice, and what is declared is what there is.

`make faults` runs all of it and writes the table; `make test` runs a short form.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from buckets import Bucket
from fault_injection import injected, settings
from fault_matrix import Life, Matrix, Score, connecting
from fault_report import PROPERTY
from fault_rows import FAULTS
from kind_rows import PLAIN_ROWS, ROWS
from kubernetes import client
from target import Target, account, connect, namespace

from harvester_provider.resources.registry import KINDS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault_name" in metafunc.fixturenames:
        every = metafunc.config.getoption("--all-faults")
        metafunc.parametrize("fault_name", [name for name, fault in FAULTS.items() if every or fault.short])


def test_every_kind_has_a_row() -> None:
    assert {row.kind for row in (*ROWS.values(), *PLAIN_ROWS.values())} == set(KINDS)


@pytest.fixture
def here(simulated: Target) -> Iterator[str]:
    """A namespace with a short name: names of cluster networks begin with it."""
    name = f"f{uuid.uuid4().hex[:5]}"
    simulated.namespaces.append(name)
    with namespace(simulated.core, name):
        yield name


def known(target: Target, here: str, bucket: Bucket) -> dict[str, str]:
    """What the rows do not know."""
    return {
        "image_url": target.image_url, "kubeconfig": target.kubeconfig, "account": account(target, here, "rancher"),
        "bucket_endpoint": bucket.endpoint, "bucket_name": bucket.name,
        "bucket_user": bucket.keys.access_key_id, "bucket_key": bucket.keys.secret_access_key,
    }  # fmt: skip


async def test_nothing_is_lost_and_nothing_is_there_twice(
    fault_name: str, simulated: Target, here: str, bucket: Bucket, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    fault, score = FAULTS[fault_name], Score()

    async def prepare(life: Life) -> None:
        await asyncio.to_thread(played_by_others, simulated, here, life)

    matrix = Matrix(ROWS, here, known(simulated, here, bucket), connecting(settings(simulated)))
    async with injected(fault_name, fault, simulated, tmp_path, score) as (reach, during):
        try:
            await matrix.live(fault, reach, during, prepare, score)
        finally:
            await matrix.end(fault)
    record_property(PROPERTY, score.outcome(fault_name, fault, len({row.kind for row in ROWS.values()})).recorded())
    assert not score.troubles
    assert score.struck, "the fault never struck"


def played_by_others(target: Target, here: str, life: Life) -> None:
    """What a guest does in life, past the faults: its node registers, and its first server publishes a kubeconfig."""
    assert target.local is not None
    name = life.inputs["name"]
    with connect(target.local.kubeconfig_direct.read_text()) as api:
        core = client.CoreV1Api(api)
        if life.row.kind == "GuestNode":
            core.create_node({"metadata": {"name": name}})
            core.patch_node_status(name, {"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
        if life.row.kind == "GuestKubeconfig":
            core.patch_namespaced_secret(name, here, {"stringData": {"kubeconfig": target.kubeconfig}})
