"""Machines of Cluster API: each becomes a VirtualMachine by Rancher's node driver, with the rights of the cloud credential.

The driver's requests go to the API server like anybody's, so that rights, quotas and webhooks refuse them as they do;
what it was told is the Machine's failure. Upstream: pkg/controllers/capr/machineprovision in Rancher,
harvester/create.go in docker-machine-driver-harvester.
"""

from collections.abc import Iterable, Mapping

from harvester_local.api.client import MERGE, Api, ApiError
from harvester_local.api.kinds import CLUSTER_MACHINE, IMAGE, INSTANCE, MACHINE, MACHINE_TEMPLATE, NODE, RANCHER_CLUSTER, SECRET, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, items, key_of, labels, owner_reference, part
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.faults import ANNOTATION
from harvester_local.controllers.guest_clusters import GuestClusters
from harvester_local.controllers.machine_pools import MACHINE_FINALIZER
from harvester_local.controllers.runtime import Context, Deadlines, Mapper, own_key
from harvester_local.model.guests import agent_plan, decoded
from harvester_local.model.machines import REMOVED_CLAIMS, claims, phase, template_spec
from harvester_local.model.node_driver import CREATOR, Order
from harvester_local.model.rancher import (
    CLUSTER_NAME,
    CREDENTIAL_FIELD,
    FAILED,
    MACHINE_NAME,
    credential_key,
    encoded,
    failure,
    pool_of,
    template_name,
    token_of,
)
from harvester_local.model.rancher_plans import applied, plan_secret

_AGAIN_SECONDS = 1.0


class ClusterMachines:
    """The controller. `callers` reaches Harvester's API with the credentials that it is given."""

    def __init__(self, context: Context, callers: Api, guests: GuestClusters) -> None:
        self._context, self._callers, self._guests, self._deadlines = context, callers, guests, Deadlines()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Machines, what the driver made of them, and the plans of their agents."""
        return {CLUSTER_MACHINE: own_key, MACHINE: self._maker_of, INSTANCE: self._maker_of, SECRET: _planned}

    def _maker_of(self, machine: Obj) -> Iterable[Key]:
        if labels(machine).get("harvesterhci.io/creator") != CREATOR:
            return ()
        name = machine["metadata"]["name"]
        return [key_of(each) for each in self._context.store.all(CLUSTER_MACHINE) if each["metadata"]["name"] == name]

    async def reconcile(self, key: Key) -> float | None:
        """Make the machine, follow its agent, or remove it."""
        store = self._context.store
        machine = store.get(CLUSTER_MACHINE, key)
        if machine is None:
            return None
        cluster = store.get(RANCHER_CLUSTER, Key(key.namespace, labels(machine)[CLUSTER_NAME]))
        order = await self._order(machine)
        made = store.get(MACHINE, order.key) or await self._made(order)
        if deleting(machine):
            return await self._remove(machine, cluster, made, order)
        if failure(machine):
            wait = self._deadlines.remaining(machine["metadata"]["uid"], "failed", self._context.settings.retry_seconds)
            if not wait:
                await self._context.api.delete(CLUSTER_MACHINE, key)
            return wait or None
        if made is None and cluster is not None:
            await self._make(machine, cluster, order)
            return None
        status = self._status(machine, order)
        if any(part(machine, "status").get(name) != value for name, value in status.items()):
            await self._context.api.patch_status(CLUSTER_MACHINE, key, status)
        return None

    async def _order(self, machine: Obj) -> Order:
        template = await self._context.api.get(MACHINE_TEMPLATE, Key(machine["metadata"]["namespace"], template_name(machine)))
        return Order(machine["metadata"]["name"], labels(machine)[CLUSTER_NAME], part(template, "spec", "template", "spec"))

    async def _made(self, order: Order) -> Obj | None:
        """The machine that the driver has made, of which the watches may not have told yet: it is made with the rights of another one."""
        try:
            return await self._context.api.get(MACHINE, order.key)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    async def _make(self, machine: Obj, cluster: Obj, order: Order) -> None:
        try:
            head = await self._head(cluster, machine)
            classes = {}
            for image in order.images:
                found = await self._callers.call("GET", IMAGE.path(*image), headers=head)
                classes[image] = str(part(found, "status").get("storageClassName"))
            body = order.machine(classes)
            if word := annotations(cluster).get(ANNOTATION):
                body["metadata"]["annotations"][ANNOTATION] = word
            whole = {"apiVersion": MACHINE.api_version, "kind": MACHINE.kind, **body}
            made = await self._callers.call("POST", MACHINE.path(order.key.namespace), whole, headers=head)
            meta = {"name": f"{order.name}-cloudinit", "namespace": order.key.namespace, "ownerReferences": [owner_reference(made)]}
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"userdata": encoded(order.user_data)}}
            await self._callers.call("POST", SECRET.path(order.key.namespace), secret, headers=head)
        except ApiError as error:
            text = f"Downloading driver\nError creating machine: Error in driver during machine creation: {error.message}"
            status: Obj = {"phase": "Failed", "failureReason": FAILED, "failureMessage": text}
            status["conditions"] = rancher(machine, "InfrastructureReady", "False", reason=FAILED, message=text)
            await self._context.api.patch_status(CLUSTER_MACHINE, key_of(machine), status)

    async def _head(self, cluster: Obj, machine: Obj) -> dict[str, str]:
        """The driver's credentials. Raises ApiError where they are not there."""
        secret = await self._context.api.get(SECRET, credential_key(cluster, pool_of(cluster, machine)))
        token = token_of(decoded(secret, CREDENTIAL_FIELD))
        if not token:
            raise ApiError(401, "Unauthorized", f"the kubeconfig of cloud credential {secret['metadata']['name']} has no token")
        return {"Authorization": f"Bearer {token}"}

    def _status(self, machine: Obj, order: Order) -> Obj:
        """How far the machine is: its guest runs, its agent has done what it was told."""
        store = self._context.store
        instance = store.get(INSTANCE, order.key) or {}
        addresses = [nic["ipAddress"] for nic in items(instance, "status", "interfaces") if nic.get("ipAddress")]
        secret = store.get(SECRET, plan_secret(machine))
        if phase(instance) != "Running" or not addresses:
            text = "waiting for the virtual machine to run and to report an address"
            return {"phase": "Provisioning", "conditions": rancher(machine, "Ready", "False", message=text)}
        status = {
            "infrastructureReady": True,
            "addresses": [{"type": "InternalIP", "address": addresses[0]}, {"type": "Hostname", "address": order.name}],
        }
        known = part(machine, "status").get("nodeInfo")
        if not applied(secret) or secret is None:
            text = "waiting for agent to apply its plan" if known else "waiting for agent to check in and apply initial plan"
            return {
                **status,
                "phase": "Running" if known else "Provisioned",
                "conditions": rancher(machine, "Ready", "False", message=text),
            }
        return {
            **status,
            "phase": "Running",
            "nodeRef": {"apiVersion": "v1", "kind": "Node", "name": order.name},
            "nodeInfo": {"kubeletVersion": agent_plan(secret).version},
            "conditions": rancher(machine, "Ready", "True"),
        }

    async def _remove(self, machine: Obj, cluster: Obj | None, made: Obj | None, order: Order) -> float | None:
        """The node leaves, the machine goes with its volumes, the Machine last."""
        api, key = self._context.api, key_of(machine)
        if made is None:
            await api.delete(SECRET, plan_secret(machine))
            await api.let_go(CLUSTER_MACHINE, machine, MACHINE_FINALIZER)
            return None
        if cluster is None or deleting(made):
            return None
        guest = self._guests.api(Key(order.key.namespace, order.cluster))
        if guest is not None and not deleting(cluster):
            await guest.api.delete(NODE, Key("", order.name))
        try:
            head = await self._head(cluster, machine)
            marks = {"metadata": {"annotations": {REMOVED_CLAIMS: ",".join(claims(template_spec(made)))}}}
            await self._callers.call("PATCH", MACHINE.path(*order.key), marks, content_type=MERGE, headers=head)
            await self._callers.call("DELETE", MACHINE.path(*order.key), headers=head)
        except ApiError as error:
            status = {"phase": "Deleting", "conditions": rancher(machine, "Ready", "False", reason="DeleteError", message=error.message)}
            await api.patch_status(CLUSTER_MACHINE, key, status)
            return _AGAIN_SECONDS
        return None


def _planned(secret: Obj) -> Iterable[Key]:
    name = labels(secret).get(MACHINE_NAME)
    return (Key(secret["metadata"]["namespace"], name),) if name else ()
