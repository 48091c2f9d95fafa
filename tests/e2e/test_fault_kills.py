"""The provider's process is killed (-9) while every kind has a write under way, again and again until nothing is left to write."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from buckets import Bucket
from fault_injection import known, settings
from fault_matrix import Matrix, Score, connecting
from fault_report import PROPERTY
from fault_rows import STEPS, WRITES, Fault
from kind_rows import ROWS
from target import Target, eventually

WORKER = Path(__file__).with_name("fault_worker.py")
ROUNDS = 60
KILLED = {
    "killed before a write": Fault("kill -9 of the provider while a write of every resource has not happened yet", "hang", WRITES, told=True),
    "killed after a write": Fault("kill -9 of the provider when a write of every resource has happened, and no answer has come", "silent", WRITES, told=True),
}  # fmt: skip


class Worker:
    """A running worker, and what it has told so far."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.ended: dict[str, tuple[str, dict[str, Any]]] = {}
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(job))
        self.process.stdin.close()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = json.loads(line)
            self.ended[found["name"]] = (found["id"], found["state"])

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> str:
        """What it said of an error, should it have ended by itself."""
        self.process.kill()
        self._reader.join()
        assert self.process.stderr is not None
        assert self.process.stdout is not None
        said = self.process.stderr.read() if self.process.wait() > 0 else ""
        self.process.stderr.close()
        self.process.stdout.close()
        return said


def under_way(matrix: Matrix, step: str, done: set[str]) -> set[str]:
    """The rows that may work now: what they wait for is done."""
    return {name for name in matrix.lives if name not in done and all(other in done for other in matrix.waits_for(name, step))}


@pytest.mark.long
@pytest.mark.parametrize("name", KILLED)
async def test_a_provider_that_is_killed_at_any_write_leaves_nothing_behind_that_the_next_run_does_not_finish(
    name: str,
    simulated: Target,
    short_namespace: str,
    bucket: Bucket,
    record_property: Any,
) -> None:
    assert simulated.local is not None
    fault, score = KILLED[name], Score()
    matrix = Matrix(ROWS, short_namespace, known(simulated, short_namespace, bucket), connecting(settings(simulated)))
    job = {
        "namespace": short_namespace, "known": dict(matrix.known), "settings": settings(simulated),
        "direct": simulated.local.kubeconfig_direct.read_text(),
    }  # fmt: skip
    before = await matrix.census()
    try:
        for step in (step for step in STEPS if step != "read"):
            await asyncio.to_thread(taken, matrix, step, job, fault, simulated, score)
            await matrix.judge(step, score)
        await matrix.judge_remains(before, score)
    finally:
        await matrix.end(fault)
    record_property(PROPERTY, score.outcome(name, fault, len({row.kind for row in ROWS.values()})).recorded())
    assert not score.troubles
    assert score.struck


def taken(matrix: Matrix, step: str, job: dict[str, Any], fault: Fault, target: Target, score: Score) -> None:
    """The step, by one worker after the other: each is killed when every row that can work has a write under way."""
    done: set[str] = set()
    with target.fault(**fault.asked) as struck:
        for _ in range(ROUNDS):
            states = {name: (life.id, life.state) for name, life in matrix.lives.items()}
            with working({**job, "step": step, "states": states, "done": sorted(done)}) as worker:
                await_held(matrix, step, done, worker, target)
            for name, (identity, state) in worker.ended.items():
                matrix.lives[name].id, matrix.lives[name].state = identity, state
                done.add(name)
            score.again += len(matrix.lives) - len(done)
            if len(done) == len(matrix.lives):
                break
    score.calls.update(struck)
    score.steps += len(done)


def await_held(matrix: Matrix, step: str, done: set[str], worker: Worker, target: Target) -> None:
    """Return when every row that may work now has a write under way, whose answer does not come; or when the worker is done."""
    before = target.struck().total()

    def held() -> bool:
        return target.struck().total() - before >= len(under_way(matrix, step, done | set(worker.ended)))

    eventually(lambda: not worker.runs or held())


@contextmanager
def working(job: dict[str, Any]) -> Iterator[Worker]:
    worker = Worker(job)
    try:
        yield worker
    finally:
        said = worker.kill()
    assert not said, said
