"""Fleets that boot: waiting costs as long as the slowest machine, not the sum. Beside it the simulator alone, and a client that polls."""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import aiohttp

from harvester_local.api.client import client_tls
from tests.bench import peer
from tests.bench.measure import NAMESPACE, Figure, Place, place, pulumi, seconds

BOOT = 20.0
PEER_BOOT, PEER_COUNT = 3.0, 50
_MACHINES = f"/apis/kubevirt.io/v1/namespaces/{NAMESPACE}/virtualmachines"
_INSTANCES = f"/apis/kubevirt.io/v1/namespaces/{NAMESPACE}/virtualmachineinstances"


def fleets(counts: Sequence[int]) -> Iterator[Figure]:
    """`up` of image-based machines over their boot time, and the simulator's own time for as many."""
    with place(boot_seconds=BOOT, address_seconds=0.0) as here:
        for count in counts:
            floor = here.stack("no-op", count=str(count))
            idle = seconds(lambda floor=floor: pulumi(floor, "up"))
            ours = here.stack("machines", count=str(count), memory="256Mi", imageUrl=here.image_url)
            took = seconds(lambda ours=ours: pulumi(ours, "up"))
            for stack in (floor, ours):
                pulumi(stack, "destroy")
            alone = asyncio.run(_Direct(here).boot(count, BOOT))
            yield Figure(
                f"`up` of {count} machines", (took - idle) / BOOT, "x", f"one boot ({BOOT:g} s); the engine's {idle:.1f} s taken off", 1.5
            )
            yield Figure(f"the simulator alone, {count} machines", alone / BOOT, "x", f"one boot ({BOOT:g} s)")


def against_polling() -> Iterator[Figure]:
    """The same machines by a client that waits as the peer documents it, and by the peer. The engine's time is included in ours."""
    with place(boot_seconds=PEER_BOOT, address_seconds=0.0) as here:
        ours = here.stack("machines", count=str(PEER_COUNT), memory="256Mi")
        took = {verb: seconds(lambda verb=verb: pulumi(ours, verb)) for verb in ("up", "refresh", "destroy")}
        what, against = f"{PEER_COUNT} machines with a boot of {PEER_BOOT:g} s", "our `{}` of the same, engine included"
        yield Figure(f"a polling client, {what}", asyncio.run(_Polling(here).boot(PEER_COUNT)) / took["up"], "x", against.format("up"))
        if not (tofu := peer.program()):
            print("the peer itself: left out, there is no tofu on PATH", file=sys.stderr)
            return
        with peer.machines(tofu, here, PEER_COUNT) as theirs:
            for verb, command in (("up", theirs.apply), ("refresh", theirs.plan_without_change), ("destroy", theirs.destroy)):
                name = command.__name__.replace("_", " ")
                yield Figure(f"the peer itself: {name}, {what}", seconds(command) / took[verb], "x", against.format(verb))


class _Direct:
    """Machines made by plain requests. No provider, no engine."""

    def __init__(self, here: Place) -> None:
        local = here.local
        self._url = f"{local.endpoint}/k8s/clusters/local"
        self._session = lambda: aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {local.tokens['admin']}"}, connector=aiohttp.TCPConnector(ssl=client_tls(local.ca), limit=0)
        )

    async def boot(self, count: int, boot: float) -> float:
        """Seconds from the first request to the last running guest. Removes the machines after that."""
        async with self._session() as session:
            begin = time.perf_counter()
            await asyncio.gather(*(self._make(session, f"direct{number}") for number in range(count)))
            await asyncio.sleep(max(0.0, boot - (time.perf_counter() - begin)))
            await self._until(session, count)
            took = time.perf_counter() - begin
            await self._remove(session, count)
        return took

    async def _make(self, session: aiohttp.ClientSession, name: str) -> None:
        async with session.post(self._url + _MACHINES, json=_machine(name)) as answer:
            assert answer.status == 201, await answer.text()

    async def _until(self, session: aiohttp.ClientSession, running: int) -> None:
        """Look ten times a second: nobody tells a plain client more."""
        while True:
            async with session.get(self._url + _INSTANCES) as answer:
                phases = [item.get("status", {}).get("phase") for item in (await answer.json())["items"]]
            if phases.count("Running") == running:
                return
            await asyncio.sleep(0.1)

    async def _remove(self, session: aiohttp.ClientSession, count: int) -> None:
        for number in range(count):
            async with session.delete(f"{self._url}{_MACHINES}/direct{number}") as answer:
                assert answer.status == 200, await answer.text()
        await self._until(session, 0)


class _Polling(_Direct):
    """As the peer documents itself: ten at a time, 10 s before the first poll, then 3 s and up to 10 s, five requests a second."""

    DELAY, FIRST, LONGEST, AT_ONCE, PER_SECOND = 10.0, 3.0, 10.0, 10, 5.0

    def __init__(self, here: Place) -> None:
        super().__init__(here)
        self._next = 0.0

    async def boot(self, count: int, boot: float = 0.0) -> float:  # noqa: ARG002  it does not know it
        """Seconds until it has seen all of them running."""
        slots = asyncio.Semaphore(self.AT_ONCE)
        async with self._session() as session:
            begin = time.perf_counter()
            await asyncio.gather(*(self._one(session, slots, f"direct{number}") for number in range(count)))
            took = time.perf_counter() - begin
            await self._remove(session, count)
        return took

    async def _one(self, session: aiohttp.ClientSession, slots: asyncio.Semaphore, name: str) -> None:
        async with slots:
            await self._turn()
            await self._make(session, name)
            await asyncio.sleep(self.DELAY)
            for pause in itertools.count():
                await self._turn()
                async with session.get(f"{self._url}{_INSTANCES}/{name}") as answer:
                    if (await answer.json()).get("status", {}).get("phase") == "Running":
                        return
                await asyncio.sleep(min(self.FIRST * 2**pause, self.LONGEST))

    async def _turn(self) -> None:
        """Five requests a second."""
        now = time.perf_counter()
        self._next = max(self._next + 1 / self.PER_SECOND, now)
        await asyncio.sleep(self._next - now)


def _machine(name: str) -> Mapping[str, Any]:
    claim = {
        "metadata": {"name": f"{name}-root"},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    domain = {
        "cpu": {"cores": 1}, "resources": {"limits": {"cpu": "1", "memory": "256Mi"}},
        "devices": {"disks": [{"name": "root", "disk": {"bus": "virtio"}}], "interfaces": [{"name": "default", "masquerade": {}}]},
    }  # fmt: skip
    volumes = [{"name": "root", "persistentVolumeClaim": {"claimName": f"{name}-root"}}]
    spec = {"domain": domain, "networks": [{"name": "default", "pod": {}}], "volumes": volumes}
    return {
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": {"harvesterhci.io/volumeClaimTemplates": json.dumps([claim])}},
        "spec": {"runStrategy": "RerunOnFailure", "template": {"spec": spec}},
    }  # fmt: skip
