"""What KubeVirt's subresources do to machines and instances, for whoever asks: the subresource paths and Harvester's actions.

Upstream: pkg/virt-api/rest/lifecycle.go in KubeVirt. The caller must be allowed to update the subresource; the writes
are then made as KubeVirt's own account, and pass admission like any other's.
"""

import secrets

from harvester_local.api.client import Api, ApiError
from harvester_local.api.kinds import INSTANCE, MACHINE, Kind
from harvester_local.api.objects import Key, Obj, deleting, is_true, items, part
from harvester_local.controllers.conditions import virt, without
from harvester_local.controllers.migrations import create_migration
from harvester_local.model.machines import FINAL_PHASES, phase, run_strategy

AS_VIRT_API = {"Impersonate-User": "system:serviceaccount:harvester-system:kubevirt-api", "Impersonate-Group": "system:masters"}
_MERGE = "application/merge-patch+json"


class RefusedError(Exception):
    """The machine is in no state for this."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class MachineVerbs:
    """The verbs, on machines that exist; each raises ApiError or RefusedError."""

    def __init__(self, api: Api) -> None:
        self._api = api

    # Power ----------------------------------------------------------------------------------------------------------

    async def start(self, key: Key, _options: Obj) -> None:
        """Start a halted or stopped machine."""
        machine, instance = await self._machine(key), await self._instance(key)
        if instance is not None and phase(instance) not in FINAL_PHASES:
            raise RefusedError(409, self._conflict(key, "VM is already running"))
        strategy = run_strategy(machine)
        if strategy == "Halted":
            await self._patch(MACHINE, key, {"spec": {"runStrategy": "Always", "running": None}})
        elif strategy in {"RerunOnFailure", "Manual"}:
            if strategy == "RerunOnFailure" and instance is not None and phase(instance) == "Failed":
                raise RefusedError(409, self._conflict(key, "RerunOnFailure does not support starting VM from failed state"))
            await self._request(key, machine, [{"action": "Start"}])
        else:
            raise RefusedError(409, self._conflict(key, f"{strategy} does not support manual start requests"))

    async def stop(self, key: Key, options: Obj) -> None:
        """Stop a machine; `gracePeriod` (seconds) in the options shortens the guest's time."""
        machine, instance = await self._machine(key), await self._instance(key)
        grace = options.get("gracePeriod")
        running = instance is not None and phase(instance) not in FINAL_PHASES
        if not running and run_strategy(machine) != "Always":
            raise RefusedError(409, self._conflict(key, "VM is not running"))
        if grace is not None and instance is not None:
            known = part(instance, "spec").get("terminationGracePeriodSeconds", 30)
            if run_strategy(machine) == "Halted" and grace >= known:
                raise RefusedError(409, self._conflict(key, "Halted only supports manual stop requests with a shorter graceperiod"))
            await self._patch(INSTANCE, key, {"spec": {"terminationGracePeriodSeconds": grace}})
        strategy = run_strategy(machine)
        if strategy == "Halted" and grace is None:
            raise RefusedError(409, self._conflict(key, "VM is not running"))
        if strategy in {"Always", "Once"}:
            await self._patch(MACHINE, key, {"spec": {"runStrategy": "Halted", "running": None}})
        elif strategy in {"RerunOnFailure", "Manual"} and instance is not None:
            await self._request(key, machine, [_stop_request(instance)])

    async def restart(self, key: Key, options: Obj) -> None:
        """Stop the instance and start another one; `gracePeriodSeconds: 0` in the options does not wait for the guest."""
        machine, instance = await self._machine(key), await self._instance(key)
        if run_strategy(machine) in {"Halted", "Once"}:
            raise RefusedError(409, self._conflict(key, f"{run_strategy(machine)} does not support manual restart requests"))
        if instance is None:
            raise RefusedError(409, self._conflict(key, f"VM is not running: {run_strategy(machine)}"))
        if options.get("gracePeriodSeconds") == 0:
            await self._patch(INSTANCE, key, {"spec": {"terminationGracePeriodSeconds": 0}})
        await self._request(key, machine, [_stop_request(instance), {"action": "Start"}])

    # Instances ------------------------------------------------------------------------------------------------------

    async def pause(self, key: Key, _options: Obj) -> None:
        """Freeze the virtual CPUs."""
        instance = await self._running(key)
        if is_true(instance, "Paused"):
            raise RefusedError(409, self._conflict(key, "VMI is already paused", INSTANCE))
        found = virt(items(instance, "status", "conditions"), "Paused", "True", reason="PausedByUser", message="VMI was paused by user")
        await self._patch(INSTANCE, key, {"status": {"conditions": found}})

    async def unpause(self, key: Key, _options: Obj) -> None:
        """Let a paused instance go on."""
        instance = await self._running(key)
        if not is_true(instance, "Paused"):
            raise RefusedError(409, self._conflict(key, "VMI is not paused", INSTANCE))
        await self._patch(INSTANCE, key, {"status": {"conditions": without(items(instance, "status", "conditions"), "Paused")}})

    async def softreboot(self, key: Key, _options: Obj) -> None:
        """Ask the guest to reboot; the instance stays the same."""
        instance = await self._running(key)
        if is_true(instance, "Paused"):
            raise RefusedError(409, self._conflict(key, "VMI is paused", INSTANCE))
        if not is_true(instance, "AgentConnected") and "acpi" not in part(instance, "spec", "domain", "features"):
            raise RefusedError(409, self._conflict(key, "VMI neither have the agent connected nor the ACPI feature enabled", INSTANCE))

    async def migrate(self, key: Key, options: Obj) -> None:
        """Move the instance; `nodeName` or `addedNodeSelector` in the options say where to."""
        instance = await self._running(key)
        node = options.get("nodeName")
        selector = {"kubernetes.io/hostname": node} if node else options.get("addedNodeSelector")
        await create_migration(self._api, instance, f"{key.name}-{secrets.token_hex(3)[:5]}", selector=selector)

    async def force_stop(self, key: Key, _options: Obj) -> None:
        """Stop without waiting for the guest."""
        await self.stop(key, {"gracePeriod": 0})

    # Helpers --------------------------------------------------------------------------------------------------------

    async def _machine(self, key: Key) -> Obj:
        return await self._api.get(MACHINE, key)

    async def _instance(self, key: Key) -> Obj | None:
        try:
            return await self._api.get(INSTANCE, key)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    async def _running(self, key: Key) -> Obj:
        instance = await self._api.get(INSTANCE, key)
        if phase(instance) != "Running" or deleting(instance):
            raise RefusedError(409, self._conflict(key, "VMI is not running", INSTANCE))
        return instance

    async def _patch(self, kind: Kind, key: Key, body: Obj, subresource: str = "") -> None:
        await self._api.call("PATCH", kind.path(*key, subresource), body, content_type=_MERGE, headers=AS_VIRT_API)

    async def _request(self, key: Key, machine: Obj, requests: list[Obj]) -> None:
        if items(machine, "status", "stateChangeRequests"):
            text = "unable to complete request: stop/start already underway"
            raise RefusedError(409, self._conflict(key, text))
        await self._patch(MACHINE, key, {"status": {"stateChangeRequests": requests}}, "status")

    @staticmethod
    def _conflict(key: Key, why: str, kind: Kind = MACHINE) -> str:
        return f'Operation cannot be fulfilled on {kind}/{kind.version} "{key.name}": {why}'


def _stop_request(instance: Obj) -> Obj:
    return {"action": "Stop", "uid": instance["metadata"]["uid"]}
