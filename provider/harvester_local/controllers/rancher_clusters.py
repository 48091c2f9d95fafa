"""Rancher's provisioning Clusters: a MachineDeployment per pool, the status, the end. What agents are told is the planner's.

A pool that is scaled by itself has the autoscaler's limits on its deployment. Who scales the deployment scales the pool, as Rancher's
webhook sees to. Upstream: pkg/controllers/provisioningv2/{cluster,provisioningcluster} in Rancher, and
pkg/resources/cluster.x-k8s.io/v1beta2/machinedeployment in its webhook.
"""

import secrets
from collections.abc import Iterable, Mapping

from harvester_local.api.client import ApiError
from harvester_local.api.kinds import (
    CLUSTER_MACHINE,
    HARVESTER_CONFIG,
    MACHINE_DEPLOYMENT,
    MACHINE_TEMPLATE,
    RANCHER_CLUSTER,
    SECRET,
    Kind,
)
from harvester_local.api.objects import Key, Obj, annotations, deleting, finalizers, key_of, labels, owner_reference, part
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.rancher_planner import Planner
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.rancher import (
    CLUSTER_NAME,
    LIMITS,
    POOL_NAME,
    alive,
    autoscaling,
    credential_key,
    deployment_name,
    encoded,
    is_server,
    pool_of,
    pools,
    roles,
    rollout,
    template_of,
)
from harvester_local.model.rancher_plans import applied

_FINALIZERS = ("wrangler.cattle.io/provisioning-cluster-remove", "wrangler.cattle.io/cloud-config-secret-remover")
_GOES_WITH = "v2prov-authorized-secret-deletes-on-cluster-removal"
_AUTHORIZED = "v2prov-secret-authorized-for-cluster"
_GENERATION = "local.harvester/of-generation"
"""On a deployment: the generation of the Cluster that it was last written for."""
_AGAIN_SECONDS = 0.5


class RancherClusters:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context, self._planner = context, Planner(context)

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Clusters, and all that is made for them."""
        return {RANCHER_CLUSTER: own_key, CLUSTER_MACHINE: _cluster_of, MACHINE_DEPLOYMENT: _cluster_of, SECRET: _cluster_of}

    async def reconcile(self, key: Key) -> float | None:
        """Bring pools and plans in line with the Cluster, and say how far it is."""
        store = self._context.store
        cluster = store.get(RANCHER_CLUSTER, key)
        if cluster is None:
            return None
        machines = self._belonging(CLUSTER_MACHINE, cluster)
        if deleting(cluster):
            await self._end(cluster, machines)
            return None
        if missing := [name for name in _FINALIZERS if name not in finalizers(cluster)]:
            body = {"metadata": {"finalizers": [*finalizers(cluster), *missing]}}
            await self._context.api.patch_version(RANCHER_CLUSTER, cluster, body)
            return None
        try:
            await self._pools(cluster)
        except ApiError as error:
            await self._say(cluster, f"error applying the pools: {error.message}")
            return _AGAIN_SECONDS
        try:
            told = await self._planner.tell(cluster, alive(machines))
        except ValueError as error:
            await self._say(cluster, str(error))
            return _AGAIN_SECONDS
        await self._say(cluster, told or self._unfinished(cluster, machines))
        return None

    # Pools ----------------------------------------------------------------------------------------------------------

    async def _pools(self, cluster: Obj) -> None:
        """A template and a deployment for each pool; deployments of other pools go."""
        api, namespace = self._context.api, cluster["metadata"]["namespace"]
        for pool in pools(cluster):
            await api.get(SECRET, credential_key(cluster, pool))
            config = await self._own(cluster, Key(namespace, pool["machineConfigRef"]["name"]))
            template = await api.ensure(MACHINE_TEMPLATE, template_of(cluster, pool, config))
            await self._deploy(cluster, pool, template["metadata"]["name"])
        names = {deployment_name(cluster, pool) for pool in pools(cluster)}
        for deployment in self._belonging(MACHINE_DEPLOYMENT, cluster):
            if deployment["metadata"]["name"] not in names and not deleting(deployment):
                await api.delete(MACHINE_DEPLOYMENT, key_of(deployment))

    async def _own(self, cluster: Obj, key: Key) -> Obj:
        """Take ownership of a pool's configuration, as upstream does."""
        config = await self._context.api.get(HARVESTER_CONFIG, key)
        if not config["metadata"].get("ownerReferences"):
            config = await self._context.api.patch(HARVESTER_CONFIG, key, {"metadata": {"ownerReferences": [owner_reference(cluster)]}})
        return config

    async def _deploy(self, cluster: Obj, pool: Obj, template: str) -> None:
        meta = cluster["metadata"]
        marks = {CLUSTER_NAME: meta["name"], "rke.cattle.io/cluster-name": meta["name"], POOL_NAME: pool["name"]}
        marks |= {f"rke.cattle.io/{role}-role": "true" for role in roles(pool)}
        reference = {"apiVersion": "rke-machine.cattle.io/v1", "kind": "HarvesterMachineTemplate", "name": template}
        spec = {
            "clusterName": meta["name"],
            "replicas": pool.get("quantity", 1),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": rollout(pool)},
            "template": {"metadata": {"labels": marks}, "spec": {"clusterName": meta["name"], "infrastructureRef": reference}},
        }
        key = Key(meta["namespace"], deployment_name(cluster, pool))
        known = self._context.store.get(MACHINE_DEPLOYMENT, key)
        notes = {**autoscaling(pool), _GENERATION: str(meta["generation"])}
        if known is None:
            own = {"name": key.name, "namespace": key.namespace, "labels": {CLUSTER_NAME: meta["name"]}, "annotations": notes}
            await self._context.api.ensure(MACHINE_DEPLOYMENT, {"metadata": own, "spec": spec})
        elif annotations(known).get(_GENERATION) == notes[_GENERATION] and known["spec"]["replicas"] != spec["replicas"]:
            await self._scaled(cluster, pool, known["spec"]["replicas"])
        elif known["spec"] != spec or not notes.items() <= annotations(known).items():
            gone = dict.fromkeys(set(LIMITS.values()) - notes.keys())
            await self._context.api.patch(MACHINE_DEPLOYMENT, key, {"metadata": {"annotations": {**gone, **notes}}, "spec": spec})

    async def _scaled(self, cluster: Obj, pool: Obj, replicas: int) -> None:
        """The number of a pool follows that of its deployment, which somebody else has changed: the autoscaler."""
        found = [{**each, "quantity": replicas} if each["name"] == pool["name"] else each for each in pools(cluster)]
        await self._context.api.patch_version(RANCHER_CLUSTER, cluster, {"spec": {"rkeConfig": {"machinePools": found}}})

    def _belonging(self, kind: Kind, cluster: Obj) -> list[Obj]:
        """The objects of a kind that bear the cluster's name."""
        meta = cluster["metadata"]
        return [found for found in self._context.store.all(kind, meta["namespace"]) if labels(found).get(CLUSTER_NAME) == meta["name"]]

    # Status ---------------------------------------------------------------------------------------------------------

    def _unfinished(self, cluster: Obj, machines: list[Obj]) -> str:
        wanted = sum(pool.get("quantity", 1) for pool in pools(cluster))
        running = [machine for machine in machines if part(machine, "status").get("phase") == "Running" and not deleting(machine)]
        done = all(
            part(deployment, "status").get("observedGeneration") == deployment["metadata"]["generation"]
            and part(deployment, "status").get("updatedReplicas") == deployment["spec"]["replicas"]
            for deployment in self._belonging(MACHINE_DEPLOYMENT, cluster)
        )
        return "" if done and len(running) == len(machines) == wanted else f"{len(running)} of {wanted} machines are running"

    async def _say(self, cluster: Obj, waiting: str) -> None:
        """The status: `ready` never goes back to false, and conditions follow what is unfinished."""
        status, key = dict(part(cluster, "status")), key_of(cluster)
        status["clusterName"] = status.get("clusterName") or f"c-m-{secrets.token_hex(4)}"
        status["observedGeneration"] = cluster["metadata"]["generation"]
        if not status.get("ready") and any(applied(self._planner.plan_of(m)) for m in self._servers(cluster)):
            await self._kubeconfig(cluster)
            status |= {"ready": True, "agentDeployed": True, "clientSecretName": f"{key.name}-kubeconfig"}
        conditions = {**cluster, "status": status}
        for kind in ("Updated", "Provisioned", "Ready"):
            found = rancher(conditions, kind, "Unknown" if waiting else "True", reason="Waiting" if waiting else "", message=waiting)
            conditions = {**conditions, "status": {**status, "conditions": found}}
        status = conditions["status"]
        if status != part(cluster, "status"):
            await self._context.api.patch_status(RANCHER_CLUSTER, key, status)

    def _servers(self, cluster: Obj) -> list[Obj]:
        return [machine for machine in self._belonging(CLUSTER_MACHINE, cluster) if is_server(pool_of(cluster, machine))]

    async def _kubeconfig(self, cluster: Obj) -> None:
        """The Secret with a token for the new cluster. Its kubeconfig is for Rancher itself: the address is one of its own network."""
        meta = cluster["metadata"]
        token = f"u-{secrets.token_hex(5)}:{secrets.token_hex(27)}"
        own = {"name": f"{meta['name']}-kubeconfig", "namespace": meta["namespace"], "ownerReferences": [owner_reference(cluster)]}
        value = "apiVersion: v1\nkind: Config\nclusters: [{name: cluster, cluster: {server: https://10.43.0.10}}]\n"
        await self._context.api.ensure(SECRET, {"metadata": own, "data": {"token": encoded(token), "value": encoded(value)}})

    # The end --------------------------------------------------------------------------------------------------------

    async def _end(self, cluster: Obj, machines: list[Obj]) -> None:
        """Machines first, then what was made for them; the Cluster's own configurations go with it."""
        api, key = self._context.api, key_of(cluster)
        deployments = self._belonging(MACHINE_DEPLOYMENT, cluster)
        for deployment in deployments:
            if not deleting(deployment):
                await api.delete(MACHINE_DEPLOYMENT, key_of(deployment))
        if deployments or machines:
            return
        for secret in list(self._context.store.all(SECRET, key.namespace)):
            if annotations(secret).get(_AUTHORIZED) == key.name and annotations(secret).get(_GOES_WITH) == "true":
                await api.delete(SECRET, key_of(secret))
        await api.let_go(RANCHER_CLUSTER, cluster, *_FINALIZERS)


def _cluster_of(obj: Obj) -> Iterable[Key]:
    name = labels(obj).get(CLUSTER_NAME)
    return (Key(obj["metadata"]["namespace"], name),) if name else ()
