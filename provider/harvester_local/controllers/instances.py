"""VirtualMachineInstance: from Pending over a node to Running, an address, and its end.

The scheduler, kubelet, virt-handler and the guest in one: each phase takes the time that the settings give it. It
never creates an instance and never decides that one should end; that is the machines controller's, or a user's.
"""

from collections.abc import Callable, Iterable, Mapping

from harvester_local.api.kinds import INSTANCE, MACHINE, NODE, PCI_DEVICE_CLAIM, STORAGE_CLASS, USB_DEVICE_CLAIM, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, deleting, is_true, items, key_of, labels, now, part, without_finalizers
from harvester_local.controllers.conditions import virt, without
from harvester_local.controllers.events import WARNING, Recorder
from harvester_local.controllers.faults import Fault, GuestEvent, fault_of, guest_event
from harvester_local.controllers.guest import GUEST_OS, migratable, reported_interfaces, volume_status
from harvester_local.controllers.instance_spec import FINALIZERS, NOT_READY, NOT_RUNNING
from harvester_local.controllers.runtime import Context, Deadlines, Mapper, own_key
from harvester_local.controllers.scheduling import Scheduler, Unschedulable, gives_room
from harvester_local.model.data_volumes import is_being_filled
from harvester_local.model.machines import FINAL_PHASES, claims, instance_claim_words, phase

NODE_LABEL = "kubevirt.io/nodeName"
AGENT_LABEL = "guest-agent"
_GRACE_SECONDS = 30


class Instances:
    """The controller."""

    def __init__(self, context: Context, recorder: Recorder, scheduler: Scheduler) -> None:
        self._context, self._recorder, self._scheduler, self._deadlines = context, recorder, scheduler, Deadlines()
        self._users = context.store.index(INSTANCE, instance_claim_words)
        self._waiting: set[Key] = set()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Instances, their machines (for faults), their claims and the classes of those, and nodes and devices that may be free again."""
        waiting = dict.fromkeys((NODE, PCI_DEVICE_CLAIM, USB_DEVICE_CLAIM), self._all_waiting)
        of_claims = {VOLUME_CLAIM: self._users_of, STORAGE_CLASS: self._users_of_class}
        return {INSTANCE: self._itself_and_waiting, MACHINE: own_key, **of_claims, **waiting}

    async def reconcile(self, key: Key) -> float | None:
        """Take the instance one phase on."""
        instance = self._context.store.get(INSTANCE, key)
        if instance is None:
            self._waiting.discard(key)
            return None
        machine = self._context.store.get(MACHINE, key)
        fault = fault_of(machine) if machine else fault_of(instance)
        if deleting(instance):
            return await self._shut_down(instance, fault)
        if part(instance, "status").get("nodeName") and phase(instance) not in FINAL_PHASES:
            self._scheduler.place(instance)
        match phase(instance):
            case "" | "Pending" | "Scheduling":
                return await self._schedule(key, instance, fault)
            case "Scheduled":
                return await self._boot(key, instance, fault)
            case "Running":
                return await self._run(key, instance, fault)
        self._forget(instance)
        return None

    # Pending, Scheduling --------------------------------------------------------------------------------------------

    async def _schedule(self, key: Key, instance: Obj, fault: Fault | None) -> float | None:
        found = {name: self._claim(key.namespace)(name) for name in claims(part(instance, "spec"))}
        if missing := next((name for name, claim in found.items() if claim is None), None):
            await self._miss(instance, f"PVC {key.namespace}/{missing} does not exist, waiting for it to appear")
            return None
        if any(claim is not None and self._holds_up(claim) for claim in found.values()):
            await self._hold_up(instance)
            return None
        try:
            node = self._scheduler.place(instance, refuse=fault is Fault.UNSCHEDULABLE)
        except Unschedulable as error:
            self._waiting.add(key)
            conditions = virt(_conditions(instance), "Ready", "False", **NOT_RUNNING)
            conditions = virt(without(conditions, "Synchronized"), "PodScheduled", "False", reason="Unschedulable", message=str(error))
            if conditions != _conditions(instance):
                await self._write(instance, "Scheduling", {"conditions": conditions})
                await self._recorder.record(instance, "FailedScheduling", str(error), kind=WARNING, component="default-scheduler")
            return None
        self._waiting.discard(key)
        conditions = virt(without(_conditions(instance), "Synchronized", "PodScheduled"), "Ready", "False", **NOT_RUNNING)
        meta = {"labels": {NODE_LABEL: node}}
        pods = {instance["metadata"]["uid"]: node}
        await self._write(instance, "Scheduled", {"nodeName": node, "activePods": pods, "conditions": conditions}, meta)
        return None

    async def _miss(self, instance: Obj, text: str) -> None:
        conditions = virt(
            _conditions(instance), "Ready", "False", reason="PodNotExists", message="virt-launcher pod has not yet been scheduled"
        )
        conditions = virt(conditions, "Synchronized", "False", reason="FailedPvcNotFound", message=text)
        conditions = virt(conditions, "PodScheduled", "False", reason="Unschedulable", message=text)
        if conditions != _conditions(instance):
            await self._write(instance, "Pending", {"conditions": conditions})
            await self._recorder.record(instance, "FailedPvcNotFound", text)

    async def _hold_up(self, instance: Obj) -> None:
        """All claims are there. That they were not stays in the condition PodScheduled until there is a pod (vmi/lifecycle.go)."""
        if (conditions := without(_conditions(instance), "Synchronized")) != _conditions(instance):
            await self._write(instance, "Pending", {"conditions": conditions})

    def _holds_up(self, claim: Obj) -> bool:
        """Whether the claim must be filled or bound before its user is scheduled, or is on its way out."""
        if is_being_filled(claim) or deleting(claim):
            return True
        if part(claim, "status").get("phase") == "Bound":
            return False
        store_class = self._context.store.get(STORAGE_CLASS, Key("", claim["spec"].get("storageClassName") or ""))
        return (store_class or {}).get("volumeBindingMode") != "WaitForFirstConsumer"

    # Scheduled, Running ---------------------------------------------------------------------------------------------

    async def _boot(self, key: Key, instance: Obj, fault: Fault | None) -> float | None:
        if fault is Fault.NEVER_BOOTS:
            return None
        if wait := self._deadlines.remaining(instance["metadata"]["uid"], "boot", self._context.settings.boot_seconds):
            return wait
        if fault is Fault.CRASH_LOOP:
            conditions = virt(_conditions(instance), "Ready", "False", **NOT_RUNNING)
            await self._write(instance, "Failed", {"conditions": conditions})
            await self._recorder.record(instance, "Stopped", "The VirtualMachineInstance crashed.", kind=WARNING, component="virt-handler")
            return None
        claim = self._claim(key.namespace)
        probed = bool(part(instance, "spec").get("readinessProbe"))
        ready = virt(_conditions(instance), "Ready", "False", **NOT_READY) if probed else virt(_conditions(instance), "Ready", "True")
        conditions = migratable(ready, instance, claim)
        status = {
            "conditions": conditions,
            "interfaces": reported_interfaces(instance, addresses=False),
            "volumeStatus": volume_status(instance, claim),
            "machine": {"type": self._context.rules.machine_type},
            "migrationMethod": "LiveMigration",
            "migrationTransport": "Unix",
            "launcherContainerImageVersion": f"virt-launcher:{self._context.rules.kubevirt}",
            "qosClass": "Burstable",
        }
        await self._write(instance, "Running", status)
        await self._recorder.record(instance, "Started", "VirtualMachineInstance started.", component="virt-handler")
        return None

    async def _run(self, key: Key, instance: Obj, fault: Fault | None) -> float | None:
        uid, settings = instance["metadata"]["uid"], self._context.settings
        if event := guest_event(instance):
            if wait := self._deadlines.remaining(uid, f"guest {event}", settings.shutdown_seconds):
                return wait
            end = "Succeeded" if event is GuestEvent.SHUTDOWN else "Failed"
            conditions = virt(without(_conditions(instance), "AgentConnected"), "Ready", "False", **NOT_RUNNING)
            await self._write(instance, end, {"conditions": conditions})
            return None
        agent = fault is not Fault.NO_ADDRESS and labels(instance).get(AGENT_LABEL) != "false"
        wait = self._deadlines.remaining(uid, "address", settings.address_seconds) if agent else 0.0
        status = self._report(key, instance, addresses=agent and not wait)
        if status:
            await self._context.api.patch_version(INSTANCE, instance, {"status": status})
        return wait or None

    def _report(self, key: Key, instance: Obj, *, addresses: bool) -> Obj:
        """What a running instance's status lacks: addresses and agent, and volumes plugged in meanwhile."""
        known = part(instance, "status")
        status: Obj = {}
        if not is_true(instance, "MigrationRequired") and not _migrating(instance):
            nics = reported_interfaces(instance, addresses=addresses or is_true(instance, "AgentConnected"))
            if nics != known.get("interfaces"):
                status["interfaces"] = nics
        if addresses and not is_true(instance, "AgentConnected"):
            status["conditions"] = virt(virt(_conditions(instance), "AgentConnected", "True"), "Ready", "True")  # a probe passes, too
            status["guestOSInfo"] = GUEST_OS
        attached = volume_status(instance, self._claim(key.namespace))
        if is_true(instance, "VolumesChange"):  # the guest has its former volumes until it has moved
            return status
        if [(v["name"], _claim_in(v)) for v in attached] != [(v["name"], _claim_in(v)) for v in known.get("volumeStatus") or []]:
            status["volumeStatus"] = attached
            status["conditions"] = migratable(status.get("conditions", _conditions(instance)), instance, self._claim(key.namespace))
        return status

    # The end --------------------------------------------------------------------------------------------------------

    async def _shut_down(self, instance: Obj, fault: Fault | None) -> float | None:
        uid, where = instance["metadata"]["uid"], phase(instance)
        if where == "Running":
            grace = float(part(instance, "spec").get("terminationGracePeriodSeconds", _GRACE_SECONDS))
            if fault is Fault.NEVER_STOPS and grace > 0:
                return None
            seconds = grace if fault is Fault.IGNORES_SHUTDOWN else min(self._context.settings.shutdown_seconds, grace)
            if wait := self._deadlines.remaining(uid, f"shutdown {grace}", seconds):
                return wait
            where = "Succeeded"
        remaining = without_finalizers(instance, *FINALIZERS)
        end = where if where in FINAL_PHASES else "Failed"
        body = {"metadata": {"finalizers": remaining}, "status": _with_phase(instance, end)}
        await self._context.api.patch_version(INSTANCE, instance, body)
        self._forget(instance)
        return None

    def _forget(self, instance: Obj) -> None:
        self._deadlines.clear(instance["metadata"]["uid"])
        self._waiting.discard(key_of(instance))

    # Helpers --------------------------------------------------------------------------------------------------------

    async def _write(self, instance: Obj, phase_name: str, status: Obj, meta: Obj | None = None) -> None:
        body = {"status": {**_with_phase(instance, phase_name), **status}, **({"metadata": meta} if meta else {})}
        await self._context.api.patch_version(INSTANCE, instance, body)

    def _claim(self, namespace: str) -> Callable[[str], Obj | None]:
        return lambda name: self._context.store.get(VOLUME_CLAIM, Key(namespace, name))

    def _users_of(self, claim: Obj) -> Iterable[Key]:
        return self._users.keys(str(key_of(claim)))

    def _users_of_class(self, known: Obj) -> Iterable[Key]:
        claims_of_it = (c for c in self._context.store.all(VOLUME_CLAIM) if c["spec"].get("storageClassName") == known["metadata"]["name"])
        return {user for claim in claims_of_it for user in self._users_of(claim)}

    def _itself_and_waiting(self, instance: Obj) -> Iterable[Key]:
        """The instance, and those that wait for room where it gives some."""
        return (key_of(instance), *(self._all_waiting(instance) if gives_room(instance) else ()))

    def _all_waiting(self, _: Obj) -> Iterable[Key]:
        return tuple(self._waiting)


def _claim_in(status: Obj) -> str:
    return str(part(status, "persistentVolumeClaimInfo").get("claimName", ""))


def _conditions(instance: Obj) -> list[Obj]:
    return items(instance, "status", "conditions")


def _migrating(instance: Obj) -> bool:
    state = part(instance, "status", "migrationState")
    return bool(state) and not state.get("completed")


def _with_phase(instance: Obj, name: str) -> Obj:
    if phase(instance) == name:
        return {}
    times = [*items(instance, "status", "phaseTransitionTimestamps"), {"phase": name, "phaseTransitionTimestamp": now()}]
    return {"phase": name, "phaseTransitionTimestamps": times}
