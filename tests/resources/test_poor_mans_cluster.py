"""A plain Kubernetes for machines: what is installed, in which order, what an upgrade touches, and what is refused."""

import json
from typing import Any

import pytest
from small_kinds import OWNER, reasons, with_unknowns

from harvester_provider.core.json import Object
from harvester_provider.core.plan import Apply, Await, Patch
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Waiting
from harvester_provider.resources.apis import CDI, CUSTOM_RESOURCE, DAEMON_SET, DEPLOYMENT, KUBEVIRT, NAMESPACE
from harvester_provider.resources.poor_mans_cluster import KIND, PARTS, PoorMansClusterInputs, Runs

SELF, HARVESTER = Ref(NAMESPACE, "kube-system"), Ref(NAMESPACE, "harvester-system")
VIRT, MULTUS = Ref(KUBEVIRT, "kubevirt", "kubevirt"), Ref(DAEMON_SET, "kube-multus-ds", "kube-system")
SHOWS = {
    "kubevirt": VIRT,
    "local_path": Ref(DEPLOYMENT, "local-path-provisioner", "local-path-storage"),
    "cdi": Ref(CDI, "cdi"),
    "multus": MULTUS,
}
VERSIONS = {"kubevirt": "1.1.1", "cdi": "1.59.0", "local_path": "0.0.28", "multus": "4.0.2"}


def parvester(**given: Any) -> PoorMansClusterInputs:
    return PoorMansClusterInputs.model_validate({"name": "parvester", "owner": OWNER, **VERSIONS, **given})


def seen(installed: dict[str, str] | None = None, gates: list[str] | None = None, harvester: Object | None = None) -> Snapshot:
    done = installed or {}
    gated = {"spec": {"configuration": {"developerConfiguration": {"featureGates": gates or []}}}}
    objects: dict[Ref, Object | None] = {
        ref: (gated if name == "kubevirt" else {"spec": {}}) if name in done else None for name, ref in SHOWS.items()
    }
    objects |= {SELF: {"metadata": {"name": "kube-system", "annotations": {PARTS: json.dumps(done)}}}, HARVESTER: harvester}
    return Snapshot(objects)


def sources(plan: Any) -> list[str]:
    return [step.source for step in plan.steps if isinstance(step, Apply)]


def test_the_articles_manifests_are_applied_in_order_and_each_part_is_waited_for() -> None:
    plan = KIND.update(parvester(), parvester(), seen())
    assert sources(plan) == [
        "https://github.com/kubevirt/kubevirt/releases/download/v1.1.1/kubevirt-operator.yaml",
        "https://github.com/kubevirt/kubevirt/releases/download/v1.1.1/kubevirt-cr.yaml",
        "https://raw.githubusercontent.com/rancher/local-path-provisioner/v0.0.28/deploy/local-path-storage.yaml",
        "https://github.com/kubevirt/containerized-data-importer/releases/download/v1.59.0/cdi-operator.yaml",
        "https://github.com/kubevirt/containerized-data-importer/releases/download/v1.59.0/cdi-cr.yaml",
        "https://raw.githubusercontent.com/k8snetworkplumbingwg/multus-cni/v4.0.2/deployments/multus-daemonset.yml",
    ]
    assert [step.of for step in plan.steps if isinstance(step, Await)] == list(SHOWS.values())


def test_a_site_without_internet_takes_them_from_a_folder() -> None:
    assert sources(KIND.update(parvester(), parvester(folder="/m"), seen()))[0] == "/m/kubevirt-operator.yaml"


def test_an_upgrade_touches_the_part_that_changes_and_keeps_its_gates() -> None:
    plan = KIND.update(parvester(), parvester(kubevirt="1.2.0"), seen(VERSIONS, gates=["GPU"]))
    assert [source.rpartition("/")[2] for source in sources(plan)] == ["kubevirt-operator.yaml", "kubevirt-cr.yaml"]
    last = plan.steps[-1]
    assert isinstance(last, Patch)
    assert last.body["spec"]["configuration"]["developerConfiguration"]["featureGates"] == ["GPU"]  # type: ignore[call-overload]


def test_an_interrupted_installation_goes_on_with_the_part_that_is_missing() -> None:
    done = {"kubevirt": "1.1.1", "local_path": "0.0.28"}
    assert len(sources(KIND.update(parvester(), parvester(), seen(done)))) == 3


def test_what_is_installed_as_declared_is_left_alone_and_is_no_drift() -> None:
    assert not KIND.update(parvester(), parvester(), seen(VERSIONS)).steps
    assert KIND.observe(SELF, parvester(), seen(VERSIONS)) == parvester()


def test_a_part_that_somebody_removed_is_drift() -> None:
    without = {name: version for name, version in VERSIONS.items() if name != "multus"}
    assert KIND.observe(SELF, parvester(), seen(without)).multus == ""


def test_a_part_the_cluster_brings_itself_is_not_touched() -> None:
    assert "local-path" not in "".join(sources(KIND.update(parvester(), parvester(local_path=""), seen())))


def test_a_harvester_is_refused() -> None:
    (refused,) = KIND.update(parvester(), parvester(), seen(harvester={"metadata": {}})).refused
    assert "use the kind Cluster" in refused.why


def test_a_kind_that_is_not_defined_yet_is_not_asked_for() -> None:
    definition = Ref(CUSTOM_RESOURCE, "kubevirts.kubevirt.io")
    assert VIRT not in KIND.reads(SELF, parvester(), Snapshot({definition: None}))
    assert VIRT in KIND.reads(SELF, parvester(), Snapshot({definition: {"metadata": {}}}))


def test_a_delete_removes_nothing_and_says_why() -> None:
    plan = KIND.delete(parvester(), seen(VERSIONS))
    (step,) = plan.steps
    assert isinstance(step, Patch)
    assert step.ref == SELF
    assert step.body["metadata"]["annotations"][PARTS] is None  # type: ignore[call-overload]
    assert "every machine would be lost" in plan.notes[0]


@pytest.mark.parametrize(
    ("found", "ready"),
    [
        ({"status": {"observedKubeVirtVersion": "v1.1.1", "conditions": [{"type": "Available", "status": "True"}]}}, True),
        ({"status": {"observedKubeVirtVersion": "v1.0.0", "conditions": [{"type": "Available", "status": "True"}]}}, False),
        ({"status": {"observedKubeVirtVersion": "v1.1.1"}}, False),
        ({}, False),
    ],
)
def test_kubevirt_runs_when_it_is_available_in_the_declared_version(found: Object, ready: bool) -> None:  # noqa: FBT001  a column of the table
    assert isinstance(Runs("kubevirt", VIRT, "1.1.1")(Snapshot({VIRT: found})), Ready if ready else Waiting)


def test_multus_runs_when_every_node_has_it() -> None:
    judge = Runs("multus", MULTUS, "4.0.2")
    assert judge(Snapshot({MULTUS: {"status": {"numberReady": 1, "desiredNumberScheduled": 3}}})) == Waiting("1 of 3 nodes have it")
    assert isinstance(judge(Snapshot({MULTUS: {"status": {"numberReady": 3, "desiredNumberScheduled": 3}}})), Ready)


def test_a_version_with_a_v_is_refused() -> None:
    assert set(reasons(KIND, parvester(kubevirt="v1.1.1", local_path="latest"))) == {"kubevirt", "localPath"}


def test_values_that_are_not_known_yet_break_no_rule() -> None:
    for inputs in with_unknowns({"name": "parvester"}, PoorMansClusterInputs):
        assert not KIND.check(inputs)
