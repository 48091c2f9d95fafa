"""Harvester's `?action=` verbs on machines: KubeVirt's verbs, and edits of the machine's spec.

Upstream: pkg/api/vm/handler.go in Harvester. The edits are made with the caller's credentials and pass admission.
"""

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from harvester_local.api.client import JSON_PATCH, MERGE, Api, ApiError
from harvester_local.api.kinds import INSTANCE, MACHINE, VOLUME_CLAIM
from harvester_local.api.objects import Key, Obj, annotations, part
from harvester_local.front_door.answers import rancher_error
from harvester_local.front_door.machines import MachineVerbs, RefusedError
from harvester_local.model.machines import (
    RUN_STRATEGY,
    VOLUME_TEMPLATES,
    WAITING_STORAGE_MIGRATION,
    claim_of,
    disks,
    interfaces,
    networks,
    template_spec,
    volume_templates,
    volumes,
)

Action = Callable[[Key, Obj, dict[str, str]], Awaitable[None]]

MACHINE_ACTIONS = (
    *("start", "stop", "forceStop", "restart", "softreboot", "pause", "unpause", "migrate"),
    *("addVolume", "removeVolume", "addNic", "removeNic", "cpuAndMemoryHotplug"),
    *("storageMigration", "cancelStorageMigration"),
)


class MachineActions:
    """Answers the actions. `api` acts as the control plane, `callers` as whoever its headers say."""

    def __init__(self, api: Api, callers: Api) -> None:
        self._callers, self._verbs = callers, MachineVerbs(api)
        self._edits: dict[str, Action] = {
            "stop": self._stop,
            "addVolume": self._add_volume,
            "removeVolume": self._remove_volume,
            "addNic": self._add_nic,
            "removeNic": self._remove_nic,
            "cpuAndMemoryHotplug": self._resize,
            "storageMigration": self._move_volume,
            "cancelStorageMigration": self._move_no_volume,
        }

    async def handle(self, request: web.Request, key: Key, name: str, headers: dict[str, str]) -> web.Response:
        """One action on one machine."""
        verbs = {
            "start": self._verbs.start,
            "forceStop": self._verbs.force_stop,
            "restart": self._verbs.restart,
            "softreboot": self._verbs.softreboot,
            "pause": self._verbs.pause,
            "unpause": self._verbs.unpause,
            "migrate": self._verbs.migrate,
        }
        try:
            options = await _body(request)
            if edit := self._edits.get(name):
                await edit(key, options, headers)
            elif verb := verbs.get(name):
                # The caller must be one who may change the machine: this asks the API server without changing anything.
                await self._callers.call("PATCH", f"{MACHINE.path(*key)}?dryRun=All", {}, content_type=MERGE, headers=headers)
                await verb(key, options)
            else:
                return rancher_error(422, f"Unsupported action: {name}")
        except ApiError as error:
            return rancher_error(error.status, error.message)
        except RefusedError as error:
            return rancher_error(error.code, error.message)
        except (ValueError, KeyError) as error:
            return rancher_error(422, f"action {name}: its body is wrong: {error}")
        return web.Response(status=204)

    async def _stop(self, key: Key, _options: Obj, headers: dict[str, str]) -> None:
        """Harvester halts the machine, and notes the strategy to start it with again."""
        machine = await self._get(key, headers)
        strategy = annotations(machine).get(RUN_STRATEGY) or part(machine, "spec").get("runStrategy") or "RerunOnFailure"
        patch = {"metadata": {"annotations": {RUN_STRATEGY: strategy}}, "spec": {"runStrategy": "Halted"}}
        await self._callers.call("PATCH", MACHINE.path(*key), patch, content_type=MERGE, headers=headers)

    async def _add_volume(self, key: Key, options: Obj, headers: dict[str, str]) -> None:
        machine, claim = await self._get(key, headers), options["volumeSourceName"]
        found = await self._callers.call("GET", VOLUME_CLAIM.path(key.namespace, claim), headers=headers)
        name, spec = options["diskName"], template_spec(machine)
        if any(v["name"] == name for v in volumes(spec)):
            raise RefusedError(409, f"disk {name} already exists")
        entry = {"metadata": {"name": claim, "annotations": annotations(found)}, "spec": found["spec"]}
        patch = [
            _add("/spec/template/spec/domain/devices/disks/-", {"name": name, "disk": {"bus": "scsi"}}),
            _add("/spec/template/spec/volumes/-", {"name": name, "persistentVolumeClaim": {"claimName": claim, "hotpluggable": True}}),
            _templates([*volume_templates(machine), entry]),
        ]
        await self._edit(key, patch, headers)

    async def _remove_volume(self, key: Key, options: Obj, headers: dict[str, str]) -> None:
        machine, name = await self._get(key, headers), options["diskName"]
        spec = template_spec(machine)
        volume = next((v for v in volumes(spec) if v["name"] == name), None)
        if volume is None or not part(volume, "persistentVolumeClaim").get("hotpluggable"):
            raise RefusedError(422, f"disk {name} is no hot-plugged volume of this machine")
        patch = [
            _put("/spec/template/spec/domain/devices/disks", [d for d in disks(spec) if d["name"] != name]),
            _put("/spec/template/spec/volumes", [v for v in volumes(spec) if v["name"] != name]),
            _templates([e for e in volume_templates(machine) if e["metadata"]["name"] != claim_of(volume)]),
        ]
        await self._edit(key, patch, headers)

    async def _add_nic(self, key: Key, options: Obj, headers: dict[str, str]) -> None:
        spec, name = template_spec(await self._get(key, headers)), options["interfaceName"]
        nic = {
            "name": name,
            "bridge": {},
            "model": "virtio",
            **({"macAddress": options["macAddress"]} if options.get("macAddress") else {}),
        }
        patch = [
            _put("/spec/template/spec/domain/devices/interfaces", [*interfaces(spec), nic]),
            _put("/spec/template/spec/networks", [*networks(spec), {"name": name, "multus": {"networkName": options["networkName"]}}]),
        ]
        await self._edit(key, patch, headers)

    async def _remove_nic(self, key: Key, options: Obj, headers: dict[str, str]) -> None:
        spec, name = template_spec(await self._get(key, headers)), options["interfaceName"]
        if name not in {nic["name"] for nic in interfaces(spec)}:
            raise RefusedError(422, f"interface {name} is none of this machine")
        marked = [{**nic, "state": "absent"} if nic["name"] == name else nic for nic in interfaces(spec)]
        await self._edit(key, [_put("/spec/template/spec/domain/devices/interfaces", marked)], headers)

    async def _resize(self, key: Key, options: Obj, headers: dict[str, str]) -> None:
        patch = []
        if options.get("sockets"):
            patch.append(_put("/spec/template/spec/domain/cpu/sockets", options["sockets"]))
        if options.get("memory"):
            patch.append(_put("/spec/template/spec/domain/memory/guest", options["memory"]))
        await self._callers.call("GET", INSTANCE.path(*key), headers=headers)
        await self._edit(key, patch, headers)

    async def _move_volume(self, key: Key, options: Obj, headers: dict[str, str]) -> None:
        """Name the target in the claim template; Harvester's controller does the rest."""
        source, target = options["sourceVolume"], options["targetVolume"]
        if source == target:
            raise RefusedError(422, "sourceVolume and targetVolume must be different")
        entries = volume_templates(await self._get(key, headers))
        if source not in {entry["metadata"]["name"] for entry in entries}:
            raise RefusedError(500, f"source volume {source} not found in volumeClaimTemplates annotation")
        moved = [{**entry, "targetVolume": target} if entry["metadata"]["name"] == source else entry for entry in entries]
        await self._edit(key, [_templates(moved)], headers)

    async def _move_no_volume(self, key: Key, _options: Obj, headers: dict[str, str]) -> None:
        """Put the source back behind its disk."""
        machine = await self._get(key, headers)
        back = {entry["targetVolume"]: entry["metadata"]["name"] for entry in volume_templates(machine) if entry.get("targetVolume")}
        if not back:
            raise RefusedError(500, "no active storage migration found")
        stays = [{name: value for name, value in entry.items() if name != "targetVolume"} for entry in volume_templates(machine)]
        known = [
            {**volume, "persistentVolumeClaim": {**volume["persistentVolumeClaim"], "claimName": back[claim_of(volume)]}}
            if claim_of(volume) in back
            else volume
            for volume in volumes(template_spec(machine))
        ]
        marks = {VOLUME_TEMPLATES: json.dumps(stays, separators=(",", ":")), WAITING_STORAGE_MIGRATION: None}
        spec = {"updateVolumesStrategy": None, "template": {"spec": {"volumes": known}}}
        patch = {"metadata": {"annotations": marks}, "spec": spec}
        await self._callers.call("PATCH", MACHINE.path(*key), patch, content_type=MERGE, headers=headers)

    async def _get(self, key: Key, headers: dict[str, str]) -> Obj:
        return await self._callers.call("GET", MACHINE.path(*key), headers=headers)

    async def _edit(self, key: Key, patch: list[Obj], headers: dict[str, str]) -> None:
        await self._callers.call("PATCH", MACHINE.path(*key), patch, content_type=JSON_PATCH, headers=headers)


async def _body(request: web.Request) -> Obj:
    text = await request.read()
    data = json.loads(text) if text.strip() else {}
    if not isinstance(data, dict):
        raise TypeError("it is no JSON object")
    return data


def _add(path: str, value: object) -> Obj:
    return {"op": "add", "path": path, "value": value}


def _put(path: str, value: object) -> Obj:
    return {"op": "add", "path": path, "value": value}


def _templates(entries: list[Obj]) -> Obj:
    return _add(f"/metadata/annotations/{VOLUME_TEMPLATES.replace('/', '~1')}", json.dumps(entries, separators=(",", ":")))
