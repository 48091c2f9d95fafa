"""Guest clusters of RKE2 and K3s: what the machines of one do inside, as far as it is seen from outside.

The first server starts the cluster where Harvester knows of no kubeconfig of it, and publishes one; every machine that runs becomes a
node, once per boot disk; servers apply their manifests, and leave etcd when they are told to. Machines of Rancher have an agent in them,
which does what its plan says and notes that it has. The API is a real one, see `guests`.
"""

import asyncio
import base64
import uuid
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from harvester_local.api.client import Api, ApiError
from harvester_local.api.kinds import INSTANCE, MACHINE, NODE, POD, SECRET, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, items, key_of, labels, now, part
from harvester_local.controllers.faults import Fault, fault_of
from harvester_local.controllers.guest_manifests import Manifests
from harvester_local.controllers.guest_services import CloudProvider
from harvester_local.controllers.runtime import Context, Mapper
from harvester_local.guests import GuestApi, GuestHost
from harvester_local.model.guest_services import CloudAccess
from harvester_local.model.guests import CLUSTER_LABEL, NodePlan, agent_plan, decoded, node_object, node_plan, user_data_secret
from harvester_local.model.machines import phase
from harvester_local.model.rancher import MACHINE_NAME
from harvester_local.model.rancher_plans import applied

_AGAIN_SECONDS = 0.5
_WATCH_SECONDS = 3600

Duty = Callable[[Api, Obj], Awaitable[None]]
"""What a guest does with an object of its own."""


@dataclass
class Guest:
    """One guest cluster: its API, and which machine each node was registered from."""

    api: GuestApi
    manifests: Manifests
    registered: dict[str, str] = field(default_factory=dict)
    """Name of the node -> UID of its machine."""
    watching: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """Path -> what follows it."""
    cloud: CloudAccess | None = None

    def follow(self, path: str, act: Duty) -> None:
        """Do this, and nothing else, with each object at a path."""
        if path in self.watching:
            self.watching[path].cancel()
        self.watching[path] = asyncio.create_task(_follow(self.api.api, path, act))


class GuestClusters:
    """The controller. `callers` reaches Harvester's API without any credentials, for what guests do with their own."""

    def __init__(self, context: Context, callers: Api, host: GuestHost) -> None:
        self._context, self._callers, self._host = context, callers, host
        self._guests: dict[Key, Guest] = {}
        self._plans: dict[str, NodePlan | None] = {}
        self._told = context.store.index(SECRET, _machine_told)

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Machines of guest clusters, their instances, and the plans of Rancher's agents."""
        return {MACHINE: _cluster_of, INSTANCE: _cluster_of, SECRET: self._cluster_told}

    def api(self, key: Key) -> GuestApi | None:
        """The API of the cluster of that name, whose machines are in that namespace; None where there is none."""
        guest = self._guests.get(key)
        return guest.api if guest else None

    def of_machines(self, names: Container[str]) -> GuestApi | None:
        """The API of the cluster that machines of these names are in; None where there is none."""
        found = (key for m in self._context.store.all(MACHINE) if m["metadata"]["name"] in names for key in _cluster_of(m))
        return next((api for key in found if (api := self.api(key))), None)

    def _cluster_told(self, secret: Obj) -> Iterable[Key]:
        names = set(_machine_told(secret))
        machines = self._context.store.all(MACHINE) if names else ()
        return [key for machine in machines if machine["metadata"]["name"] in names for key in _cluster_of(machine)]

    async def close(self) -> None:
        """Stop all guest APIs."""
        for key in list(self._guests):
            await self._end(key)

    async def reconcile(self, key: Key) -> float | None:
        """Start or end the cluster, then bring its nodes in line with the machines."""
        store = self._context.store
        machines = [m for m in store.all(MACHINE, key.namespace) if labels(m).get(CLUSTER_LABEL) == key.name]
        if not machines:
            await self._end(key)
            return None
        running = [await self._running(machine) for machine in machines]
        members = {machine["metadata"]["name"]: (machine, plan) for machine, plan in zip(machines, running, strict=True) if plan}
        guest = self._guests.get(key)
        if guest is None:
            first = next((plan for _, plan in members.values() if plan.first), None)
            if first is None:
                return None
            api = await GuestApi.start(self._host, f"{key.namespace}-{key.name}-{uuid.uuid4().hex[:6]}")
            guest = self._guests[key] = Guest(api, Manifests(api.api))
            for path, act in _DUTIES.items():
                guest.follow(path, act)
        served = True
        for machine, plan in members.values():
            await self._publish(guest, plan)
            await self._join(guest, machine, plan)
            served = await guest.manifests.apply(plan.manifests) and served
            self._provide(guest, plan)
            await self._applied(machine)
        await self._lose(guest, members.keys())
        return None if served else _AGAIN_SECONDS

    async def _running(self, machine: Obj) -> NodePlan | None:
        """The plan of a machine whose guest runs and joins."""
        instance = self._context.store.get(INSTANCE, key_of(machine))
        if instance is None or deleting(instance) or phase(instance) != "Running" or fault_of(machine) is Fault.NEVER_JOINS:
            return None
        if (told := self._plan_of(machine)) is not None:
            return agent_plan(told)
        uid = instance["metadata"]["uid"]
        if uid not in self._plans:
            name = user_data_secret(instance)
            secret = await self._context.api.get(SECRET, Key(key_of(machine).namespace, name)) if name else {}
            self._plans[uid] = node_plan(decoded(secret, "userdata"))
        return self._plans[uid]

    def _plan_of(self, machine: Obj) -> Obj | None:
        """The Secret with the plan of the agent in a machine of Rancher."""
        return next(iter(self._context.store.find(self._told, machine["metadata"]["name"])), None)

    async def _applied(self, machine: Obj) -> None:
        """The agent notes in the Secret that it has done what its plan says."""
        secret = self._plan_of(machine)
        if secret is not None and not applied(secret):
            await self._context.api.patch(SECRET, key_of(secret), {"data": {"appliedPlan": secret["data"]["plan"]}})

    async def _publish(self, guest: Guest, plan: NodePlan) -> None:
        """Write the kubeconfig to where the first server is told to, with the guest's own credentials."""
        if not (plan.first and plan.publish_to):
            return
        head = {"Authorization": plan.authorization}
        text = base64.b64encode(guest.api.kubeconfig().encode()).decode()
        known = await self._callers.call("GET", plan.publish_to, headers=head)
        if part(known, "data").get("kubeconfig") != text:
            body = {"data": {"kubeconfig": text}}
            await self._callers.call("PATCH", plan.publish_to, body, content_type="application/merge-patch+json", headers=head)

    async def _join(self, guest: Guest, machine: Obj, plan: NodePlan) -> None:
        """Register the node, once for each machine: a kubelet does not come back after its node was removed."""
        name, uid = machine["metadata"]["name"], machine["metadata"]["uid"]
        if guest.registered.get(name) != uid:
            await guest.api.api.ensure(NODE, node_object(name, plan))
            guest.registered[name] = uid
        with suppress(ApiError):
            await guest.api.api.patch_status(NODE, Key("", name), _status(plan, self._address(machine)))

    def _provide(self, guest: Guest, plan: NodePlan) -> None:
        """Run the cloud provider, with the credentials that a server has for it."""
        if plan.cloud and plan.cloud != guest.cloud:
            guest.cloud = plan.cloud
            guest.follow("/api/v1/services", CloudProvider(self._callers, plan.cloud).serve)

    def _address(self, machine: Obj) -> str:
        instance = self._context.store.get(INSTANCE, key_of(machine)) or {}
        return next((nic["ipAddress"] for nic in items(instance, "status", "interfaces") if nic.get("ipAddress")), "")

    async def _lose(self, guest: Guest, alive: Iterable[str]) -> None:
        for name in guest.registered.keys() - set(alive):
            with suppress(ApiError):
                lost = {
                    "type": "Ready",
                    "status": "Unknown",
                    "reason": "NodeStatusUnknown",
                    "message": "Kubelet stopped posting node status.",
                }
                await guest.api.api.patch_status(NODE, Key("", name), {"conditions": [{**lost, "lastTransitionTime": now()}]})

    async def _end(self, key: Key) -> None:
        guest = self._guests.pop(key, None)
        if guest is None:
            return
        for task in guest.watching.values():
            task.cancel()
        await asyncio.gather(*guest.watching.values(), return_exceptions=True)
        await guest.api.stop()


async def _follow(api: Api, path: str, act: Duty) -> None:
    """Do what a guest does with each object at `path` as it is and as it changes, until the cluster ends."""
    while True:
        try:
            async for found in api.watch(path, {}, _WATCH_SECONDS):
                await act(api, found)
        except (ApiError, OSError, TimeoutError):
            await asyncio.sleep(_AGAIN_SECONDS)


async def _leave(api: Api, node: Obj) -> None:
    """A server leaves etcd when it is told to."""
    for distribution in ("rke2", "k3s"):
        prefix, marks = f"etcd.{distribution}.cattle.io", annotations(node)
        if marks.get(f"{prefix}/remove") == "true" and not marks.get(f"{prefix}/removed-node-name"):
            name = node["metadata"]["name"]
            await api.patch(NODE, Key("", name), {"metadata": {"annotations": {f"{prefix}/removed-node-name": name}}})


async def _stop(api: Api, pod: Obj) -> None:
    """A kubelet ends a pod that is deleted."""
    if deleting(pod) and pod["metadata"].get("deletionGracePeriodSeconds"):
        await api.delete(POD, key_of(pod), pod["metadata"]["uid"], gracePeriodSeconds=0)


_DUTIES = {"/api/v1/nodes": _leave, "/api/v1/pods": _stop}
"""What is followed in a guest."""


def _machine_told(secret: Obj) -> Iterable[str]:
    """Index words: the machine whose agent a Secret is for."""
    name = labels(secret).get(MACHINE_NAME)
    return (name,) if name else ()


def _cluster_of(obj: Obj) -> Iterable[Key]:
    name = labels(obj).get(CLUSTER_LABEL)
    return (Key(obj["metadata"]["namespace"], name),) if name else ()


def _status(plan: NodePlan, address: str) -> Obj:
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
    info = {
        "kubeletVersion": plan.version,
        "osImage": "Linux",
        "architecture": "amd64",
        "operatingSystem": "linux",
        "kernelVersion": "6.4",
        "containerRuntimeVersion": "containerd://2.1.5-k3s1",
        **dict.fromkeys(("bootID", "machineID", "systemUUID", "kubeProxyVersion"), ""),
    }
    return {
        "conditions": [{**ready, "lastHeartbeatTime": now(), "lastTransitionTime": now()}],
        "addresses": [{"type": "InternalIP", "address": address}] if address else [],
        "nodeInfo": info,
    }
