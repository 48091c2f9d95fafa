"""VirtualMachine: start and stop, marks, status; KubeVirt's VM controller together with Harvester's.

It puts decisions into effect and reports: whether an instance should exist is decided in power.py, what of a change
reaches it in live_update.py, what the machine says of itself in machine_status.py. An instance's own life is in
instances.py.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from harvester_local.api.kinds import INSTANCE, MACHINE, REVISION, SETTING, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, finalizers, items, key_of, labels, owned_by, owner_reference, part
from harvester_local.controllers.conditions import virt
from harvester_local.controllers.events import Recorder
from harvester_local.controllers.instance_spec import GENERATION, build_instance, revision_name
from harvester_local.controllers.live_update import LiveUpdate, departed_interfaces, live_update
from harvester_local.controllers.machine_removal import snapshots_by_machine, take_along
from harvester_local.controllers.machine_status import difference, pending_restart, status_of
from harvester_local.controllers.power import Action, decide
from harvester_local.controllers.runtime import Context, Deadlines, Mapper, own_key
from harvester_local.model.machines import (
    FINAL_PHASES,
    MAC_ADDRESSES,
    RUN_STRATEGY,
    claim_words,
    claims,
    interfaces,
    networks,
    phase,
    run_strategy,
    template_spec,
)

FINALIZER = "kubevirt.io/virtualMachineControllerFinalize"
HARVESTERS = ("wrangler.cattle.io/harvester-lb-vm-controller", "wrangler.cattle.io/VMController.CleanupPVCAndSnapshot")
"""Finalizers of Harvester's controllers."""
OBSERVED = {"kubevirt.io/latest-observed-api-version": "v1", "kubevirt.io/storage-observed-api-version": "v1"}
_LONGEST_BACKOFF = 300.0


class Machines:
    """The controller."""

    def __init__(self, context: Context, recorder: Recorder) -> None:
        self._context, self._recorder, self._deadlines = context, recorder, Deadlines()
        self._users = context.store.index(MACHINE, claim_words)
        self._snapshots = snapshots_by_machine(context.store)

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Machines, their instances and their claims."""
        return {MACHINE: own_key, INSTANCE: own_key, VOLUME_CLAIM: self._users_of}

    async def reconcile(self, key: Key) -> float | None:
        """One look at the machine: marks, start or stop, live changes, status."""
        machine, instance = self._context.store.get(MACHINE, key), self._context.store.get(INSTANCE, key)
        if machine is None:
            return None
        if instance is not None and not owned_by(instance, machine):
            return None
        if deleting(machine):
            await self._let_go(key, machine, instance)
            return None
        machine = await self._mark(machine, instance)
        failure = self._start_failure(machine, instance)
        decision = decide(machine, instance)
        wait = self._backoff(failure) if decision.action is Action.START else 0.0
        if decision.action is Action.START and not wait:
            restart, instance = "", await self._start(machine)
        elif decision.action is Action.STOP and instance is not None:
            # The stop takes the condition back and the comparison that follows sets it again: it stays until the next start.
            restart = self._difference(key, machine, instance, pending=True).restart
            await self._stop(machine, instance)
        else:
            restart = await self._follow(key, machine, instance)
        seen = part(machine, "status").get("runStrategy", "") if wait else run_strategy(machine)
        status = status_of(machine, instance, self._claims(machine), restart=restart, seen_strategy=seen)
        requests = part(machine, "status").get("stateChangeRequests", []) if wait else decision.requests
        status |= {"stateChangeRequests": requests or None, "startFailure": failure}
        if change := difference(part(machine, "status"), status):
            await self._context.api.patch_status(MACHINE, key, change)
        return wait or None

    # Marks ----------------------------------------------------------------------------------------------------------

    async def _mark(self, machine: Obj, instance: Obj | None) -> Obj:
        """Finalizers and annotations that the controllers write, in one patch when any is missing."""
        wanted, held = dict(OBSERVED), [FINALIZER]
        if self._context.settings.flavor == "harvester":
            wanted |= _remembered(machine, instance)
            held += HARVESTERS
        meta: Obj = {}
        if missing := {k: v for k, v in wanted.items() if annotations(machine).get(k) != v}:
            meta["annotations"] = missing
        if absent := [f for f in held if f not in finalizers(machine)]:
            meta["finalizers"] = [*finalizers(machine), *absent]
        body: Obj = {"metadata": meta} if meta else {}
        if instance is None and (backfilled := _backfilled(machine)):
            body["spec"] = {"template": {"spec": {"domain": {"devices": {"interfaces": backfilled}}}}}
        return await self._context.api.patch_version(MACHINE, machine, body) if body else machine

    # Start and stop -------------------------------------------------------------------------------------------------

    async def _start(self, machine: Obj) -> Obj:
        api, meta = self._context.api, machine["metadata"]
        revision = {"name": revision_name(machine), "namespace": meta["namespace"], "ownerReferences": [owner_reference(machine)]}
        await api.ensure(REVISION, {"metadata": revision, "data": {"spec": machine["spec"]}, "revision": 0})
        instance = await api.create(INSTANCE, build_instance(machine, self._hotplug_ratio()))
        text = f"Started the virtual machine by creating the new virtual machine instance {meta['name']}"
        await self._recorder.record(machine, "SuccessfulCreate", text)
        return instance

    async def _stop(self, machine: Obj, instance: Obj) -> None:
        uid = instance["metadata"]["uid"]
        await self._context.api.delete(INSTANCE, key_of(instance), uid=uid)
        await self._recorder.record(
            machine, "SuccessfulDelete", f"Stopped the virtual machine by deleting the virtual machine instance {uid}"
        )

    async def _let_go(self, key: Key, machine: Obj, instance: Obj | None) -> None:
        """A deleted machine: its instance first, then what goes with it, then the object."""
        if change := difference(part(machine, "status"), {"printableStatus": "Terminating"}):
            await self._context.api.patch_status(MACHINE, key, change)
        if instance is not None:
            if not deleting(instance):
                await self._stop(machine, instance)
            return
        await take_along(self._context, machine, self._snapshots)
        if FINALIZER in finalizers(machine):
            await self._context.api.let_go(MACHINE, machine, FINALIZER, *HARVESTERS)

    # Failures to start ----------------------------------------------------------------------------------------------

    def _start_failure(self, machine: Obj, instance: Obj | None) -> Obj | None:
        """The record of instances that failed before they ran, None when the last one ran."""
        known: Obj | None = part(machine, "status").get("startFailure")
        if instance is None:
            return known
        if phase(instance) == "Running":
            return None
        uid = instance["metadata"]["uid"]
        if phase(instance) != "Failed" or (known or {}).get("lastFailedVMIUID") == uid:
            return known
        count = int((known or {}).get("consecutiveFailCount", 0)) + 1
        retry = datetime.now(UTC) + timedelta(seconds=self._pause(count))
        return {"consecutiveFailCount": count, "lastFailedVMIUID": uid, "retryAfterTimestamp": retry.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _backoff(self, failure: Obj | None) -> float:
        if not failure:
            return 0.0
        return self._deadlines.remaining(failure["lastFailedVMIUID"], "backoff", self._pause(failure["consecutiveFailCount"]))

    def _pause(self, count: int) -> float:
        return float(min(_LONGEST_BACKOFF, self._context.settings.boot_seconds * 2**count))

    # Changes --------------------------------------------------------------------------------------------------------

    async def _follow(self, key: Key, machine: Obj, instance: Obj | None) -> str:
        """Bring live changes to the instance; why the rest needs a restart, empty when nothing does."""
        rules, known = self._context.rules, pending_restart(machine)
        if departed := departed_interfaces(machine, instance):
            await self._drop_interfaces(machine, departed)
        if instance is None or phase(instance) in FINAL_PHASES:
            return known
        if deleting(instance):
            return known or self._difference(key, machine, instance, pending=True).restart
        update = self._difference(key, machine, instance, pending=bool(known) and not rules.restart_required_clears)
        await self._apply(machine, instance, update)
        return update.restart if rules.restart_required_clears else known or update.restart

    def _difference(self, key: Key, machine: Obj, instance: Obj, *, pending: bool) -> LiveUpdate:
        """What the instance lacks of the machine; nothing where it is unknown what it was started with. `pending`: as in `live_update`."""
        revision = self._context.store.get(REVISION, Key(key.namespace, part(instance, "status").get("virtualMachineRevisionName", "")))
        if revision is None:
            return LiveUpdate()
        started = template_spec({"spec": part(revision, "data", "spec")})
        return live_update(started, machine, instance, self._context.rules, pending=pending)

    async def _apply(self, machine: Obj, instance: Obj, update: LiveUpdate) -> None:
        generation = str(machine["metadata"]["generation"])
        meta: Obj = {}
        if annotations(instance).get(GENERATION) != generation:
            meta["annotations"] = {GENERATION: generation}
        wanted = part(machine, "spec", "template", "metadata").get("labels") or {}
        if fresh := {k: v for k, v in wanted.items() if labels(instance).get(k) != v}:
            meta["labels"] = fresh
        body: Obj = {**({"metadata": meta} if meta else {}), **({"spec": update.spec} if update.spec else {})}
        if update.migration or update.called_back:
            conditions = items(instance, "status", "conditions")
            for change in update.migration:
                conditions = virt(conditions, change, "True")
            if update.called_back:
                conditions = virt(conditions, "VolumesChange", "False", reason="VolumesChangeCancellation")
            body["status"] = {"conditions": conditions, **update.status}
        if body:
            await self._context.api.patch_version(INSTANCE, instance, body)

    async def _drop_interfaces(self, machine: Obj, names: list[str]) -> None:
        spec = template_spec(machine)
        kept = {
            "domain": {"devices": {"interfaces": [n for n in interfaces(spec) if n["name"] not in names]}},
            "networks": [n for n in networks(spec) if n["name"] not in names],
        }
        await self._context.api.patch_version(MACHINE, machine, {"spec": {"template": {"spec": kept}}})

    # Helpers --------------------------------------------------------------------------------------------------------

    def _claims(self, machine: Obj) -> list[Obj]:
        """The claims of the machine that exist."""
        keys = (Key(machine["metadata"]["namespace"], name) for name in claims(template_spec(machine)))
        return [claim for key in keys if (claim := self._context.store.get(VOLUME_CLAIM, key)) is not None]

    def _hotplug_ratio(self) -> int:
        setting = self._context.store.get(SETTING, Key("", "max-hotplug-ratio")) or {}
        return int(setting.get("value") or setting.get("default") or 4)

    def _users_of(self, claim: Obj) -> Iterable[Key]:
        return self._users.keys(str(key_of(claim)))


def _remembered(machine: Obj, instance: Obj | None) -> dict[str, str]:
    """What Harvester notes on a machine: its run strategy and the MAC addresses of its guest."""
    noted = {RUN_STRATEGY: strategy} if (strategy := run_strategy(machine)) != "Halted" else {}
    if instance is None or phase(instance) != "Running":
        return noted
    macs = {nic["name"]: nic["mac"] for nic in items(instance, "status", "interfaces")}
    return {**noted, MAC_ADDRESSES: json.dumps(macs, separators=(",", ":"), sort_keys=True)}


def _backfilled(machine: Obj) -> list[Obj]:
    """The interfaces with the MAC addresses they were seen with, when the spec lacks one; else nothing."""
    known, found = json.loads(annotations(machine).get(MAC_ADDRESSES) or "{}"), interfaces(template_spec(machine))
    if all(nic.get("macAddress") or nic["name"] not in known for nic in found):
        return []
    return [{**nic, "macAddress": nic.get("macAddress") or known.get(nic["name"])} if nic["name"] in known else nic for nic in found]
