"""Reading and building what Rancher has of a guest cluster: pools, machines, releases.

Pure. Upstream: pkg/controllers/provisioningv2/provisioningcluster/template.go, pkg/capr in Rancher.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import yaml

from harvester_local.api.objects import Key, Obj, annotations, deleting, items, labels, part

CREDENTIALS = "cattle-global-data"
"""Namespace of cloud credentials."""
CREDENTIAL_FIELD = "harvestercredentialConfig-kubeconfigContent"
CLUSTER_NAME, DEPLOYMENT_NAME = "cluster.x-k8s.io/cluster-name", "cluster.x-k8s.io/deployment-name"
POOL_NAME, MACHINE_NAME = "rke.cattle.io/rke-machine-pool-name", "rke.cattle.io/machine-name"
CLONED_FROM = "rke.cattle.io/cloned-from-name"
LIMITS = {f"autoscaling{word}Size": f"cluster.x-k8s.io/cluster-api-autoscaler-node-group-{word.lower()}-size" for word in ("Min", "Max")}
"""Fields of a pool -> annotations of its MachineDeployment (Cluster API api/core/v1beta2/common_types.go)."""
PLAN_TYPE = "rke.cattle.io/machine-plan"
FAILED = "CreateError"
_ROLES = {"etcdRole": "etcd", "controlPlaneRole": "control-plane", "workerRole": "worker"}

SERVER_VERSION = "v2.14.0"
RELEASES = {
    "rke2": ("v1.33.7+rke2r1", "v1.34.2+rke2r1", "v1.34.3+rke2r1", "v1.35.1+rke2r1"),
    "k3s": ("v1.33.7+k3s1", "v1.34.2+k3s1", "v1.34.3+k3s1", "v1.35.1+k3s1"),
}
"""The versions of Kubernetes that this Rancher makes clusters of."""


def releases(distribution: str) -> Obj:
    """`GET /v1-rke2-release/releases` (or k3s): what Rancher's channel server answers."""
    entries = [
        {"id": version, "type": "release", "version": version, "minChannelServerVersion": "v2.13.0-alpha1",
         "maxChannelServerVersion": "v2.14.99", "serverArgs": {"tls-san": {"type": "array[string]"}}}
        for version in RELEASES[distribution]
    ]  # fmt: skip
    return {"type": "collection", "resourceType": "release", "data": entries}


def pools(cluster: Obj) -> list[Obj]:
    """The machine pools of a provisioning Cluster."""
    return items(cluster, "spec", "rkeConfig", "machinePools")


def pool_of(cluster: Obj, machine: Obj) -> Obj:
    """The pool a Machine is in, empty where it has gone."""
    name = labels(machine).get(POOL_NAME)
    return next((pool for pool in pools(cluster) if pool.get("name") == name), {})


def roles(pool: Obj) -> list[str]:
    """What the nodes of a pool are."""
    return [role for name, role in _ROLES.items() if pool.get(name)]


def is_server(pool: Obj) -> bool:
    """Whether the nodes of a pool are servers of RKE2 or K3s."""
    return "etcd" in roles(pool) or "control-plane" in roles(pool)


def deployment_name(cluster: Obj, pool: Obj) -> str:
    """Name of a pool's MachineDeployment."""
    return f"{cluster['metadata']['name']}-{pool['name']}"


def template_of(cluster: Obj, pool: Obj, config: Obj) -> Obj:
    """The HarvesterMachineTemplate of a pool: its name ends with a hash of the configuration, so that another one is another template."""
    fields = {name: value for name, value in config.items() if name not in {"apiVersion", "kind", "metadata"}}
    name = deployment_name(cluster, pool)
    digest = hashlib.sha256((name + json.dumps(fields, sort_keys=True)).encode()).hexdigest()[:8]
    meta = {
        "name": f"{name}-{digest}",
        "namespace": cluster["metadata"]["namespace"],
        "annotations": {CLONED_FROM: config["metadata"]["name"]},
        "labels": {"rke.cattle.io/machine-template-hash": digest},
    }
    return {"metadata": meta, "spec": {"clusterName": cluster["metadata"]["name"], "template": {"spec": fields}}}


def autoscaling(pool: Obj) -> dict[str, str]:
    """The annotations by which Cluster API's autoscaler knows the limits of a pool."""
    return {mark: str(pool[field]) for field, mark in LIMITS.items() if pool.get(field) is not None}


def rollout(pool: Obj) -> Obj:
    """How a pool is rolled, with the defaults of Cluster API."""
    return {"maxSurge": 1, "maxUnavailable": 0, **(pool.get("rollingUpdate") or {})}


def figure(value: int | str, total: int, *, up: bool) -> int:
    """A number, or a percentage of `total`."""
    if isinstance(value, str) and value.endswith("%"):
        share = int(value[:-1]) * total
        return -(-share // 100) if up else share // 100
    return int(value)


def encoded(text: str) -> str:
    """Base64, as Secrets hold it."""
    return base64.b64encode(text.encode()).decode()


def token_of(kubeconfig: str) -> str:
    """The bearer token of a kubeconfig, empty where it has none."""
    try:
        document: Any = yaml.safe_load(kubeconfig)
        return str(document["users"][0]["user"]["token"])
    except (yaml.YAMLError, KeyError, IndexError, TypeError):
        return ""


def failure(machine: Obj) -> str:
    """Why a Machine could not be made, empty where nothing failed."""
    return str(part(machine, "status").get("failureMessage") or "")


def alive(machines: list[Obj]) -> list[Obj]:
    """The Machines that are not being deleted, the oldest first."""
    found = [machine for machine in machines if not deleting(machine)]
    return sorted(found, key=lambda machine: (machine["metadata"]["creationTimestamp"], machine["metadata"]["name"]))


def template_name(machine: Obj) -> str:
    """The template that a Machine was made from."""
    return annotations(machine).get("cluster.x-k8s.io/cloned-from-name", "")


def credential_key(cluster: Obj, pool: Mapping[str, Any]) -> Key:
    """The Secret with the cloud credential of a pool's machines: `namespace:name`."""
    text = str(pool.get("cloudCredentialSecretName") or part(cluster, "spec").get("cloudCredentialSecretName") or "")
    namespace, found, name = text.partition(":")
    return Key(namespace, name) if found else Key(cluster["metadata"]["namespace"], text)
