"""Backups on a real S3 server: the target, backups, restores and schedules, and each way in which they fail.

A cluster has one backup target, so that these cases run one after the other, whichever worker they are on.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from backup_setting import SETTING, SNAPPED, keys, set_by_hand, setting
from buckets import S3, Bucket
from declared import PROGRAM, Entry, Estate, StackOf, after, declared, disk, estate
from stack import Stack
from target import IMAGE, VM, Target, connect, eventually, namespace

from harvester_local.cluster import LocalHarvester
from harvester_local.settings import Settings

pytestmark = pytest.mark.xdist_group("backup-target")


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


@pytest.fixture
def before(target: Target, s3: S3) -> Iterator[Bucket]:
    """The target that somebody set by hand before the program came."""
    found = s3.bucket()
    set_by_hand(target, found)
    yield found
    set_by_hand(target, None)


def store(bucket: Bucket, **more: Any) -> Entry:
    return declared("BackupTarget", "store", **{**bucket.target, **more})


def assert_secret(here: Estate, *texts: str) -> None:
    """The texts are in no file of the stack's, its state, plan and logs included, and not in what it prints when asked for everything."""
    shown = [here.stack.state(), here.stack.preview("--diff", "--show-config", "--json")]
    here.stack.preview("--save-plan", str(here.stack.home / "plan.json"))
    assert (here.stack.home / "plan.json").stat().st_size > 0
    files = [path for path in here.stack.home.rglob("*") if path.is_file() and path.name != "resources.json"]
    shown += [path.read_bytes().decode(errors="replace") for path in files]
    assert not [text for text in texts if any(text in found for found in shown)]


def test_a_backup_target_is_verified_keeps_its_keys_secret_and_gives_way_to_the_one_before(here: Estate, s3: S3, before: Bucket) -> None:
    bucket, other = s3.bucket(), s3.user()
    missing = here.declare(store(bucket, bucket_name="no-such-bucket")).stack.fails("up", "--yes", "--skip-preview")
    assert "NoSuchBucket" in missing
    wrong = here.declare(store(bucket, secret_access_key="planted-wrong-key")).stack.fails("up", "--yes", "--skip-preview")
    assert "failed to connect to backup target" in wrong
    assert setting(here.target)["bucketName"] == before.name

    dead = here.declare(store(bucket, endpoint="http://127.0.0.1:9")).stack.fails("up", "--yes", "--skip-preview")
    assert "127.0.0.1:9" in dead

    done = here.declare(store(bucket)).stack.up()
    assert (setting(here.target)["bucketName"], setting(here.target)["secretAccessKey"]) == (bucket.name, "")
    assert keys(here.target) == (bucket.keys.access_key_id, bucket.keys.secret_access_key)
    here.stack.refresh_shows_no_drift()
    here.stack.shows_no_change()

    rotated = here.declare(store(bucket, **vars(other))).stack.up()
    assert keys(here.target) == (other.access_key_id, other.secret_access_key)
    planted = (bucket.keys.secret_access_key, other.secret_access_key, before.keys.secret_access_key, "planted-wrong-key")
    assert_secret(here, *planted)
    here.stack.configure({"harvester:frontend": "plugin"})
    here.stack.up()
    assert_secret(here, *planted)
    assert not [line[:300] for text in planted for said in (missing, wrong, done, rotated) for line in said.splitlines() if text in line]

    here.stack.destroy()
    eventually(lambda: setting(here.target).get("bucketName") == before.name)
    eventually(lambda: keys(here.target) == (before.keys.access_key_id, before.keys.secret_access_key))
    assert "harvester.pulumi.com/owner" not in json.dumps(here.target.custom.get_cluster_custom_object(*SETTING))


# Backups and restores -------------------------------------------------------------------------------------------------

CONTENT = "local.harvester/content"
"""What a simulated volume holds, as an annotation of its claim. Real ones hold what their guests write, which nobody does here."""
BACKUPS = ("harvesterhci.io", "v1beta1", "virtualmachinebackups")
RESTORES = ("harvesterhci.io", "v1beta1", "virtualmachinerestores")


@pytest.fixture
def no_target(target: Target) -> Iterator[None]:
    """No target before and after."""
    set_by_hand(target, None)
    yield
    for api in (BACKUPS, RESTORES):
        eventually(lambda api=api: target.names(api) == [])  # type: ignore[misc]  # the loop's own value is meant
    set_by_hand(target, None)


def write(here: Estate, name: str, text: str, vm: str = "vm") -> None:
    """Have the guest write something to a disk."""
    body = {"metadata": {"annotations": {CONTENT: text}}}
    here.target.core.patch_namespaced_persistent_volume_claim(here.claims(vm)[name], here.target.namespace, body)


def content(here: Estate, name: str, vm: str = "vm") -> str:
    found = here.target.core.read_namespaced_persistent_volume_claim(here.claims(vm)[name], here.target.namespace)
    return str((found.metadata.annotations or {}).get(CONTENT, ""))


def machine(here: Estate, name: str = "vm", **more: Any) -> Entry:
    disks = [disk("root", on_delete="delete"), disk("data", "2Gi", on_delete="delete")]
    return here.vm(name, **{"disks": disks, "wait_for": "running", **more})


def backup(name: str = "nightly", **more: Any) -> Entry:
    return after(declared("VirtualMachineBackup", name, **{"virtual_machine": "vm", **more}), "store")


def restore(name: str, vm: str, **more: Any) -> Entry:
    return after(declared("VirtualMachineRestore", name, **{"backup": "nightly", "virtual_machine": vm, **more}), "store")


@pytest.mark.usefixtures("no_target")
def test_a_machine_is_saved_replaced_lost_and_brought_back(here: Estate, bucket: Bucket) -> None:
    target = store(bucket)
    here.declare(target, machine(here)).stack.up()
    write(here, "data", "precious")
    here.declare(target, machine(here), after(backup(), "store", "vm")).stack.up()
    assert f"harvester/vmbackups/{here.target.namespace}/nightly.cfg" in bucket.paths("harvester/")

    write(here, "data", "ruined")
    claims, boot = here.claims(), here.boot()
    replaced = after(restore("back", "vm", mode="replace", old_disks="delete"), "store", "vm", "nightly")
    here.declare(target, machine(here), after(backup(), "store", "vm"), replaced).stack.up()
    assert not set(here.claims().values()) & set(claims.values())
    assert here.boot() != boot
    assert here.target.local is None or content(here, "data") == "precious"
    eventually(lambda: here.target.claims() == sorted(here.claims().values()))
    here.stack.refresh_shows_no_drift()
    here.stack.shows_no_change()

    macs = here.macs()
    here.declare(target, backup()).stack.up()  # the machine and its disks are lost
    assert (here.target.names(VM), here.target.claims()) == ([], [])
    anew = after(restore("anew", "phoenix", keep_mac_address=True, on_delete="delete"), "store", "nightly")
    here.declare(target, backup(), anew).stack.up()
    assert here.object("phoenix")["status"]["printableStatus"] == "Running"
    assert here.macs("phoenix") == macs
    assert here.target.local is None or content(here, "data", "phoenix") == "precious"
    here.stack.destroy()
    assert here.target.leftovers() == []
    assert bucket.paths("harvester/vmbackups") == []


@pytest.mark.usefixtures("no_target")
def test_a_snapshot_needs_no_target_and_goes_back_in_place(here: Estate) -> None:
    snapshot = after(declared("VirtualMachineSnapshot", "now", virtual_machine=SNAPPED), SNAPPED)
    here.declare(machine(here, SNAPPED), snapshot).stack.up()
    back = after(declared("VirtualMachineRestore", "back", backup="now", virtual_machine=SNAPPED, mode="replace"), SNAPPED, "now")
    here.declare(machine(here, SNAPPED), snapshot, back).stack.up()
    assert here.object(SNAPPED)["status"]["printableStatus"] == "Running"
    here.stack.refresh_shows_no_drift()
    here.stack.destroy()


@pytest.mark.usefixtures("no_target", "simulated")
def test_what_cannot_be_saved_or_restored_is_told_and_loses_nothing(here: Estate, bucket: Bucket) -> None:
    target, up = store(bucket), ("up", "--yes", "--skip-preview")
    full = backup("full", annotations={"local.harvester/fault": "disk-full"})
    said = here.declare(target, machine(here), after(full, "store", "vm"), after(backup(), "store", "vm")).stack.fails(*up)
    assert "no space left on device" in said

    half = restore("half", "other", backup="full")
    said = here.declare(target, machine(here), backup(), half).stack.fails(*up)
    assert "this backup failed and is not whole" in said
    assert here.target.names(VM) == ["vm"]
    here.target.delete(BACKUPS, "full")

    blocks = [path for path in bucket.paths("backupstore/") if path.endswith(".blk")]
    for block in blocks:
        bucket.objects.put_object(Bucket=bucket.name, Key=block, Body=b"damaged")
    boot, claims = here.boot(), set(here.claims().values())
    replaced = restore("back", "vm", mode="replace", timeouts={"create": "60s"})
    said = here.declare(target, machine(here), backup(), after(replaced, "vm", "nightly")).stack.fails(*up)
    assert "does not have its checksum" in said
    assert "the volumes that VirtualMachine" in said
    assert claims <= set(here.target.claims())
    for block in blocks:
        bucket.objects.put_object(Bucket=bucket.name, Key=block, Body=b"")
    here.stack.up()
    assert here.boot() != boot
    here.stack.destroy()


@pytest.mark.usefixtures("no_target")
def test_another_cluster_restores_from_the_same_bucket(
    here: Estate, bucket: Bucket, simulated: Target, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The image of the machine's disk is not in the other cluster: Harvester makes it from the bucket, where it lies with the backup."""
    assert simulated.local is not None
    disks = [disk("root", image={"$of": "image.id"}, on_delete="delete"), disk("data", "2Gi", on_delete="delete")]
    source = [store(bucket), here.image(), machine(here, disks=disks)]
    here.declare(*source).stack.up()
    write(here, "data", "precious")
    here.declare(*source, after(backup(), "store", "vm")).stack.up()
    with second_cluster(tmp_path_factory, simulated) as other:
        stack = Stack.of(PROGRAM, fresh(tmp_path_factory), "other", other.config, {})
        there = Estate(other, stack)
        anew = restore("anew", "phoenix", backup=f"{here.target.namespace}/nightly", on_delete="delete")
        there.declare(store(bucket, refresh_interval_in_seconds=1), anew).stack.up()
        assert there.object("phoenix")["status"]["printableStatus"] == "Running"
        assert content(there, "data", "phoenix") == "precious"
        assert there.target.get(IMAGE, "image")["spec"]["sourceType"] == "restore"
        there.stack.destroy()
    assert f"harvester/vmbackups/{here.target.namespace}/nightly.cfg" in bucket.paths("harvester/")
    here.stack.destroy()


def fresh(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("stack")


@contextmanager
def second_cluster(factory: pytest.TempPathFactory, first: Target) -> Iterator[Target]:
    """Another local Harvester, with a namespace of the same name, of a release that finds backups whose disks are made from images."""
    with (
        LocalHarvester(Settings(version="1.9.0"), folder=factory.mktemp("harvester-other")) as local,
        connect(local.kubeconfig_text) as api,
    ):
        found = Target(local.kubeconfig_text, local.endpoint, first.image_url, first.namespace, api, local)
        with namespace(found.core, found.namespace):
            yield found
