"""VirtualMachineInstanceMigration: a running instance moves to another node, and takes pending changes with it.

Upstream: KubeVirt's migration controller and workload updater. One migration of an instance runs at a time.
"""

import secrets
from collections.abc import Iterable, Mapping

from harvester_local.api.client import Api
from harvester_local.api.kinds import INSTANCE, MACHINE, MIGRATION, NODE, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, annotations, condition, deleting, finalizers, is_true, items, key_of, now, part
from harvester_local.controllers.conditions import without
from harvester_local.controllers.faults import Fault, fault_of
from harvester_local.controllers.guest import reported_interfaces
from harvester_local.controllers.runtime import Context, Deadlines, Mapper, own_key
from harvester_local.controllers.scheduling import Scheduler, Unschedulable, gives_room
from harvester_local.model.machines import LEFT_CLAIMS, interfaces, networks, phase
from harvester_local.model.saved import CONTENT

FINALIZER = "kubevirt.io/migrationJobFinalize"
SELECTOR_LABEL = "kubevirt.io/vmi-name"
WORKLOAD_UPDATE = "kubevirt.io/workloadUpdateMigration"
LIVE_CHANGES = ("HotVCPUChange", "HotMemoryChange", "VolumesChange", "MigrationRequired")
_OVER = ("Succeeded", "Failed")


async def create_migration(
    api: Api, instance: Obj, name: str, annotations: dict[str, str] | None = None, selector: dict[str, str] | None = None
) -> Obj:
    """Create a migration of the instance; `selector` narrows the nodes it may go to."""
    meta = instance["metadata"]
    spec = {"vmiName": meta["name"], **({"addedNodeSelector": selector} if selector else {})}
    marks = {"kubevirt.io/latest-observed-api-version": "v1", "kubevirt.io/storage-observed-api-version": "v1", **(annotations or {})}
    body = {
        "name": name,
        "namespace": meta["namespace"],
        "annotations": marks,
        "labels": {SELECTOR_LABEL: meta["name"]},
        "finalizers": [FINALIZER],
    }
    return await api.create(MIGRATION, {"metadata": body, "spec": spec})


def may_move(instance: Obj) -> bool:
    """Whether the instance can go to another node: volumes that only this one reaches are no hindrance where they are copied."""
    found = condition(instance, "LiveMigratable") or {}
    return found.get("status") == "True" or (found.get("reason") == "DisksNotLiveMigratable" and is_true(instance, "VolumesChange"))


class Migrations:
    """The controller."""

    def __init__(self, context: Context, scheduler: Scheduler) -> None:
        self._context, self._scheduler, self._deadlines = context, scheduler, Deadlines()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Migrations and those that wait for them, their instances, and what may give room to those that wait for some."""
        return {MIGRATION: self._itself_and_next, INSTANCE: self._of_and_waiting, NODE: lambda _: self._waiting()}

    async def reconcile(self, key: Key) -> float | None:
        """Take the migration one phase on."""
        migration = self._context.store.get(MIGRATION, key)
        if migration is None:
            return None
        uid = migration["metadata"]["uid"]
        instance = self._context.store.get(INSTANCE, Key(key.namespace, migration["spec"].get("vmiName", "")))
        if deleting(migration) or phase(migration) in _OVER:
            self._deadlines.clear(uid)
            return await self._close(migration, instance)
        if instance is None or phase(instance) != "Running" or deleting(instance):
            return await self._end(key, migration, instance, failed=True)
        if part(migration, "status").get("phase") != "Running":
            return await self._begin(key, migration, instance)
        if wait := self._deadlines.remaining(uid, "migrate", self._context.settings.migrate_seconds):
            return wait
        machine = self._context.store.get(MACHINE, key_of(instance))
        return await self._end(key, migration, instance, failed=machine is not None and fault_of(machine) is Fault.MIGRATION_FAILS)

    async def _begin(self, key: Key, migration: Obj, instance: Obj) -> float | None:
        others = [m for m in self._context.store.all(MIGRATION, key.namespace) if m["spec"].get("vmiName") == instance["metadata"]["name"]]
        if any(part(m, "status").get("phase") == "Running" for m in others):
            return None
        if not may_move(instance):
            return await self._end(key, migration, instance, failed=True)
        try:
            target = self._scheduler.target(instance, migration["spec"].get("addedNodeSelector"))
        except Unschedulable:
            if part(migration, "status").get("phase") != "Scheduling":
                await self._phase(key, migration, "Scheduling")
            return None
        state = {
            "migrationUid": migration["metadata"]["uid"],
            "sourceNode": part(instance, "status").get("nodeName"),
            "targetNode": target,
            "startTimestamp": now(),
            "completed": None,
            "failed": None,
            "endTimestamp": None,
        }
        await self._phase(key, migration, "Running", {"migrationState": {k: v for k, v in state.items() if v is not None}})
        await self._context.api.patch_status(INSTANCE, key_of(instance), {"migrationState": state})
        return self._deadlines.remaining(migration["metadata"]["uid"], "migrate", self._context.settings.migrate_seconds)

    async def _end(self, key: Key, migration: Obj, instance: Obj | None, *, failed: bool) -> float | None:
        state = {**part(instance, "status", "migrationState"), "completed": True, "failed": failed, "endTimestamp": now()}
        if instance is not None and phase(instance) == "Running" and state.get("migrationUid") == migration["metadata"]["uid"]:
            if not failed:
                await self._copy_volumes(instance)
                self._scheduler.moved(instance, state["targetNode"])
            body = {"status": {"migrationState": state}} if failed else self._arrived(instance, state)
            await self._context.api.patch_version(INSTANCE, instance, body)
        await self._phase(key, migration, "Failed" if failed else "Succeeded", {"migrationState": state})
        return None

    async def _copy_volumes(self, instance: Obj) -> None:
        """Bring what is on volumes that move to other claims along."""
        namespace = instance["metadata"]["namespace"]
        for moved in items(instance, "status", "migratedVolumes"):
            source = self._context.store.get(VOLUME_CLAIM, Key(namespace, moved["sourcePVCInfo"]["claimName"])) or {"metadata": {}}
            if content := annotations(source).get(CONTENT):
                target = Key(namespace, moved["destinationPVCInfo"]["claimName"])
                await self._context.api.patch(VOLUME_CLAIM, target, {"metadata": {"annotations": {CONTENT: content}}})

    def _arrived(self, instance: Obj, state: Obj) -> Obj:
        """Patch of an instance that runs on its new node, with all that waited for it."""
        spec, node = part(instance, "spec"), state["targetNode"]
        kept = [nic for nic in interfaces(spec) if nic.get("state") != "absent"]
        names = {nic["name"] for nic in kept}
        guest = part(spec, "domain", "memory").get("guest")
        status: Obj = {
            "nodeName": node,
            "migrationState": state,
            "conditions": without(items(instance, "status", "conditions"), *LIVE_CHANGES),
            "currentCPUTopology": {name: part(spec, "domain", "cpu").get(name, 1) for name in ("cores", "sockets", "threads")},
            "interfaces": reported_interfaces(instance, kept, addresses=is_true(instance, "AgentConnected")),
            "migratedVolumes": None,
        }
        if guest:
            status["memory"] = {"guestCurrent": guest, "guestRequested": guest}
        changed: Obj = {}
        if len(kept) != len(interfaces(spec)):
            changed = {"domain": {"devices": {"interfaces": kept}}, "networks": [n for n in networks(spec) if n["name"] in names]}
        left = [moved["sourcePVCInfo"]["claimName"] for moved in items(instance, "status", "migratedVolumes")]
        marks = {LEFT_CLAIMS: ",".join((*filter(None, annotations(instance).get(LEFT_CLAIMS, "").split(",")), *left))} if left else {}
        meta = {"labels": {"kubevirt.io/nodeName": node}, "annotations": marks}
        return {"metadata": meta, "status": status, **({"spec": changed} if changed else {})}

    async def _close(self, migration: Obj, instance: Obj | None) -> float | None:
        """Let a finished or deleted migration go; deleting one that runs aborts it."""
        if phase(migration) == "Running" and instance is not None and phase(instance) == "Running":
            state = {"completed": True, "failed": True, "abortRequested": True, "abortStatus": "Succeeded", "endTimestamp": now()}
            await self._context.api.patch_status(INSTANCE, key_of(instance), {"migrationState": state})
        if FINALIZER in finalizers(migration):
            await self._context.api.let_go(MIGRATION, migration, FINALIZER)
        return None

    async def _phase(self, key: Key, migration: Obj, name: str, more: Obj | None = None) -> None:
        times = [*items(migration, "status", "phaseTransitionTimestamps"), {"phase": name, "phaseTransitionTimestamp": now()}]
        await self._context.api.patch_status(MIGRATION, key, {"phase": name, "phaseTransitionTimestamps": times, **(more or {})})

    def _itself_and_next(self, migration: Obj) -> Iterable[Key]:
        """The migration, and those of the same instance, which wait for its end."""
        return {key_of(migration), *self._unfinished_of(_instance_of(migration))}

    def _of_and_waiting(self, instance: Obj) -> Iterable[Key]:
        return {*self._unfinished_of((key_of(instance),)), *(self._waiting() if gives_room(instance) else ())}

    def _unfinished_of(self, instances: Iterable[Key]) -> Iterable[Key]:
        for key in instances:
            of_it = (m for m in self._context.store.all(MIGRATION, key.namespace) if m["spec"].get("vmiName") == key.name)
            yield from (key_of(m) for m in of_it if phase(m) not in _OVER)

    def _waiting(self) -> Iterable[Key]:
        """Those for which there is no room."""
        return [key_of(m) for m in self._context.store.all(MIGRATION) if phase(m) == "Scheduling"]


class WorkloadUpdates:
    """KubeVirt's workload updater: an instance with a change that waits for a migration gets one."""

    def __init__(self, context: Context) -> None:
        self._context, self._deadlines = context, Deadlines()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Instances, and migrations that have ended."""
        return {INSTANCE: own_key, MIGRATION: _instance_of}

    async def reconcile(self, key: Key) -> float | None:
        """Create a migration where one is due; after a failed one with a pause."""
        instance = self._context.store.get(INSTANCE, key)
        if instance is None or deleting(instance) or phase(instance) != "Running" or not may_move(instance):
            return None
        if not any(is_true(instance, change) for change in LIVE_CHANGES):
            return None
        mine = [m for m in self._context.store.all(MIGRATION, key.namespace) if m["spec"].get("vmiName") == key.name]
        if any(phase(m) not in _OVER for m in mine):
            return None
        failures = sum(phase(m) == "Failed" for m in mine)
        if failures and not self._due(instance, failures):
            return self._context.settings.migrate_seconds
        await create_migration(self._context.api, instance, f"kubevirt-workload-update-{secrets.token_hex(3)[:5]}", {WORKLOAD_UPDATE: ""})
        return None

    def _due(self, instance: Obj, failures: int) -> bool:
        pause = self._context.settings.migrate_seconds * 2.0 ** min(failures, 8)
        return not self._deadlines.remaining(instance["metadata"]["uid"], f"retry {failures}", pause)


def _instance_of(migration: Obj) -> Iterable[Key]:
    return (Key(migration["metadata"]["namespace"], migration["spec"].get("vmiName", "")),)
