"""Harvester's cloud provider and CSI driver in a guest cluster: their charts, their values, and what a distribution needs besides. Pure.

RKE2 brings both charts and installs them where its cloud provider is called `harvester`. K3s knows of neither: it is told to install
them, with the snapshot kinds that the driver's chart makes objects of, and to leave nodes and load balancers to them.
Sources: the charts harvester-cloud-provider and harvester-csi-driver in harvester/charts, pkg/cli/cmds/root.go in RKE2, and
docs.harvesterhci.io ("Harvester Cloud Provider", K3s).
"""

from collections.abc import Mapping

import yaml

from harvester_provider.core.json import Json, Object

CLOUD_PROVIDER, _CSI, _SNAPSHOTS = "harvester-cloud-provider", "harvester-csi-driver", "snapshot-controller"
_FOLDER = "/etc/rancher/harvester"
CLOUD_CONFIG = f"{_FOLDER}/cloud-provider-config"
"""In a guest: kubeconfig for Harvester. The driver's chart is given the folder, and expects this name of the file in it."""
_HARVESTER, _PIRAEUS = "https://charts.harvesterhci.io", "https://piraeus.io/helm-charts"
_WHERE = "kube-system"

K3S_CONFIG: Mapping[str, Json] = {"disable-cloud-controller": True, "disable": ["servicelb"], "kubelet-arg": ["cloud-provider=external"]}
"""Entries of K3s's configuration of a server by which another cloud provider than its own cares for nodes and services."""


def values(cluster: str) -> Mapping[str, Mapping[str, Json]]:
    """The values of both charts by their names. `cluster` is the name by which Harvester knows the guest cluster."""
    return {
        CLOUD_PROVIDER: {"cloudConfigPath": CLOUD_CONFIG, "global": {"cattle": {"clusterName": cluster}}},
        _CSI: {"cloudConfig": {"hostPath": f"{_FOLDER}/"}},
    }


def for_rke2(cluster: str) -> list[Object]:
    """The values for the charts that RKE2 brings."""
    return [_chart("HelmChartConfig", name, {"valuesContent": _yaml(content)}) for name, content in values(cluster).items()]


def for_k3s(cluster: str) -> list[Object]:
    """The charts that K3s installs. The cloud provider goes first: until it is there, no other pod finds a node."""
    ours = [
        _chart("HelmChart", name, {**_source(_HARVESTER, name), "bootstrap": name == CLOUD_PROVIDER, "valuesContent": _yaml(content)})
        for name, content in values(cluster).items()
    ]
    return [*ours, _chart("HelmChart", _SNAPSHOTS, _source(_PIRAEUS, _SNAPSHOTS))]


def _yaml(content: Mapping[str, Json]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=False)


def _source(repository: str, chart: str) -> Mapping[str, Json]:
    return {"repo": repository, "chart": chart, "targetNamespace": _WHERE}


def _chart(kind: str, name: str, spec: Mapping[str, Json]) -> Object:
    return {"apiVersion": "helm.cattle.io/v1", "kind": kind, "metadata": {"name": name, "namespace": _WHERE}, "spec": dict(spec)}
