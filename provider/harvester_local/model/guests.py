"""Reading what a machine of a guest cluster is told to do: the cloud-init data of RKE2 and K3s nodes.

Pure, and written from the documentation of RKE2, K3s and cloud-init: whatever installs them with the usual script and
a configuration file in the usual place is understood.
"""

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from harvester_local.api.objects import Obj, items, part
from harvester_local.model.guest_services import CloudAccess, cloud_access

CLUSTER_LABEL = "guestcluster.harvesterhci.io/name"
_INSTALL = re.compile(r"INSTALL_(RKE2|K3S)_VERSION=(\S+)")
_ROLE = re.compile(r"INSTALL_(?:RKE2_TYPE|K3S_EXEC)=(server|agent)")


@dataclass(frozen=True)
class NodePlan:
    """What a machine becomes. `publish_to` is the URL path of the Secret that it writes its kubeconfig to, with `bearer`."""

    distribution: str
    version: str
    role: str
    first: bool
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    publish_to: str = ""
    authorization: str = ""
    manifests: tuple[Obj, ...] = ()
    cloud: CloudAccess | None = None


def node_plan(user_data: str) -> NodePlan | None:
    """The plan in a user data document, None where it is no node of RKE2 or K3s."""
    try:
        document = yaml.safe_load(user_data)
    except yaml.YAMLError:
        return None
    if not isinstance(document, dict):
        return None
    text = json.dumps(document.get("runcmd") or [])
    installed, role = _INSTALL.search(text), _ROLE.search(text)
    if installed is None or role is None:
        return None
    files = {str(entry.get("path")): str(entry.get("content") or "") for entry in document.get("write_files") or []}
    distribution = installed[1].lower()
    config: dict[str, Any] = yaml.safe_load(files.get(f"/etc/rancher/{distribution}/config.yaml", "")) or {}
    pairs = (entry.partition("=") for entry in config.get("node-label") or [])
    secret = files.get("/etc/rancher/harvester/secret-url", "").strip()
    return NodePlan(
        distribution=distribution,
        version=installed[2],
        role=role[1],
        first=any(path.endswith("harvester-publish-kubeconfig") for path in files),
        labels={name: value for name, _, value in pairs},
        taints=tuple(config.get("node-taint") or ()),
        publish_to=re.sub(r"^https://[^/]+", "", secret),
        authorization=files.get("/etc/rancher/harvester/authorization", "").strip().partition(": ")[2],
        **_of_server(distribution, files),
    )


def agent_plan(secret: Obj) -> NodePlan:
    """The plan that Rancher gives the agent in a machine: the installer's image says the version, files say the rest."""
    document = json.loads(decoded(secret, "plan"))
    install = document["instructions"][0]
    files = {file["path"]: base64.b64decode(file["content"]).decode() for file in document["files"]}
    distribution, _, tag = install["image"].rpartition("system-agent-installer-")[2].partition(":")
    config: dict[str, Any] = yaml.safe_load(files[f"/etc/rancher/{distribution}/config.yaml.d/50-rancher.yaml"]) or {}
    pairs = (entry.partition("=") for entry in config.get("node-label") or [])
    return NodePlan(
        distribution=distribution,
        version=re.sub(r"-(?=rke2r|k3s)", "+", tag),
        role=str(install["env"][0]).partition("=")[2],
        first="server" not in config,
        labels={name: value for name, _, value in pairs},
        taints=tuple(config.get("node-taint") or ()),
        **_of_server(distribution, files),
    )


def _of_server(distribution: str, files: dict[str, str]) -> dict[str, Any]:
    """The objects in the folder that servers apply (docs.k3s.io, "Auto-Deploying Manifests"), and what its cloud provider is told."""
    folder = f"/var/lib/rancher/{distribution}/server/manifests/"
    texts = (text for path, text in sorted(files.items()) if path.startswith(folder))
    manifests = tuple(found for text in texts for found in yaml.safe_load_all(text) if found)
    return {"manifests": manifests, "cloud": cloud_access(manifests, files)}


def user_data_secret(instance: Obj) -> str:
    """Name of the Secret with an instance's user data, empty for none."""
    for volume in items(instance, "spec", "volumes"):
        drive = volume.get("cloudInitNoCloud") or volume.get("cloudInitConfigDrive") or {}
        name = (drive.get("secretRef") or {}).get("name")
        if name:
            return str(name)
    return ""


def decoded(secret: Obj, key: str) -> str:
    """The text under a Secret's key, empty for none."""
    return base64.b64decode(part(secret, "data").get(key) or "").decode()


def node_object(name: str, plan: NodePlan) -> Obj:
    """The Node that a kubelet of that plan registers."""
    roles = ("control-plane", "etcd") if plan.role == "server" else ()
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        **plan.labels,
        **{f"node-role.kubernetes.io/{r}": "true" for r in roles},
    }
    taints = [
        {"key": t.partition("=")[0], "value": t.partition("=")[2].partition(":")[0], "effect": t.rpartition(":")[2]} for t in plan.taints
    ]
    return {"metadata": {"name": name, "labels": labels}, "spec": {"taints": taints}}
