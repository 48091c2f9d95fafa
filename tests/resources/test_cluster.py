"""Clusters: rules, settings that go back, the report, and upgrades that begin only where they can end."""

from typing import Any

import pytest
from small_kinds import OWNER, merged, reasons, with_unknowns

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Object
from harvester_provider.core.plan import Await, Patch, Plan, Put
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import CREDENTIALS, NAMESPACE, SERVER_VERSION
from harvester_provider.resources.cluster import KIND, ClusterInputs, Whole, preflight
from harvester_provider.resources.cluster.report import report
from harvester_provider.resources.cluster.settings import setting, values
from harvester_provider.resources.cluster.upgrade import NODES, UPGRADES, Upgraded, upgrade_ref, version_ref
from harvester_provider.resources.previous import remembered

SELF = Ref(NAMESPACE, "kube-system")
VIP = {"endpoint": "https://10.0.0.9", "password": "a long password"}


def cluster(**given: Any) -> ClusterInputs:
    return ClusterInputs.model_validate({"name": "hci", "owner": OWNER, **given})


def node(name: str = "node1", *, ready: bool = True, etcd: bool = True, **capacity: str) -> Object:
    have = {"cpu": "32", "memory": "128Gi", "ephemeral-storage": "500Gi", **capacity}
    labels = {"node-role.kubernetes.io/etcd": "true"} if etcd else {}
    state = {"type": "Ready", "status": str(ready)}
    return {"metadata": {"name": name, "labels": labels}, "status": {"capacity": have, "conditions": [state]}}


def seen(*nodes: Object, version: str = "v1.8.0", upgrades: tuple[Object, ...] = (), **objects: Object) -> Snapshot:
    """`objects`: settings by name with `_` for `-`; `release` is the Version that the cluster knows."""
    found: dict[Ref, Object | None] = {SELF: {"metadata": {"name": "kube-system"}}, SERVER_VERSION: {"value": version}, CREDENTIALS: None}
    found |= {setting(name.replace("_", "-")): body for name, body in objects.items() if name != "release"}
    if "release" in objects:
        found[version_ref("1.8.2")] = objects["release"]
    return Snapshot(found, {**dict.fromkeys(preflight.WANTS, ()), NODES: nodes or (node(),), UPGRADES: upgrades})


def after(found: Object, plan: Plan, ref: Ref) -> Any:
    out: Any = found
    for step in plan.steps:
        if isinstance(step, Patch) and step.ref == ref:
            out = merged(out, step.body)  # type: ignore[arg-type]  # settings are patched with merge patches
    return out


def test_typed_settings_become_harvesters_texts() -> None:
    given = {
        "overcommit": {"memory": 200}, "ntp_servers": ["a", "b"], "auto_rotate_certificates": "240h", "log_level": "debug",
        "storage_network": {"cluster_network": "fast", "vlan_id": 5, "range": "10.5.0.0/24"}, "vip_pools": {"global": "10.1.0.0/24"},
    }  # fmt: skip
    assert values(cluster(settings=given), Snapshot()) == {
        "overcommit-config": '{"cpu":1000,"memory":200,"storage":100}',
        "ntp-servers": '{"ntpServers":["a","b"]}',
        "auto-rotate-rke2-certs": '{"enable":true,"expiringInHours":240}',
        "log-level": "debug",
        "storage-network": '{"vlan":5,"clusterNetwork":"fast","range":"10.5.0.0/24"}',
        "vip-pools": '{"global":"10.1.0.0/24"}',
    }


@pytest.mark.parametrize(
    ("version", "value"), [("v1.7.0", "https://r/x"), ("v1.8.0", '{"url":"https://r/x","insecureSkipTLSVerify":false}')]
)
def test_the_registration_has_the_form_of_the_release(version: str, value: str) -> None:
    assert values(cluster(rancher={"url": "https://r/x"}), seen(version=version))["cluster-registration-url"] == value


def test_a_setting_that_is_no_longer_declared_and_one_of_a_deleted_cluster_go_back() -> None:
    ref, before = setting("log-level"), {"metadata": {"annotations": {"theirs": "x"}}, "value": "warn"}
    new = cluster(settings={"log_level": "debug"})
    changed = after(before, KIND.update(cluster(), new, seen(log_level=before)), ref)
    assert changed["value"] == "debug"
    assert remembered(changed) == {"value": "warn"}
    assert after(changed, KIND.update(new, cluster(), seen(log_level=changed)), ref) == before
    assert after(changed, KIND.delete(new, seen(log_level=changed)), ref) == before


def test_a_setting_changed_by_hand_is_drift_and_its_notation_is_not() -> None:
    inputs = cluster(settings={"overcommit": {"memory": 200}, "log_level": "debug"})
    same = seen(overcommit_config={"value": '{"storage": 100, "memory": 200, "cpu": 1000}'}, log_level={"value": "debug"})
    assert KIND.observe(SELF, inputs, same) == inputs
    other = seen(overcommit_config={"value": '{"cpu":1}'}, log_level={"value": "debug"})
    found = KIND.observe(SELF, inputs, other)
    assert (found.settings.overcommit, found.settings.log_level) == (None, "debug")


def test_the_report_names_what_is_too_small_not_ready_or_too_old() -> None:
    weak = node("small", ready=False, cpu="4", memory="16Gi", **{"ephemeral-storage": "100Gi"})
    lines = "\n".join(report("v1.4.0", [node("a"), weak], None))
    for words in (
        "v1.4.0 is no longer supported",
        "2 nodes hold etcd",
        "small has 4 CPUs",
        "small has 16Gi",
        "small has a disk of 100Gi",
        "small is not ready",
    ):
        assert words in lines
    assert report("v1.8.0", [node()], "2.14.1") == []
    assert report("v1.8.0", [node()], "2.12.0") == ["Harvester v1.8.0 needs Rancher 2.14 or newer, this one is 2.12.0"]


def test_all_nodes_are_waited_for_and_the_late_ones_are_named() -> None:
    def verdict(*nodes: Object, count: int | None = None) -> Verdict:
        return Whole(count)(Snapshot({}, {NODES: nodes}))

    assert isinstance(verdict(node()), Ready)
    assert verdict(node("a", ready=False)) == Waiting("not ready: a")
    assert verdict(node(), count=3) == Waiting("nodes are missing, 1 of 3 have joined")


KNOWN = {"spec": {"minUpgradableVersion": "v1.7.3"}}


def test_an_upgrade_is_begun_once_and_waited_for() -> None:
    plan = KIND.update(cluster(), cluster(version="1.8.2"), seen(release=KNOWN))
    put, wait = plan.steps
    assert isinstance(put, Put)
    assert put.body["spec"] == {"version": "v1.8.2", "logEnabled": True}
    assert isinstance(wait, Await)
    assert plan.effect is Effect.MIGRATE
    running = Snapshot({**seen(release=KNOWN).objects, upgrade_ref("1.8.2"): {"status": {}}}, seen().listings)
    (only,) = KIND.update(cluster(), cluster(version="1.8.2"), running).steps
    assert only == wait


def test_the_release_that_the_cluster_has_is_no_upgrade() -> None:
    assert not KIND.update(cluster(), cluster(version="1.8.0"), seen()).steps


@pytest.mark.parametrize(
    ("version", "look", "words"),
    [
        ("1.7.0", seen(), "no way back"),
        ("1.8.2", seen(), "does not know the release v1.8.2"),
        ("1.8.2", seen(version="v1.7.0", release=KNOWN), "upgrade to v1.7.3 first"),
        ("1.8.2", seen(node("a", ready=False), release=KNOWN), "node a is not ready"),
        ("1.8.2", seen(release=KNOWN, upgrades=({"metadata": {"name": "other"}},)), "upgrade other is still under way"),
    ],
)
def test_an_upgrade_that_cannot_end_well_is_refused_at_preview(version: str, look: Snapshot, words: str) -> None:
    plan = KIND.update(cluster(), cluster(version=version), look)
    (refused,) = plan.refused
    assert words in refused.why
    assert not plan.steps


def test_an_upgrade_tells_its_progress_and_the_node_that_failed() -> None:
    ref = upgrade_ref("1.8.2")
    judge = Upgraded(ref, "1.8.2")

    def verdict(version: str = "v1.8.0", nodes: Object | None = None, **states: str) -> Verdict:
        listed = [{"type": kind, "status": status, "message": f"{kind} said so"} for kind, status in states.items()]
        return judge(Snapshot({ref: {"status": {"conditions": listed, "nodeStatuses": nodes or {}}}, SERVER_VERSION: {"value": version}}))

    assert verdict(LogReady="True", nodes={"a": {"state": "Upgrading"}}) == Waiting("1 of 6 parts done, last LogReady; a Upgrading")
    failed = verdict(Completed="False", NodesUpgraded="False", nodes={"a": {"state": "Failed", "message": "no space"}})
    assert isinstance(failed, Failed)
    assert "NodesUpgraded said so" in failed.why
    assert "node a: Failed no space" in failed.why
    assert isinstance(verdict(Completed="True"), Waiting)
    assert isinstance(verdict("v1.8.2", Completed="True"), Ready)


@pytest.mark.parametrize(
    ("given", "property"),
    [
        ({"endpoint": "http://10.0.0.9", "password": "a long password"}, "endpoint"),
        ({"endpoint": "https://10.0.0.9/dashboard", "password": "a long password"}, "endpoint"),
        ({"endpoint": "https://10.0.0.9"}, "password"),
        ({**VIP, "password": "short"}, "password"),
        ({**VIP, "fingerprint": "12:34"}, "fingerprint"),
        ({**VIP, "fingerprint": "0" * 64, "ca": "x"}, "fingerprint"),
        ({"version": "latest"}, "version"),
        ({"version": "1.8.0", "rancher": {"url": "u", "version": "2.12.0"}}, "rancher.version"),
        ({"settings": {"storage_network": {"cluster_network": "c", "vlan_id": 1, "range": "10.5.0.0/24"}}}, ""),
        ({"settings": {"storage_network": {"cluster_network": "c", "vlan_id": 1, "range": "10.5.0.1/24"}}}, "settings.storageNetwork"),
    ],
)
def test_what_cannot_be_is_refused_with_its_property(given: dict[str, Any], property: str) -> None:  # noqa: A002  a column of the table
    assert set(reasons(KIND, cluster(**given))) == ({property} if property else set())


def test_values_that_are_not_known_yet_break_no_rule() -> None:
    for inputs in with_unknowns({"name": "hci", **VIP}, ClusterInputs):
        assert not KIND.check(inputs)


def test_the_kubeconfig_of_the_login_is_an_output_and_a_secret() -> None:
    look = seen()
    found = KIND.outputs(cluster(**VIP), Snapshot({**look.objects, CREDENTIALS: {"kubeconfig": "k"}}, look.listings))
    assert found["kubeconfig"] == "k"
    field = KIND.outputs_model.model_fields["kubeconfig"]
    assert field.json_schema_extra == {"secret": True}


def test_a_support_bundle_is_collected_once_for_each_description() -> None:
    asked = cluster(support_bundle="disks are slow")
    first = KIND.update(cluster(), asked, seen())
    (put,) = [step for step in first.steps if isinstance(step, Put)]
    assert put.body["spec"]["description"] == "disks are slow"  # type: ignore[call-overload,index]
    judge = next(step.judge for step in first.steps if isinstance(step, Await) and step.of == put.ref)
    assert isinstance(judge(Snapshot({put.ref: {"status": {"state": "generating", "progress": 10}}})), Waiting)
    assert judge(Snapshot({put.ref: {"status": {"state": "ready"}}})) == Ready()
    assert isinstance(judge(Snapshot({put.ref: {"status": {"state": "error"}}})), Failed)
    there = Snapshot({**seen().objects, put.ref: put.body}, seen().listings)
    assert not [step for step in KIND.update(asked, asked, there).steps if isinstance(step, Put)]
    other = KIND.update(asked, cluster(support_bundle="again"), there)
    assert [step.ref != put.ref for step in other.steps if isinstance(step, Put)] == [True]


def found(name: str, **parts: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "default"}, **parts}


def disks(node: str, *free: int) -> Object:
    """What Longhorn says of a node whose disks have so many GiB left."""
    status = {f"disk{number}": {"storageMaximum": 500 << 30, "storageAvailable": gib << 30} for number, gib in enumerate(free)}
    return {"metadata": {"name": node}, "status": {"diskStatus": status}}


def test_what_keeps_a_cluster_from_an_upgrade_is_told_with_the_way_out() -> None:
    full = {"conditions": [{"type": kind, "status": "True"} for kind in ("Ready", "DiskPressure")]}
    nodes = (node("node1"), {**node("node2"), "spec": {"unschedulable": True}}, {**node("node3"), "status": full})
    volume = {"status": {"robustness": "degraded", "kubernetesStatus": {"namespace": "default", "pvcName": "web-root"}}}
    alone_there = {"spec": {"numberOfReplicas": 1}, "status": {"kubernetesStatus": {"namespace": "default", "pvcName": "scratch"}}}
    fixed = {"conditions": [{"type": "LiveMigratable", "status": "False"}]}
    listed = (
        (volume, alone_there, {"spec": {"numberOfReplicas": 3}, "status": {"robustness": "healthy"}}),
        (found("nightly-1", status={"readyToUse": False}), found("old", status={"readyToUse": True})),
        (found("nightly", status={}), found("off", status={"suspended": True})),
        (found("gpu", spec={"domain": {"devices": {"hostDevices": [{"name": "card"}]}}}), found("iso", status=fixed), found("web")),
        (disks("node1", 13, 1), disks("node2", 12, 1), disks("node3")),
    )
    here = Snapshot({}, dict(zip(preflight.WANTS, (nodes, *listed), strict=True)))  # type: ignore[arg-type]  # all of them are listings
    assert list(preflight.refusals(here)) == [
        "node node2 is cordoned: take it back into use",
        "node node3 has a disk that is full, so that images are deleted there as they come: free some room on it",
        "nodes have too little room on all of their disks: node2: the images of a release take 13 GiB: delete what is not needed there, "
        "or add a disk",
        "volumes are degraded: default/web-root: wait until their replicas are rebuilt",
        "backups or snapshots are under way: default/nightly-1: wait for them",
        "schedules may start a backup meanwhile: default/nightly: suspend them",
        "volumes have one replica: default/scratch: they are gone while their node restarts: give them another replica (numberOfReplicas of "
        "the Longhorn volume), or delete them",
        "machines cannot move to another node: default/gpu, default/iso: stop them",
    ]
    alone = Snapshot({}, dict(zip(preflight.WANTS, (nodes[:1], *listed), strict=True)))  # type: ignore[arg-type]  # see above
    assert not [why for why in preflight.refusals(alone) if "degraded" in why or "cannot move" in why or "replica" in why]
