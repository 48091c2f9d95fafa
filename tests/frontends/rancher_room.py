"""A cluster in memory with a Rancher that does at once what its clusters say, as far as RancherCluster notices it."""

from collections.abc import Iterator
from typing import Any, Literal

from fake_cluster import FakeCluster

from harvester_provider.core.json import Object
from harvester_provider.core.ref import Ref
from harvester_provider.resources.apis import SECRET
from harvester_provider.resources.rancher import words
from harvester_provider.resources.secret import encoded

VERSIONS = ("v1.34.2+rke2r1", "v1.35.1+rke2r1")
CREDENTIAL = "cattle-global-data:cc-a"
UP = [{"type": kind, "status": "True"} for kind in ("Updated", "Ready")]


class RancherRoom(FakeCluster):
    """The cluster. What Rancher makes of one of its clusters goes with it."""

    def __init__(self) -> None:
        super().__init__()
        self.place(words.credential(CREDENTIAL), {"data": {}})
        self.place(words.SERVER_URL, {"value": "https://rancher"})
        self.place(words.CA, {"value": "CA"})
        self.place(words.RELEASES["rke2"], {"data": [{"version": version} for version in VERSIONS]})

    def _write(self, ref: Ref, body: dict[str, Any]) -> Object:
        if ref.api == words.CLUSTER:
            body["metadata"] = {**body["metadata"], "generation": 1}
            body["status"] = {"observedGeneration": 1, "clusterName": "c-m-1", "conditions": UP}
            for made, shown in parts(ref, body):
                self.place(made, shown)
        return super()._write(ref, body)

    async def delete(self, ref: Ref, propagation: Literal["Foreground", "Background"], uid: str = "") -> None:
        found = self.objects.get(ref, {})
        await super().delete(ref, propagation, uid)
        if ref.api == words.CLUSTER:
            for made, _ in parts(ref, found):
                self.vanish(made)


def parts(ref: Ref, cluster: Object) -> Iterator[tuple[Ref, Object]]:
    """What Rancher makes of a cluster: for each pool a template, a deployment and its machines; a token."""
    spec: Any = cluster["spec"]
    runs = {"phase": "Running", "nodeInfo": {"kubeletVersion": spec["kubernetesVersion"]}}
    for pool in spec["rkeConfig"]["machinePools"]:
        name, number = f"{ref.name}-{pool['name']}", pool["quantity"]
        made_of = {
            "metadata": {"labels": {words.POOL_NAME: pool["name"]}},
            "spec": {"infrastructureRef": {"name": name}},
        }
        count = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), number)
        deployment = {"clusterName": ref.name, "replicas": number, "template": made_of}
        yield Ref(words.TEMPLATE, name, ref.namespace), {"metadata": {"annotations": {words.CLONED_FROM: pool["machineConfigRef"]["name"]}}}
        yield Ref(words.DEPLOYMENT, name, ref.namespace), {"spec": deployment, "status": count}
        for each in range(number):
            yield Ref(words.MACHINE, f"{name}-{each}", ref.namespace), {"status": runs}
    yield Ref(SECRET, f"{ref.name}-kubeconfig", ref.namespace), {"data": encoded({"token": "kubeconfig-user-a:1"})}
