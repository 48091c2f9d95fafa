"""Inventory: what the addon harvester-seeder does for power actions, with a BMC that does what it is told.

Upstream: harvester/seeder pkg/controllers/inventory_controller.go (triggerPowerAction, reconcileBMCJob).
"""

from collections.abc import Mapping

from harvester_local.api.kinds import INVENTORY, NODE, Kind
from harvester_local.api.objects import Key, items, part
from harvester_local.controllers.conditions import virt
from harvester_local.controllers.faults import Fault, fault_of
from harvester_local.controllers.runtime import Context, Mapper, own_key


class Inventories:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Inventories."""
        return {INVENTORY: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """Carry out what is asked for and not done yet: switch the host, and let its kubelet go or come back."""
        found = self._context.store.get(INVENTORY, key)
        status, asked = part(found, "status"), part(found, "spec").get("powerActionRequested")
        if found is None or not status.get("status"):
            if found is not None:
                await self._context.api.patch_status(INVENTORY, key, {"status": "inventoryNodeReady", "machinePowerState": "on"})
            return None
        if not asked or part(status, "powerAction").get("lastJobName"):
            return None
        job = {"lastJobName": f"{key.name}-{asked}-{found['metadata']['resourceVersion']}"}
        if fault_of(found) is Fault.BMC_REFUSES:
            conditions = virt(items(found, "status", "conditions"), "bmcJobError", "True", message="failed to open connection to BMC")
            await self._context.api.patch_status(
                INVENTORY, key, {"powerAction": {**job, "actionStatus": "failed"}, "conditions": conditions}
            )
            return None
        await self._node(key.name, running=asked != "shutdown")
        state = "off" if asked == "shutdown" else "on"
        await self._context.api.patch_status(
            INVENTORY, key, {"powerAction": {**job, "actionStatus": "complete"}, "machinePowerState": state}
        )
        return None

    async def _node(self, name: str, *, running: bool) -> None:
        key = Key("", name)
        conditions = virt(
            items(self._context.store.get(NODE, key) or {}, "status", "conditions"), "Ready", "True" if running else "Unknown"
        )
        await self._context.api.patch_status(NODE, key, {"conditions": conditions})
