"""Harvester's `?action=` verbs on nodes: cordons and maintenance.

Upstream: pkg/api/node/handler.go in Harvester. Nodes are changed with the caller's credentials and pass admission; machines
that a maintenance had stopped are started as the control plane.
"""

import json

from aiohttp import web

from harvester_local.api.client import MERGE, Api, ApiError
from harvester_local.api.kinds import INVENTORY, MACHINE, NODE
from harvester_local.api.objects import Key, Obj, annotations, items, key_of, labels, part
from harvester_local.controllers.maintenance import AFTER_DISABLE, DRAIN, FORCED, STATUS, STOPPED_FOR, STRATEGY, TAINT
from harvester_local.front_door.answers import rancher_error

NODE_ACTIONS = ("cordon", "uncordon", "enableMaintenanceMode", "disableMaintenanceMode", "powerAction")


class NodeActions:
    """Answers the actions. `api` acts as the control plane, `callers` as whoever its headers say."""

    def __init__(self, api: Api, callers: Api) -> None:
        self._api, self._callers = api, callers

    async def handle(self, request: web.Request, key: Key, name: str, headers: dict[str, str]) -> web.Response:
        """One action on one node."""
        try:
            text = await request.read()
            options = json.loads(text) if text.strip() else {}
            node = await self._callers.call("GET", NODE.path(*key), headers=headers)
            await self._act(key, name, node, options if isinstance(options, dict) else {}, headers)
        except ApiError as error:
            return rancher_error(error.status, error.message)
        except ValueError as error:
            return rancher_error(422, str(error))
        return web.Response(status=204)

    async def _act(self, key: Key, name: str, node: Obj, options: Obj, headers: dict[str, str]) -> None:
        if name == "enableMaintenanceMode":
            if STATUS in annotations(node):
                raise ValueError(f"node {key.name} is already in maintenance mode")
            marks = {DRAIN: "true", **({FORCED: "true"} if str(options.get("force")).lower() == "true" else {})}
            await self._edit(key, {"metadata": {"annotations": marks}, "spec": {"unschedulable": True}}, headers)
        elif name == "disableMaintenanceMode":
            taints = [taint for taint in items(node, "spec", "taints") if taint.get("key") != TAINT["key"]]
            gone: Obj = {STATUS: None, DRAIN: None, FORCED: None}
            await self._edit(key, {"metadata": {"annotations": gone}, "spec": {"unschedulable": None, "taints": taints or None}}, headers)
            await self._restart(key.name)
        elif name == "powerAction":
            await self._power(key, node, str(options.get("operation")))
        elif name in {"cordon", "uncordon"}:
            await self._edit(key, {"spec": {"unschedulable": name == "cordon" or None}}, headers)
        else:
            raise ValueError(f"Unsupported action: {name}")

    async def _power(self, key: Key, node: Obj, operation: str) -> None:
        """Ask the addon for it. It is offered in maintenance mode alone (formatter.go)."""
        if STATUS not in annotations(node):
            raise ValueError("Unsupported action: powerAction")
        if operation not in {"shutdown", "poweron", "reboot"}:
            raise ValueError(f"operation {operation} is not a valid power opreation. valid values need to be in [shutdown poweron reboot]")
        where = Key("harvester-system", key.name)
        await self._api.patch(INVENTORY, where, {"spec": {"powerActionRequested": operation}})
        await self._api.patch_status(INVENTORY, where, {"powerAction": {"lastJobName": ""}})

    async def _restart(self, node: str) -> None:
        for machine in await self._api.list_all(MACHINE):
            if annotations(machine).get(STOPPED_FOR) == node and _wish(machine) == AFTER_DISABLE:
                back = annotations(machine).get("harvesterhci.io/vmRunStrategy", "RerunOnFailure")
                body = {"metadata": {"annotations": {STOPPED_FOR: None}}, "spec": {"runStrategy": back}}
                await self._api.patch(MACHINE, key_of(machine), body)

    async def _edit(self, key: Key, body: Obj, headers: dict[str, str]) -> None:
        await self._callers.call("PATCH", NODE.path(*key), body, content_type=MERGE, headers=headers)


def _wish(machine: Obj) -> str:
    return str(labels(machine).get(STRATEGY) or part(machine, "spec", "template", "metadata", "labels").get(STRATEGY, ""))
