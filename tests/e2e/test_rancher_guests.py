"""What is declared of a guest cluster of a Rancher: that Rancher takes it, and what becomes of it in the guest. On the local Harvester."""

import json
from typing import Any

from kubernetes import client
from ranch import VERSION, WORKSPACE, Heard, Ranch, cut_off, versions
from target import connect, eventually
from workshop import Made

from harvester_provider.core.plan import Put, Step
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.engine import verbs
from harvester_provider.resources.registry import KINDS

HELM, DEPLOYMENTS = ("helm.cattle.io", "v1"), ("cluster.x-k8s.io", "v1beta1", "machinedeployments")


def pod(name: str, node: str) -> dict[str, Any]:
    spec = {"nodeName": node, "containers": [{"name": "main", "image": "registry.example.org/idle"}]}
    return {"metadata": {"name": name}, "spec": spec}


async def test_what_is_declared_reaches_the_guest_and_nodes_are_emptied_before_they_are_upgraded(ranch: Ranch) -> None:
    credential = await ranch.credential()
    work = ranch.pool("work", "worker", quantity=2, autoscalingMin=1, autoscalingMax=4)
    wanted = ranch.inputs(
        work, kubernetesVersion="v1.34.2+k3s1", cloudConfig=ranch.kubeconfig("-guest"),
        chartValues={"harvester-cloud-provider": {"replicasCount": 2}}, upgradeStrategy={"workerDrain": {}},
    )  # fmt: skip
    made = await ranch.rancher.make("RancherCluster", ranch.name, **wanted)
    with connect(made.state["kubeconfig"]) as api:
        guest, core = client.CustomObjectsApi(api), client.CoreV1Api(api)
        charts = {each["metadata"]["name"] for each in guest.list_namespaced_custom_object(*HELM, "kube-system", "helmcharts")["items"]}
        assert charts == {"harvester-cloud-provider", "harvester-csi-driver", "snapshot-controller"}
        (values,) = guest.list_namespaced_custom_object(*HELM, "kube-system", "helmchartconfigs")["items"]
        assert json.loads(values["spec"]["valuesContent"])["replicasCount"] == 2
        assert not [event.message for event in core.list_namespaced_event("kube-system").items if event.reason == "ApplyManifestFailed"]

        workers = sorted(name for name in versions(made.state["kubeconfig"]) if "-work-" in name)
        for name in workers:
            core.create_namespaced_pod("default", pod(f"on-{name}", name))
        upgraded = {**wanted, "kubernetesVersion": "v1.35.1+k3s1"}
        heard, news = Heard(), made.checked(upgraded)
        held = verbs.update(KINDS["RancherCluster"], ranch.rancher.cluster, made.id, made.state, news, heard)
        await cut_off(held, lambda: heard.told("cannot delete Pods that declare no controller"))
        cordoned = [node.metadata.name for node in core.list_node().items if node.spec.unschedulable]
        assert [name in workers for name in cordoned] == [True]
        await made.up(**{**upgraded, "upgradeStrategy": {"workerDrain": {"force": True}}})
        assert set(versions(made.state["kubeconfig"]).values()) == {"v1.35.1+k3s1"}
        assert not core.list_namespaced_pod("default").items
        assert not [node.metadata.name for node in core.list_node().items if node.spec.unschedulable]

    deployment = (*DEPLOYMENTS[:2], WORKSPACE, DEPLOYMENTS[2], f"{ranch.name}-work")
    limits = ranch.target.custom.get_namespaced_custom_object(*deployment)["metadata"]["annotations"]
    assert limits["cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size"] == "4"
    ranch.target.custom.patch_namespaced_custom_object(*deployment, {"spec": {"replicas": 3}}, _content_type="application/merge-patch+json")
    eventually(lambda: len(ranch.machines()) == 4)
    final = {**upgraded, "upgradeStrategy": {"workerDrain": {"force": True}}}
    assert not (await made.preview(**final)).changed
    assert await made.drift() == []
    await made.up(**{**final, "config": {"debug": True}})
    assert len(ranch.machines()) == 4
    await made.destroy()
    await credential.destroy()


async def test_what_is_written_into_rancher_fits_its_definitions(ranch: Ranch) -> None:
    """Strict about fields that Rancher does not know, and dry."""
    drain = {"force": True, "deleteEmptyDirData": True, "timeout": "5m"}
    everything = ranch.inputs(
        ranch.pool("work", "worker", quantity=1, autoscalingMin=1, autoscalingMax=3, reservedMemory="256Mi", affinity={"nodeAffinity": {}},
                   userData="#cloud-config", networkData="version: 1", efi=True, secureBoot=True, tpm=True, cpuModel="host-model",
                   cpuPinning=True, labels={"a": "b"}, taints=["a=b:NoSchedule"], drainBeforeDelete=True, unhealthyNodeTimeout="5m",
                   rollingUpdate={"maxSurge": "25%", "maxUnavailable": "1"}),
        cloudConfig="kubeconfig", chartValues={"rke2-calico": {}}, config={"cni": "calico"}, networkPolicy=True, authorizedEndpoint=True,
        registries={"mirrors": {"docker.io": {"endpoint": ["https://mirror.example.org"]}},
                    "configs": {"mirror.example.org": {"insecureSkipVerify": True, "authConfigSecretName": "mirror"}}},
        upgradeStrategy={"workerConcurrency": "25%", "workerDrain": drain, "controlPlaneDrain": drain},
    )  # fmt: skip
    cluster = Made(ranch.rancher, "RancherCluster", ranch.name)
    steps: list[Step] = []
    for version in (VERSION, "v1.34.2+k3s1"):
        kind = KINDS["RancherCluster"]
        steps += kind.create(kind.inputs.model_validate(cluster.checked({**everything, "kubernetesVersion": version})), Snapshot({})).steps
    kind = KINDS["RancherCloudCredential"]
    credential = Made(ranch.rancher, "RancherCloudCredential", ranch.name).checked({"kubeconfig": ranch.kubeconfig()})
    steps += kind.create(kind.inputs.model_validate(credential), Snapshot({})).steps
    puts = [step for step in steps if isinstance(step, Put)]
    assert {put.ref.api.kind for put in puts} == {"Secret", "HarvesterConfig", "Cluster"}
    for put in puts:
        where = put.ref.api.path(put.ref.namespace)
        ranch.target.send("POST", where, put.body, dryRun="All", fieldValidation="Strict")
