"""Guest clusters of a Rancher, below the CLI: made, changed in each way, refused, resumed, removed. On the local Harvester, which has a Rancher."""

import pytest
import requests
from importing import imported
from kubernetes.client.rest import ApiException
from ranch import NEXT, VERSION, WORKSPACE, Heard, Ranch, cut_off, versions
from target import VM, eventually
from workshop import Made

from harvester_provider.core.errors import NotHarvester, PlanRefused, Unreachable, WaitFailed, WaitTimedOut
from harvester_provider.core.json import dig_str
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.engine import verbs
from harvester_provider.engine.reporter import Silent
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.rancher.words import CLUSTER, CONFIG
from harvester_provider.resources.registry import KINDS
from harvester_provider.wiring import Clusters


def generated_kubeconfig(ranch: Ranch, cluster: str) -> str:
    """The kubeconfig that Rancher's own API hands out to its administrator."""
    local = ranch.target.local
    assert local is not None
    head = {"Authorization": f"Bearer {local.tokens['admin']}"}
    answer = requests.post(
        f"{local.endpoint}/v3/clusters/{cluster}?action=generateKubeconfig", headers=head, verify=str(local.ca), timeout=30
    )
    answer.raise_for_status()
    return str(answer.json()["config"])


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
    generated = generated_kubeconfig(ranch, made.state["clusterId"])
    assert versions(generated) == versions(made.state["kubeconfig"])
    with pytest.raises(ApiException, match="401"):
        versions(generated.replace("token: ", "token: x"))
    inputs, told = await imported(ProviderSettings.model_validate(ranch.target.rancher), "RancherCluster", made.id)
    assert (inputs["config"]["cni"], [pool["name"] for pool in inputs["pools"]], told) == ("calico", ["server", "work"], "")
    node = f"{ranch.harvester.namespace}/{min(names)}"
    theirs = await verbs.read(KINDS["VirtualMachine"], ranch.harvester.cluster, node, {})
    assert theirs is not None
    with pytest.raises(PlanRefused, match=f"a node of {ranch.name}, made by Rancher"):
        await verbs.delete(KINDS["VirtualMachine"], ranch.harvester.cluster, node, theirs.state, Silent())
    renamed = {**theirs.inputs, "owner": "shop/dev/node", "description": "mine"}
    said = await verbs.diff(KINDS["VirtualMachine"], ranch.harvester.cluster, node, theirs.state, renamed)
    assert [change.property for change in said.plan.refused] == ["description"]

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
    assert ranch.machines() == []
    eventually(lambda: ranch.claims() == [])  # their deletion has begun; Kubernetes ends it when it has seen that nobody uses them
    await credential.destroy()
    left = await ranch.rancher.cluster.list(Listing(CONFIG, WORKSPACE))
    assert not [name for each in left if (name := dig_str(each, "metadata", "name")).startswith(ranch.name)]


async def test_a_cluster_that_cannot_be_made_says_why_and_the_next_up_goes_on(ranch: Ranch) -> None:
    credential = await ranch.credential()
    refused = await verbs.foresee(
        KINDS["RancherCluster"], ranch.rancher.cluster, {"name": "xyz", **ranch.inputs(kubernetesVersion="v1.30.1+rke2r1")}
    )
    assert "does not make clusters of v1.30.1+rke2r1: choose one of" in str(refused.problems[0])
    twin = {"name": "twin", "kubeconfig": credential.state["kubeconfig"]}
    taken = await verbs.foresee(KINDS["RancherCloudCredential"], ranch.rancher.cluster, twin)
    assert f"in use by the cloud credential cc-{ranch.name}" in str(taken.problems[0])

    where, core = ranch.harvester.namespace, ranch.target.core
    quota = {"metadata": {"name": "small"}, "spec": {"hard": {"count/virtualmachines.kubevirt.io": "1"}}}
    core.create_namespaced_resource_quota(where, quota)
    made = Made(ranch.rancher, "RancherCluster", ranch.name)
    wanted = ranch.inputs(ranch.pool("work", "worker", quantity=1), kubernetesVersion="v1.34.2+k3s1")
    with pytest.raises(WaitFailed, match="exceeded quota: small.*raise the quota"):
        await made.make(**wanted)
    core.delete_namespaced_resource_quota("small", where)
    eventually(lambda: len(ranch.machines()) == 2)
    await made.make(**wanted)
    assert len(versions(made.state["kubeconfig"])) == 2
    await made.destroy()
    await credential.destroy()


async def test_a_node_that_never_joins_is_named_and_a_scale_in_that_was_cut_off_goes_on(ranch: Ranch) -> None:
    credential = await ranch.credential()
    made, heard = Made(ranch.rancher, "RancherCluster", ranch.name), Heard()
    patient = ranch.inputs(servers=1, annotations={"local.harvester/fault": "never-joins"})
    first = verbs.create(KINDS["RancherCluster"], ranch.rancher.cluster, made.checked(patient), heard)
    await cut_off(first, lambda: heard.told("waiting for agent to check in"))
    wanted = {**patient, "timeouts": {"create": "5s"}}
    with pytest.raises(WaitTimedOut, match=f"{ranch.name}-server-.*waiting for agent to check in"):
        await verbs.create(KINDS["RancherCluster"], ranch.rancher.cluster, made.checked(wanted), heard)
    assert heard.told("0 of 1 machines are ready")
    assert any(line.startswith(f"{ranch.name}-server-") and "waiting for agent to check in" in line for line in heard.lines)
    for machine in ranch.machines():
        where, name = machine["metadata"]["namespace"], machine["metadata"]["name"]
        body = {"metadata": {"annotations": {"local.harvester/fault": None}}}
        ranch.target.custom.patch_namespaced_custom_object(
            VM[0], VM[1], where, VM[2], name, body, _content_type="application/merge-patch+json"
        )
    await ranch.rancher.cluster.patch(Ref(CLUSTER, ranch.name, WORKSPACE), {"metadata": {"annotations": {"local.harvester/fault": None}}})
    healed = ranch.inputs(ranch.pool("work", "worker", quantity=2), servers=1)
    await made.make(**healed)
    assert len(versions(made.state["kubeconfig"])) == 3

    smaller = ranch.inputs(ranch.pool("work", "worker", quantity=0), servers=1)
    news = made.checked(smaller)
    smaller_by_now = verbs.update(KINDS["RancherCluster"], ranch.rancher.cluster, made.id, made.state, news, Silent())
    await cut_off(smaller_by_now, lambda: any("deletionTimestamp" in machine["metadata"] for machine in ranch.machines()))
    await made.up(**smaller)
    assert len(ranch.machines()) == 1
    await made.destroy()
    await credential.destroy()


async def test_an_address_that_is_no_ranchers_is_said_to_be_none(ranch: Ranch) -> None:
    assert ranch.target.local is not None
    plain = ranch.target.rancher
    for host, kind in (
        (plain["host"].replace("/local", "/c-m-nowhere"), NotHarvester),
        (f"{ranch.target.local.endpoint}/dashboard", Unreachable),
    ):
        clusters = Clusters(ProviderSettings.model_validate({"clusters": {"rancher": {**plain, "host": host}}}))
        with pytest.raises(kind, match="the address"):
            await verbs.foresee(KINDS["RancherCluster"], await clusters.get("rancher"), {"name": "xyz", **ranch.inputs()})
        await clusters.close()
