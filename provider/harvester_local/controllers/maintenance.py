"""What is done to a node as a whole: its CPU manager, and maintenance, which stops or moves its machines until nobody is left.

Upstream: pkg/controller/master/nodedrain and pkg/controller/master/node/maintain_controller.go in Harvester. The status is the
annotation that releases up to 1.8 use. An instance that cannot move is left where it is, as a blocked eviction does.
"""

import json
import secrets
from collections.abc import Iterable, Mapping

from harvester_local.api.kinds import INSTANCE, MACHINE, MIGRATION, NODE, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, is_true, items, key_of, labels, part
from harvester_local.controllers.migrations import create_migration
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.machines import phase, run_strategy

DRAIN, FORCED, STATUS = "harvesterhci.io/drain-requested", "harvesterhci.io/drain-forced", "harvesterhci.io/maintain-status"
STRATEGY, STOPPED_FOR = "harvesterhci.io/maintain-mode-strategy", "harvesterhci.io/maintain-mode-strategy-node-name"
AFTER_ENABLE, AFTER_DISABLE = "ShutdownAndRestartAfterEnable", "ShutdownAndRestartAfterDisable"
STOPS = (AFTER_ENABLE, AFTER_DISABLE, "Shutdown")
TAINT = {"key": "kubevirt.io/drain", "value": "draining", "effect": "NoSchedule"}
CPU_MANAGER = "harvesterhci.io/cpu-manager-update-status"
_OVER = ("Succeeded", "Failed")


class Maintenance:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Nodes, the instances on them, and migrations that end."""
        return {NODE: own_key, INSTANCE: _node_of, MIGRATION: self._nodes_of}

    async def reconcile(self, key: Key) -> float | None:
        """Begin a drain that was asked for, or go on with one."""
        node = self._context.store.get(NODE, key)
        if node is None or deleting(node):
            return None
        await self._cpu_manager(node)
        if DRAIN in annotations(node):
            await self._begin(key, node)
        elif annotations(node).get(STATUS) == "running":
            await self._go_on(key, node)
        return None

    async def _cpu_manager(self, node: Obj) -> None:
        """The job that switches the CPU manager: here it takes no time."""
        asked = json.loads(annotations(node).get(CPU_MANAGER) or "{}")
        if asked.get("status") == "requested":
            done = json.dumps({**asked, "status": "success"})
            on = str(asked.get("policy") == "static").lower()
            body = {"metadata": {"labels": {"cpumanager": on}, "annotations": {CPU_MANAGER: done}}}
            await self._context.api.patch_version(NODE, node, body)

    async def _begin(self, key: Key, node: Obj) -> None:
        forced = annotations(node).get(FORCED) == "true"
        for instance in self._on(key.name):
            strategy = labels(instance).get(STRATEGY, "")
            if (forced and not is_true(instance, "LiveMigratable")) or (not forced and strategy in STOPS):
                await self._halt(instance, key.name if not forced and strategy != "Shutdown" else "")
        taints = [taint for taint in items(node, "spec", "taints") if taint.get("key") != TAINT["key"]]
        marks = {DRAIN: None, FORCED: None, STATUS: "running"}
        body = {"metadata": {"annotations": marks}, "spec": {"unschedulable": True, "taints": [*taints, TAINT]}}
        await self._context.api.patch_version(NODE, node, body)

    async def _halt(self, instance: Obj, node: str) -> None:
        machine = self._context.store.get(MACHINE, key_of(instance))
        if machine is None or run_strategy(machine) == "Halted":  # or it would be noted as what to go back to
            return
        marks = {"harvesterhci.io/vmRunStrategy": run_strategy(machine), **({STOPPED_FOR: node} if node else {})}
        await self._context.api.patch(MACHINE, key_of(instance), {"metadata": {"annotations": marks}, "spec": {"runStrategy": "Halted"}})

    async def _go_on(self, key: Key, node: Obj) -> None:
        left = list(self._on(key.name))
        if not left:
            await restart(self._context, key.name, AFTER_ENABLE)
            await self._context.api.patch_version(NODE, node, {"metadata": {"annotations": {STATUS: "completed"}}})
        for instance in left:
            if not deleting(instance) and is_true(instance, "LiveMigratable") and not self._moving(instance):
                await create_migration(self._context.api, instance, f"kubevirt-evacuation-{secrets.token_hex(3)[:5]}")

    def _moving(self, instance: Obj) -> bool:
        name, namespace = instance["metadata"]["name"], instance["metadata"]["namespace"]
        migrations = self._context.store.all(MIGRATION, namespace)
        return any(m["spec"].get("vmiName") == name and phase(m) not in _OVER for m in migrations)

    def _on(self, node: str) -> Iterable[Obj]:
        return [i for i in self._context.store.all(INSTANCE) if part(i, "status").get("nodeName") == node and phase(i) not in _OVER]

    def _nodes_of(self, migration: Obj) -> Iterable[Key]:
        instance = self._context.store.get(INSTANCE, Key(migration["metadata"]["namespace"], migration["spec"].get("vmiName", "")))
        return _node_of(instance) if instance else ()


async def restart(context: Context, node: str, strategy: str) -> None:
    """Start the machines that were shut down for the node's maintenance and wait for this moment."""
    for machine in context.store.all(MACHINE):
        wish = labels(machine).get(STRATEGY) or part(machine, "spec", "template", "metadata", "labels").get(STRATEGY)
        if annotations(machine).get(STOPPED_FOR) == node and wish == strategy:
            back = annotations(machine).get("harvesterhci.io/vmRunStrategy", "RerunOnFailure")
            body = {"metadata": {"annotations": {STOPPED_FOR: None}}, "spec": {"runStrategy": back}}
            await context.api.patch(MACHINE, key_of(machine), body)


def _node_of(instance: Obj) -> Iterable[Key]:
    node = part(instance, "status").get("nodeName")
    return (Key("", node),) if node else ()
