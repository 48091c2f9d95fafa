"""Controllers that hear of things in another order than usual: nobody is forgotten, and nothing is taken for another thing of its name."""

from typing import Any

from backup_plane import Plane
from memory_api import MemoryApi
from plane_objects import NAMESPACE, claim, instance_of, machine, node, obj, storage_class

from harvester_local.api import kinds
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Key, Obj, condition, finalizers, is_true, owned_by, part
from harvester_local.api.store import Store
from harvester_local.api.versions import rules_for
from harvester_local.controllers import image_status, volumes
from harvester_local.controllers.gpus import SriovGpus
from harvester_local.controllers.migrations import Migrations
from harvester_local.controllers.runtime import Context
from harvester_local.controllers.scheduling import Scheduler
from harvester_local.settings import Settings


def key(name: str) -> Key:
    return Key(NAMESPACE, name)


def late_class(**changes: Any) -> Obj:
    return {**storage_class("late"), **changes}


def runs(instance: Obj) -> bool:
    return bool(part(instance, "status").get("phase") == "Running")


def phase_is(word: str) -> Any:
    return lambda found: part(found, "status").get("phase") == word


def context(store: Store) -> Context:
    return Context(MemoryApi(store), store, Settings(), rules_for((1, 8)))


async def without_disks(plane: Plane, name: str, **changes: Any) -> None:
    found = machine(name, volumes=[], **changes)
    found["spec"]["template"]["spec"]["domain"]["devices"]["disks"] = []
    await plane.create(kinds.MACHINE, found)


async def at_rest(plane: Plane, name: str) -> None:
    """As soon as the guest runs and has reported all that it reports by itself."""
    await plane.until(kinds.INSTANCE, name, lambda found: is_true(found, "AgentConnected"))
    await plane.until(kinds.MACHINE, name, lambda found: is_true(found, "AgentConnected"))


async def moving(plane: Plane, name: str, machine_name: str) -> None:
    await plane.create(kinds.MIGRATION, obj(kinds.MIGRATION, name, spec={"vmiName": machine_name}))


# Machines and their volumes -----------------------------------------------------------------------------------------


async def test_a_machine_goes_on_when_the_class_of_its_claim_is_heard_of_last(plane: Plane) -> None:
    await plane.create(kinds.VOLUME_CLAIM, {**claim("vm-root", cls="late"), "status": {}})
    await plane.create(kinds.MACHINE, machine("vm"))
    await plane.until(kinds.MACHINE, "vm", lambda found: part(found, "status").get("printableStatus") == "WaitingForVolumeBinding")
    await plane.create(kinds.STORAGE_CLASS, late_class(volumeBindingMode="WaitForFirstConsumer"))
    await plane.until(kinds.INSTANCE, "vm", runs)


async def test_a_machine_waits_for_a_claim_that_is_on_its_way_out_and_takes_the_next_one(plane: Plane) -> None:
    await plane.create(kinds.VOLUME_CLAIM, claim("vm-root", finalizers=["a-backup-of-somebody"]))
    await plane.api.delete(kinds.VOLUME_CLAIM, key("vm-root"))
    await plane.create(kinds.MACHINE, machine("vm"))
    await plane.until(kinds.MACHINE, "vm", lambda found: part(found, "status").get("printableStatus"))
    await plane.api.patch(kinds.VOLUME_CLAIM, key("vm-root"), {"metadata": {"finalizers": []}})
    await plane.until(kinds.MACHINE, "vm", lambda found: part(found, "status").get("printableStatus") == "ErrorPvcNotFound")
    await plane.create(kinds.VOLUME_CLAIM, claim("vm-root"))
    await plane.until(kinds.INSTANCE, "vm", runs)


async def test_a_claim_takes_its_volume_along_from_the_moment_on_that_there_is_one(plane: Plane) -> None:
    volumes_at_first = list[int]()

    def listen(kind: Kind, _: Obj | None, after: Obj | None) -> None:
        if kind == kinds.VOLUME_CLAIM and after is not None and volumes.FINALIZER in finalizers(after):
            volumes_at_first.append(sum(known == kinds.VOLUME for known, _ in plane.api.objects))

    plane.store.listen(listen)
    await plane.create(kinds.VOLUME_CLAIM, {**claim("data"), "status": {}})
    await plane.until(kinds.VOLUME_CLAIM, "data", phase_is("Bound"))
    assert volumes_at_first[0] == 0


async def test_an_image_takes_its_class_along_from_the_moment_on_that_there_is_one(plane: Plane) -> None:
    held = list[bool]()

    def listen(kind: Kind, *_: Obj | None) -> None:
        if kind == kinds.STORAGE_CLASS:
            held.append(image_status.FINALIZER in finalizers(plane.store.get(kinds.IMAGE, key("leap")) or {"metadata": {}}))

    plane.store.listen(listen)
    await plane.image()
    assert held == [True]


# DataVolumes --------------------------------------------------------------------------------------------------------


def data_volume(name: str = "data", **storage: Any) -> Obj:
    whole = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **storage}
    return obj(kinds.DATA_VOLUME, name, spec={"source": {"blank": {}}, "storage": whole})


async def test_a_data_volume_that_is_heard_of_before_its_class_gets_a_claim_as_the_class_has_it(plane: Plane) -> None:
    await plane.create(kinds.DATA_VOLUME, data_volume(storageClassName="late"))
    await plane.until(kinds.DATA_VOLUME, "data", phase_is("Pending"))
    await plane.create(kinds.STORAGE_CLASS, late_class(provisioner="rancher.io/local-path"))
    found = await plane.until(kinds.VOLUME_CLAIM, "data", phase_is("Bound"))
    assert found["spec"]["volumeMode"] == "Filesystem"


async def test_a_data_volume_makes_a_claim_of_its_own_when_that_of_a_former_one_has_gone(plane: Plane) -> None:
    await plane.create(kinds.VOLUME_CLAIM, claim("data"))
    for name in ("data", "next"):
        await plane.create(kinds.DATA_VOLUME, data_volume(name, storageClassName="longhorn"))
    await plane.until(kinds.DATA_VOLUME, "next", phase_is("Succeeded"))
    await plane.api.delete(kinds.VOLUME_CLAIM, key("data"))  # by the garbage collector, which is slow
    found = await plane.until(kinds.DATA_VOLUME, "data", phase_is("Succeeded"))
    assert owned_by(plane.store.get(kinds.VOLUME_CLAIM, key("data")) or {}, found)


async def test_an_image_is_not_imported_by_what_a_former_image_of_its_name_has_left(plane: Plane) -> None:
    await plane.create(kinds.VOLUME_CLAIM, claim("source"))
    await plane.create(kinds.DATA_VOLUME, {**obj(kinds.DATA_VOLUME, "leap", spec={}), "status": {"phase": "Succeeded"}})
    source = {"sourceType": "export-from-volume", "pvcName": "source", "pvcNamespace": NAMESPACE}
    for name in ("leap", "next"):
        spec = {"backend": "cdi", "displayName": name, "targetStorageClassName": "longhorn", **source}
        await plane.create(kinds.IMAGE, obj(kinds.IMAGE, name, spec=spec))
    await plane.until(kinds.IMAGE, "next", lambda found: is_true(found, "Imported"))
    await plane.api.delete(kinds.DATA_VOLUME, key("leap"))
    found = await plane.until(kinds.IMAGE, "leap", lambda found: is_true(found, "Imported"))
    assert owned_by(plane.store.get(kinds.DATA_VOLUME, key("leap")) or {}, found)


# Room on the nodes --------------------------------------------------------------------------------------------------


async def test_a_migration_for_which_there_is_no_room_goes_on_when_a_node_has_some(plane: Plane) -> None:
    await without_disks(plane, "vm")
    await at_rest(plane, "vm")
    await moving(plane, "away", "vm")
    await plane.until(kinds.MIGRATION, "away", phase_is("Scheduling"))
    await plane.create(kinds.NODE, node("node2"))
    await plane.until(kinds.MIGRATION, "away", phase_is("Succeeded"))


async def test_a_migration_for_which_there_is_no_room_goes_on_when_another_machine_ends(plane: Plane) -> None:
    await without_disks(plane, "vm")
    await at_rest(plane, "vm")
    await plane.create(kinds.NODE, node("node2", cpu="2"))
    await without_disks(plane, "other", nodeSelector={"kubernetes.io/hostname": "node2"})
    await at_rest(plane, "other")
    await moving(plane, "away", "vm")
    await plane.until(kinds.MIGRATION, "away", phase_is("Scheduling"))
    await plane.api.delete(kinds.MACHINE, key("other"))
    await plane.until(kinds.MIGRATION, "away", phase_is("Succeeded"))


async def test_a_machine_takes_the_room_that_another_leaves_by_a_migration(plane: Plane) -> None:
    await without_disks(plane, "first", nodeSelector={})
    await at_rest(plane, "first")
    await plane.api.patch_status(kinds.NODE, Key("", "node1"), {"allocatable": {"cpu": "2"}})
    await plane.create(kinds.NODE, node("node2"))
    await without_disks(plane, "second", nodeSelector={"kubernetes.io/hostname": "node1"})
    await plane.until(
        kinds.INSTANCE, "second", lambda found: "Insufficient cpu" in (condition(found, "PodScheduled") or {}).get("message", "")
    )
    await moving(plane, "away", "first")
    await plane.until(kinds.INSTANCE, "second", runs)


def test_the_end_of_a_migration_calls_the_next_one_of_the_machine() -> None:
    store = Store()
    first, second = (obj(kinds.MIGRATION, name, spec={"vmiName": "vm"}) for name in ("first", "second"))
    for found in (first, second, obj(kinds.MIGRATION, "other", spec={"vmiName": "other"})):
        store.observe(kinds.MIGRATION, found)
    migrations = Migrations(context(store), Scheduler(store))
    assert set(migrations.watches[kinds.MIGRATION]({**first, "status": {"phase": "Succeeded"}})) == {key("first"), key("second")}
    assert list(migrations.watches[kinds.INSTANCE](instance_of(machine("gone")))) == []


# The rest -----------------------------------------------------------------------------------------------------------


async def test_a_link_monitor_reports_a_node_that_gets_the_label_later(plane: Plane) -> None:
    spec = {"targetLinkRule": {}, "nodeSelector": {"tier": "edge"}}
    await plane.create(kinds.LINK_MONITOR, obj(kinds.LINK_MONITOR, "all", spec=spec))
    await plane.until(kinds.LINK_MONITOR, "all", lambda found: "linkStatus" in part(found, "status"))
    await plane.api.patch(kinds.NODE, Key("", "node1"), {"metadata": {"labels": {"tier": "edge"}}})
    await plane.until(kinds.LINK_MONITOR, "all", lambda found: "node1" in part(found, "status", "linkStatus"))


async def test_a_snapshot_is_taken_when_its_class_is_heard_of_last(plane: Plane) -> None:
    await plane.create(kinds.VOLUME_CLAIM, {**claim("data"), "status": {}})
    await plane.until(kinds.VOLUME_CLAIM, "data", phase_is("Bound"))
    spec = {"source": {"persistentVolumeClaimName": "data"}, "volumeSnapshotClassName": "late"}
    await plane.create(kinds.SNAPSHOT, obj(kinds.SNAPSHOT, "now", spec=spec))
    await plane.until(kinds.SNAPSHOT, "now", lambda found: part(found, "status").get("error"))
    await plane.create(kinds.SNAPSHOT_CLASS, obj(kinds.SNAPSHOT_CLASS, "late", driver="driver.longhorn.io", deletionPolicy="Delete"))
    await plane.until(kinds.SNAPSHOT, "now", lambda found: part(found, "status").get("readyToUse"))


def test_a_gpu_that_is_divided_again_is_looked_at_when_its_former_parts_have_gone() -> None:
    store = Store()
    part_of_it = obj(kinds.VGPU_DEVICE, "node1-0000084", metadata={"labels": {"harvesterhci.io/parentSRIOVGPUDevice": "node1-000008"}})
    assert list(SriovGpus(context(store)).watches[kinds.VGPU_DEVICE](part_of_it)) == [Key("", "node1-000008")]
