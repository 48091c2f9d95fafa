"""Machines that cannot come to run: `up` ends at once, with the cluster's reason, its last events and the next step, on a cluster."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from effect_cases import BASE
from target import Target
from workshop import Made, Workshop

from harvester_provider.core.errors import WaitFailed
from harvester_provider.core.json import Object, dig_str
from harvester_provider.core.ref import Api, Ref
from harvester_provider.resources.apis import VIRTUAL_MACHINE, VIRTUAL_MACHINE_INSTANCE

FAULT = "local.harvester/fault"
PLAIN = {**BASE, "networkInterfaces": [{"name": "first"}]}


@pytest.fixture
async def shop(simulated: Target) -> AsyncIterator[Workshop]:
    async with Workshop.on(simulated, f"starts-{uuid.uuid4().hex[:6]}") as found:
        yield found


@pytest.mark.parametrize(
    ("inputs", "says", "event", "way_out"),
    [
        (
            {"annotations": {FAULT: "unschedulable"}},
            "no node takes it: 0/3 nodes are available",
            "FailedScheduling",
            "lower cpu or memory, change nodeSelector or the networks, or free a node",
        ),
        (
            {"annotations": {FAULT: "crash-loop"}},
            "the guest failed to start 3 times in a row",
            "The VirtualMachineInstance crashed",
            "look at the events of the machine",
        ),
        (
            {"annotations": {FAULT: "crash-loop"}, "runStrategy": "Once"},
            "the guest failed, and is run once",
            "The VirtualMachineInstance crashed",
            "look at the events of the machine; set another runStrategy",
        ),
    ],
    ids=["no node", "crashes", "crashed once"],
)
async def test_it_fails_fast_with_reason_events_and_next_step(
    shop: Workshop, inputs: dict[str, Any], says: str, event: str, way_out: str
) -> None:
    machine = Made(shop, "VirtualMachine", "vm")
    with pytest.raises(WaitFailed) as told:
        await machine.make(**{**PLAIN, **inputs})
    text = str(told.value)
    assert text.startswith(f"VirtualMachine {shop.namespace}/vm: will not become running: {says}")
    assert event in text.split("(events: ")[1]
    assert f"Next: {way_out}" in text


QUOTA = {
    "metadata": {"annotations": {"harvesterhci.io/insufficient-resource-quota": "memory: 2Gi of 1Gi"}},
    "spec": {"runStrategy": "Halted"},
}
SHUTDOWN = {"metadata": {"annotations": {"local.harvester/guest": "shutdown"}}}


@pytest.mark.parametrize(
    ("api", "happens", "says", "way_out"),
    [
        (
            VIRTUAL_MACHINE,
            QUOTA,
            "the quota of the namespace is used up: memory: 2Gi of 1Gi",
            "raise the quota, or make the machine smaller",
        ),
        (
            VIRTUAL_MACHINE_INSTANCE,
            SHUTDOWN,
            "the guest shut itself down",
            "change restartTrigger to start it, or set runStrategy to Always",
        ),
    ],
    ids=["quota", "shut down"],
)
async def test_what_ends_the_guest_meanwhile_ends_the_wait(shop: Workshop, api: Api, happens: Object, says: str, way_out: str) -> None:
    machine, guest = Made(shop, "VirtualMachine", "vm"), Ref(VIRTUAL_MACHINE_INSTANCE, "vm", shop.namespace)
    waiting = {**PLAIN, "annotations": {FAULT: "no-address"}, "waitFor": "agent"}
    create = asyncio.create_task(machine.make(**waiting))
    await shop.until(lambda seen: dig_str(seen.get(guest), "status", "phase") == "Running", guest)
    await shop.cluster.patch(Ref(api, "vm", shop.namespace), happens)
    with pytest.raises(WaitFailed) as told:
        await create
    assert says in str(told.value)
    assert f"Next: {way_out}" in str(told.value)
