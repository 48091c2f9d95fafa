"""What the simulated webhooks refuse of backup targets, backups, restores and schedules; the storage behind them is real."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer
from plane_objects import claim, creating, instance_of, machine, network, obj, removing, setting, updating, world

from harvester_local.admission.backups import mutate_backup, validate_backup
from harvester_local.admission.restores import validate_restore
from harvester_local.admission.review import DeniedError
from harvester_local.admission.schedules import validate_schedule
from harvester_local.admission.settings import validate_setting
from harvester_local.admission.world import World
from harvester_local.api import kinds
from harvester_local.api.objects import Obj
from harvester_local.backup_store import StoreError, open_store
from harvester_local.model.backup_targets import BackupTarget
from harvester_local.model.cron import next_runs
from harvester_local.model.saved import DamagedError, SavedVolume

KEYS = {"accessKeyId": "k", "secretAccessKey": "s"}
DRIVERS = setting(
    "csi-driver-config", '{"driver.longhorn.io":{"volumeSnapshotClassName":"longhorn-snapshot","backupVolumeSnapshotClassName":"longhorn"}}'
)


@pytest.fixture(scope="module")
def store() -> Iterator[BackupTarget]:
    """A bucket on a real S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = BackupTarget(type="s3", endpoint=f"http://{host}:{port}", bucketName="backups", bucketRegion="us-east-1", **KEYS)
    client = boto3.session.Session("k", "s", region_name="us-east-1").client("s3", endpoint_url=found.endpoint, config=Config(proxies={}))
    client.create_bucket(Bucket="backups")
    yield found
    server.stop()


def target(value: BackupTarget | None) -> Obj:
    text = json.dumps(vars(value)) if value else ""
    return obj(kinds.SETTING, "backup-target", value=text, default="{}")


def refused(check: Any, request: Any, where: World) -> tuple[int, str]:
    with pytest.raises(DeniedError) as refusal:
        check(request, where)
    return refusal.value.code, refusal.value.message


# Targets --------------------------------------------------------------------------------------------------------------


def test_a_target_that_answers_is_let_in(store: BackupTarget) -> None:
    validate_setting(updating(target(None), target(store)), world(target(None)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"bucketName": "missing-one"},
            "failed to connect to backup target, reason: failed to list objects error: AWS Error: NoSuchBucket",
        ),
        ({"endpoint": "http://127.0.0.1:9"}, "Could not connect to the endpoint URL"),
        ({"secretAccessKey": ""}, "S3 backup target should have access key and access key id"),
        ({"bucketRegion": ""}, "S3 backup target should have bucket name and region "),
        ({"type": "nfs"}, "NFS backup target should not have access key or access key id"),
        ({"type": "nfs", "endpoint": ""}, "NFS backup target should have endpoint"),
        ({"type": "ftp"}, "Invalid backup target type"),
        ({"refreshIntervalInSeconds": -1}, "Refresh interval should be greater than or equal to 0"),
    ],
)
def test_a_target_that_cannot_work_is_refused_in_the_servers_words(store: BackupTarget, change: dict[str, Any], said: str) -> None:
    code, message = refused(validate_setting, updating(target(None), target(replace(store, **change))), world(target(None)))
    assert (code, said in message) == (422, True)


def test_the_same_target_without_keys_passes_unasked(store: BackupTarget) -> None:
    dead = replace(store, endpoint="http://127.0.0.1:9")
    known = target(replace(dead, accessKeyId="", secretAccessKey=""))
    validate_setting(updating(known, known), world(known))


def test_no_target_is_changed_while_a_backup_or_a_restore_is_not_finished(store: BackupTarget) -> None:
    running = backup("nightly", readyToUse=False)
    assert refused(validate_setting, updating(target(None), target(store)), world(running))[0] == 400
    going = restore(complete=False)
    assert "VM either in the process" in refused(validate_setting, updating(target(None), target(store)), world(going))[1]


def test_an_nfs_share_is_a_folder_of_this_machine(tmp_path: Path) -> None:
    share = open_store(BackupTarget(type="nfs", endpoint=f"nfs://localhost:{tmp_path}"))
    share.write("a/b.cfg", b"x")
    assert (share.paths("a/"), share.read("a/b.cfg")) == (["a/b.cfg"], b"x")
    share.remove("a/b.cfg")
    with pytest.raises(StoreError, match="No such file"):
        share.read("a/b.cfg")
    with pytest.raises(StoreError, match="cannot mount"):
        open_store(BackupTarget(type="nfs", endpoint="nfs://localhost:/no/such/folder")).check()


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=20))
def test_content_comes_back_as_it_was_or_not_at_all(content: bytes, noise: bytes) -> None:
    saved = SavedVolume("pvc-1", "backup-1")
    (path, block), (config_path, config) = saved.files(content).items()
    checksum = saved.checksum(config)
    assert (saved.block(checksum), config_path) == (path, saved.config)
    assert saved.verified(block, checksum) == content
    with pytest.raises(DamagedError):
        saved.verified(content + noise, checksum)
    with pytest.raises(DamagedError):
        saved.checksum(b"{" + noise)


# Backups --------------------------------------------------------------------------------------------------------------


def backup(name: str = "nightly", kind: str = "backup", **status: Any) -> Obj:
    spec = {"type": kind, "source": {"kind": "VirtualMachine", "name": "vm"}}
    return obj(kinds.BACKUP, name, metadata={"annotations": {}}, spec=spec, status=status)


def finished(**more: Any) -> Obj:
    saved = {"name": "n", "volumeName": "root", "persistentVolumeClaim": {"metadata": {"name": "vm-root"}, "spec": {}}}
    source = {"metadata": {}, "spec": machine()["spec"]}
    reference = {"endpoint": "nfs://store:/b", "bucketName": "", "bucketRegion": ""}
    return backup(**{"readyToUse": True, "volumeBackups": [saved], "source": source, "backupTarget": reference, **more})


NFS = BackupTarget(type="nfs", endpoint="nfs://store:/b")


def test_a_backup_needs_its_machine_its_volumes_and_a_target() -> None:
    asked, root = creating(backup()), claim("vm-root")
    assert refused(validate_backup, asked, world())[1] == 'virtualmachine.kubevirt.io "vm" not found'
    assert "failed to get PVC default/vm-root" in refused(validate_backup, asked, world(machine()))[1]
    assert "backupVolumeSnapshotClassName is not configured" in refused(validate_backup, asked, world(machine(), root))[1]
    assert refused(validate_backup, asked, world(machine(), root, DRIVERS))[1] == "backup target is not set"
    validate_backup(asked, world(machine(), root, DRIVERS, target(NFS)))
    validate_backup(creating(backup(kind="snapshot")), world(machine(), root, DRIVERS))


def test_backups_and_snapshots_share_their_names() -> None:
    code, message = refused(mutate_backup, creating(backup(kind="snapshot")), world(backup()))
    assert (code, "VM Backup and Snapshot use same CRD" in message, "is already existent" in message) == (400, True, True)


def test_a_backup_stays_while_it_is_being_restored() -> None:
    going = restore(complete=False, conditions=[{"type": "InProgress", "status": "True"}])
    assert refused(validate_backup, removing(backup()), world(going)) == (400, "vmrestore default/back is in progress")
    validate_backup(removing(backup()), world(restore(complete=True)))


# Restores -------------------------------------------------------------------------------------------------------------


def restore(spec: dict[str, Any] | None = None, /, **status: Any) -> Obj:
    whole = {"target": {"name": "vm"}, "virtualMachineBackupName": "nightly", "virtualMachineBackupNamespace": "default", **(spec or {})}
    return obj(kinds.RESTORE, "back", spec=whole, status=status)


def stopped() -> Obj:
    return {**machine(strategy="Halted"), "status": {"ready": False}}


@pytest.mark.parametrize(
    ("spec", "objects", "said"),
    [
        ({}, [], "can't get vmbackup default/nightly"),
        ({}, [finished(readyToUse=False)], "VMBackup default/nightly is not ready"),
        ({}, [finished()], "backup target is not set"),
        ({}, [finished(backupTarget={}), target(NFS)], "is not matched in vmBackup default/nightly"),
        ({"deletionPolicy": "retain"}, [finished(), target(NFS)], "can't replace nonexistent vm vm"),
        ({}, [finished(), target(NFS), {**machine(), "status": {"ready": True}}], 'Please stop the VM "vm" before doing a restore'),
        ({"newVM": True}, [finished(), target(NFS), stopped()], "VM vm is already exists"),
        ({"newVM": True, "target": {"name": "new"}, "keepMacAddress": True}, [target(NFS)], "the source vm is still existent"),
        ({}, [target(NFS), stopped(), backup("snap", "snapshot", **finished()["status"])], "is used by the VM Snapshot(s) snap"),
    ],
)
def test_a_restore_that_cannot_be_is_refused(spec: dict[str, Any], objects: list[Obj], said: str) -> None:
    if spec.get("keepMacAddress"):
        source = stopped()
        objects = [*objects, source, finished(sourceUID=source["metadata"]["uid"])]
    if "Snapshot" in said:
        objects = [*objects, finished()]
    assert said in refused(validate_restore, creating(restore(spec)), world(*objects))[1]


def test_a_restore_onto_a_stopped_machine_is_let_in_and_stays_as_long_as_the_machine() -> None:
    where = world(finished(), target(NFS), stopped())
    asked = restore({"deletionPolicy": "retain"})
    validate_restore(creating(asked), where)
    assert "can't be removed because the restored VM vm exists" in refused(validate_restore, removing(asked), where)[1]
    validate_restore(removing(asked), world())
    assert "immutable" in refused(validate_restore, updating(asked, restore({"newVM": True})), where)[1]


def test_the_networks_of_a_backup_must_exist() -> None:
    nics = {"networks": [{"name": "lan", "multus": {"networkName": "default/lan"}}]}
    saved = finished(source={"spec": machine(**nics)["spec"]})
    asked = creating(restore({"deletionPolicy": "retain"}))
    assert (
        "failed to get network attachment definition default/lan"
        in refused(validate_restore, asked, world(saved, target(NFS), stopped()))[1]
    )
    validate_restore(asked, world(saved, target(NFS), stopped(), network("lan")))


# Schedules ------------------------------------------------------------------------------------------------------------


def schedule(name: str = "daily", cron: str = "0 2 * * *", vm: str = "vm", **more: Any) -> Obj:
    spec = {"cron": cron, "retain": 8, "maxFailure": 4, "vmbackup": {"type": "snapshot", "source": {"name": vm}}, **more}
    return obj(kinds.SCHEDULE, name, metadata={"annotations": {}}, spec=spec)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (schedule(maxFailure=8), "max failure should be less than retain"),
        (schedule(cron="never"), "invalid cron format"),
        (schedule(cron="*/20 * * * *"), "less than 1h0m0s"),
        (schedule("second", "30 2 * * *"), "VM default/vm already has snapshot schedule"),
        (schedule("close", "5 2 * * *", "other"), "same granularity as schedule daily and offset less than 10m0s"),
        (schedule("other", "0 9 * * *", "other", vmbackup={"type": "backup", "source": {"name": "other"}}), "backup target is not set"),
    ],
)
def test_a_schedule_that_upstream_refuses_is_refused(asked: Obj, said: str) -> None:
    assert said in refused(validate_schedule, creating(asked), world(schedule()))[1]


def test_another_schedule_far_enough_apart_is_let_in() -> None:
    validate_schedule(creating(schedule("other", "30 2 * * *", "other")), world(schedule()))


def test_a_schedule_is_not_resumed_while_the_target_does_not_answer(tmp_path: Path) -> None:
    share = BackupTarget(type="nfs", endpoint=f"nfs://localhost:{tmp_path}/share")
    daily = schedule(vmbackup={"type": "backup", "source": {"name": "vm"}})
    resuming = updating({**daily, "spec": {**daily["spec"], "suspend": True}}, daily)
    assert "cannot mount nfs" in refused(validate_schedule, resuming, world(target(share)))[1]
    (tmp_path / "share").mkdir()
    validate_schedule(resuming, world(target(share)))


def test_the_next_runs_of_a_cron_expression() -> None:
    moment = datetime(2026, 2, 27, 12, 30, tzinfo=UTC)
    assert list(islice(next_runs("0 */6 * * *", moment), 2)) == [
        moment.replace(hour=18, minute=0),
        moment.replace(hour=0, minute=0) + timedelta(days=1),
    ]
    assert next(next_runs("15 3 * * mon", moment)) == datetime(2026, 3, 2, 3, 15, tzinfo=UTC)
    assert list(next_runs("0 0 31 2 *", moment)) == []


def test_a_running_instance_does_not_hold_up_a_backup() -> None:
    vm = machine()
    validate_backup(creating(backup()), world(vm, instance_of(vm), claim("vm-root"), DRIVERS, target(NFS)))
