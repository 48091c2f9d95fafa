"""How a fault is brought about around a step: by the front door, on the line to it, or by a token that is taken back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from ssl import SSLContext
from typing import Any

import yaml
from fault_matrix import Connect, During, Score, connecting
from fault_rows import Fault
from line import DAY, Line, certificate
from target import Target, account

from harvester_local.pki import Pki
from harvester_provider.frontends.calls import Calls

SHUT_SECONDS = 0.5
DATES = {"certificate expired": -2 * DAY, "clock skew": DAY}


def settings(target: Target) -> dict[str, Any]:
    """What a program's provider is told."""
    return {"kubeconfig": target.kubeconfig, "endpoint": target.endpoint, "clusters": {"rancher": target.rancher}}


@asynccontextmanager
async def injected(name: str, fault: Fault, target: Target, folder: Path, score: Score) -> AsyncIterator[tuple[Connect, During]]:
    """How to connect, and what is around each step."""
    assert target.local is not None
    if name == "token rotated":
        yield _rotating(fault, target, folder, score)
    elif fault.answer:
        yield connecting(settings(target)), _answering(fault, target, score)
    else:
        async with Line.to(target.local.endpoint) as line:
            rancher = {**target.rancher, "host": line.address + "/k8s/clusters/local"}
            through = {"kubeconfig": line.through(target.kubeconfig), "endpoint": line.address, "clusters": {"rancher": rancher}}
            if name in DATES:
                during = _misdated(line, certificate(Pki(target.local.ca.parent), folder, DATES[name]), score)
            else:
                during = _refusing(line, score)
            yield connecting(through), during


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
        mending = asyncio.create_task(later())
        yield
        await mending
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
