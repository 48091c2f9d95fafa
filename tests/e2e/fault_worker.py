"""A process that takes one step of the matrix, for tests that kill it: what it is to do comes by standard input, each end goes out as a line.

python fault_worker.py < job.json
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from fault_matrix import Life, Matrix, Others, Score, connecting
from fault_rows import Fault
from kind_rows import Row

NO_FAULT = Fault("it is killed")


def told(life: Life) -> None:
    """The new state of a resource, as the engine would get it."""
    sys.stdout.write(json.dumps({"name": life.name, "id": life.id, "state": life.state}) + "\n")
    sys.stdout.flush()


async def work(job: dict[str, Any]) -> None:
    matrix = Matrix({name: Row(**row) for name, row in job["rows"].items()}, job["namespace"], job["known"], connecting(job["settings"]))
    for name, (identity, state) in job["states"].items():
        matrix.lives[name].id, matrix.lives[name].state = identity, state
    calls, score = connecting(job["settings"])(None), Score()
    others = Others(job["direct"], job["namespace"], job["known"]["kubeconfig"])
    try:
        await matrix.step(job["step"], calls, NO_FAULT, score, others, done=frozenset(job["done"]), told=told)
    finally:
        await calls.close()
    if score.troubles:
        sys.exit("\n".join(score.troubles))


if __name__ == "__main__":
    asyncio.run(work(json.load(sys.stdin)))
