"""Addon: an operation at a time, from the wish in its spec to the state in its status.

Upstream: pkg/controller/master/addon in Harvester. What the chart would install is not simulated, only how long it takes.
"""

import json
from collections.abc import Mapping

from harvester_local.api.kinds import ADDON, Kind
from harvester_local.api.objects import Key, Obj, deleting, part
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.faults import Fault, fault_of
from harvester_local.controllers.runtime import Context, Deadlines, Mapper, own_key

_BEGUN = {"AddonEnabling": "AddonDeploySuccessful", "AddonUpdating": "AddonDeploySuccessful", "AddonDisabling": "AddonDisabled"}


class Addons:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context, self._deadlines = context, Deadlines()
        self._deployed: dict[str, str] = {}

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Addons themselves."""
        return {ADDON: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """Begin the operation that the spec asks for, or end the one under way."""
        addon = self._context.store.get(ADDON, key)
        if addon is None or deleting(addon):
            return None
        state, uid = part(addon, "status").get("status", ""), addon["metadata"]["uid"]
        if state in _BEGUN:
            if wait := self._deadlines.remaining(uid, "operation", self._context.settings.addon_seconds):
                return wait
            self._deadlines.clear(uid)
            await self._end(key, addon, state)
            return None
        if operation := self._due(addon, state):
            self._deployed[uid] = _wish(addon)
            status = {"status": operation, "conditions": _conditions(addon, InProgress="True", Completed="False", OperationFailed="False")}
            await self._context.api.patch_status(ADDON, key, status)
            return self._deadlines.remaining(uid, "operation", self._context.settings.addon_seconds)
        return None

    def _due(self, addon: Obj, state: str) -> str:
        if part(addon, "spec").get("enabled"):
            if state != "AddonDeploySuccessful":
                failed = self._deployed.get(addon["metadata"]["uid"]) == _wish(addon)
                return "" if failed and state == "" else "AddonEnabling"
            known = self._deployed.setdefault(addon["metadata"]["uid"], _wish(addon))
            return "AddonUpdating" if known != _wish(addon) else ""
        return "" if state in {"AddonDisabled", ""} else "AddonDisabling"

    async def _end(self, key: Key, addon: Obj, state: str) -> None:
        if fault_of(addon) is Fault.ADDON_FAILS and state != "AddonDisabling":
            conditions = _conditions(addon, InProgress="False", OperationFailed="True")
            message = f"helm install of {part(addon, 'spec').get('chart')} failed: timed out waiting for the condition"
            conditions = [{**each, "message": message} if each["type"] == "OperationFailed" else each for each in conditions]
            await self._context.api.patch_status(ADDON, key, {"status": "", "conditions": conditions})
            return
        conditions = _conditions(addon, InProgress="False", Completed="True")
        await self._context.api.patch_status(ADDON, key, {"status": _BEGUN[state], "conditions": conditions})


def _wish(addon: Obj) -> str:
    return json.dumps({name: part(addon, "spec").get(name) for name in ("repo", "chart", "version", "valuesContent")})


def _conditions(addon: Obj, **statuses: str) -> list[Obj]:
    found: Obj = addon
    for kind, status in statuses.items():
        found = {**found, "status": {**part(found, "status"), "conditions": rancher(found, kind, status)}}
    conditions: list[Obj] = found["status"]["conditions"]
    return conditions
