"""MachineDeployments: as many Machines as a pool is to have, of its present template, rolled by its strategy.

What Cluster API's MachineDeployment and MachineSet controllers do together, without the object in between. Rancher lets
members of etcd leave one at a time, and so does this.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping

from harvester_local.api.kinds import CLUSTER_MACHINE, MACHINE_DEPLOYMENT, Kind
from harvester_local.api.objects import Key, Obj, deleting, finalizers, key_of, labels, owner_reference, part
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.rancher import DEPLOYMENT_NAME, alive, figure, template_name

_FINALIZER = "cluster.x-k8s.io/machinedeployment"
MACHINE_FINALIZER = "machine.cluster.x-k8s.io"


class MachinePools:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Deployments and their Machines."""
        return {MACHINE_DEPLOYMENT: own_key, CLUSTER_MACHINE: _deployment_of}

    async def reconcile(self, key: Key) -> float | None:
        """Take the next step to the wanted Machines, and count them."""
        deployment = self._context.store.get(MACHINE_DEPLOYMENT, key)
        if deployment is None:
            return None
        machines = [m for m in self._context.store.all(CLUSTER_MACHINE, key.namespace) if labels(m).get(DEPLOYMENT_NAME) == key.name]
        if deleting(deployment):
            await self._end(deployment, machines)
            return None
        if _FINALIZER not in finalizers(deployment):
            await self._context.api.hold(MACHINE_DEPLOYMENT, deployment, _FINALIZER)
            return None
        await self._step(deployment, machines)
        status = _status(deployment, machines)
        if status != part(deployment, "status"):
            await self._context.api.patch_status(MACHINE_DEPLOYMENT, key, status)
        return None

    async def _end(self, deployment: Obj, machines: list[Obj]) -> None:
        for machine in alive(machines):
            await self._context.api.delete(CLUSTER_MACHINE, key_of(machine))
        if not machines:
            await self._context.api.let_go(MACHINE_DEPLOYMENT, deployment, _FINALIZER)

    async def _step(self, deployment: Obj, machines: list[Obj]) -> None:
        """Make what is missing; where a former template is left, or too many are, let the oldest go."""
        wanted, live = int(deployment["spec"].get("replicas") or 0), alive(machines)
        strategy = part(deployment, "spec", "strategy", "rollingUpdate")
        most = wanted + figure(strategy.get("maxSurge", 1), wanted, up=True)
        least = wanted - figure(strategy.get("maxUnavailable", 0), wanted, up=False)
        old = [machine for machine in live if template_name(machine) != _template(deployment)]
        missing = min(wanted - (len(live) - len(old)), most - len(live))
        for _ in range(missing):
            await self._context.api.create(CLUSTER_MACHINE, _machine(deployment))
        surplus = old or (live if len(live) > wanted else [])
        if missing > 0 or not surplus or len(machines) > len(live):
            return
        leaving = surplus[0]
        if not _runs(leaving) or sum(map(_runs, live)) > least:
            await self._context.api.delete(CLUSTER_MACHINE, key_of(leaving))


def _deployment_of(machine: Obj) -> Iterable[Key]:
    name = labels(machine).get(DEPLOYMENT_NAME)
    return (Key(machine["metadata"]["namespace"], name),) if name else ()


def _template(deployment: Obj) -> str:
    return str(part(deployment, "spec", "template", "spec", "infrastructureRef").get("name"))


def _runs(machine: Obj) -> bool:
    return part(machine, "status").get("phase") == "Running"


def _machine(deployment: Obj) -> Obj:
    """A new Machine: its name is its deployment's, then a word for the template, then one of its own."""
    meta, template = deployment["metadata"], _template(deployment)
    name = f"{meta['name']}-{hashlib.sha256(template.encode()).hexdigest()[:5]}-{secrets.token_hex(3)[:5]}"
    spec = part(deployment, "spec", "template", "spec")
    return {
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": {**part(deployment, "spec", "template", "metadata", "labels"), DEPLOYMENT_NAME: meta["name"]},
            "annotations": {"cluster.x-k8s.io/cloned-from-name": template},
            "finalizers": [MACHINE_FINALIZER],
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {**spec, "infrastructureRef": {**spec["infrastructureRef"], "kind": "HarvesterMachine", "name": name}},
    }


def _status(deployment: Obj, machines: list[Obj]) -> Obj:
    live, wanted = alive(machines), int(deployment["spec"].get("replicas") or 0)
    ready = sum(map(_runs, live))
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        "phase": "Running" if ready == wanted == len(machines) else "ScalingDown" if len(machines) > wanted else "ScalingUp",
        "replicas": len(machines),
        "updatedReplicas": sum(template_name(machine) == _template(deployment) for machine in live),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(wanted - ready, 0),
    }
