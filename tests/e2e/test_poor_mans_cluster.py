"""KubeVirt, CDI, Multus and a provisioner on a plain Kubernetes, from manifests in a folder: installed, upgraded, and left behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from declared import PROGRAM, Estate, declared
from kubernetes import client
from stack import Stack
from target import Target, connect

from harvester_local.cluster import LocalHarvester
from harvester_local.settings import Settings


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
        "cdi-operator.yaml": [namespace("cdi"), workload("Deployment", "cdi-operator", "cdi", "cdi-operator:v1.59.0")],
        "cdi-cr.yaml": [{"apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "CDI", "metadata": {"name": "cdi"}, "spec": {}}],
        "local-path-storage.yaml": [
            namespace("local-path-storage"),
            workload("Deployment", "local-path-provisioner", "local-path-storage", "local-path-provisioner:v0.0.28"),
        ],
        "multus-daemonset.yml": [workload("DaemonSet", "kube-multus-ds", "kube-system", "multus-cni:v4.0.2")],
    }
    folder.mkdir(exist_ok=True)
    for name, objects in files.items():
        (folder / name).write_text(yaml.safe_dump_all(objects))
    return str(folder)


@pytest.fixture
def plain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """A Kubernetes without Harvester's kinds."""
    if request.config.getoption("--kubeconfig"):
        pytest.skip("a plain Kubernetes is simulated; the cluster of the run is a Harvester")
    with LocalHarvester(Settings(flavor="kubevirt"), folder=tmp_path / "plain") as local, connect(local.kubeconfig_text) as api:
        yield Target(local.kubeconfig_text, local.endpoint, "", "default", api, local)


def test_a_plain_kubernetes_becomes_a_cluster_for_machines_and_is_upgraded(plain: Target, tmp_path: Path) -> None:
    work = tmp_path / "stack"
    work.mkdir()
    here = Estate(plain, Stack.of(PROGRAM, work, "dev", plain.config, {}))

    def parts(kubevirt: str, *gates: str) -> Estate:
        versions = {"kubevirt": kubevirt, "cdi": "1.59.0", "local_path": "0.0.28", "multus": "4.0.2"}
        folder = releases(tmp_path / "releases", kubevirt)
        return here.declare(declared("PoorMansCluster", "parvester", folder=folder, feature_gates=list(gates), **versions))

    def virt() -> dict[str, object]:
        found: dict[str, object] = plain.custom.get_namespaced_custom_object("kubevirt.io", "v1", "kubevirt", "kubevirts", "kubevirt")
        return found

    parts("1.1.1", "ExpandDisks").stack.up()
    assert virt()["status"]["observedKubeVirtVersion"] == "v1.1.1"  # type: ignore[index]  # the object's shape is known
    assert virt()["spec"]["configuration"]["developerConfiguration"]["featureGates"] == ["ExpandDisks"]  # type: ignore[index]
    here.stack.shows_no_change()
    parts("1.2.0", "ExpandDisks").stack.up()
    assert virt()["status"]["observedKubeVirtVersion"] == "v1.2.0"  # type: ignore[index]
    here.stack.refresh_shows_no_drift()
    here.stack.destroy()
    assert virt()["status"]["phase"] == "Deployed"  # type: ignore[index]
    assert client.CoreV1Api(plain.api).read_namespace("kube-system").metadata.annotations is None
