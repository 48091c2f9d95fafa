"""The LoadBalancer of Harvester that stands for a service of a guest cluster, and how its cloud provider is told of Harvester. Pure.

Upstream: pkg/cloud-controller-manager/loadbalancer.go in cloud-provider-harvester, and the values of its chart.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from harvester_local.api.objects import Key, Obj, annotations, part
from harvester_local.model.rancher import token_of

_CHART, _DEFAULT_PATH = "harvester-cloud-provider", "/var/lib/rancher/rke2/etc/config-files/cloud-provider-config"
_LONGEST = 63 - 8
_OURS, _THEIRS = "cloudprovider.harvesterhci.io", "loadbalancer.harvesterhci.io"
ADDRESS = "kube-vip.io/loadbalancerIPs"
"""Annotation of a service: the address that kube-vip is to take into use."""
FINALIZER = "service.kubernetes.io/load-balancer-cleanup"


@dataclass(frozen=True)
class CloudAccess:
    """A guest's way into Harvester: a token, a namespace, and the name by which Harvester knows the cluster."""

    token: str
    namespace: str
    cluster: str

    @property
    def headers(self) -> dict[str, str]:
        """The credentials of a request."""
        return {"Authorization": f"Bearer {self.token}"}


def cloud_access(manifests: Iterable[Obj], files: Mapping[str, str]) -> CloudAccess | None:
    """What the chart of the cloud provider is told by a node's files; None where there is no chart, or no kubeconfig where it looks."""
    charts = [each for each in manifests if part(each, "metadata").get("name") == _CHART]
    values: Obj = {}
    for chart in sorted(charts, key=lambda each: str(each["kind"])):  # those of a HelmChartConfig replace those of its HelmChart
        values = {**values, **(yaml.safe_load(part(chart, "spec").get("valuesContent") or "") or {})}
    text = files.get(str(values.get("cloudConfigPath") or _DEFAULT_PATH), "")
    if not charts or not token_of(text):
        return None
    document: Any = yaml.safe_load(text)
    context = document["contexts"][0]["context"]
    cluster = str(part(values, "global", "cattle").get("clusterName") or "kubernetes")
    return CloudAccess(token_of(text), str(context.get("namespace") or "default"), cluster)


def balancer_name(cluster: str, service: Obj) -> str:
    """Upstream's name: cluster, namespace and service, cut off, and a checksum of all that and of the service's UID."""
    meta = service["metadata"]
    base = f"{cluster if cluster[:1].isalpha() else f'a{cluster}'}-{meta['namespace']}-{meta['name']}-"
    return base[:_LONGEST] + f"{zlib.crc32((base + meta['uid']).encode()):08x}"


def balancer_of(access: CloudAccess, service: Obj) -> Obj:
    """The LoadBalancer."""
    meta, marks = service["metadata"], annotations(service)
    asked = {f"{_THEIRS}/{name}": marks.get(f"{_OURS}/{name}", "") for name in ("network", "project", "namespace")}
    known = {"cluster": access.cluster, "serviceNamespace": meta["namespace"], "serviceName": meta["name"]}
    return {
        "apiVersion": f"{_THEIRS}/v1beta1",
        "kind": "LoadBalancer",
        "metadata": {
            "name": balancer_name(access.cluster, service),
            "namespace": access.namespace,
            "annotations": {**asked, f"{_THEIRS}/cluster": access.cluster},
            "labels": {f"{_OURS}/{name}": value for name, value in known.items()},
        },
        "spec": {"ipam": marks.get(f"{_OURS}/ipam", "pool"), "workloadType": "cluster"},
    }


def key_in_harvester(access: CloudAccess, service: Obj) -> Key:
    """Where the LoadBalancer of a service is."""
    return Key(access.namespace, balancer_name(access.cluster, service))
