"""A guest cluster on machines of ours, below the CLI: what its servers apply, nodes that do not join, a scale-in that is held up."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kubernetes import client
from ranch import Heard
from target import Target, connect, eventually
from workshop import Made, Workshop

from harvester_provider.core.errors import PlanRefused, WaitTimedOut
from harvester_provider.core.json import dig_str
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import LOAD_BALANCER
from harvester_provider.resources.drivers import GUEST_CLUSTER
from harvester_provider.resources.guest.kube_vip import KubeVip
from harvester_provider.resources.guest.user_data import GuestMachine
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS
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


async def reachable(shop: Workshop, guest: client.CoreV1Api) -> None:
    """A service of the guest gets an address of a pool of Harvester, and is gone there when it is gone here; another one is left."""
    octet = int(shop.namespace[-2:], 16)
    span = {"subnet": f"10.77.{octet}.0/24", "start": f"10.77.{octet}.10", "end": f"10.77.{octet}.20"}
    pool = await shop.make(
        "IpPool", f"pool-{shop.namespace[-6:]}", ranges=[span], selector={"scope": [{"namespace": shop.namespace, "guestCluster": "dev"}]}
    )
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": "web"}}
    for name in ("web", "left"):
        guest.create_namespaced_service("default", {"metadata": {"name": name}, "spec": spec})

    def given(name: str) -> str:
        found = guest.read_namespaced_service(name, "default").status.load_balancer.ingress
        return str(found[0].ip) if found else ""

    await asyncio.to_thread(eventually, lambda: given("web") and given("left"))
    (balancer,) = [each for each in await shop.listed(LOAD_BALANCER) if "-web-" in dig_str(each, "metadata", "name")]
    read = await verbs.read(KINDS["LoadBalancer"], shop.cluster, f"{shop.namespace}/{dig_str(balancer, 'metadata', 'name')}", {})
    assert read is not None
    assert (read.state["address"], read.state["allocatedFrom"], read.inputs["workloadType"]) == (given("web"), pool.name, "cluster")
    guest.delete_namespaced_service("web", "default")
    left = Ref(LOAD_BALANCER, dig_str(balancer, "metadata", "name"), shop.namespace)
    await shop.until(lambda seen: seen[left] is None, left)


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

        await reachable(shop, core)

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
    heard = Heard()
    await verbs.delete(KINDS["GuestAccess"], shop.cluster, access.id, access.state, heard)
    assert heard.told("its cloud provider left load balancers")
    assert heard.told("dev-default-left-")
    (balancer,) = await shop.listed(LOAD_BALANCER)
    await shop.remove(Ref(LOAD_BALANCER, dig_str(balancer, "metadata", "name"), shop.namespace))
