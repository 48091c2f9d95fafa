"""Images that volumes in a backup were made from: saved with it, and made from there in another cluster."""

from pathlib import Path

import pytest
from backup_plane import Plane, complete

from harvester_local.api import kinds
from harvester_local.api.objects import Key, Obj, is_true, part


async def found(other: Plane) -> Obj:
    """The image as another cluster has made it."""
    return await other.until(kinds.IMAGE, "leap", lambda image: is_true(image, "Imported"))


async def test_the_image_of_a_disk_is_saved_and_described_with_the_backup(plane: Plane) -> None:
    await plane.machine(await plane.image())
    await plane.backup()
    assert [path.name for path in plane.share.rglob("harvester/vmimages/default/*")] == ["leap.cfg"]
    image = await plane.until(kinds.IMAGE, "leap", lambda image: is_true(image, "MetadataReady"))
    assert image["status"]["backupTarget"]["endpoint"] == f"nfs://localhost:{plane.share}"


@pytest.mark.parametrize("minor", [(1, 7), (1, 9)])
async def test_a_cluster_without_the_image_makes_it_from_the_target_and_restores_the_machine(
    plane: Plane, tmp_path: Path, minor: tuple[int, int]
) -> None:
    async with Plane(plane.share).running(tmp_path / "first", minor=minor) as first:
        image = await first.image()
        await first.machine(image)
        await first.backup()
    async with Plane(plane.share).running(tmp_path / "other", minor=minor, interval=1) as other:
        assert (await found(other))["status"]["virtualSize"] == image["status"]["virtualSize"]
        await other.until(kinds.BACKUP, "nightly", lambda backup: part(backup, "status").get("readyToUse"))
        await other.restore("phoenix", complete, newVM=True)
        assert other.content("phoenix") == "precious"


async def test_harvester_1_8_0_finds_the_image_under_another_class_and_never_the_backup(plane: Plane, tmp_path: Path) -> None:
    image = await plane.image()
    await plane.machine(image)
    await plane.backup()
    async with Plane(plane.share).running(tmp_path / "other", interval=1) as other:
        assert (await found(other))["status"]["storageClassName"] != image["status"]["storageClassName"]
        assert other.store.get(kinds.BACKUP, Key("default", "nightly")) is None
        by_hand = {"metadata": {"name": image["status"]["storageClassName"]}, "provisioner": "driver.longhorn.io"}
        await other.create(kinds.STORAGE_CLASS, by_hand)  # the way out that its users found
        await other.until(kinds.BACKUP, "nightly", lambda backup: part(backup, "status").get("readyToUse"))


async def test_a_cluster_that_looks_once_finds_the_image_and_not_yet_the_backup(plane: Plane, tmp_path: Path) -> None:
    async with Plane(plane.share).running(tmp_path / "first", minor=(1, 9)) as first:
        await first.machine(await first.image())
        await first.backup()
    async with Plane(plane.share).running(tmp_path / "other", minor=(1, 9)) as other:
        await found(other)
        assert other.store.get(kinds.BACKUP, Key("default", "nightly")) is None


async def test_an_image_whose_content_is_gone_from_the_target_is_not_made(plane: Plane, tmp_path: Path) -> None:
    await plane.machine(await plane.image())
    await plane.backup()
    for file in plane.share.rglob("backing_image_backup.cfg"):
        file.unlink()
    async with Plane(plane.share).running(tmp_path / "other") as other:
        await other.until(
            kinds.SETTING, "backup-target", lambda setting: "harvesterhci.io/hash" in (setting["metadata"].get("annotations") or {})
        )
        assert other.store.get(kinds.IMAGE, Key("default", "leap")) is None


async def test_a_deleted_image_leaves_no_description_on_the_target(plane: Plane) -> None:
    await plane.machine(await plane.image())
    await plane.backup()
    await plane.api.delete(kinds.IMAGE, Key("default", "leap"))
    await plane.gone(kinds.IMAGE, "leap")
    assert not list(plane.share.rglob("harvester/vmimages/default/*"))
