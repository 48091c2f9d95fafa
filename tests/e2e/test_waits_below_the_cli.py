"""What `up` has waited for when it returns, and what follows where a guest does not shut down, on a cluster."""

import asyncio
import uuid

import pytest
from effect_cases import BASE
from target import Target
from workshop import Workshop

from harvester_provider.core.errors import WaitTimedOut
from harvester_provider.core.json import dig, dig_objects, dig_str
from harvester_provider.engine.reporter import Silent

FAULT = "local.harvester/fault"
STUBBORN = {**BASE, "networkInterfaces": [], "annotations": {FAULT: "never-stops"}}
PATIENT = {**STUBBORN, "annotations": {FAULT: "ignores-shutdown"}, "terminationGracePeriodSeconds": 2}


async def test_up_returns_with_the_address_that_it_waits_for(cluster: Target) -> None:
    async with Workshop.on(cluster, f"waits-{uuid.uuid4().hex[:6]}") as shop:
        machine = await shop.make("VirtualMachine", "web", **{**BASE, "networkInterfaces": [{"name": "first"}], "waitFor": "address"})
        reported = [dig_str(nic, "ipAddress") for nic in dig_objects(await shop.guest("web"), "status", "interfaces")]
        assert machine.state.get("ipAddress")
        assert machine.state["ipAddress"] in reported
        assert await machine.drift() == []
        await machine.destroy()


class Heard(Silent):
    """Tells that things are being put back."""

    def __init__(self) -> None:
        self.given_up = asyncio.Event()

    def warn(self, text: str) -> None:
        if "putting things back" in text:
            self.given_up.set()


async def test_a_guest_that_does_not_shut_down_is_switched_off_waited_for_or_left_running_as_the_policy_says(simulated: Target) -> None:
    async with Workshop.on(simulated, f"stops-{uuid.uuid4().hex[:6]}") as shop:
        forced, waited, kept = await asyncio.gather(
            shop.make("VirtualMachine", "forced", **STUBBORN),
            shop.make("VirtualMachine", "waited", **PATIENT),
            shop.make("VirtualMachine", "kept", **STUBBORN),
        )
        await forced.up(**STUBBORN, cpu=2, stop={"deadline": "1s", "then": "force"})
        await waited.up(**PATIENT, cpu=2, stop={"deadline": "1s", "then": "wait"})
        assert [dig(await each.object(), "spec", "template", "spec", "domain", "cpu", "cores") for each in (forced, waited)] == [2, 2]
        assert [await each.starts() for each in (forced, waited)] == [2, 2]
        reporter = Heard()
        update = asyncio.create_task(kept.up(reporter, **STUBBORN, cpu=2, stop={"deadline": "1s", "then": "give-up"}))
        await reporter.given_up.wait()
        await kept.edited_by_hand({"metadata": {"annotations": {FAULT: None}}})
        with pytest.raises(WaitTimedOut, match=r"not off after 1 s.*Things were put back as they were before"):
            await update
        found = await kept.object()
        assert dig(found, "spec", "template", "spec", "domain", "cpu", "cores") == 1
        assert dig_str(found, "status", "printableStatus") == "Running"
        await asyncio.gather(waited.destroy(), kept.destroy())
        await forced.destroy()
