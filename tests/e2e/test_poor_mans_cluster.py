"""The example of a poor man's Harvester: a plain Kubernetes gets KubeVirt, CDI, Multus and storage, and a machine on them; all of it is
upgraded and, but for the cluster's parts, removed again."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from importing import imported
from plain import DV, plain_cluster, releases
from stack import EXAMPLES, Stack
from target import NAD, VM, VMI, Target

from harvester_provider.resources.provider import ProviderSettings


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
