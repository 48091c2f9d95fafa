"""The provider's process is killed (-9) while every kind has a write under way, again and again until nothing is left to write."""

from typing import Any

import pytest
from buckets import Bucket
from fault_injection import known, settings
from fault_kills import KILLED, live_killed
from fault_matrix import Matrix, Score, connecting
from fault_report import PROPERTY
from kind_rows import ROWS
from target import Target


@pytest.mark.long
@pytest.mark.parametrize("name", KILLED)
async def test_a_provider_that_is_killed_at_any_write_leaves_nothing_behind_that_the_next_run_does_not_finish(
    name: str, simulated: Target, short_namespace: str, bucket: Bucket, record_property: Any
) -> None:
    fault, score = KILLED[name], Score()
    matrix = Matrix(ROWS, short_namespace, known(simulated, short_namespace, bucket), connecting(settings(simulated)))
    await live_killed(matrix, fault, simulated, score)
    record_property(PROPERTY, score.outcome(name, fault, matrix))
    assert not score.troubles, "\n".join(score.troubles)
    assert score.struck
