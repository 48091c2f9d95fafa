"""A guest cluster on machines of ours, below the CLI: what its servers apply, nodes that do not join, a scale-in that is held up."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kubernetes import client
from target import Target, connect
from workshop import Made, Workshop

from harvester_provider.core.errors import PlanRefused, WaitTimedOut
from harvester_provider.resources.drivers import GUEST_CLUSTER
from harvester_provider.resources.guest.kube_vip import KubeVip
from harvester_provider.resources.guest.user_data import GuestMachine
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.wiring import Clusters

VERSION, TOKEN = "v1.34.2+rke2r1", "join-me-if-you-can"
NEVER_JOINS = {"local.harvester/fault": "never-joins"}
SHORT = {"create": "4s", "update": "4s", "delete": "4s"}


@pytest.fixture
async def shop(simulated: Target) -> AsyncIterator[Workshop]:
    async with Workshop.on(simulated, f"e2e-guest-{uuid.uuid4().hex[:6]}") as found:
        await found.make("Image", "disc", url=simulated.image_url)
        yield found


@pytest.fixture
async def clusters() -> AsyncIterator[Clusters]:
    """The way into guest clusters, by their kubeconfigs."""
    found = Clusters(ProviderSettings())
    yield found
    await found.close()


async def machine(shop: Workshop, access: Made, name: str, role: Any) -> Made:
    """A machine of the guest cluster, which does not join until it is healed."""
    document = GuestMachine(
        cluster="dev", namespace=shop.namespace, role=role, first=role == "server", distribution="rke2", version=VERSION,
        address="10.0.0.50", token=TOKEN, cloud_config=access.state["cloudConfig"], secret=access.state["publishedIn"],
        kube_vip=KubeVip(mode="bgp", bgp_peers=["10.0.0.1:65001"]),
    )  # fmt: skip
    return await shop.make(
        "VirtualMachine", name, cpu=1, memory="1Gi", disks=[{"name": "root", "image": "~/disc", "size": "10Gi", "bootOrder": 1}],
        networkInterfaces=[{"name": "default"}], labels={GUEST_CLUSTER: "dev"}, annotations=NEVER_JOINS,
        cloudInit={"userData": document.text()},
    )  # fmt: skip


async def heal(made: Made) -> None:
    await made.edited_by_hand({"metadata": {"annotations": dict.fromkeys(NEVER_JOINS)}})


async def test_a_guest_cluster_says_what_it_waits_for_and_goes_on_when_that_is_over(shop: Workshop, clusters: Clusters) -> None:
    access = await shop.make("GuestAccess", "dev", joinToken=TOKEN, kubernetesVersion=VERSION)
    first = await machine(shop, access, "server-1", "server")
    kubeconfig = Made(shop, "GuestKubeconfig", access.state["publishedIn"])
    with pytest.raises(WaitTimedOut, match="server-1 is Running and has not published it yet"):
        await kubeconfig.make(machine="server-1", timeouts=SHORT)
    await heal(first)
    await kubeconfig.make(machine="server-1")

    guest = Workshop(await clusters.get(kubeconfig.state["kubeconfig"]), "")
    node: dict[str, Any] = {"cluster": kubeconfig.state["kubeconfig"], "kubernetesVersion": VERSION}
    server = Made(guest, "GuestNode", "server-1")
    await server.make(**node, machineUid="1", role="server")
    second = await machine(shop, access, "agent-1", "agent")
    agent = Made(guest, "GuestNode", "agent-1")
    with pytest.raises(WaitTimedOut, match="it has not joined: is its machine running"):
        await agent.make(**node, machineUid="2", timeouts=SHORT)
    await heal(second)
    await agent.make(**node, machineUid="2", timeouts={"delete": SHORT["delete"]})

    with connect(kubeconfig.state["kubeconfig"]) as api:
        core = client.CoreV1Api(api)
        assert not [event.message for event in core.list_namespaced_event("kube-system").items if event.reason == "ApplyManifestFailed"]
        assert [each.metadata.name for each in client.AppsV1Api(api).list_namespaced_daemon_set("kube-system").items] == [
            "kube-vip-control-plane"
        ]
        charts = client.CustomObjectsApi(api).list_namespaced_custom_object("helm.cattle.io", "v1", "kube-system", "helmchartconfigs")
        assert {each["metadata"]["name"] for each in charts["items"]} == {"harvester-cloud-provider", "harvester-csi-driver"}

        held = {"metadata": {"name": "busy", "finalizers": ["example.org/busy"]}}
        spec = {"nodeName": "agent-1", "containers": [{"name": "main", "image": "registry.example.org/idle"}]}
        core.create_namespaced_pod("default", {**held, "spec": spec})
        with pytest.raises(WaitTimedOut, match=r"1 pods are still on it \(default/busy\)"):
            await agent.destroy()
        assert core.read_node("agent-1").spec.unschedulable
        core.patch_namespaced_pod("busy", "default", {"metadata": {"finalizers": None}})
        await agent.destroy()
        assert [each.metadata.name for each in core.list_node().items] == ["server-1"]
    with pytest.raises(PlanRefused, match="it is the last server"):
        await server.destroy()
    for made in (second, first):
        await made.destroy()
    await access.destroy()
