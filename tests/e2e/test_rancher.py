"""Guest clusters of a Rancher, below the CLI: made, changed in each way, refused, resumed, removed. On the local Harvester, which has a Rancher."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from kubernetes import client
from target import VM, Target, connect
from workshop import Made, Workshop

from harvester_provider.core.errors import PlanRefused
from harvester_provider.core.json import dig_str
from harvester_provider.core.ref import Listing
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.rancher.words import CONFIG
from harvester_provider.wiring import Clusters

VERSION, NEXT = "v1.34.2+rke2r1", "v1.35.1+rke2r1"
WORKSPACE = "fleet-default"


@dataclass
class Ranch:
    """A Rancher beside a Harvester: resources of the one, and what becomes of them in the other."""

    target: Target
    harvester: Workshop
    rancher: Workshop
    name: str
    pools: dict[str, dict[str, Any]] = field(default_factory=dict)

    def pool(self, name: str, *roles: str, **more: Any) -> dict[str, Any]:
        shape = {"cpu": 1, "memory": "1Gi", "disks": [{"image": "~/disc", "size": "10Gi"}], "networks": ["~/red"], "sshUser": "opensuse"}
        return {"name": name, "roles": list(roles), **self.harvester.placed(shape), **more}

    def inputs(self, *workers: dict[str, Any], servers: int = 1, **more: Any) -> dict[str, Any]:
        every = [self.pool("server", "control-plane", "etcd", "worker", quantity=servers), *workers]
        return {
            "namespace": WORKSPACE, "kubernetesVersion": VERSION, "cloudCredential": f"cattle-global-data:cc-{self.name}",
            "machineNamespace": self.harvester.namespace, "pools": every, "timeouts": {"create": "90s", "update": "90s"}, **more,
        }  # fmt: skip

    async def credential(self, **more: Any) -> Made:
        return await self.rancher.make("RancherCloudCredential", self.name, kubeconfig=self.kubeconfig(), **more)

    def kubeconfig(self, suffix: str = "") -> str:
        """A kubeconfig for Harvester with a token of its own: that of a new service account, which may do everything."""
        core, name = self.target.core, f"rancher{suffix}"
        where = self.harvester.namespace
        core.create_namespaced_service_account(where, {"metadata": {"name": name}})
        client.RbacAuthorizationV1Api(self.target.api).create_cluster_role_binding({
            "metadata": {"name": f"{where}-{name}"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": where}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        })  # fmt: skip
        token = core.create_namespaced_service_account_token(name, where, {"spec": {"expirationSeconds": 7200}}).status.token
        document = yaml.safe_load(self.target.kubeconfig)
        document["users"][0]["user"] = {"token": token}
        return yaml.safe_dump(document)

    def machines(self) -> list[dict[str, Any]]:
        where = self.harvester.namespace
        found: list[dict[str, Any]] = self.target.custom.list_namespaced_custom_object(VM[0], VM[1], where, VM[2])["items"]
        return found

    def claims(self) -> list[str]:
        return [claim.metadata.name for claim in self.target.core.list_namespaced_persistent_volume_claim(self.harvester.namespace).items]


@asynccontextmanager
async def ranch_on(target: Target) -> AsyncIterator[Ranch]:
    name = f"r{uuid.uuid4().hex[:6]}"
    clusters = Clusters(ProviderSettings.model_validate({"clusters": {"rancher": target.rancher}}))
    try:
        async with Workshop.on(target, f"e2e-{name}") as harvester:
            await harvester.make("VlanNetwork", "red", clusterNetwork="mgmt", vlanId=11)
            await harvester.make("Image", "disc", url=target.image_url)
            yield Ranch(target, harvester, Workshop(await clusters.get("rancher"), WORKSPACE), name)
    finally:
        await clusters.close()


@pytest.fixture
async def ranch(cluster: Target) -> AsyncIterator[Ranch]:
    if cluster.local is None:
        pytest.skip("there is no Rancher: it is part of the local Harvester")
    async with ranch_on(cluster) as found:
        yield found


def versions(kubeconfig: str) -> dict[str, str]:
    """The nodes of a guest cluster with their versions, as a program of its own sees them."""
    with connect(kubeconfig) as api:
        return {node.metadata.name: node.status.node_info.kubelet_version for node in client.CoreV1Api(api).list_node().items}


async def test_a_cluster_from_its_credential_through_every_change_to_nothing_left(ranch: Ranch) -> None:
    credential = await ranch.credential()
    workers = ranch.pool("work", "worker", quantity=1, labels={"tier": "work"}, taints=["dedicated=db:NoSchedule"])
    first = ranch.inputs(workers, config={"cni": "calico"}, chartValues={"rke2-calico": {"installation": {"mtu": 1400}}})
    made = await ranch.rancher.make("RancherCluster", ranch.name, **first)
    names = {machine["metadata"]["name"] for machine in ranch.machines()}
    assert versions(made.state["kubeconfig"]) == dict.fromkeys(names, VERSION)
    assert {machine["metadata"]["labels"]["harvesterhci.io/creator"] for machine in ranch.machines()} == {"docker-machine-driver-harvester"}
    assert await made.drift() == []
    assert not (await made.preview(**first)).changed

    grown = {**first, "pools": [first["pools"][0], {**workers, "quantity": 2}]}
    await made.up(**grown)
    assert names < {machine["metadata"]["name"] for machine in ranch.machines()}
    names = {machine["metadata"]["name"] for machine in ranch.machines()}

    reshaped = {**grown, "kubernetesVersion": NEXT, "pools": [first["pools"][0], {**workers, "quantity": 2, "memory": "2Gi"}]}
    said = await made.preview(**reshaped)
    assert "the machines of pool work are exchanged" in " ".join(said.lines)
    await made.up(**reshaped)
    limits = sorted(machine["spec"]["template"]["spec"]["domain"]["resources"]["limits"]["memory"] for machine in ranch.machines())
    assert limits == ["1Gi", "2Gi", "2Gi"]
    assert set(versions(made.state["kubeconfig"]).values()) == {NEXT}
    assert len(versions(made.state["kubeconfig"])) == 3
    assert await made.drift() == []

    rotated = ranch.kubeconfig("2")
    await credential.up(kubeconfig=rotated)
    shrunk = {**reshaped, "pools": [reshaped["pools"][0], {**reshaped["pools"][1], "quantity": 0}]}
    await made.up(**shrunk)
    assert len(ranch.machines()) == 1
    with pytest.raises(PlanRefused, match=f"in use by {ranch.name}"):
        await credential.destroy()
    await made.destroy()
    assert await made.gone()
    assert (ranch.machines(), ranch.claims()) == ([], [])
    await credential.destroy()
    left = await ranch.rancher.cluster.list(Listing(CONFIG, WORKSPACE))
    assert not [name for each in left if (name := dig_str(each, "metadata", "name")).startswith(ranch.name)]
