"""Others at work on the same machine: a person in the UI in the middle of an update, and a controller that writes all the time.

Below the CLI, on a real API server. Two programs on one object are in `tests/engine/test_two_programs.py`.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from effect_cases import BASE, FIRST, SECOND
from target import Target
from workshop import Made, Workshop, furnish

from harvester_provider.core.json import Object, dig, dig_str
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.engine.reporter import Silent
from harvester_provider.resources.apis import VIRTUAL_MACHINE

REWIRED = {**BASE, "networkInterfaces": [{**FIRST, "network": "~/blue"}]}


@pytest.fixture
async def shop(cluster: Target) -> AsyncIterator[Workshop]:
    async with Workshop.on(cluster, f"both-{uuid.uuid4().hex[:6]}") as found:
        await furnish(found, cluster.image_url)
        yield found


class Interrupting(Silent):
    """Lets a person act once, in the middle of the update: when the machine has stopped for it."""

    def __init__(self, machine: Made, edit: Object) -> None:
        self._machine, self._edit = machine, edit
        self.acts: list[asyncio.Task[Any]] = []

    def progress(self, text: str) -> None:
        if not self.acts and "stop" in text:
            self.acts.append(asyncio.create_task(self._machine.edited_by_hand(self._edit)))


async def updated(machine: Made, edit: Object, **inputs: Any) -> None:
    """An update in whose middle somebody edits the machine."""
    reporter = Interrupting(machine, edit)
    news = machine.checked(inputs)
    machine.keep(await verbs.update(machine.speaks, machine.shop.cluster, machine.id, machine.state, news, reporter))
    assert reporter.acts
    await asyncio.gather(*reporter.acts)


async def test_what_a_person_edits_in_the_middle_of_an_update_stays_beside_it(shop: Workshop) -> None:
    machine = await shop.make("VirtualMachine", "vm", **BASE)
    volumes = await machine.belongings()
    await updated(
        machine, {"metadata": {"labels": {"example.org/by": "hand"}, "annotations": {"field.cattle.io/description": "mine"}}}, **REWIRED
    )
    found = await machine.object()
    assert dig_str(found, "metadata", "labels", "example.org/by") == "hand"
    assert dig_str(found, "metadata", "annotations", "field.cattle.io/description") == "mine"
    assert dig_str(found, "spec", "template", "spec", "networks", 0, "multus", "networkName").endswith("/blue")
    assert await machine.belongings() == volumes
    assert await machine.drift() == []


@asynccontextmanager
async def rewriting(shop: Workshop, machine: Made, wants: Object) -> AsyncIterator[None]:
    """A controller that writes a field back whenever it is another."""
    ref = Ref(VIRTUAL_MACHINE, machine.name, shop.namespace)

    async def control() -> None:
        async with shop.cluster.follow([ref]) as snapshots:
            async for seen in snapshots:
                if seen[ref] and any(dig(seen.get(ref), "metadata", "labels", key) != value for key, value in wants.items()):
                    await shop.cluster.patch(ref, {"metadata": {"labels": wants}})

    task = asyncio.create_task(control())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_controller_that_rewrites_what_is_not_declared_is_left_alone(shop: Workshop) -> None:
    machine = await shop.make("VirtualMachine", "vm", **BASE)
    async with rewriting(shop, machine, {"example.org/zone": "a"}):
        await machine.up(**{**BASE, "networkInterfaces": [FIRST, SECOND]})
        await shop.until(lambda seen: dig(seen[machine.ref], "metadata", "labels", "example.org/zone") == "a", machine.ref)
        assert await machine.drift() == []
        assert not (await machine.preview(**{**BASE, "networkInterfaces": [FIRST, SECOND]})).changed


async def test_a_controller_that_rewrites_what_is_declared_is_drift_and_no_fight(shop: Workshop) -> None:
    declared = {**BASE, "labels": {"example.org/zone": "b"}}
    machine = await shop.make("VirtualMachine", "vm", **BASE)
    async with rewriting(shop, machine, {"example.org/zone": "a"}):
        await machine.up(**declared)
        await shop.until(lambda seen: dig(seen[machine.ref], "metadata", "labels", "example.org/zone") == "a", machine.ref)
        assert await machine.drift() == ["labels"]
        version = dig_str(await machine.object(), "metadata", "generation")
        await machine.refresh()
        assert (await machine.preview(**declared)).changed == ["labels"]
        assert dig_str(await machine.object(), "metadata", "generation") == version
    await machine.up(**declared)
    assert await machine.drift() == []
