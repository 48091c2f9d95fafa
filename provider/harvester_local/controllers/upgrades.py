"""Upgrade: one part after the other, one node after the other, and the new release in server-version at the end.

Upstream: pkg/controller/master/upgrade in Harvester. Only names change: the rules that are simulated stay those of the start.
"""

from collections.abc import Mapping

from harvester_local.api.kinds import NODE, SETTING, UPGRADE, VERSION, Kind
from harvester_local.api.objects import Key, Obj, condition, deleting, is_true, part
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.faults import Fault, fault_of
from harvester_local.controllers.runtime import Context, Deadlines, Mapper, own_key

PARTS = ("LogReady", "ImageReady", "RepoReady", "NodesPrepared", "SystemServicesUpgraded")


class Upgrades:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context, self._deadlines = context, Deadlines()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Upgrades themselves."""
        return {UPGRADE: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """Take the next part."""
        upgrade = self._context.store.get(UPGRADE, key)
        if upgrade is None or deleting(upgrade) or (condition(upgrade, "Completed") or {}).get("status") in {"True", "False"}:
            return None
        name, act = await self._next(key, upgrade)
        if wait := self._deadlines.remaining(upgrade["metadata"]["uid"], name, self._context.settings.upgrade_seconds):
            return wait
        await self._context.api.patch_status(UPGRADE, key, act)
        return None

    async def _next(self, key: Key, upgrade: Obj) -> tuple[str, Obj]:
        """The name of the next part, and the status it ends with."""
        for name in PARTS:
            if not is_true(upgrade, name):
                return name, {"conditions": rancher(upgrade, name, "True"), "previousVersion": self._version()}
        done = part(upgrade, "status", "nodeStatuses")
        nodes = sorted(node["metadata"]["name"] for node in self._context.store.all(NODE))
        for node in nodes:
            if part(done, node).get("state") != "Succeeded":
                return node, await self._node(key, upgrade, node)
        wanted = part(upgrade, "spec").get("version", "")
        await self._context.api.patch(SETTING, Key("", "server-version"), {"value": wanted})
        upgraded = {**upgrade, "status": {**part(upgrade, "status"), "conditions": rancher(upgrade, "NodesUpgraded", "True")}}
        return "end", {"conditions": rancher(upgraded, "Completed", "True")}

    async def _node(self, key: Key, upgrade: Obj, node: str) -> Obj:
        release = await self._context.api.get(VERSION, Key(key.namespace, part(upgrade, "spec").get("version", "")))
        if fault_of(release) is not Fault.UPGRADE_FAILS:
            return {"nodeStatuses": {node: {"state": "Succeeded"}}}
        conditions = rancher(upgrade, "NodesUpgraded", "False", reason="Failed", message=f"Node {node} upgrade failed")
        failed = {**upgrade, "status": {**part(upgrade, "status"), "conditions": conditions}}
        why = {"state": "Failed", "reason": "JobFailed", "message": "Job has reached the specified backoff limit"}
        return {"conditions": rancher(failed, "Completed", "False"), "nodeStatuses": {node: why}}

    def _version(self) -> str:
        setting = self._context.store.get(SETTING, Key("", "server-version")) or {}
        return str(setting.get("value") or "")
