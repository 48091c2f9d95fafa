"""A cluster with KubeVirt and without Harvester, simulated, for the cases of such clusters."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from target import Target, connect, given_cluster

from harvester_local.cluster import LocalHarvester
from harvester_local.settings import Settings
from harvester_provider.resources.apis import DATA_VOLUME

DV = (DATA_VOLUME.group, DATA_VOLUME.version, DATA_VOLUME.plural)
LOCAL_PATH: dict[str, Any] = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "local-path"},
    "provisioner": "rancher.io/local-path",
    "volumeBindingMode": "WaitForFirstConsumer",
    "reclaimPolicy": "Delete",
}
"""The class that the Local Path Provisioner's manifest brings: no default one, and its volumes do not grow."""


@contextmanager
def plain_cluster(config: pytest.Config, folder: Path, image_url: str = "") -> Iterator[Target]:
    """A Kubernetes without Harvester's kinds. Its settings name no endpoint: there is nothing but the Kubernetes API."""
    if config.getoption("--kubeconfig"):
        pytest.skip("a plain Kubernetes is simulated; the cluster of the run is a Harvester")
    with LocalHarvester(Settings(flavor="kubevirt"), folder=folder) as local, connect(local.kubeconfig_text) as api:
        yield Target(local.kubeconfig_text, "", image_url, "default", api, local)


@contextmanager
def kubevirt_cluster(config: pytest.Config, folder: Path, image_url: str) -> Iterator[Target]:
    """A cluster with KubeVirt, CDI and a default storage class: that of the run where it is one (`--plain`), else a simulated one."""
    given = (
        given_cluster(Path(config.getoption("--kubeconfig")), image_url, endpoint="", endpoint_ca="")
        if config.getoption("--plain")
        else None
    )
    with given or plain_cluster(config, folder, image_url) as found:
        if not found.storage.list_storage_class().items:
            default = {"storageclass.kubernetes.io/is-default-class": "true"}
            found.storage.create_storage_class({**LOCAL_PATH, "metadata": {**LOCAL_PATH["metadata"], "annotations": default}})
        yield found


def workload(kind: str, name: str, namespace: str, image: str) -> dict[str, object]:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": image}]}}
    spec = {"selector": {"matchLabels": labels}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def releases(folder: Path, kubevirt: str) -> str:
    """The manifests that such a cluster is made of, under the projects' names; as small as they can be."""

    def namespace(name: str) -> dict[str, object]:
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}

    cr = {"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": {"name": "kubevirt", "namespace": "kubevirt"}, "spec": {}}
    files = {
        "kubevirt-operator.yaml": [
            workload("Deployment", "virt-operator", "kubevirt", f"virt-operator:v{kubevirt}"),
            namespace("kubevirt"),
        ],
        "kubevirt-cr.yaml": [cr],
        "cdi-operator.yaml": [namespace("cdi"), workload("Deployment", "cdi-operator", "cdi", "cdi-operator:v1.63.1")],
        "cdi-cr.yaml": [{"apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "CDI", "metadata": {"name": "cdi"}, "spec": {}}],
        "local-path-storage.yaml": [
            namespace("local-path-storage"),
            workload("Deployment", "local-path-provisioner", "local-path-storage", "local-path-provisioner:v0.0.32"),
            LOCAL_PATH,
        ],
        "multus-daemonset.yml": [workload("DaemonSet", "kube-multus-ds", "kube-system", "multus-cni:v4.2.2")],
    }
    folder.mkdir(exist_ok=True)
    for name, objects in files.items():
        (folder / name).write_text(yaml.safe_dump_all(objects))
    return str(folder)
