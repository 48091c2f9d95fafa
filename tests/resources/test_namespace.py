"""Namespaces: limits made, changed and lifted, and nothing lost with a namespace that still holds something."""

from typing import Any

from small_kinds import OWNER, reasons

from harvester_provider.core.json import Object
from harvester_provider.core.plan import Await, Patch, Put, Remove
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import HARVESTER_QUOTA, IMAGE, PERSISTENT_VOLUME_CLAIM, RESOURCE_QUOTA, VIRTUAL_MACHINE
from harvester_provider.resources.namespace import KIND, NamespaceInputs

REF, OURS, SNAPSHOTS = (
    Ref(KIND.api, "team"),
    Ref(RESOURCE_QUOTA, "pulumi-quota", "team"),
    Ref(HARVESTER_QUOTA, "default-resource-quota", "team"),
)


def team(**quota: Any) -> NamespaceInputs:
    return NamespaceInputs.model_validate({"name": "team", "owner": OWNER, **({"quota": quota} if quota else {})})


def seen(hard: Object | None = None, machines: tuple[Object, ...] = ()) -> Snapshot:
    held = {Listing(api, "team"): () for api in (PERSISTENT_VOLUME_CLAIM, IMAGE)} | {Listing(VIRTUAL_MACHINE, "team"): machines}
    objects = {REF: {"metadata": {"name": "team"}}, OURS: {"spec": {"hard": hard}} if hard else None, SNAPSHOTS: None}
    return Snapshot(objects, held)


def test_limits_are_made_with_the_namespace_and_waited_for() -> None:
    quota, snapshots, wait = KIND.settle(team(limits_cpu="8", volumes=5, snapshots="10Gi"), seen())
    assert isinstance(quota, Put)
    assert quota.body["spec"] == {"hard": {"limits.cpu": "8", "persistentvolumeclaims": "5"}}
    assert isinstance(snapshots, Put)
    assert snapshots.body["spec"] == {"snapshotLimit": {"namespaceTotalSnapshotSizeQuota": 10 * 2**30}}
    assert isinstance(wait, Await)


def test_a_limit_that_is_taken_away_is_lifted_and_the_others_stay() -> None:
    (patch,) = KIND.update(
        team(limits_cpu="8", volumes=5), team(limits_cpu="4"), seen({"limits.cpu": "8", "persistentvolumeclaims": "5"})
    ).steps
    assert isinstance(patch, Patch)
    assert patch.body == {"spec": {"hard": {"persistentvolumeclaims": None, "limits.cpu": "4"}}}


def test_without_limits_the_quota_goes() -> None:
    (step,) = KIND.update(team(limits_cpu="8"), team(), seen({"limits.cpu": "8"})).steps
    assert isinstance(step, Remove)
    assert step.ref == OURS


def test_the_same_amount_in_another_notation_is_no_drift() -> None:
    inputs = team(limits_memory="4096Mi")
    assert KIND.observe(REF, inputs, seen({"limits.memory": "4Gi"})) == inputs


def test_a_namespace_with_a_machine_is_not_deleted() -> None:
    (refused,) = KIND.delete(team(), seen(machines=({"metadata": {"name": "db"}},))).refused
    assert "VirtualMachine db" in refused.why
    assert isinstance(KIND.delete(team(), seen()).steps[0], Remove)


def test_a_limit_below_nothing_is_refused() -> None:
    inputs = NamespaceInputs.model_validate({"name": "team", "quota": {"limitsCpu": "0", "requestsStorage": "-1Gi"}})
    assert reasons(KIND, inputs) == {"quota.requestsStorage": "-1Gi is less than nothing: write 0 or more, or leave it out"}


def test_names_of_the_system_are_refused() -> None:
    assert "system's" in reasons(KIND, NamespaceInputs(name="longhorn-system"))["name"]
