"""Volumes: what they are made from, growth, and that no data is deleted that a machine uses."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_kinds import OWNER, merged, only_patch, only_put, reasons, with_unknowns

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object
from harvester_provider.core.plan import Await, Plan, Remove
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.resources.apis import IMAGE, PERSISTENT_VOLUME_CLAIM, STORAGE_CLASS, VOLUME_SNAPSHOT
from harvester_provider.resources.growth import IN_USE
from harvester_provider.resources.volume import KIND
from harvester_provider.resources.volume.model import VolumeInputs
from harvester_provider.resources.volume.status import Bound, Grown, machines

REF = Ref(PERSISTENT_VOLUME_CLAIM, "data", "default")
IMAGE_REF, SNAPSHOT_REF = Ref(IMAGE, "ubuntu", "default"), Ref(VOLUME_SNAPSHOT, "before", "default")
OTHER = Ref(PERSISTENT_VOLUME_CLAIM, "other", "default")
IMPORTED = {"status": {"storageClassName": "lh-1", "virtualSize": 3 * 2**30 + 1, "size": 5}}
TAKEN = {
    "metadata": {"annotations": {"harvesterhci.io/storageClassName": "lh-1", "harvesterhci.io/imageId": "default/ubuntu"}},
    "status": {"readyToUse": True, "restoreSize": "4Gi"},
}


def volume(**values: Any) -> VolumeInputs:
    return VolumeInputs.model_validate({"name": "data", "owner": OWNER, **values})


def plan(inputs: VolumeInputs, seen: Mapping[Ref, Object | None] | None = None) -> Plan:
    return KIND.create(inputs, Snapshot({REF: None, **(seen or {})}))


def spec(inputs: VolumeInputs, seen: Mapping[Ref, Object | None] | None = None) -> Any:
    return only_put(plan(inputs, seen))["spec"]


def bound(inputs: VolumeInputs, *more: Json, seen: Mapping[Ref, Object | None] | None = None) -> Object:
    """The claim as the cluster has it once it is provisioned."""
    found: Json = only_put(plan(inputs, seen))
    size = str(spec(inputs, seen)["resources"]["requests"]["storage"])
    for part in (
        {"metadata": {"finalizers": ["kubernetes.io/pvc-protection"], "annotations": {"pv.kubernetes.io/bind-completed": "yes"}}},
        {"spec": {"volumeName": "pvc-1"}, "status": {"phase": "Bound", "capacity": {"storage": size}}},
        {"spec": {"storageClassName": spec(inputs, seen).get("storageClassName", "harvester-longhorn")}},
        *more,
    ):
        found = merged(found, part)
    assert isinstance(found, Mapping)
    return found


def machine(claim: str, **meta: Json) -> Object:
    volumes = [{"name": "disk", "persistentVolumeClaim": {"claimName": claim}}]
    return {"metadata": {"name": "vm", **meta}, "spec": {"template": {"spec": {"volumes": volumes}}}}


def seen(
    found: Object | None,
    *users: Object,
    can_grow: bool = True,
    binding: str = "Immediate",
    driver: str = "driver.longhorn.io",
    in_use: str = "",
) -> Snapshot:
    name = str((found or {}).get("spec", {}).get("storageClassName", ""))  # type: ignore[union-attr]  # a made-up claim has a spec
    storage_class = {"allowVolumeExpansion": can_grow, "volumeBindingMode": binding}
    drivers = {"default": '{"driver.longhorn.io": true}', "value": in_use}
    return Snapshot(
        {REF: found, Ref(STORAGE_CLASS, name): {**storage_class, "provisioner": driver}, IN_USE: drivers}, {machines(REF): users}
    )


def update(old: VolumeInputs, new: VolumeInputs, *users: Object, **how: Any) -> Plan:
    return KIND.update(old, new, seen(bound(old), *users, **how))


def test_a_blank_volume_asks_for_its_size_class_and_modes() -> None:
    asked = spec(volume(size="5Gi", storage_class="fast", access_mode="ReadWriteOnce", volume_mode="Filesystem"))
    assert asked == {
        "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem", "storageClassName": "fast", "resources": {"requests": {"storage": "5Gi"}},
    }  # fmt: skip


def test_a_volume_of_an_image_has_the_storage_class_of_the_image_and_its_size_in_whole_gib() -> None:
    put = only_put(plan(volume(image="default/ubuntu"), {IMAGE_REF: IMPORTED}))
    assert put["spec"]["storageClassName"] == "lh-1"  # type: ignore[index,call-overload]  # a claim has a spec
    assert put["spec"]["resources"]["requests"]["storage"] == "4Gi"  # type: ignore[index,call-overload]
    assert put["metadata"]["annotations"]["harvesterhci.io/imageId"] == "default/ubuntu"  # type: ignore[index,call-overload]


def test_a_restored_volume_has_the_size_the_class_and_the_image_of_what_was_taken() -> None:
    put = only_put(plan(volume(snapshot="before"), {SNAPSHOT_REF: TAKEN}))
    assert put["spec"]["dataSource"] == {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "before"}  # type: ignore[index,call-overload]
    assert (put["spec"]["storageClassName"], put["spec"]["resources"]["requests"]["storage"]) == ("lh-1", "4Gi")  # type: ignore[index,call-overload]
    assert put["metadata"]["annotations"]["harvesterhci.io/imageId"] == "default/ubuntu"  # type: ignore[index,call-overload]


def test_a_copy_has_the_class_and_size_of_the_other_volume() -> None:
    other = {"spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "7Gi"}}}}
    asked = spec(volume(source_volume="default/other", size="8Gi"), {OTHER: other})
    assert asked["dataSource"] == {"kind": "PersistentVolumeClaim", "name": "other"}
    assert (asked["storageClassName"], asked["resources"]["requests"]["storage"]) == ("fast", "8Gi")


@pytest.mark.parametrize(
    ("inputs", "source", "said"),
    [
        ({"image": "ubuntu", "size": "3Gi"}, {IMAGE_REF: IMPORTED}, "at least 4Gi"),
        ({"image": "ubuntu"}, {IMAGE_REF: {"status": {}}}, "not imported yet"),
        ({"image": "ubuntu"}, {IMAGE_REF: merged(IMPORTED, {"spec": {"backend": "cdi"}})}, "give the disk of the machine this image"),
        ({"snapshot": "before"}, {SNAPSHOT_REF: {"status": {"readyToUse": False, "error": {"message": "disk full"}}}}, "disk full"),
        ({"snapshot": "before", "size": "1Gi"}, {SNAPSHOT_REF: TAKEN}, "at least 4Gi"),
    ],
)
def test_what_can_come_to_nothing_is_refused_before_anything_is_made(inputs: Any, source: Any, said: str) -> None:
    refused = plan(volume(**inputs), source)
    assert not refused.steps
    assert said in refused.refused[0].why


@pytest.mark.parametrize(
    ("inputs", "path", "said"),
    [
        ({}, "size", "give the size"),
        ({"image": "a", "snapshot": "b"}, "snapshot", "image and snapshot are sources of one volume"),
        ({"image": "a/b/c"}, "image", "write namespace/name"),
        ({"snapshot": "lab/before"}, "snapshot", "another namespace"),
        ({"source_volume": "lab/other"}, "sourceVolume", "another namespace"),
        ({"size": "0"}, "size", "20Gi"),
        ({"image": "a", "storage_class": "x"}, "storageClass", "leave storageClass out"),
        ({"size": "1Gi", "storage_class": "longhorn-static"}, "storageClass", "reserved"),
    ],
)
def test_bad_inputs_are_told_with_the_way_out(inputs: Any, path: str, said: str) -> None:
    assert said in reasons(KIND, volume(**inputs))[path]


def test_rules_on_unknown_values_stay_silent() -> None:
    for inputs in with_unknowns({"name": "data", "size": "1Gi", "image": "default/ubuntu"}, VolumeInputs):
        assert not KIND.check(inputs)
        KIND.requires(inputs)


def test_growing_is_one_patch_and_a_wait_and_live() -> None:
    grown = update(volume(size="1Gi"), volume(size="2Gi"), machine("data"))
    assert only_patch(grown) == {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    assert isinstance(grown.steps[-1], Await)
    assert grown.effect is Effect.LIVE
    assert "grow PersistentVolumeClaim default/data from 1Gi to 2Gi" in "\n".join(grown.lines())


def test_another_notation_of_the_same_size_changes_nothing() -> None:
    same = update(volume(size="1Gi"), volume(size="1024Mi"))
    assert not same.steps
    assert not same.changes


@given(st.integers(1, 500), st.integers(1, 500))
def test_a_volume_never_shrinks(old: int, new: int) -> None:
    found = update(volume(size=f"{old}Gi"), volume(size=f"{new}Gi"))
    assert bool(found.refused) == (new < old)
    assert bool(found.steps) == (new > old)


def test_a_shrink_is_refused_against_what_the_cluster_has() -> None:
    claim = merged(bound(volume(size="1Gi")), {"spec": {"resources": {"requests": {"storage": "9Gi"}}}})
    found = KIND.update(volume(size="1Gi"), volume(size="2Gi"), seen(claim))  # type: ignore[arg-type]  # a merged claim is a mapping
    assert "has 9Gi and cannot shrink to 2Gi" in found.refused[0].why


def test_growth_that_the_class_does_not_allow_is_refused() -> None:
    found = update(volume(size="1Gi"), volume(size="2Gi"), can_grow=False)
    assert "allowVolumeExpansion" in found.refused[0].why


@pytest.mark.parametrize(
    ("status", "in_use", "refused"),
    [
        ("Running", "", True),
        ("Stopped", "", False),
        ("Running", '{"lvm.driver.harvesterhci.io": true}', False),
        ("Running", '{"driver.longhorn.io": false}', True),
        ("Running", "no JSON", True),
    ],
)
def test_growth_that_the_driver_does_not_do_in_use_is_refused_as_long_as_a_machine_runs(status: str, in_use: str, *, refused: bool) -> None:
    user = {**machine("data"), "status": {"printableStatus": status}}
    found = update(volume(size="1Gi"), volume(size="2Gi"), user, driver="lvm.driver.harvesterhci.io", in_use=in_use)
    assert bool(found.refused) is refused
    if refused:
        said = (
            "lvm.driver.harvesterhci.io grows no volumes in use (Harvester's setting csi-online-expand-validation): stop default/vm first"
        )
        assert found.refused[0].why == said


def test_growth_that_was_cut_off_is_waited_for() -> None:
    claim = merged(bound(volume(size="1Gi")), {"spec": {"resources": {"requests": {"storage": "2Gi"}}}})
    found = KIND.update(volume(size="1Gi"), volume(size="2Gi"), seen(claim))  # type: ignore[arg-type]  # a merged claim is a mapping
    assert [type(step) for step in found.steps] == [Await]


@pytest.mark.parametrize(
    "change", [{"storage_class": "fast"}, {"access_mode": "ReadWriteOnce"}, {"volume_mode": "Filesystem"}, {"image": "b"}]
)
def test_what_cannot_change_replaces_and_says_that_the_data_goes(change: Any) -> None:
    found = update(volume(size="1Gi"), volume(**{"size": "1Gi", **change}))
    assert found.replaces
    assert not found.refused
    assert "the data of this one is deleted" in "\n".join(found.lines())


def test_an_attached_volume_is_not_replaced() -> None:
    found = update(volume(size="1Gi"), volume(size="1Gi", volume_mode="Filesystem"), machine("data"))
    assert "attached to default/vm" in found.refused[0].why


def test_an_attached_volume_is_not_deleted() -> None:
    found = KIND.delete(volume(size="1Gi"), seen(bound(volume(size="1Gi")), machine("data")))
    assert not found.steps
    assert "attached to default/vm: remove the disk there first" in found.refused[0].why


@pytest.mark.parametrize("user", [machine("other"), machine("data", deletionTimestamp="2026-01-01T00:00:00Z")])
def test_a_volume_that_nobody_uses_any_more_is_deleted(user: Object) -> None:
    (step,) = KIND.delete(volume(size="1Gi"), seen(bound(volume(size="1Gi")), user)).steps
    assert isinstance(step, Remove)


def test_the_machines_that_have_the_volume_are_named() -> None:
    found = KIND.outputs(volume(size="1Gi"), seen(bound(volume(size="1Gi")), machine("data"), machine("other")))
    assert found["attachedTo"] == ["default/vm"]
    assert (found["phase"], found["capacity"], found["persistentVolume"]) == ("Bound", "1Gi", "pvc-1")


def test_with_a_class_that_waits_for_a_consumer_nothing_is_waited_for() -> None:
    pending = merged(bound(volume(size="1Gi")), {"status": {"phase": "Pending"}})
    assert not KIND.settle(volume(size="1Gi"), seen(pending, binding="WaitForFirstConsumer"))  # type: ignore[arg-type]
    assert KIND.settle(volume(size="1Gi"), seen(pending))  # type: ignore[arg-type]  # a merged claim is a mapping


@pytest.mark.parametrize(
    ("status", "verdict"),
    [({"phase": "Bound"}, Ready), ({"phase": "Pending"}, Waiting), ({"phase": "Lost"}, Failed), ({}, Waiting)],
)
def test_a_volume_is_there_once_it_is_bound(status: Json, verdict: type) -> None:
    assert isinstance(Bound(REF)(Snapshot({REF: {"status": status}})), verdict)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ({"capacity": {"storage": "2Gi"}}, Ready),
        ({"capacity": {"storage": "1Gi"}}, Waiting),
        ({"capacity": {"storage": "1Gi"}, "conditions": [{"type": "FileSystemResizePending", "status": "True"}]}, Ready),
        ({"capacity": {"storage": "1Gi"}, "allocatedResourceStatuses": {"storage": "ControllerResizeInfeasible"}}, Failed),
    ],
)
def test_growth_is_done_with_the_capacity_or_when_only_the_file_system_is_left(status: Json, verdict: type) -> None:
    judge = Grown(REF, volume(size="2Gi").size)  # type: ignore[arg-type]  # it has one
    assert isinstance(judge(Snapshot({REF: {"status": status}})), verdict)


@pytest.mark.parametrize(
    ("inputs", "source"),
    [
        ({"size": "1Gi"}, {}),
        ({"size": "1Gi", "storage_class": "fast", "access_mode": "ReadWriteOnce", "volume_mode": "Filesystem"}, {}),
        ({"image": "ubuntu"}, {IMAGE_REF: IMPORTED}),
        ({"image": "default/ubuntu", "size": "9Gi"}, {IMAGE_REF: IMPORTED}),
        ({"snapshot": "before"}, {SNAPSHOT_REF: TAKEN}),
        ({"snapshot": "default/before"}, {SNAPSHOT_REF: TAKEN}),
        ({"source_volume": "other"}, {OTHER: {"spec": {"resources": {"requests": {"storage": "7Gi"}}}}}),
    ],
)
def test_what_the_cluster_writes_back_is_no_drift(inputs: Any, source: Any) -> None:
    declared = volume(**inputs)
    found = seen(bound(declared, seen=source))
    assert KIND.observe(REF, declared, found) == declared
    assert not KIND.update(KIND.observe(REF, None, found), declared, found).replaces


def test_growth_behind_our_back_is_drift_where_a_size_is_declared() -> None:
    claim = merged(bound(volume(size="1Gi")), {"spec": {"resources": {"requests": {"storage": "9Gi"}}}})
    assert str(KIND.observe(REF, volume(size="1Gi"), seen(claim)).size) == "9Gi"  # type: ignore[arg-type]  # a merged claim is a mapping
