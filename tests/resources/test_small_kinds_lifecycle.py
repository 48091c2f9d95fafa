"""Each small kind from create to delete through the engine, on a cluster in memory whose controllers answer as upstream's do."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from fake_cluster import FakeCluster, Heard

from harvester_provider.core.errors import InvalidInputs, WaitFailed
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import (
    CLUSTER_NETWORK,
    IMAGE,
    IP_POOL,
    KEY_PAIR,
    LOAD_BALANCER,
    NETWORK,
    NODE,
    PERSISTENT_VOLUME_CLAIM,
    VLAN_CONFIG,
    VLAN_STATUS,
    VOLUME_SNAPSHOT,
    VOLUME_SNAPSHOT_CLASS,
)
from harvester_provider.resources.registry import KINDS

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDpZNHdRHIyTqyE51rGymEYQZz0vmcWzXGxmo1BoIVBK me"
FAILED = "retry attempted 3/3 failed due to error: got 404 status code from http://x/y"


@dataclass
class Case:
    """A kind, its first inputs, what an update changes in place, and what must be there before."""

    kind: str
    inputs: dict[str, Any]
    change: dict[str, Any]
    before: list[Ref] = field(default_factory=list)


OFFICE = Ref(CLUSTER_NETWORK, "office")
CASES = [
    Case("Image", {"url": "http://x/y.qcow2"}, {"retry": 1, "tags": {"os": "linux"}}),
    Case("ClusterNetwork", {"description": "lab"}, {"description": "office"}),
    Case(
        "VlanConfig",
        {"clusterNetwork": "office", "uplink": {"nics": ["ens7"]}},
        {"uplink": {"nics": ["ens7", "ens8"], "mtu": 9000}},
        [OFFICE],
    ),
    Case("VlanNetwork", {"clusterNetwork": "office", "vlanId": 100.0}, {"vlanId": 200.0, "routeDhcpServerIp": "10.0.0.2"}, [OFFICE]),
    Case(
        "IpPool", {"ranges": [{"subnet": "10.0.0.0/24"}]}, {"ranges": [{"subnet": "10.0.0.0/24", "end": "10.0.0.9"}], "description": "lab"}
    ),
    Case(
        "LoadBalancer",
        {"listeners": [{"name": "web", "port": 80, "backendPort": 8080}], "backendSelector": {"app": ["web"]}},
        {"healthCheck": {"port": 8080}, "backendSelector": {"tier": ["front", "back"]}},
    ),
    Case("Volume", {"size": "1Gi"}, {"size": "2Gi", "description": "data"}),
    Case(
        "VolumeSnapshot",
        {"volume": "default/disk", "snapshotClass": "longhorn-snapshot"},
        {"tags": {"when": "before"}},
        [Ref(PERSISTENT_VOLUME_CLAIM, "disk", "default"), Ref(VOLUME_SNAPSHOT_CLASS, "longhorn-snapshot")],
    ),
    Case("SshKey", {"publicKey": KEY + "\n"}, {"labels": {"team": "a"}}),
    Case("CloudInit", {"userData": "#cloud-config\nhostname: a\n"}, {"userData": "#!/bin/sh\n", "networkData": "version: 2\n"}),
]
each = pytest.mark.parametrize("case", CASES, ids=[case.kind for case in CASES])


def news(case: Case, **change: Any) -> dict[str, Any]:
    return {"name": "thing", "owner": "demo/dev/thing", **case.inputs, **change}


def reacts(cluster: FakeCluster, ref: Ref, body: dict[str, Any]) -> None:
    """The controllers: what each kind gets written back."""
    status: dict[str, Any] = {}
    if ref.api == IMAGE:
        status = imported()
        body["spec"] = {**body["spec"], "targetStorageClassName": "harvester-longhorn", "storageClassParameters": {"migratable": "true"}}
    elif ref.api == PERSISTENT_VOLUME_CLAIM:
        status = {"phase": "Bound", "capacity": body["spec"]["resources"]["requests"]}
    elif ref.api == VOLUME_SNAPSHOT:
        status = {"readyToUse": True, "restoreSize": "1Gi"}
    elif ref.api == KEY_PAIR:
        status = {"fingerPrint": "aa:bb", "conditions": [{"type": "validated", "status": "True"}]}
    elif ref.api == IP_POOL:
        status = {"total": 253, "available": 253, "conditions": [{"type": "Ready", "status": "True"}]}
    elif ref.api == LOAD_BALANCER:
        status = {"address": "10.0.0.5"}
    elif ref.api == NETWORK:
        body["spec"] = {"config": json.dumps({**json.loads(body["spec"]["config"]), "mtu": 1500})}
    elif ref.api == VLAN_CONFIG:
        body["metadata"]["annotations"]["network.harvesterhci.io/matched-nodes"] = '["node-1"]'
        ready = {"type": "ready", "status": "True"}
        report = {"vlanConfig": ref.name, "clusterNetwork": body["spec"]["clusterNetwork"], "node": "node-1", "conditions": [ready]}
        cluster.place(Ref(VLAN_STATUS, "office-node-1"), {"status": report})
    cluster.place(ref, {**body, "status": status})


def imported() -> dict[str, Any]:
    conditions = [{"type": "Initialized", "status": "True"}, {"type": "Imported", "status": "True"}]
    return {"progress": 100, "size": 7, "virtualSize": 9, "storageClassName": "lh-1", "conditions": conditions}


@pytest.fixture
def cluster() -> FakeCluster:
    cluster = FakeCluster()
    cluster.place(Ref(NODE, "node-1"), {"metadata": {"labels": {}}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    cluster.on_write.append(lambda ref, body: reacts(cluster, ref, body))
    return cluster


async def made(cluster: FakeCluster, case: Case) -> verbs.Found:
    for ref in case.before:
        cluster.place(ref, {})
    checked = verbs.check(KINDS[case.kind], news(case))
    assert not checked.problems
    return await verbs.create(KINDS[case.kind], cluster, checked.inputs, Heard())


@each
async def test_after_a_create_nothing_differs(cluster: FakeCluster, case: Case) -> None:
    found = await made(cluster, case)
    kind = KINDS[case.kind]
    assert not (await verbs.diff(kind, cluster, found.id, found.state, news(case))).changed
    refreshed = await verbs.read(kind, cluster, found.id, found.state)
    assert refreshed is not None
    assert refreshed.state == found.state
    assert not (await verbs.diff(kind, cluster, found.id, refreshed.state, news(case))).changed


@each
async def test_an_update_in_place_leaves_nothing_to_do(cluster: FakeCluster, case: Case) -> None:
    found = await made(cluster, case)
    kind, changed = KINDS[case.kind], news(case, **case.change)
    difference = await verbs.diff(kind, cluster, found.id, found.state, changed)
    assert set(difference.changed) == set(case.change)
    assert not difference.replaces
    updated = await verbs.update(kind, cluster, found.id, found.state, changed, Heard())
    refreshed = await verbs.read(kind, cluster, found.id, updated.state)
    assert refreshed is not None
    assert refreshed.state == updated.state
    assert not (await verbs.diff(kind, cluster, found.id, refreshed.state, changed)).changed


@each
async def test_a_delete_leaves_nothing_of_it(cluster: FakeCluster, case: Case) -> None:
    found = await made(cluster, case)
    await verbs.delete(KINDS[case.kind], cluster, found.id, found.state, Heard())
    assert not [ref for ref in cluster.objects if ref.api == KINDS[case.kind].api and ref.name == "thing"]


@each
async def test_an_import_reads_what_was_declared(cluster: FakeCluster, case: Case) -> None:
    found = await made(cluster, case)
    imported_ = await verbs.read(KINDS[case.kind], cluster, found.id, {})
    assert imported_ is not None
    declared = verbs.check(KINDS[case.kind], news(case)).inputs
    assert {name: imported_.inputs.get(name) for name in case.inputs} == {name: declared[name] for name in case.inputs}


@each
async def test_a_create_that_was_interrupted_goes_on_with_what_it_made(cluster: FakeCluster, case: Case) -> None:
    await made(cluster, case)
    before = {ref: body["metadata"]["uid"] for ref, body in cluster.objects.items() if ref.name == "thing"}
    await verbs.create(KINDS[case.kind], cluster, news(case), Heard())
    assert {ref: body["metadata"]["uid"] for ref, body in cluster.objects.items() if ref.name == "thing"} == before


@pytest.mark.parametrize("case", [case for case in CASES if OFFICE in case.before], ids=lambda case: case.kind)
async def test_without_its_cluster_network_nothing_is_made(cluster: FakeCluster, case: Case) -> None:
    with pytest.raises(InvalidInputs, match="clusterNetwork: ClusterNetwork office does not exist: make a ClusterNetwork"):
        await verbs.create(KINDS[case.kind], cluster, news(case), Heard())
    assert not cluster.writes()


async def test_an_image_whose_import_failed_for_good_is_made_anew_by_the_next_up() -> None:
    cluster, case = FakeCluster(), CASES[0]
    answers = [{"failed": 4, "conditions": [{"type": "RetryLimitExceeded", "status": "True", "message": FAILED}]}, imported()]
    cluster.on_write.append(lambda ref, body: cluster.place(ref, {**body, "status": answers.pop(0)}))
    with pytest.raises(WaitFailed, match=r"import failed: .*404 status code.*Next: check url \(http://x/y.qcow2\)"):
        await verbs.create(KINDS["Image"], cluster, news(case), Heard())
    first = cluster.objects[Ref(IMAGE, "thing", "default")]["metadata"]["uid"]
    found = await verbs.create(KINDS["Image"], cluster, news(case), Heard())
    assert found.state["progress"] == 100
    assert found.state["uid"] != first
