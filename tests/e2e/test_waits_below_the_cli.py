"""What `up` has waited for when it returns, on a cluster."""

import uuid

from effect_cases import BASE
from target import Target
from workshop import Workshop

from harvester_provider.core.json import dig_objects, dig_str


async def test_up_returns_with_the_address_that_it_waits_for(cluster: Target) -> None:
    async with Workshop.on(cluster, f"waits-{uuid.uuid4().hex[:6]}") as shop:
        machine = await shop.make("VirtualMachine", "web", **{**BASE, "networkInterfaces": [{"name": "first"}], "waitFor": "address"})
        reported = [dig_str(nic, "ipAddress") for nic in dig_objects(await shop.guest("web"), "status", "interfaces")]
        assert machine.state.get("ipAddress")
        assert machine.state["ipAddress"] in reported
        assert await machine.drift() == []
        await machine.destroy()
