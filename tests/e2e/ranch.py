"""A Rancher beside a Harvester, for cases below the CLI: its resources, and what becomes of them in Harvester."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from kubernetes import client
from target import VM, Target, account, connect, eventually
from workshop import Made, Workshop

from harvester_provider.engine.reporter import Silent
from harvester_provider.resources.provider import ProviderSettings
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
        return account(self.target, self.harvester.namespace, f"rancher{suffix}")

    def machines(self) -> list[dict[str, Any]]:
        where = self.harvester.namespace
        found: list[dict[str, Any]] = self.target.custom.list_namespaced_custom_object(VM[0], VM[1], where, VM[2])["items"]
        return found

    def claims(self) -> list[str]:
        return [claim.metadata.name for claim in self.target.core.list_namespaced_persistent_volume_claim(self.harvester.namespace).items]


@asynccontextmanager
async def ranch_on(target: Target) -> AsyncIterator[Ranch]:
    """A Rancher, and a namespace of Harvester. Rancher's watches end first: closing TLS takes a while, and the rest takes longer."""
    name = f"r{uuid.uuid4().hex[:6]}"
    clusters = Clusters(ProviderSettings.model_validate({"clusters": {"rancher": target.rancher}}))
    async with Workshop.on(target, f"e2e-{name}") as harvester:
        try:
            await harvester.make("VlanNetwork", "red", clusterNetwork="mgmt", vlanId=11)
            await harvester.make("Image", "disc", url=target.image_url)
            yield Ranch(target, harvester, Workshop(await clusters.get("rancher"), WORKSPACE), name)
        finally:
            await clusters.close()


def versions(kubeconfig: str) -> dict[str, str]:
    """The nodes of a guest cluster with their versions, as a program of its own sees them."""
    with connect(kubeconfig) as api:
        return {node.metadata.name: node.status.node_info.kubelet_version for node in client.CoreV1Api(api).list_node().items}


class Heard(Silent):
    """A reporter that keeps what the user is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, text: str) -> None:
        self.lines.append(text)

    def told(self, words: str) -> bool:
        """Whether a line has these words in it."""
        return any(words in line for line in self.lines)


async def cut_off(work: Coroutine[Any, Any, Any], holds: Callable[[], bool]) -> None:
    """Begin with something, and end it as soon as something holds."""
    begun = asyncio.create_task(work)
    await asyncio.to_thread(eventually, holds)
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)
