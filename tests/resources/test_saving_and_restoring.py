"""Backups, snapshots, schedules and restores through the engine, on a cluster in memory whose controllers answer as upstream's do."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fake_cluster import FakeCluster, Heard

from harvester_provider.core.errors import InvalidInputs, PlanRefused, Refused, WaitFailed, WaitTimedOut
from harvester_provider.core.plan import Await
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import (
    BACKUP,
    BACKUP_TARGET,
    PERSISTENT_VOLUME_CLAIM,
    RESTORE,
    SCHEDULE,
    VIRTUAL_MACHINE,
    VIRTUAL_MACHINE_INSTANCE,
)
from harvester_provider.resources.registry import KINDS
from harvester_provider.resources.virtual_machine_restore.parts import STOPPED_FOR_RESTORE, TEMPLATES

VM, GUEST = Ref(VIRTUAL_MACHINE, "vm", "default"), Ref(VIRTUAL_MACHINE_INSTANCE, "vm", "default")
NIGHTLY = Ref(BACKUP, "nightly", "default")
READY = [{"type": "Ready", "status": "True"}, {"type": "MetadataReady", "status": "True"}]
SAVED = {
    "volumeName": "root", "volumeSize": 7,
    "persistentVolumeClaim": {
        "metadata": {"name": "vm-root", "annotations": {"harvesterhci.io/imageId": "default/leap", "pv.kubernetes.io/bound": "yes"}},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}, "volumeName": "pvc-1"},
    },
}  # fmt: skip


def finished(**more: Any) -> dict[str, Any]:
    return {"readyToUse": True, "conditions": READY, "volumeBackups": [SAVED], "creationTime": "2026-01-01T00:00:00Z", **more}


@pytest.fixture
def cluster() -> FakeCluster:
    found = FakeCluster()
    found.place(BACKUP_TARGET, {"value": json.dumps({"type": "nfs", "endpoint": "nfs://store:/b"})})
    found.place(VM, {"metadata": {"annotations": {}}, "spec": {"runStrategy": "Always"}, "status": {"ready": True}})
    found.place(GUEST, {"status": {"phase": "Running"}})
    found.on_write.append(lambda ref, body: saves(found, ref, body))
    found.on_write.append(lambda ref, body: powers(found, ref, body))
    return found


def saves(cluster: FakeCluster, ref: Ref, body: dict[str, Any]) -> None:
    if ref.api == BACKUP and "status" not in body:
        cluster.place(ref, {**body, "status": finished()})


def powers(cluster: FakeCluster, ref: Ref, body: dict[str, Any]) -> None:
    if ref == VM:
        on = body["spec"]["runStrategy"] != "Halted"
        cluster.place(VM, {**body, "status": {"ready": on}})
        if on:
            cluster.place(GUEST, {"status": {"phase": "Running"}})
        else:
            cluster.vanish(GUEST)


def inputs(**more: Any) -> dict[str, Any]:
    return {"name": "nightly", "owner": "demo/dev/thing", "virtualMachine": "vm", **more}


async def create(kind: str, cluster: FakeCluster, heard: Heard | None = None, **more: Any) -> verbs.Found:
    checked = verbs.check(KINDS[kind], inputs(**more))
    assert not checked.problems
    return await verbs.create(KINDS[kind], cluster, checked.inputs, heard or Heard())


# Backups and snapshots ------------------------------------------------------------------------------------------------

both = pytest.mark.parametrize("kind", ["VirtualMachineBackup", "VirtualMachineSnapshot"])


@both
async def test_ready_means_restorable_and_nothing_differs_afterwards(cluster: FakeCluster, kind: str) -> None:
    found = await create(kind, cluster)
    assert (found.state["ready"], found.state["progress"], found.state["volumes"]) == (True, 100, {"root": 7})
    assert cluster.objects[NIGHTLY]["spec"]["source"] == {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm"}
    refreshed = await verbs.read(KINDS[kind], cluster, found.id, found.state)
    assert refreshed is not None
    assert refreshed.state == found.state
    assert not (await verbs.diff(KINDS[kind], cluster, found.id, refreshed.state, inputs())).changed


class Onlooker(Heard):
    """Hears of progress, and what is waited for ends when it is told of the first time."""

    def __init__(self, end: Callable[[], None]) -> None:
        super().__init__()
        self.told: list[str] = []
        self._end = end

    def progress(self, text: str) -> None:
        self.told.append(text)
        if "%" in text:
            self._end()


@both
async def test_progress_is_shown_until_it_is_done(cluster: FakeCluster, kind: str) -> None:
    cluster.on_write[0] = lambda ref, body: (
        cluster.place(ref, {**body, "status": {"readyToUse": False, "progress": 40}}) if ref == NIGHTLY else None
    )
    onlooker = Onlooker(lambda: cluster.place(NIGHTLY, {**cluster.objects[NIGHTLY], "status": finished()}))
    await create(kind, cluster, onlooker)
    assert any(text.endswith(": 40 % saved") for text in onlooker.told)


@both
async def test_a_change_of_the_machine_is_another_object(cluster: FakeCluster, kind: str) -> None:
    cluster.place(Ref(VIRTUAL_MACHINE, "other", "default"), {})
    found = await create(kind, cluster)
    assert (await verbs.diff(KINDS[kind], cluster, found.id, found.state, inputs(virtualMachine="other"))).replaces == ("virtualMachine",)


async def test_a_backup_without_a_target_is_refused_before_anything_is_made(cluster: FakeCluster) -> None:
    cluster.place(BACKUP_TARGET, {"value": ""})
    with pytest.raises(PlanRefused, match="no backup target: declare a BackupTarget"):
        await create("VirtualMachineBackup", cluster)
    assert not cluster.writes()


async def test_a_backup_that_failed_says_why_and_is_made_anew_by_the_next_up(cluster: FakeCluster) -> None:
    broken = {"volumeName": "root", "error": {"message": "no space left on device"}}
    bad = {"readyToUse": False, "error": {"message": "VolumeSnapshot x in error state"}, "volumeBackups": [broken]}
    answers = [bad, finished()]
    cluster.on_write[0] = lambda ref, body: cluster.place(ref, {**body, "status": answers.pop(0)}) if ref == NIGHTLY else None
    with pytest.raises(WaitFailed, match="x in error state; disk root: no space left on device.*Next: look at the target"):
        await create("VirtualMachineBackup", cluster)
    first = cluster.objects[NIGHTLY]["metadata"]["uid"]
    found = await create("VirtualMachineBackup", cluster)
    assert found.state["ready"] is True
    assert found.state["uid"] != first


async def test_a_backup_whose_description_is_not_on_the_target_is_waited_for(cluster: FakeCluster) -> None:
    cluster.on_write[0] = lambda ref, body: (
        cluster.place(ref, {**body, "status": finished(conditions=READY[:1])}) if ref == NIGHTLY else None
    )
    with pytest.raises(WaitTimedOut, match="its description is not on the target yet"):
        await create("VirtualMachineBackup", cluster, timeouts={"create": "0.05s"})


async def test_a_machine_of_another_namespace_is_told_at_once() -> None:
    (problem,) = verbs.check(KINDS["VirtualMachineSnapshot"], inputs(virtualMachine="prod/vm")).problems
    assert str(problem).startswith("virtualMachine: prod/vm is in another namespace")


@pytest.mark.parametrize("kind", ["VirtualMachineBackup", "VirtualMachineSnapshot", "VirtualMachineRestore", "BackupSchedule"])
def test_values_that_are_not_known_yet_break_no_rule(kind: str) -> None:
    required = {"VirtualMachineRestore": {"backup": UNKNOWN}, "BackupSchedule": {"cron": UNKNOWN}}.get(kind, {})
    assert not verbs.check(KINDS[kind], inputs(virtualMachine=UNKNOWN, namespace=UNKNOWN, **required)).problems


# Restores -------------------------------------------------------------------------------------------------------------


def restores(cluster: FakeCluster, ref: Ref, body: dict[str, Any]) -> None:
    """Harvester's restore: the machine gets new volumes, loses its claim templates, and runs."""
    if ref.api != RESTORE or "status" in body:
        return
    name, claim = body["spec"]["target"]["name"], f"restore-nightly-{body['metadata']['uid']}-root"
    machine = Ref(VIRTUAL_MACHINE, name, ref.namespace)
    known = cluster.objects.get(machine, {"metadata": {"annotations": {}}})
    marks = {key: text for key, text in known["metadata"].get("annotations", {}).items() if key != TEMPLATES}
    marks["restore.harvesterhci.io/last-restore-uid"] = f"{ref.name}-{body['metadata']['uid']}"
    strategy = marks.get("harvesterhci.io/vmRunStrategy", "RerunOnFailure")
    cluster.place(Ref(PERSISTENT_VOLUME_CLAIM, claim, ref.namespace), {"metadata": {"ownerReferences": [{"name": ref.name}]}})
    cluster.place(machine, {"metadata": {"annotations": marks}, "spec": {"runStrategy": strategy}, "status": {"ready": True}})
    made = [{"volumeName": "root", "persistentVolumeClaimSpec": {"metadata": {"name": claim}}}]
    cluster.place(ref, {**body, "status": {"complete": True, "restores": made}})


@pytest.fixture
def saved(cluster: FakeCluster) -> FakeCluster:
    cluster.place(NIGHTLY, {"spec": {"type": "backup", "source": {"name": "vm"}}, "status": finished()})
    cluster.on_write.append(lambda ref, body: restores(cluster, ref, body))
    return cluster


async def restore(cluster: FakeCluster, heard: Heard | None = None, **more: Any) -> verbs.Found:
    return await create("VirtualMachineRestore", cluster, heard, **{"name": "back", "backup": "nightly", **more})


async def test_a_machine_that_runs_is_stopped_restored_and_runs_again_as_declared(saved: FakeCluster) -> None:
    heard = Heard()
    found = await restore(saved, heard, mode="replace")
    after = saved.objects[VM]
    (claim,) = found.state["volumes"].values()
    assert after["spec"]["runStrategy"] == "Always"
    assert STOPPED_FOR_RESTORE not in after["metadata"]["annotations"]
    (template,) = json.loads(after["metadata"]["annotations"][TEMPLATES])
    assert template["metadata"] == {"name": claim, "annotations": {"harvesterhci.io/imageId": "default/leap"}}
    assert template["spec"] == {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    assert "ownerReferences" not in saved.objects[Ref(PERSISTENT_VOLUME_CLAIM, claim, "default")]["metadata"]
    assert "stop VirtualMachine default/vm for the restore" in heard.steps


async def test_the_progress_of_a_restore_is_shown(saved: FakeCluster) -> None:
    whole = saved.on_write.pop()
    saved.on_write.append(
        lambda ref, body: (
            saved.place(ref, {**body, "status": {"complete": False, "progress": 60}})
            if ref.api == RESTORE and "status" not in body
            else None
        )
    )

    def finish() -> None:
        (ref,) = [each for each in saved.objects if each.api == RESTORE]
        whole(ref, {key: part for key, part in saved.objects[ref].items() if key != "status"})

    onlooker = Onlooker(finish)
    await restore(saved, onlooker, mode="replace")
    assert any(text.endswith(": 60 % restored") for text in onlooker.told)


async def test_a_machine_that_was_off_is_off_again(saved: FakeCluster) -> None:
    saved.vanish(GUEST)
    saved.place(VM, {"metadata": {"annotations": {}}, "spec": {"runStrategy": "Halted"}, "status": {"ready": False}})
    await restore(saved, mode="replace")
    assert saved.objects[VM]["spec"]["runStrategy"] == "Halted"


async def test_a_refused_restore_starts_the_machine_again(saved: FakeCluster) -> None:
    saved.refuse("create", Refused("backup target does not match", status=422))
    with pytest.raises(Refused, match="backup target does not match.*Things were put back as they were before"):
        await restore(saved, mode="replace")
    assert saved.objects[VM]["spec"]["runStrategy"] == "Always"
    assert STOPPED_FOR_RESTORE not in saved.objects[VM]["metadata"]["annotations"]


async def test_an_interrupted_restore_goes_on_and_remembers_how_the_machine_was(saved: FakeCluster) -> None:
    saved.refuse("create", RuntimeError("killed"))  # type: ignore[arg-type]  # the process ends here
    with pytest.raises(RuntimeError):
        await restore(saved, mode="replace")
    assert saved.objects[VM]["spec"]["runStrategy"] == "Halted"
    await restore(saved, mode="replace")
    assert saved.objects[VM]["spec"]["runStrategy"] == "Always"


async def test_another_restore_is_another_object(saved: FakeCluster) -> None:
    first = await restore(saved, mode="replace")
    changed = {**inputs(name="back", backup="nightly", mode="replace"), "trigger": "again"}
    kind = KINDS["VirtualMachineRestore"]
    assert (await verbs.diff(kind, saved, first.id, first.state, changed)).replaces == ("trigger",)
    await verbs.delete(kind, saved, first.id, first.state, Heard())
    second = await verbs.create(kind, saved, changed, Heard())
    assert second.id != first.id
    assert Ref.of_id(RESTORE, first.id) in saved.objects


async def test_a_new_machine_goes_with_its_disks_only_where_that_is_wanted(saved: FakeCluster) -> None:
    kind = KINDS["VirtualMachineRestore"]
    kept = await restore(saved, virtualMachine="kept")
    await verbs.delete(kind, saved, kept.id, kept.state, Heard())
    assert Ref(VIRTUAL_MACHINE, "kept", "default") in saved.objects
    gone = await restore(saved, virtualMachine="gone", onDelete="delete")
    await verbs.delete(kind, saved, gone.id, gone.state, Heard())
    assert Ref(VIRTUAL_MACHINE, "gone", "default") not in saved.objects
    assert not [ref for ref in saved.objects if ref.name in gone.state["volumes"].values()]


async def test_a_new_machine_of_a_name_that_is_taken_is_told_at_preview(saved: FakeCluster) -> None:
    found = await verbs.foresee(KINDS["VirtualMachineRestore"], saved, inputs(name="back", backup="nightly"))
    assert [problem.reason for problem in found.problems] == ["VirtualMachine default/vm exists: write mode replace, or another name"]


async def test_old_disks_of_another_machine_are_never_deleted(saved: FakeCluster) -> None:
    saved.place(Ref(VIRTUAL_MACHINE, "other", "default"), {"spec": {"runStrategy": "Halted"}})
    with pytest.raises(InvalidInputs, match="Harvester would delete the volumes of default/vm"):
        await restore(saved, virtualMachine="other", mode="replace", oldDisks="delete")
    assert not saved.writes()


async def test_a_backup_that_failed_is_not_restored_and_the_machine_runs_on(saved: FakeCluster) -> None:
    saved.place(NIGHTLY, {"status": {"readyToUse": False, "error": {"message": "disk full"}}})
    with pytest.raises(WaitFailed, match="this backup failed and is not whole: disk full"):
        await restore(saved, mode="replace")
    assert saved.objects[VM]["spec"]["runStrategy"] == "Always"
    assert not saved.writes()


@pytest.mark.parametrize(
    ("interval", "seconds", "advice"), [(0, 60, "set refreshIntervalInSeconds of the BackupTarget"), (300, 660, "1.8.0 and 1.8.1")]
)
def test_a_backup_of_another_cluster_is_waited_for_as_long_as_this_one_needs_to_find_it(interval: int, seconds: float, advice: str) -> None:
    kind = KINDS["VirtualMachineRestore"]
    news = kind.inputs.model_validate(inputs(name="back", backup="other/nightly", virtualMachine="phoenix"))
    setting = {"value": json.dumps({"type": "nfs", "endpoint": "nfs://store:/b", "refreshIntervalInSeconds": interval})}
    (wait, _) = kind.create(news, Snapshot({BACKUP_TARGET: setting})).steps
    assert isinstance(wait, Await)
    assert wait.seconds == seconds
    assert advice in wait.advice


async def test_a_damaged_backup_ends_the_wait_with_what_the_storage_says(saved: FakeCluster) -> None:
    said = [{"type": "InProgress", "status": "False", "reason": "Error", "message": "volume x restore failed: checksum differs"}]
    saved.on_write[-1] = lambda ref, body: (
        saved.place(ref, {**body, "status": {"complete": False, "conditions": said}}) if ref.api == RESTORE else None
    )
    with pytest.raises(WaitFailed, match="checksum differs.*the volumes that VirtualMachine default/vm had are still there"):
        await restore(saved, mode="replace")


# Schedules ------------------------------------------------------------------------------------------------------------

DAILY = {"name": "daily", "cron": "0 2 * * *"}
HALTED = {"type": "BackupSuspend", "status": "True", "reason": "Reach Max Failure", "message": "failure backups 4 reach max tolerance 4"}
SCHEDULED = Ref(SCHEDULE, "daily", "default")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cron": "*/10 * * * *"}, "cron: '*/10 * * * *' runs 10 minutes apart"),
        ({"cron": "0 0 31 2 *"}, "cron: '0 0 31 2 *' never comes"),
        ({"cron": "daily"}, "cron: 'daily' has 1 fields"),
        ({"maxFailure": 8}, "maxFailure: 8 is not less than retain (8)"),
        ({"retain": 1}, "retain: Input should be greater than or equal to 2"),
        ({"retain": 251}, "retain: Input should be less than or equal to 250"),
    ],
)
def test_the_webhooks_rules_of_a_schedule_are_told_at_preview(change: dict[str, Any], told: str) -> None:
    said = [str(problem) for problem in verbs.check(KINDS["BackupSchedule"], inputs(**{**DAILY, **change})).problems]
    assert [line for line in said if line.startswith(told)]


async def test_a_second_schedule_of_a_machine_is_told_at_preview(cluster: FakeCluster) -> None:
    await create("BackupSchedule", cluster, **DAILY)
    (problem,) = (
        await verbs.foresee(KINDS["BackupSchedule"], cluster, inputs(**{**DAILY, "name": "hourly", "cron": "0 9 * * *"}))
    ).problems
    assert "has a schedule already, default/daily" in problem.reason


async def test_schedules_at_almost_the_same_time_are_told_at_preview(cluster: FakeCluster) -> None:
    kind = KINDS["BackupSchedule"]
    await create("BackupSchedule", cluster, **DAILY)
    cluster.place(Ref(VIRTUAL_MACHINE, "other", "default"), {})
    other = {**DAILY, "name": "other", "virtualMachine": "other"}
    (problem,) = (await verbs.foresee(kind, cluster, inputs(**{**other, "cron": "5 2 * * *"}))).problems
    assert str(problem).startswith("cron: less than 10 minutes from default/daily")
    assert not (await verbs.foresee(kind, cluster, inputs(**{**other, "cron": "5 2 * * 0"}))).problems
    found = await create("BackupSchedule", cluster, **{**other, "cron": "30 2 * * *"})
    difference = await verbs.diff(kind, cluster, found.id, found.state, inputs(**{**other, "cron": "2 2 * * *"}))
    assert "less than 10 minutes" in difference.plan.refused[0].why


def suspend(cluster: FakeCluster, **said: Any) -> None:
    body = cluster.objects[SCHEDULED]
    cluster.place(SCHEDULED, {**body, "spec": {**body["spec"], "suspend": True}, "status": {"conditions": [{**HALTED, **said}]}})


async def test_a_schedule_that_harvester_suspended_is_shown_and_not_fought(cluster: FakeCluster) -> None:
    kind = KINDS["BackupSchedule"]
    found = await create("BackupSchedule", cluster, **DAILY)
    suspend(cluster)
    refreshed = await verbs.read(kind, cluster, found.id, found.state)
    assert refreshed is not None
    assert (refreshed.state["suspended"], refreshed.state["suspendReason"]) == (True, HALTED["message"])
    assert not (await verbs.diff(kind, cluster, found.id, refreshed.state, inputs(**DAILY))).changed
    changed = await verbs.update(kind, cluster, found.id, refreshed.state, inputs(**DAILY, retain=9), Heard())
    assert cluster.objects[SCHEDULED]["spec"]["suspend"] is True
    await verbs.update(kind, cluster, found.id, changed.state, inputs(**DAILY, retain=9, resume="mended"), Heard())
    assert cluster.objects[SCHEDULED]["spec"]["suspend"] is False


async def test_a_schedule_that_a_person_suspended_is_drift(cluster: FakeCluster) -> None:
    kind = KINDS["BackupSchedule"]
    found = await create("BackupSchedule", cluster, **DAILY)
    suspend(cluster, reason="Proactive Schedule Suspend")
    refreshed = await verbs.read(kind, cluster, found.id, found.state)
    assert refreshed is not None
    assert (await verbs.diff(kind, cluster, found.id, refreshed.state, inputs(**DAILY))).changed == ["suspend"]
