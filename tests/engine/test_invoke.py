"""The functions, against a cluster in memory: what is there is told, what is not is an error with the way out."""

from typing import Any

import pytest
from fake_cluster import FakeCluster

from harvester_provider.core.errors import InvalidInputs
from harvester_provider.core.flavour import Flavour
from harvester_provider.core.ref import Api, Ref
from harvester_provider.engine.invoke import invoke
from harvester_provider.resources.apis import (
    CONFIG_MAP,
    CUSTOM_RESOURCE,
    DATA_VOLUME,
    IMAGE,
    KUBEVIRT,
    LINK_MONITOR,
    NAMESPACE,
    NETWORK,
    NODE,
    SERVER_VERSION,
    STORAGE_CLASS,
    VIRTUAL_MACHINE,
    VIRTUAL_MACHINE_INSTANCE,
)
from harvester_provider.resources.dialects import asks
from harvester_provider.resources.functions import FUNCTIONS

READY = [{"type": "Ready", "status": "True"}]


@pytest.fixture
def cluster() -> FakeCluster:
    found = FakeCluster()

    def place(api: Api, name: str, namespace: str = "", **body: Any) -> None:
        found.place(Ref(api, name, namespace), body)

    place(NAMESPACE, "kube-system")
    place(KUBEVIRT, "kubevirt", "harvester-system", status={"observedKubeVirtVersion": "v1.7.0"})
    found.place(SERVER_VERSION, {"value": "v1.8.0"})
    place(CONFIG_MAP, "vip", "harvester-system", data={"ip": "10.0.0.9"})
    addresses = [{"type": "InternalIP", "address": "10.0.0.1"}]
    status = {"conditions": READY, "nodeInfo": {"kubeletVersion": "v1.35.2"}, "addresses": addresses}
    place(NODE, "node2", status={"nodeInfo": {"kubeletVersion": "v1.35.2"}})
    place(NODE, "node1", metadata={"labels": {"rack": "r1"}}, spec={"unschedulable": True}, status=status)
    place(LINK_MONITOR, "nic", status={"linkStatus": {"node1": [{"name": "eth0", "state": "up"}]}})
    place(IMAGE, "image-x", "default", spec={"displayName": "leap"}, status={"size": 5, "storageClassName": "lh-1"})
    place(NETWORK, "net", "default", spec={"config": '{"type": "bridge", "bridge": "up-br", "vlan": 7}'})
    place(STORAGE_CLASS, "fast", parameters={"numberOfReplicas": "1"})
    place(STORAGE_CLASS, "usual", metadata={"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}})
    place(VIRTUAL_MACHINE, "db", "default", status={"printableStatus": "Running"})
    nics = [{"name": "a", "ipAddress": "fe80::1"}, {"name": "b", "ipAddress": "10.1.1.2"}]
    place(VIRTUAL_MACHINE_INSTANCE, "db", "default", status={"nodeName": "node2", "interfaces": nics})
    place(VIRTUAL_MACHINE, "off", "other", status={"printableStatus": "Stopped"})
    return found


async def ask(cluster: FakeCluster, function: str, **args: Any) -> Any:
    return await invoke(FUNCTIONS[function], cluster, args)


async def test_a_cluster_is_told_with_versions_address_and_ready_nodes(cluster: FakeCluster) -> None:
    found = await ask(cluster, "getCluster")
    assert (found.version, found.kubernetes_version, found.vip, found.nodes, found.ready_nodes) == ("v1.8.0", "v1.35.2", "10.0.0.9", 2, 1)
    assert found.uid
    assert found.kubevirt_version == "v1.7.0"


async def test_nodes_come_in_order_with_labels_cordon_and_nics(cluster: FakeCluster) -> None:
    first, second = (await ask(cluster, "getNodes")).nodes
    assert (first.name, first.labels, first.cordoned, first.nics, first.addresses) == (
        "node1",
        {"rack": "r1"},
        True,
        ["eth0"],
        ["10.0.0.1"],
    )
    assert (second.name, second.ready, second.nics) == ("node2", False, [])


async def test_an_image_is_found_by_the_name_the_ui_shows(cluster: FakeCluster) -> None:
    found = await ask(cluster, "getImage", display_name="leap")
    assert (found.id, found.size, found.storage_class_name) == ("default/image-x", 5, "lh-1")
    assert await ask(cluster, "getImage", name="image-x") == found


async def test_a_network_tells_its_vlan_and_its_cluster_network(cluster: FakeCluster) -> None:
    found = await ask(cluster, "getNetwork", name="net")
    assert (found.id, found.cluster_network, found.vlan_id) == ("default/net", "up", 7)


async def test_without_a_name_the_default_storage_class_is_meant(cluster: FakeCluster) -> None:
    assert (await ask(cluster, "getStorageClass")).name == "usual"
    assert (await ask(cluster, "getStorageClass", name="fast")).parameters == {"numberOfReplicas": "1"}


async def test_machines_are_told_with_addresses_but_no_link_local_ones(cluster: FakeCluster) -> None:
    found = await ask(cluster, "getVirtualMachine", name="db")
    assert (found.status, found.node_name, found.ip_address, found.ip_addresses) == ("Running", "node2", "10.1.1.2", {"b": "10.1.1.2"})
    every = (await ask(cluster, "getVirtualMachines")).virtual_machines
    assert [machine.id for machine in every] == ["default/db", "other/off"]
    assert [machine.id for machine in (await ask(cluster, "getVirtualMachines", namespace="other")).virtual_machines] == ["other/off"]
    assert (await ask(cluster, "getVirtualMachines", namespace="none")).wire() == {"virtualMachines": []}


@pytest.fixture
def plain() -> FakeCluster:
    """A cluster with KubeVirt, and of Harvester's kinds not one: whoever asks for one gets an error."""
    found = FakeCluster()
    found.place(Ref(NAMESPACE, "kube-system"), {})
    found.place(Ref(CUSTOM_RESOURCE, "kubevirts.kubevirt.io"), {"spec": {}})
    found.place(Ref(KUBEVIRT, "kubevirt", "kubevirt"), {"status": {"observedKubeVirtVersion": "v1.7.0"}})
    found.place(Ref(NODE, "node1"), {"status": {"conditions": READY, "nodeInfo": {"kubeletVersion": "v1.35.2+k3s1"}}})
    size = {"resources": {"requests": {"storage": "10Gi"}}, "storageClassName": "local-path"}
    image = {
        "metadata": {"labels": {"harvesterhci.io/imageDisplayName": "leap"}},
        "spec": {"source": {"http": {"url": "http://x/leap.qcow2"}}, "storage": size},
        "status": {"phase": "Succeeded", "progress": "100.0%"},
    }
    found.place(Ref(DATA_VOLUME, "disc", "default"), image)
    found.place(Ref(NETWORK, "net", "default"), {"spec": {"config": '{"type": "bridge", "bridge": "br0", "vlan": 7}'}})
    return found


async def ask_plain(cluster: FakeCluster, function: str, **args: Any) -> Any:
    return await invoke(asks(function, Flavour.KUBEVIRT), cluster, args)


async def test_without_harvester_the_same_questions_have_the_same_answers(plain: FakeCluster) -> None:
    cluster = await ask_plain(plain, "getCluster")
    assert (cluster.version, cluster.kubevirt_version, cluster.kubernetes_version, cluster.ready_nodes) == ("", "v1.7.0", "v1.35.2+k3s1", 1)
    assert [(node.name, node.nics) for node in (await ask_plain(plain, "getNodes")).nodes] == [("node1", [])]
    image = await ask_plain(plain, "getImage", display_name="leap")
    assert image == await ask_plain(plain, "getImage", name="disc")
    told = (image.id, image.display_name, image.ready, image.virtual_size, image.storage_class_name)
    assert told == ("default/disc", "leap", True, 10 << 30, "local-path")
    network = await ask_plain(plain, "getNetwork", name="net")
    assert (network.cluster_network, network.vlan_id) == ("mgmt", 7)
    with pytest.raises(InvalidInputs, match="image gone does not exist: `kubectl -n default get datavolumes"):
        await ask_plain(plain, "getImage", name="gone")


async def test_before_kubevirt_is_there_a_cluster_is_told_without_it(plain: FakeCluster) -> None:
    del plain.objects[Ref(CUSTOM_RESOURCE, "kubevirts.kubevirt.io")]
    assert (await ask_plain(plain, "getCluster")).kubevirt_version == ""
    assert not [asked for asked in plain.requests if "kubevirts" in str(asked) and "customresourcedefinitions" not in str(asked)]


@pytest.mark.parametrize(
    ("function", "args", "words"),
    [
        ("getImage", {"name": "gone"}, "image gone does not exist"),
        ("getImage", {}, "give name or displayName"),
        ("getImage", {"nam": "x"}, "check the spelling"),
        ("getNetwork", {"name": "gone"}, "network default/gone does not exist"),
        ("getStorageClass", {"name": "gone"}, "storage class gone does not exist"),
        ("getVirtualMachine", {"name": "gone"}, "virtual machine default/gone does not exist"),
        ("getVirtualMachine", {}, "this input is required"),
    ],
)
async def test_what_is_not_there_is_told_with_the_way_out(cluster: FakeCluster, function: str, args: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputs, match=words):
        await ask(cluster, function, **args)


def test_names_on_the_wire_are_camel_case() -> None:
    answer = FUNCTIONS["getKubeconfig"].answer(FUNCTIONS["getKubeconfig"].args(service_account="a"), None, "clusters: []")  # type: ignore[arg-type]
    assert answer.wire() == {"kubeconfig": "clusters: []"}
