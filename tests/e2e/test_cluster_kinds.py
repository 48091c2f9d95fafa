"""What describes the cluster itself: settings, addons, namespaces, nodes and their devices; each put back as it was by a destroy."""

from typing import Any

import pytest
import yaml
from declared import Entry, Estate, StackOf, declared, disk, estate
from target import VM, VMI, Target, eventually

from harvester_provider.engine.reporter import Silent
from harvester_provider.frontends.calls import Calls
from harvester_provider.resources.provider import ProviderSettings

HCI, NETWORK, DEVICES = (f"{group}harvesterhci.io" for group in ("", "network.", "devices."))
OVERCOMMIT = '{"cpu": 1000, "memory": 150, "storage": 200}'


def whole(target: Target, group: str, plural: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = target.custom.get_cluster_custom_object(group, "v1beta1", plural, name)
    return found


def node(target: Target, name: str) -> dict[str, Any]:
    found: dict[str, Any] = target.api.sanitize_for_serialization(target.core.read_node(name))
    return found


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


@pytest.mark.xdist_group("overcommit")
def test_settings_quotas_and_node_labels_are_set_and_put_back(here: Estate) -> None:
    target = here.target
    before, before_node = whole(target, HCI, "settings", "overcommit-config"), node(target, "node2")
    quota = {"limits_cpu": "8", "limits_memory": "16Gi", "snapshots": "1Ti"}

    def program(**quota: str) -> list[Entry]:
        taints = [{"key": "dedicated", "value": "db", "effect": "PreferNoSchedule"}]
        return [
            declared("Setting", "overcommit", name="overcommit-config", value=OVERCOMMIT),
            declared("Setting", "default", name="support-bundle-node-collection-timeout", value=""),
            declared("Namespace", "team", name=f"{target.namespace}-team", quota=quota),
            declared("Node", "host", name="node2", labels={"rack": "r1"}, taints=taints, description="left one"),
        ]

    here.declare(*program(**quota)).stack.up()
    team = f"{target.namespace}-team"
    assert whole(target, HCI, "settings", "overcommit-config")["value"] == OVERCOMMIT
    hard = target.core.read_namespaced_resource_quota("pulumi-quota", team).spec.hard
    assert (hard["limits.cpu"], hard["limits.memory"]) == ("8", "16Gi")
    labelled = node(target, "node2")
    assert labelled["metadata"]["labels"]["rack"] == "r1"
    assert {"key": "dedicated", "value": "db", "effect": "PreferNoSchedule"} in labelled["spec"]["taints"]
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
    assert OVERCOMMIT.replace('"', '\\"') not in here.stack.state()
    here.declare(*program(limits_cpu="4")).stack.up()
    assert dict(target.core.read_namespaced_resource_quota("pulumi-quota", team).spec.hard) == {"limits.cpu": "4"}
    here.stack.destroy()
    after, after_node = whole(target, HCI, "settings", "overcommit-config"), node(target, "node2")
    assert after.get("value", "") == before.get("value", "")
    assert after["metadata"].get("annotations", {}) == before["metadata"].get("annotations", {})
    assert "rack" not in after_node["metadata"]["labels"]
    assert after_node["spec"].get("taints") == before_node["spec"].get("taints")
    eventually(lambda: team not in [item.metadata.name for item in target.core.list_namespace().items])


def test_addons_disks_and_devices_are_set_and_put_back(here: Estate, simulated: Target) -> None:
    values = yaml.safe_dump({"prometheus": {"retention": "5d"}})
    where = {"namespace": "cattle-monitoring-system"}
    here.declare(
        declared("Addon", "monitoring", name="rancher-monitoring", values_content=values, **where),
        declared("Node", "host", name="node3", disks=[{"name": "node3-sdb", "tags": ["fast"]}]),
        declared("PciDeviceClaim", "gpu", name="node1-000004000"),
        declared("SriovNetworkDevice", "nic", name="node1-eth2", virtual_functions=4),
        declared("LinkMonitor", "links", name="e2e-links", name_rule="^eth[12]$"),
    ).stack.up()

    def spec(kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = whole(simulated, DEVICES, kind, name)["spec"]
        return found

    def addon() -> dict[str, Any]:
        found: dict[str, Any] = simulated.custom.get_namespaced_custom_object(
            HCI, "v1beta1", where["namespace"], "addons", "rancher-monitoring"
        )
        return found

    def sdb() -> dict[str, Any]:
        found: dict[str, Any] = simulated.custom.get_namespaced_custom_object(
            HCI, "v1beta1", "longhorn-system", "blockdevices", "node3-sdb"
        )
        return dict(found["spec"])

    assert addon()["status"]["status"] == "AddonDeploySuccessful"
    assert (sdb()["provision"], sdb()["tags"]) == (True, ["fast"])
    assert spec("sriovnetworkdevices", "node1-eth2")["numVFs"] == 4
    assert spec("pcideviceclaims", "node1-000004000")["nodeName"] == "node1"
    here.stack.refresh_shows_no_drift()
    here.stack.destroy()
    assert (addon()["spec"]["enabled"], addon()["spec"]["valuesContent"], addon()["status"]["status"]) == (False, "", "AddonDisabled")
    assert not sdb()["provision"]
    assert spec("sriovnetworkdevices", "node1-eth2")["numVFs"] == 0


def test_a_node_becomes_empty_for_maintenance_and_a_machine_that_cannot_move_is_told_first(here: Estate, simulated: Target) -> None:
    moves = here.vm("moves", disks=[disk("root", on_delete="delete")], node_selector={"kubernetes.io/os": "linux"})
    stays = here.vm("stays", disks=[disk("root", on_delete="delete", access_mode="ReadWriteOnce")])
    here.declare(moves, stays).stack.up()
    where = simulated.get(VMI, "stays")["status"]["nodeName"]
    if simulated.get(VMI, "moves")["status"]["nodeName"] != where:
        simulated.custom.create_namespaced_custom_object(
            "kubevirt.io", "v1", simulated.namespace, "virtualmachineinstancemigrations",
            {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration", "metadata": {"name": "together"},
             "spec": {"vmiName": "moves", "addedNodeSelector": {"kubernetes.io/hostname": where}}},
        )  # fmt: skip
        eventually(lambda: simulated.get(VMI, "moves")["status"]["nodeName"] == where)
    host = declared("Node", "host", name=where)
    here.declare(moves, stays, host).stack.up()
    refused = declared("Node", "host", name=where, maintenance=True)
    output = here.declare(moves, stays, refused).stack.fails("preview")
    assert "these machines cannot move" in output
    assert f"{simulated.namespace}/stays" in output
    forced = declared("Node", "host", name=where, maintenance=True, stop_unmovable=True)
    output = here.declare(moves, stays, forced).stack.up()
    assert f"machine {simulated.namespace}/moves moves to another node while it runs" in output
    assert f"machine {simulated.namespace}/stays cannot move" in output
    assert simulated.get(VMI, "moves")["status"]["nodeName"] != where
    assert simulated.get(VM, "stays")["spec"]["runStrategy"] == "Halted"
    assert node(simulated, where)["spec"]["unschedulable"]
    here.stack.destroy()
    assert "unschedulable" not in node(simulated, where)["spec"]
    assert "harvesterhci.io/maintain-status" not in node(simulated, where)["metadata"].get("annotations", {})


@pytest.mark.usefixtures("simulated")
async def test_a_host_is_switched_off_in_maintenance_and_on_again_by_its_bmc(target: Target) -> None:
    """Below the CLI. The Inventory says how a BMC is reached; the simulated one does as it is told."""
    where = ("metal.harvesterhci.io", "v1alpha1", "harvester-system", "inventories")
    body = {"apiVersion": "/".join(where[:2]), "kind": "Inventory", "metadata": {"name": "node3"}, "spec": {}}
    target.custom.create_namespaced_custom_object(*where, body)
    eventually(lambda: "status" in target.custom.get_namespaced_custom_object(*where, "node3"))
    calls = Calls(ProviderSettings(kubeconfig=target.kubeconfig, endpoint=target.endpoint))
    given = {"name": "node3", "owner": "shop/dev/node3"}
    try:
        off = {**given, "maintenance": True, "power": "off"}
        made = await calls.create("Node", off, Silent())
        assert (made.inputs["power"], made.state["ready"]) == ("off", False)
        back = await calls.update("Node", made.id, made.state, {**given, "power": "on"}, Silent())
        assert (back.state["ready"], back.state.get("maintenanceStatus", "")) == (True, "")
        await calls.delete("Node", made.id, back.state, Silent())
    finally:
        await calls.close()
        target.custom.delete_namespaced_custom_object(*where, "node3")
