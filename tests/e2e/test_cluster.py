"""The cluster as one resource: first login, settings, an upgrade that fails half-way and one that does not, and all put back.

Example 06 goes through both front ends: the dynamic provider makes it, the plugin changes, upgrades and destroys it.
"""

from collections.abc import Callable
from typing import Any

import pytest
from stack import Stack
from target import Target, eventually

from harvester_provider.core.errors import PlanRefused
from harvester_provider.engine.reporter import Silent
from harvester_provider.frontends.calls import Calls
from harvester_provider.resources.provider import ProviderSettings

HCI = ("harvesterhci.io", "v1beta1")
LONGHORN = ("longhorn.io", "v1beta2")
SYSTEM = "harvester-system"
PLUGIN = {"harvester:frontend": "plugin"}
PASSWORD = "correct horse battery"


def setting(target: Target, name: str) -> dict[str, Any]:
    found: dict[str, Any] = target.custom.get_cluster_custom_object(*HCI, "settings", name)
    return found


def patched(target: Target, plural: str, name: str, body: dict[str, Any]) -> None:
    kind = {"_content_type": "application/merge-patch+json"}
    if plural == "settings":
        target.custom.patch_cluster_custom_object(*HCI, plural, name, body, **kind)
    else:
        target.custom.patch_namespaced_custom_object(*HCI, SYSTEM, plural, name, body, **kind)


def of_storage(target: Target, plural: str, name: str, status: dict[str, Any]) -> None:
    """What Longhorn says of one of its volumes or nodes."""
    target.custom.patch_namespaced_custom_object_status(
        *LONGHORN, "longhorn-system", plural, name, {"status": status}, _content_type="application/merge-patch+json"
    )


@pytest.mark.xdist_group("overcommit")
def test_a_cluster_is_set_up_and_all_is_put_back(target: Target, stack_of: Callable[..., Stack]) -> None:
    before = setting(target, "overcommit-config")
    stack = stack_of("06-harvester-cluster")
    stack.up()
    assert '"memory":200' in setting(target, "overcommit-config")["value"]
    assert target.core.read_node("node1").metadata.labels["example.org/rack"] == "r1"
    found = stack.outputs()
    assert (found["version"], "node1" in found["nodes"], "node1" in found["nics"]) == ("v1.8.0", True, True)
    stack.shows_no_change()
    stack.configure({**PLUGIN, "memoryOvercommit": "250"})
    assert "1. set overcommit-config" in stack.preview()
    stack.up()
    assert '"memory":250' in setting(target, "overcommit-config")["value"]
    stack.shows_no_change()
    stack.destroy()
    after = setting(target, "overcommit-config")
    assert (after.get("value", ""), after["metadata"].get("annotations")) == (
        before.get("value", ""),
        before["metadata"].get("annotations"),
    )
    assert "example.org/rack" not in target.core.read_node("node1").metadata.labels
    eventually(lambda: f"{stack.name}-team" not in [item.metadata.name for item in target.core.list_namespace().items])


def test_a_login_and_an_upgrade_that_fails_half_way(simulated: Target, stack_of: Callable[..., Stack]) -> None:
    assert simulated.local is not None
    door = {"endpoint": simulated.local.endpoint, "ca": simulated.local.ca.read_text(), "password": "not the right one"}
    simulated.custom.create_namespaced_custom_object(
        *HCI, SYSTEM, "versions",
        {"apiVersion": "/".join(HCI), "kind": "Version", "spec": {"isoURL": "https://example.org/h.iso", "isoChecksum": "0"},
         "metadata": {"name": "v1.8.1", "annotations": {"local.harvester/fault": "upgrade-fails"}}},
    )  # fmt: skip
    try:
        stack = stack_of("06-harvester-cluster", **door, release="1.8.0")
        stack.configure({"password": PASSWORD})
        stack.up()
        assert "certificate-authority-data" in stack.outputs()["kubeconfig"]
        assert PASSWORD not in stack.state()
        stack.configure({**PLUGIN, "release": "1.8.1"})
        output = stack.fails("up", "--yes", "--skip-preview")
        assert "NodesUpgraded: Node node1 upgrade failed" in output
        assert "delete the Upgrade" in output
        patched(simulated, "versions", "v1.8.1", {"metadata": {"annotations": None}})
        simulated.custom.delete_namespaced_custom_object(*HCI, SYSTEM, "upgrades", "pulumi-v1-8-1")
        stack.up()
        assert setting(simulated, "server-version")["value"] == "v1.8.1"
        stack.configure({"release": "1.8.0"})
        assert "no way back to v1.8.0" in stack.fails("preview")
    finally:
        patched(simulated, "settings", "server-version", {"value": "v1.8.0"})
        simulated.custom.delete_namespaced_custom_object(*HCI, SYSTEM, "versions", "v1.8.1")


async def test_an_upgrade_that_would_end_badly_is_refused_at_preview_with_the_way_out(simulated: Target) -> None:
    """Below the CLI. A node without room for the images of a release, and a volume whose only replica is down with its node."""
    custom = simulated.custom
    release = {"apiVersion": "/".join(HCI), "kind": "Version", "metadata": {"name": "v1.8.2"}}
    custom.create_namespaced_custom_object(
        *HCI, SYSTEM, "versions", {**release, "spec": {"isoURL": "https://x.org/h.iso", "isoChecksum": "0"}}
    )
    volume = {"apiVersion": "/".join(LONGHORN), "kind": "Volume", "metadata": {"name": "pvc-1"}, "spec": {"numberOfReplicas": 1}}
    custom.create_namespaced_custom_object(*LONGHORN, "longhorn-system", "volumes", volume)
    of_storage(simulated, "volumes", "pvc-1", {"kubernetesStatus": {"namespace": "default", "pvcName": "scratch"}})
    of_storage(simulated, "nodes", "node2", {"diskStatus": {"default-disk": {"storageAvailable": 12 << 30}}})
    calls = Calls(ProviderSettings(kubeconfig=simulated.kubeconfig, endpoint=simulated.endpoint))
    inputs = {"name": "hci", "owner": "shop/dev/hci", "version": "1.8.0"}
    try:
        made = await calls.create("Cluster", inputs, Silent())
        with pytest.raises(PlanRefused) as told:
            await calls.diff("Cluster", made.id, made.state, {**inputs, "version": "1.8.2"}, Silent())
        assert "nodes have too little room on all of their disks: node2: the images of a release take 13 GiB" in str(told.value)
        assert "volumes have one replica: default/scratch" in str(told.value)
        custom.delete_namespaced_custom_object(*LONGHORN, "longhorn-system", "volumes", "pvc-1")
        of_storage(simulated, "nodes", "node2", {"diskStatus": {"default-disk": {"storageAvailable": 400 << 30}}})
        difference = await calls.diff("Cluster", made.id, made.state, {**inputs, "version": "1.8.2"}, Silent())
        assert "1. upgrade the cluster from v1.8.0 to v1.8.2" in difference.lines
        await calls.delete("Cluster", made.id, made.state, Silent())
    finally:
        await calls.close()
        custom.delete_namespaced_custom_object(*HCI, SYSTEM, "versions", "v1.8.2")


async def test_a_support_bundle_and_the_registration_at_a_rancher_and_its_end(simulated: Target) -> None:
    """Below the CLI. The registration goes back to what it was; a bundle stays for whoever wants it."""
    calls = Calls(ProviderSettings(kubeconfig=simulated.kubeconfig, endpoint=simulated.endpoint))
    given = {"name": "hci", "owner": "shop/dev/hci"}
    old = {**given, "version": "1.8.0", "rancher": {"url": "https://rancher.example.org/v3/import/t.yaml", "version": "2.12.0"}}
    new = {**old, "rancher": {**old["rancher"], "version": "2.14.1"}, "supportBundle": "disks are slow"}
    try:
        refused = await calls.check("Cluster", {}, old, Silent())
        assert "needs Rancher 2.14 or newer, this one is 2.12.0" in str(refused.problems)
        made = await calls.create("Cluster", new, Silent())
        assert "/v3/import/t.yaml" in setting(simulated, "cluster-registration-url")["value"]
        name = made.state["supportBundleFile"].split("/")[-2]
        bundle = simulated.custom.get_namespaced_custom_object(*HCI, SYSTEM, "supportbundles", name)
        assert bundle["status"]["state"] == "ready"
        await calls.delete("Cluster", made.id, made.state, Silent())
        assert setting(simulated, "cluster-registration-url").get("value", "") == ""
    finally:
        await calls.close()
