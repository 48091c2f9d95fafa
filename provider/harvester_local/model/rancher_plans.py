"""What Rancher's planner tells the agent of a machine: files, and what to install. Pure.

A file is written anew whenever it differs; what is `dynamic` does so without a restart of the node, so that it is not drained for.
Upstream: pkg/capr/planner/{config,manifests,registry,instructions,drain}.go in Rancher.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator

import yaml

from harvester_local.api.objects import Key, Obj, annotations, items, labels, part
from harvester_local.model.rancher import is_server, pool_of

_AUTHORIZED, _AUTHORIZED_FILES = "v2prov-secret-authorized-for-cluster", "rke.cattle.io/object-authorized-for-clusters"
DRAIN, DRAINED, DRAIN_ERROR = "rke.cattle.io/drain-options", "rke.cattle.io/drain-done", "rke.cattle.io/drain-error"
"""Annotations of an agent's Secret: how its node is to be emptied, how it was, and what holds it."""
UNCORDON = "rke.cattle.io/uncordon"
"""Annotation of an agent's Secret: its node is to be taken back."""
_CONFIG = "config.yaml.d/50-rancher.yaml"

SecretOf = Callable[[str], Obj | None]
"""Finds a Secret of the cluster's namespace by its name."""


def plan_secret(machine: Obj) -> Key:
    """The Secret in which a Machine's agent finds its plan."""
    return Key(machine["metadata"]["namespace"], f"{machine['metadata']['name']}-machine-plan")


def applied(secret: Obj | None) -> bool:
    """Whether an agent has done what its plan says."""
    data = part(secret, "data")
    return bool(data.get("plan")) and data.get("plan") == data.get("appliedPlan")


def drain_error(secret: Obj) -> str:
    """What holds the emptying of the node, empty where nothing does."""
    return annotations(secret).get(DRAIN_ERROR) or ""


def distribution(cluster: Obj) -> str:
    """`rke2` or `k3s`."""
    return "k3s" if "+k3s" in str(part(cluster, "spec").get("kubernetesVersion")) else "rke2"


def plan(cluster: Obj, machine: Obj, secret_of: SecretOf, *, init: bool) -> str:
    """The plan as JSON. Raises ValueError where it needs a Secret that is not there, or not for this cluster."""
    version, kind = str(cluster["spec"].get("kubernetesVersion")), distribution(cluster)
    pool = pool_of(cluster, machine)
    static = list(_static(cluster, machine, secret_of, init=init))
    image = f"rancher/system-agent-installer-{kind}:{version.replace('+', '-')}"
    digest = hashlib.sha256(json.dumps([image, static], sort_keys=True).encode()).hexdigest()
    role = "server" if is_server(pool) else "agent"
    install = {"name": "install", "image": image, "env": [f"INSTALL_{kind.upper()}_EXEC={role}", f"DRAIN_HASH={digest}"]}
    manifests = list(_manifests(cluster)) if is_server(pool) else []
    return json.dumps({"files": [*static, *manifests], "instructions": [install]}, sort_keys=True)


def drain_hash(text: str) -> str:
    """The digest of what a node of this plan is restarted for, empty for no plan."""
    if not text:
        return ""
    pairs = (entry.partition("=") for entry in json.loads(text)["instructions"][0]["env"])
    return str(next(value for name, _, value in pairs if name == "DRAIN_HASH"))


def _static(cluster: Obj, machine: Obj, secret_of: SecretOf, *, init: bool) -> Iterator[Obj]:
    """The files that a node is restarted for."""
    kind, rke, name = distribution(cluster), part(cluster, "spec", "rkeConfig"), cluster["metadata"]["name"]
    config = dict(part(rke, "machineGlobalConfig"))
    for entry in _selected(rke, "machineSelectorConfig", machine):
        config |= part(entry, "config")
    source = str(config.get("cloud-provider-config") or "")
    if source.startswith("secret://"):
        config["cloud-provider-config"] = f"/var/lib/rancher/{kind}/etc/config-files/cloud-provider-config"
        secret = _authorized(secret_of, source.rpartition(":")[2], _AUTHORIZED, name)
        yield {"path": config["cloud-provider-config"], "content": part(secret, "data").get("credential", "")}
    for entry in _selected(rke, "machineSelectorFiles", machine):
        for wanted in (found["secret"] for found in entry.get("fileSources") or [] if found.get("secret")):
            secret = _authorized(secret_of, wanted["name"], _AUTHORIZED_FILES, name)
            for file in wanted.get("items") or []:
                yield {"path": file["path"], "content": part(secret, "data").get(file["key"], "")}
    registries = {field: part(rke, "registries").get(field) or {} for field in ("configs", "mirrors")}
    yield _file(f"/etc/rancher/{kind}/registries.yaml", json.dumps(registries, sort_keys=True))
    yield _file(f"/etc/rancher/{kind}/{_CONFIG}", json.dumps(config | _of_pool(cluster, machine, init=init), sort_keys=True))


def _of_pool(cluster: Obj, machine: Obj, *, init: bool) -> Obj:
    pool = pool_of(cluster, machine)
    taints = [f"{t['key']}={t.get('value', '')}:{t['effect']}" for t in pool.get("taints") or []]
    out: Obj = {"node-label": [f"{name}={value}" for name, value in (pool.get("labels") or {}).items()], "node-taint": taints}
    return out if init else {**out, "server": "https://first"}


def _manifests(cluster: Obj) -> Iterator[Obj]:
    """What servers apply to the cluster: the user's manifests, and the values of charts with the cluster's ID in them."""
    folder, rke = f"/var/lib/rancher/{distribution(cluster)}/server/manifests/rancher", part(cluster, "spec", "rkeConfig")
    yield _file(f"{folder}/addons.yaml", str(rke.get("additionalManifest") or ""))
    charts = [_values(name, values or {}, cluster) for name, values in sorted(part(rke, "chartValues").items())]
    yield _file(f"{folder}/managed-chart-config.yaml", yaml.safe_dump_all(charts))


def _values(chart: str, values: Obj, cluster: Obj) -> Obj:
    held = part(values, "global")
    cattle = {**part(held, "cattle"), "clusterId": part(cluster, "status").get("clusterName")}
    return {
        "apiVersion": "helm.cattle.io/v1",
        "kind": "HelmChartConfig",
        "metadata": {"name": chart, "namespace": "kube-system"},
        "spec": {"valuesContent": json.dumps({**values, "global": {**held, "cattle": cattle}}, sort_keys=True)},
    }


def _file(path: str, text: str) -> Obj:
    return {"path": path, "content": base64.b64encode(text.encode()).decode()}


def _selected(rke: Obj, field: str, machine: Obj) -> Iterator[Obj]:
    """The entries of a list for a Machine: those without a selector, and those whose labels it has."""
    for entry in items(rke, field):
        wanted = part(entry, "machineLabelSelector", "matchLabels")
        if wanted.items() <= labels(machine).items():
            yield entry


def _authorized(secret_of: SecretOf, name: str, mark: str, cluster: str) -> Obj:
    secret = secret_of(name)
    if secret is None or cluster not in annotations(secret).get(mark, "").split(","):
        raise ValueError(f"cluster {cluster} was not authorized to access secret {name}")
    return secret
