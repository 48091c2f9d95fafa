"""Clusters from create to delete, through the verbs, against a cluster in memory that answers as Harvester's controllers do."""

from typing import Any

import pytest
from fake_cluster import FakeCluster, Heard

from harvester_provider.core.errors import PlanRefused, WaitFailed
from harvester_provider.core.json import dig_str
from harvester_provider.core.ownership import OWNER
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources import cluster as harvester
from harvester_provider.resources import poor_mans_cluster as poor
from harvester_provider.resources.apis import (
    CDI,
    CREDENTIALS,
    CUSTOM_RESOURCE,
    KUBEVIRT,
    NAMESPACE,
    NODE,
    SERVER_VERSION,
    SETTING,
    UPGRADE,
    VIRTUAL_MACHINE,
)
from harvester_provider.resources.cluster.upgrade import upgrade_ref, version_ref
from harvester_provider.resources.previous import PREVIOUS

SELF = Ref(NAMESPACE, "kube-system")
OVERCOMMIT = Ref(SETTING, "overcommit-config")
INPUTS: dict[str, Any] = {"name": "hci", "owner": "p/s/hci", "nodes": 1, "settings": {"overcommit": {"memory": 200}}}
READY = {"conditions": [{"type": "Ready", "status": "True"}], "capacity": {"cpu": "32", "memory": "128Gi"}}


@pytest.fixture
def cluster() -> FakeCluster:
    found = FakeCluster()
    found.place(SELF, {})
    found.place(SERVER_VERSION, {"value": "v1.8.0"})
    found.place(OVERCOMMIT, {"value": "", "default": "{}"})
    found.place(Ref(NODE, "node1"), {"status": READY})
    found.place(CREDENTIALS, {"kubeconfig": "k"})
    return found


async def made(cluster: FakeCluster, **more: Any) -> verbs.Found:
    return await verbs.create(harvester.KIND, cluster, {**INPUTS, **more}, Heard())


async def test_a_cluster_is_set_up_and_put_back(cluster: FakeCluster) -> None:
    found = await made(cluster)
    assert cluster.objects[OVERCOMMIT]["value"] == '{"cpu":1000,"memory":200,"storage":100}'
    assert found.id == "kube-system"
    assert (found.state["kubeconfig"], found.state["currentVersion"], found.state["nodeNames"]) == ("k", "v1.8.0", ["node1"])
    read = await verbs.read(harvester.KIND, cluster, found.id, found.state)
    assert read is not None
    assert read.state == found.state
    assert not (await verbs.diff(harvester.KIND, cluster, found.id, found.state, INPUTS)).changed
    await verbs.delete(harvester.KIND, cluster, found.id, found.state, Heard())
    assert cluster.objects[OVERCOMMIT]["value"] == ""
    marks = [{OWNER, PREVIOUS} & set(cluster.objects[ref]["metadata"].get("annotations", {})) for ref in (SELF, OVERCOMMIT)]
    assert marks == [set(), set()]


async def test_a_setting_that_the_program_gives_up_goes_back_to_what_it_was(cluster: FakeCluster) -> None:
    level = Ref(SETTING, "log-level")
    cluster.place(level, {"value": "warn"})
    found = await made(cluster, settings={"logLevel": "debug"})
    assert cluster.objects[level]["value"] == "debug"
    await verbs.update(harvester.KIND, cluster, found.id, found.state, {**INPUTS, "settings": {}}, Heard())
    assert cluster.objects[level]["value"] == "warn"


async def test_what_the_cluster_would_refuse_of_a_setting_is_told_before_anything_is_written(cluster: FakeCluster) -> None:
    """By the first preview too, though the object that is taken over is there already."""
    cluster.place(Ref(SETTING, "storage-network"), {"value": ""})
    cluster.place(Ref(VIRTUAL_MACHINE, "web", "default"), {"status": {"printableStatus": "Running"}})
    network = {"clusterNetwork": "fast", "vlanId": 5, "range": "10.5.0.0/24"}
    wanted = {**INPUTS, "settings": {"storageNetwork": network}}
    first = await verbs.foresee(harvester.KIND, cluster, wanted)
    assert "storage-network: it is taken only while all machines are off: stop default/web first" in str(first.problems)
    before = len(cluster.writes())
    with pytest.raises(PlanRefused, match="all machines are off"):
        await verbs.create(harvester.KIND, cluster, wanted, Heard())
    assert len(cluster.writes()) == before
    found = await made(cluster)
    assert (await verbs.diff(harvester.KIND, cluster, found.id, found.state, wanted)).plan.refused
    both = {**wanted["settings"], "vmMigrationNetwork": {**network, "vlanId": 6}}
    cluster.vanish(Ref(VIRTUAL_MACHINE, "web", "default"))
    assert "has addresses of vm-migration-network" in str(
        (await verbs.foresee(harvester.KIND, cluster, {**wanted, "settings": both})).problems
    )


def upgrades(cluster: FakeCluster, *, succeed: bool) -> None:
    """Stands for the upgrade's controller."""

    def act(ref: Ref, body: dict[str, Any]) -> None:
        if ref.api != UPGRADE or body.get("status"):
            return
        state = {"type": "Completed", "status": str(succeed), "message": "" if succeed else "node1 has no space"}
        cluster.place(ref, {**body, "status": {"conditions": [state]}})
        if succeed:
            cluster.place(SERVER_VERSION, {"value": body["spec"]["version"]})

    cluster.on_write.append(act)


async def test_another_release_is_an_upgrade_that_is_waited_for(cluster: FakeCluster) -> None:
    found = await made(cluster, version="1.8.0")
    cluster.place(version_ref("1.8.1"), {"spec": {}})
    upgrades(cluster, succeed=True)
    wanted = {**INPUTS, "version": "1.8.1"}
    foreseen = await verbs.diff(harvester.KIND, cluster, found.id, found.state, wanted)
    assert "version: migrate (from v1.8.0 to v1.8.1: nodes restart, machines move)" in foreseen.lines
    after = await verbs.update(harvester.KIND, cluster, found.id, found.state, wanted, Heard())
    assert after.state["currentVersion"] == "v1.8.1"


async def test_an_upgrade_that_fails_is_told_with_its_cause_and_refused_until_it_is_gone(cluster: FakeCluster) -> None:
    found = await made(cluster)
    cluster.place(version_ref("1.8.1"), {"spec": {}})
    upgrades(cluster, succeed=False)
    wanted = {**INPUTS, "version": "1.8.1"}
    with pytest.raises(WaitFailed, match="node1 has no space"):
        await verbs.update(harvester.KIND, cluster, found.id, found.state, wanted, Heard())
    with pytest.raises(PlanRefused, match="the last upgrade to v1.8.1 failed .*node1 has no space"):
        await verbs.update(harvester.KIND, cluster, found.id, found.state, wanted, Heard())
    cluster.vanish(upgrade_ref("1.8.1"))
    cluster.on_write.clear()
    upgrades(cluster, succeed=True)
    assert (await verbs.update(harvester.KIND, cluster, found.id, found.state, wanted, Heard())).state["version"] == "1.8.1"


PARVESTER: dict[str, Any] = {"name": "parvester", "owner": "p/s/parvester", "kubevirt": "1.1.1", "cdi": "1.59.0", "folder": "/m"}
SLIM = {**PARVESTER, "localPath": "", "multus": ""}


def operators(cluster: FakeCluster, version: str) -> None:
    """Stands for the manifests and the operators in them."""

    def apply(source: str) -> None:
        status = {"conditions": [{"type": "Available", "status": "True"}]}
        if source.endswith("kubevirt-cr.yaml"):
            cluster.place(Ref(CUSTOM_RESOURCE, "kubevirts.kubevirt.io"), {})
            cluster.place(
                Ref(KUBEVIRT, "kubevirt", "kubevirt"), {"spec": {}, "status": {**status, "observedKubeVirtVersion": f"v{version}"}}
            )
        if source.endswith("cdi-cr.yaml"):
            cluster.place(Ref(CUSTOM_RESOURCE, "cdis.cdi.kubevirt.io"), {})
            cluster.place(Ref(CDI, "cdi"), {"spec": {}, "status": {**status, "observedVersion": "v1.59.0"}})

    cluster.on_apply = apply


async def test_a_plain_kubernetes_gets_its_parts_once_and_is_upgraded() -> None:
    cluster = FakeCluster()
    cluster.place(SELF, {})
    operators(cluster, "1.1.1")
    found = await verbs.create(poor.KIND, cluster, {**SLIM, "featureGates": ["GPU"]}, Heard())
    assert (found.state["kubevirtVersion"], found.state["cdiVersion"]) == ("v1.1.1", "v1.59.0")
    gates = cluster.objects[Ref(KUBEVIRT, "kubevirt", "kubevirt")]["spec"]["configuration"]["developerConfiguration"]["featureGates"]
    assert gates == ["GPU"]
    applied = cluster.requests.count(("apply", "/m/cdi-operator.yaml"))
    operators(cluster, "1.2.0")
    after = await verbs.update(poor.KIND, cluster, found.id, found.state, {**SLIM, "featureGates": ["GPU"], "kubevirt": "1.2.0"}, Heard())
    assert after.state["kubevirtVersion"] == "v1.2.0"
    assert cluster.requests.count(("apply", "/m/cdi-operator.yaml")) == applied
    await verbs.delete(poor.KIND, cluster, after.id, after.state, Heard())
    assert Ref(KUBEVIRT, "kubevirt", "kubevirt") in cluster.objects
    assert not dig_str(cluster.objects[SELF], "metadata", "annotations", OWNER)
