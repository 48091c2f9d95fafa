"""Backups and restores through all simulated controllers."""

import json
from pathlib import Path

import pytest
from backup_plane import Plane, complete, in_error

from harvester_local.api import kinds
from harvester_local.api.objects import Key, part


@pytest.mark.parametrize("kind", ["backup", "snapshot"])
async def test_what_was_saved_comes_back_as_a_new_machine(plane: Plane, kind: str) -> None:
    await plane.machine()
    await plane.backup(kind=kind)
    await plane.write("vm-root", "ruined")
    await plane.restore("phoenix", complete, newVM=True)
    assert (plane.content("phoenix"), plane.content("vm")) == ("precious", "ruined")


async def test_a_machine_is_replaced_and_its_old_disks_go(plane: Plane) -> None:
    await plane.machine()
    await plane.backup()
    await plane.write("vm-root", "ruined")
    await plane.api.patch(kinds.MACHINE, Key("default", "vm"), {"spec": {"runStrategy": "Halted"}})
    await plane.until(kinds.MACHINE, "vm", lambda found: part(found, "status").get("printableStatus") == "Stopped")
    await plane.restore("vm", complete, deletionPolicy="delete")
    assert plane.content("vm") == "precious"
    assert part(plane.store.get(kinds.MACHINE, Key("default", "vm")) or {}, "status")["ready"] is True
    assert (
        "deletionTimestamp"
        in (plane.store.get(kinds.VOLUME_CLAIM, Key("default", "vm-root")) or {"metadata": {"deletionTimestamp": ""}})["metadata"]
    )


async def test_a_damaged_block_makes_the_restore_fail_with_what_is_wrong(plane: Plane) -> None:
    await plane.machine()
    await plane.backup()
    (block,) = plane.share.rglob("*.blk")
    block.write_bytes(b"damaged")
    found = await plane.restore("phoenix", in_error, newVM=True)
    assert "does not have its checksum" in json.dumps(found["status"])
    block.write_bytes(b"precious")
    await plane.until(kinds.RESTORE, "back", complete)
    assert plane.content("phoenix") == "precious"


async def test_a_missing_object_makes_the_restore_fail(plane: Plane) -> None:
    await plane.machine()
    await plane.backup()
    for file in plane.share.rglob("backup_*.cfg"):
        file.unlink()
    found = await plane.restore("phoenix", in_error, newVM=True)
    assert "restore failed" in json.dumps(found["status"])


async def test_a_target_that_is_gone_and_a_full_disk_end_a_backup_in_words(plane: Plane) -> None:
    await plane.machine()
    full = await plane.backup("full", **{"local.harvester/fault": "disk-full"})
    assert "no space left on device" in json.dumps(full["status"]["volumeBackups"])
    plane.share.rename(plane.share.with_name("elsewhere"))
    gone = await plane.backup("gone")
    assert gone["status"]["error"]["message"] == "VolumeSnapshot gone-volume-vm-root in error state"
    assert "cannot mount" in json.dumps(gone["status"]["volumeBackups"])


async def test_another_cluster_finds_the_backup_on_the_target(plane: Plane, tmp_path: Path) -> None:
    await plane.machine()
    await plane.backup()
    async with Plane(plane.share).running(tmp_path / "other") as other:
        await other.until(kinds.BACKUP, "nightly", lambda found: part(found, "status").get("readyToUse"))
        await other.restore("phoenix", complete, newVM=True)
        assert other.content("phoenix") == "precious"


async def test_a_deleted_backup_leaves_nothing_that_another_cluster_could_find(plane: Plane) -> None:
    await plane.machine()
    await plane.backup()
    await plane.api.delete(kinds.BACKUP, Key("default", "nightly"))
    await plane.gone(kinds.BACKUP, "nightly")
    assert not list(plane.share.rglob("*.cfg"))
