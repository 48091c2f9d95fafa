"""Snapshots of volumes: the class they are taken with, when they can be restored, and what they remember of the volume."""

from typing import Any

import pytest
from small_kinds import OWNER, merged, only_put, reasons, with_unknowns

from harvester_provider.core.json import Json, Object
from harvester_provider.core.plan import Await
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Waiting
from harvester_provider.resources.apis import PERSISTENT_VOLUME_CLAIM, SETTING, STORAGE_CLASS, VOLUME_SNAPSHOT
from harvester_provider.resources.volume_snapshot import KIND, Restorable, VolumeSnapshotInputs

REF = Ref(VOLUME_SNAPSHOT, "before", "default")
VOLUME, FAST, DRIVERS = Ref(PERSISTENT_VOLUME_CLAIM, "data", "default"), Ref(STORAGE_CLASS, "fast"), Ref(SETTING, "csi-driver-config")
CLAIM = {"metadata": {"annotations": {"harvesterhci.io/imageId": "default/ubuntu"}}, "spec": {"storageClassName": "fast"}}
SETTING_JSON = '{"driver.longhorn.io":{"volumeSnapshotClassName":"longhorn-snapshot","backupVolumeSnapshotClassName":"longhorn"}}'


def snapshot(**values: Any) -> VolumeSnapshotInputs:
    return VolumeSnapshotInputs.model_validate({"name": "before", "volume": "data", "owner": OWNER, **values})


def seen(found: Object | None = None, *, driver: str = "driver.longhorn.io", setting: Json = None) -> Snapshot:
    return Snapshot({REF: found, VOLUME: CLAIM, FAST: {"provisioner": driver}, DRIVERS: setting or {"default": SETTING_JSON}})  # type: ignore[dict-item]


def taken(inputs: VolumeSnapshotInputs, **status: Json) -> Object:
    found = merged(only_put(KIND.create(inputs, seen())), {"metadata": {"finalizers": ["x"]}, "status": status})
    assert isinstance(found, dict)
    return found


def test_the_class_is_the_one_that_harvester_names_for_the_driver_of_the_volume() -> None:
    body = only_put(KIND.create(snapshot(), seen()))
    assert body["spec"] == {"source": {"persistentVolumeClaimName": "data"}, "volumeSnapshotClassName": "longhorn-snapshot"}


def test_a_changed_setting_counts_more_than_its_default() -> None:
    setting = {"default": SETTING_JSON, "value": '{"lvm.driver.harvesterhci.io":{"volumeSnapshotClassName":"lvm-snapshot"}}'}
    body = only_put(KIND.create(snapshot(), seen(driver="lvm.driver.harvesterhci.io", setting=setting)))
    assert body["spec"]["volumeSnapshotClassName"] == "lvm-snapshot"  # type: ignore[index,call-overload]  # a snapshot has a spec


@pytest.mark.parametrize("setting", [{"default": SETTING_JSON}, {"value": "{broken"}, {}])
def test_without_a_class_for_the_driver_nothing_is_taken(setting: Json) -> None:
    plan = KIND.create(snapshot(), seen(driver="rook-ceph.rbd.csi.ceph.com", setting=setting or {"x": 1}))
    assert not plan.steps
    assert "csi-driver-config names no snapshot class for rook-ceph.rbd.csi.ceph.com" in plan.refused[0].why


def test_it_remembers_what_a_restore_needs_to_know_of_the_volume() -> None:
    notes = only_put(KIND.create(snapshot(), seen()))["metadata"]["annotations"]  # type: ignore[index,call-overload]  # it has metadata
    assert notes == {
        "harvesterhci.io/storageClassName": "fast", "harvesterhci.io/storageProvisioner": "driver.longhorn.io",
        "harvesterhci.io/imageId": "default/ubuntu", "harvester.pulumi.com/owner": OWNER,
    }  # fmt: skip


def test_ready_means_that_it_can_be_restored() -> None:
    judge = Restorable(REF)
    assert judge(Snapshot({REF: {"status": {"readyToUse": True, "restoreSize": "1Gi"}}})) == Ready()
    assert judge(Snapshot({REF: {"status": {"readyToUse": False}}})) == Waiting("being taken")
    assert judge(Snapshot({REF: {"status": {"readyToUse": False, "error": {"message": "no space left"}}}})) == Waiting("no space left")


def test_only_an_unfinished_snapshot_is_waited_for() -> None:
    assert not KIND.settle(snapshot(), seen(taken(snapshot(), readyToUse=True)))
    (wait,) = KIND.settle(snapshot(), seen(taken(snapshot())))
    assert isinstance(wait, Await)


@pytest.mark.parametrize("change", [{"volume": "other"}, {"snapshot_class": "longhorn"}])
def test_another_volume_or_class_is_another_snapshot(change: Any) -> None:
    assert KIND.update(snapshot(), snapshot(**change), seen(taken(snapshot()))).replaces


def test_the_same_volume_in_other_words_is_no_change() -> None:
    plan = KIND.update(snapshot(), snapshot(volume="default/data"), seen(taken(snapshot())))
    assert not plan.changes
    assert not plan.steps


@pytest.mark.parametrize("inputs", [{}, {"volume": "default/data"}, {"snapshot_class": "longhorn-snapshot"}])
def test_what_the_cluster_writes_back_is_no_drift(inputs: Any) -> None:
    declared = snapshot(**inputs)
    found = seen(taken(declared, readyToUse=True))
    assert KIND.observe(REF, declared, found) == declared
    assert not KIND.update(KIND.observe(REF, None, found), declared, found).replaces


def test_a_volume_of_another_namespace_is_refused_with_the_way_out() -> None:
    assert "namespace='lab'" in reasons(KIND, snapshot(volume="lab/data"))["volume"]
    assert "write namespace/name" in reasons(KIND, snapshot(volume="a/b/c"))["volume"]


def test_rules_on_unknown_values_stay_silent() -> None:
    for inputs in with_unknowns({"name": "before", "volume": "data"}, VolumeSnapshotInputs):
        assert not KIND.check(inputs)
        KIND.requires(inputs)
