"""How the provider's process is killed (-9) in the matrix of faults: again and again, with a write of every resource under way."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fault_injection import settings
from fault_matrix import Matrix, Score
from fault_rows import STEPS, WRITES, Fault
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


async def live_killed(matrix: Matrix, fault: Fault, target: Target, score: Score) -> None:
    """One life of all rows, whose worker is killed at every write until nothing is left to write."""
    assert target.local is not None
    job = {
        "rows": {name: asdict(life.row) for name, life in matrix.lives.items()},
        "namespace": matrix.namespace,
        "known": {"kubeconfig": target.kubeconfig, **matrix.known},
        "settings": settings(target),
        "direct": target.local.kubeconfig_direct.read_text(),
    }
    before = await matrix.census()
    try:
        for step in (step for step in STEPS if step != "read"):
            await asyncio.to_thread(taken, matrix, step, job, fault, target, score)
            await matrix.judge(step, score)
        await matrix.judge_remains(before, score)
    finally:
        await matrix.end(fault)


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
