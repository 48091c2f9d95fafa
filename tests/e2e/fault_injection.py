"""How a fault is brought about around a step: by the front door, on the line to it, or by a token that is taken back."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from ssl import SSLContext
from typing import Any

import yaml
from buckets import Bucket
from fault_matrix import Connect, During, Matrix, Prepare, Score, connecting, nobody
from fault_rows import Fault, Place
from line import DAY, Line, certificate
from target import Target, account

from harvester_local.cluster import LocalHarvester
from harvester_local.pki import Pki
from harvester_provider.frontends.calls import Calls

SHUT_SECONDS = 0.5
IDLE_SECONDS = 60.0
DATES: Mapping[object, dt.timedelta] = {"expired": -2 * DAY, "not yet valid": DAY}


def settings(target: Target, line: Line | None = None) -> dict[str, Any]:
    """What a program's provider is told, of the way through a line where there is one; a Rancher is beside a Harvester alone."""
    kubeconfig = {"kubeconfig": line.through(target.kubeconfig) if line else target.kubeconfig}
    if not target.endpoint:
        return kubeconfig
    rancher = {**target.rancher, "host": line.address + "/k8s/clusters/local"} if line else target.rancher
    return {**kubeconfig, "endpoint": line.address if line else target.endpoint, "clusters": {"rancher": rancher}}


def known(target: Target, here: str, bucket: Bucket) -> dict[str, str]:
    """What the rows do not know."""
    return {
        "image_url": target.image_url, "kubeconfig": target.kubeconfig, "account": account(target, here, "rancher"),
        "bucket_endpoint": bucket.endpoint, "bucket_name": bucket.name,
        "bucket_user": bucket.keys.access_key_id, "bucket_key": bucket.keys.secret_access_key,
    }  # fmt: skip


@asynccontextmanager
async def injected(fault: Fault, target: Target, folder: Path, score: Score) -> AsyncIterator[tuple[Connect, During]]:
    """How to connect, and what is around each step."""
    assert target.local is not None
    plain = connecting(settings(target))
    match fault.place:
        case Place.FRONT_DOOR:
            yield plain, _answering(fault, target, score)
        case Place.TOKEN:
            yield _rotating(fault, target, folder, score)
        case Place.PROCESS:
            yield plain, _crashing(str(fault.answer), target.local, score)
        case Place.CONTROLLERS:
            yield plain, _idle(target, score)
        case Place.LINE:
            async with Line.to(target.local.endpoint) as line:
                yield connecting(settings(target, line)), _line(fault, line, target.local, folder, score)


async def lived(matrix: Matrix, fault: Fault, target: Target, folder: Path, others: Prepare = nobody) -> Score:
    """One life of all rows under the fault, and what became of it; what a life that failed has left is removed."""
    score = Score()
    async with injected(fault, target, folder, score) as (reach, during):
        try:
            await matrix.live(fault, reach, during, others, score)
        finally:
            await matrix.end(fault)
    return score


def _line(fault: Fault, line: Line, local: LocalHarvester, folder: Path, score: Score) -> During:
    if fault.answer not in DATES:
        return _refusing(line, score)
    return _misdated(line, certificate(Pki(local.ca.parent), folder, DATES[fault.answer]), score)


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have something done beside the block, whose end waits for it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await task


def _crashing(program: str, local: LocalHarvester, score: Score) -> During:
    @asynccontextmanager
    async def during(_calls: Calls) -> AsyncIterator[None]:
        def restart() -> None:
            with local.outage(program):
                pass

        async with _meanwhile(asyncio.to_thread(restart)):
            yield
        score.calls[program] += 1

    return during


def _idle(target: Target, score: Score) -> During:
    @asynccontextmanager
    async def during(_calls: Calls) -> AsyncIterator[None]:
        async def later() -> None:
            await asyncio.sleep(IDLE_SECONDS)
            target.controllers("resume")

        target.controllers("pause")
        async with _meanwhile(later()):
            yield
        score.calls["controllers"] += 1

    return during


def _answering(fault: Fault, target: Target, score: Score) -> During:
    @asynccontextmanager
    async def during(_calls: Calls) -> AsyncIterator[None]:
        with target.fault(**fault.asked) as struck:
            yield
        score.calls.update(struck)

    return during


def _rotating(fault: Fault, target: Target, folder: Path, score: Score) -> tuple[Connect, During]:
    old, new = (account(target, target.namespace, name) for name in ("old", "new"))
    token = yaml.safe_load(old)["users"][0]["user"]["token"]
    file = folder / "kubeconfig"

    @asynccontextmanager
    async def during(calls: Calls) -> AsyncIterator[None]:
        file.write_text(old)
        await calls.cluster("SshKey", {})
        file.write_text(new)
        with target.fault(**{**fault.asked, "times": 0, "bearer": token}) as struck:
            yield
        score.calls.update(struck)

    return connecting({**settings(target), "kubeconfig": str(file)}), during


def _refusing(line: Line, score: Score) -> During:
    @asynccontextmanager
    async def during(_calls: Calls) -> AsyncIterator[None]:
        async def later() -> None:
            await asyncio.sleep(SHUT_SECONDS)
            await line.mend()

        await line.cut()
        async with _meanwhile(later()):
            yield
        score.calls["connections"] += 1

    return during


def _misdated(line: Line, impostor: SSLContext, score: Score) -> During:
    @asynccontextmanager
    async def during(_calls: Calls) -> AsyncIterator[None]:
        line.show(impostor)
        yield
        score.calls["connections"] += line.met
        line.met = 0

    return during
