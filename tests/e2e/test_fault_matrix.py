"""Every kind through every fault at every step: nothing is lost, nothing is there twice, and what is declared is what there is.

`make faults` runs all of it and writes the table; `make test` runs a short form.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from buckets import Bucket
from fault_injection import known, lived, settings
from fault_matrix import Matrix, Others, connecting
from fault_report import PROPERTY
from fault_rows import FAULTS
from kind_rows import PLAIN_ROWS, ROWS
from target import Target

from harvester_provider.resources.registry import KINDS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault_name" in metafunc.fixturenames:
        every = metafunc.config.getoption("--all-faults")
        metafunc.parametrize("fault_name", [name for name, fault in FAULTS.items() if every or fault.short])


def test_every_kind_has_a_row() -> None:
    assert {row.kind for row in (*ROWS.values(), *PLAIN_ROWS.values())} == set(KINDS)


async def test_nothing_is_lost_and_nothing_is_there_twice(
    fault_name: str, simulated: Target, short_namespace: str, bucket: Bucket, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    assert simulated.local is not None
    others = Others(simulated.local.kubeconfig_direct.read_text(), short_namespace, simulated.kubeconfig)
    matrix = Matrix(ROWS, short_namespace, known(simulated, short_namespace, bucket), connecting(settings(simulated)))
    score = await lived(matrix, FAULTS[fault_name], simulated, tmp_path, others)
    record_property(PROPERTY, score.outcome(fault_name, FAULTS[fault_name], matrix))
    assert not score.troubles, "\n".join(score.troubles)
    assert score.struck, "the fault never struck"
