"""The example of a poor man's Harvester: a plain Kubernetes gets KubeVirt, CDI, Multus and storage, and a machine on them; all of it is
upgraded and, but for the cluster's parts, removed again."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from importing import imported
from plain import DV, LOCAL_PATH, plain_cluster
from stack import EXAMPLES, Stack
from target import NAD, VM, VMI, Target

from harvester_provider.resources.provider import ProviderSettings


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


@pytest.fixture
def plain(request: pytest.FixtureRequest, images: str, tmp_path: Path) -> Iterator[Target]:
    with plain_cluster(request.config, tmp_path / "plain", f"{images}/tiny.qcow2") as found:
        yield found


def virt(plain: Target) -> dict[str, Any]:
    found: dict[str, Any] = plain.custom.get_namespaced_custom_object("kubevirt.io", "v1", "kubevirt", "kubevirts", "kubevirt")
    return found


def test_a_plain_kubernetes_gets_its_parts_and_a_machine_and_is_upgraded_under_it(plain: Target, tmp_path: Path) -> None:
    work, folder = tmp_path / "stack", tmp_path / "releases"
    work.mkdir()
    config = {**plain.config, "manifests": releases(folder, "1.1.1"), "kubevirt": "1.1.1"}
    stack = Stack.of(EXAMPLES / "07-poor-mans-harvester", work, "dev", config, {})
    stack.up()
    assert virt(plain)["status"]["observedKubeVirtVersion"] == "v1.1.1"
    assert virt(plain)["spec"]["configuration"]["developerConfiguration"]["featureGates"] == ["ExpandDisks"]
    assert stack.outputs()["status"] == "Running"
    assert plain.get(DV, "dev-fedora")["spec"]["storage"]["storageClassName"] == "local-path"
    assert '"bridge":"br0"' in plain.get(NAD, "dev-net-101")["spec"]["config"]
    spec = plain.get(VM, "dev-vm1")["spec"]["template"]["spec"]
    assert [(disk["name"], "cdrom" in disk) for disk in spec["domain"]["devices"]["disks"]] == [("disk0", False), ("cloudinitdisk", True)]
    assert spec["networks"] == [{"name": "default", "multus": {"networkName": "default/dev-net-101"}}]
    boot = plain.get(VMI, "dev-vm1")["metadata"]["uid"]

    stack.shows_no_change()
    releases(folder, "1.2.0")
    stack.configure({"kubevirt": "1.2.0"})
    stack.up()
    assert virt(plain)["status"]["observedKubeVirtVersion"] == "v1.2.0"
    assert plain.get(VMI, "dev-vm1")["metadata"]["uid"] == boot
    stack.refresh_shows_no_drift()

    inputs, told = asyncio.run(imported(ProviderSettings(kubeconfig=plain.kubeconfig), "PoorMansCluster", "kube-system"))
    assert (inputs.get("kubevirt"), told) == ("1.2.0", "")

    stack.destroy()
    for api in (VM, VMI, DV, NAD):
        assert plain.names(api) == []
    assert virt(plain)["status"]["phase"] == "Deployed"
    assert plain.core.read_namespace("kube-system").metadata.annotations is None
