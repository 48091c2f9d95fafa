"""kube-vip in a guest cluster: the address that the servers share, as manifests for their folder of static manifests.

It runs on the servers alone and cares for the control plane's address alone. Services get theirs from Harvester's cloud provider, whose
chart has a kube-vip of its own in the same namespace and on the same nodes: names and the port of the metrics are others than its. Pure.
Source of the variables: pkg/kubevip/config_envvar.go of kube-vip 1.0; of the names: the chart harvester-cloud-provider of harvester/charts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harvester_provider.core.json import Json, Object

IMAGE = "ghcr.io/kube-vip/kube-vip:v1.0.1"
_NAME, _WHERE = "kube-vip-control-plane", "kube-system"
_METRICS = ":2113"


@dataclass(frozen=True, kw_only=True)
class KubeVip:
    """How the control plane's address is announced: by ARP in its network, or by BGP to routers."""

    interface: str = ""
    """NIC of the servers that carries the address, such as `enp1s0`. Default: the one with the default route; with `bgp`, `lo`."""
    mode: Literal["arp", "bgp"] = "arp"
    """`arp`: one server answers for the address. `bgp`: all of them announce it."""
    bgp_as: int = 65000
    """With `bgp`: number of the servers' autonomous system."""
    bgp_peers: Sequence[str] = ()
    """With `bgp`: the routers, each as `address:AS`, such as `192.168.1.1:65001`."""
    image: str = IMAGE
    """Container image."""

    def manifests(self, address: str, port: int = 6443) -> list[Object]:
        """The objects for an address."""
        return [*_account(), _daemon_set(self, self._environment(address, port))]

    def _environment(self, address: str, port: int) -> Mapping[str, str]:
        common = {
            "address": address, "port": str(port), "vip_subnet": "128" if ":" in address else "32", "cp_enable": "true",
            "cp_namespace": _WHERE, "svc_enable": "false", "vip_interface": self.interface, "prometheus_server": _METRICS,
        }  # fmt: skip
        if self.mode == "arp":
            lease = {"vip_leaderelection": "true", "vip_leaseduration": "15", "vip_renewdeadline": "10", "vip_retryperiod": "2"}
            return {**common, "vip_arp": "true", **lease}
        peers = ",".join(f"{peer}::false" for peer in self.bgp_peers)
        return {**common, "vip_interface": self.interface or "lo", "bgp_enable": "true", "bgp_as": str(self.bgp_as), "bgp_peers": peers}


def _account() -> list[Object]:
    meta = {"name": _NAME, "namespace": _WHERE}
    rules: Json = [
        {"apiGroups": [""], "resources": ["services", "endpoints", "nodes"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "list", "watch", "create", "update", "patch"]},
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _NAME}
    rbac = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": _NAME}, "rules": rules},
        {"apiVersion": rbac, "kind": "ClusterRoleBinding", "metadata": {"name": _NAME}, "roleRef": role,
         "subjects": [{"kind": "ServiceAccount", **meta}]},
    ]  # fmt: skip


def _daemon_set(vip: KubeVip, environment: Mapping[str, str]) -> Object:
    labels = {"app.kubernetes.io/name": _NAME}
    servers: Json = {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]}]
        }
    }
    own = {"vip_nodename": "spec.nodeName", **({"bgp_routerid": "status.hostIP"} if vip.mode == "bgp" else {})}
    facts: list[Json] = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in own.items()]
    variables: list[Json] = [{"name": name, "value": value} for name, value in environment.items() if value]
    container: Json = {
        "name": _NAME,
        "image": vip.image,
        "args": ["manager"],
        "env": [*facts, *variables],
        "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]}},
    }
    pod: Json = {
        "serviceAccountName": _NAME,
        "hostNetwork": True,
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": servers},
        "containers": [container],
    }
    spec: Json = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": _NAME, "namespace": _WHERE}, "spec": spec}
