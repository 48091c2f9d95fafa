"""Backups, restores and schedules through all simulated controllers, with a share on this machine as target and an API in memory."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from memory_api import MemoryApi
from plane_objects import claim, machine, node, storage_class

from harvester_local.api import kinds
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Key, Obj, annotations, is_true, part
from harvester_local.api.store import Store
from harvester_local.api.versions import rules_for
from harvester_local.controllers.assembly import control
from harvester_local.controllers.guest_clusters import GuestClusters
from harvester_local.controllers.images import Uploads
from harvester_local.controllers.runtime import Context
from harvester_local.guests import GuestHost
from harvester_local.model.saved import CONTENT
from harvester_local.settings import Settings

SECONDS = 8
QUICK = Settings(boot_seconds=0.01, address_seconds=0.01, shutdown_seconds=0.01, backup_seconds=0.02)


class Plane:
    """The controllers of one cluster, and a look at what they do."""

    def __init__(self, share: Path) -> None:
        self.store, self.share = Store(), share
        self.api = MemoryApi(self.store)
        self._changed = asyncio.Event()
        self.store.listen(lambda *_: self._changed.set())

    @asynccontextmanager
    async def running(self, work: Path) -> AsyncIterator["Plane"]:
        for name in ("default", "longhorn-system"):
            await self.create(kinds.NAMESPACE, {"metadata": {"name": name}})
        await self.create(kinds.LONGHORN_TARGET, {"metadata": {"name": "default", "namespace": "longhorn-system"}, "spec": {}})
        context = Context(self.api, self.store, QUICK, rules_for((1, 8)))
        guests = GuestClusters(
            context, self.api, GuestHost(Path("no-apiserver"), 0, work / "guests")
        )  # no machine here is of a guest cluster
        async with aiohttp.ClientSession() as session, control(context, session, Uploads(work), guests):
            await self.create(kinds.NODE, node("node1"))
            await self.create(kinds.STORAGE_CLASS, storage_class("longhorn"))
            value = json.dumps({"type": "nfs", "endpoint": f"nfs://localhost:{self.share}"})
            await self.create(kinds.SETTING, {"metadata": {"name": "backup-target"}, "value": value})
            yield self

    async def create(self, kind: Kind, obj: Obj) -> Obj:
        return await self.api.create(
            kind, {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k not in {"uid", "resourceVersion"}}}
        )

    async def machine(self) -> None:
        await self.create(kinds.VOLUME_CLAIM, {**claim("vm-root"), "status": {}})
        await self.create(kinds.MACHINE, machine("vm"))
        await self.until(kinds.MACHINE, "vm", lambda found: part(found, "status").get("ready"))
        await self.write("vm-root", "precious")

    async def write(self, name: str, text: str) -> None:
        await self.api.patch(kinds.VOLUME_CLAIM, Key("default", name), {"metadata": {"annotations": {CONTENT: text}}})

    async def backup(self, name: str = "nightly", kind: str = "backup", **marks: str) -> Obj:
        meta = {"name": name, "namespace": "default", "annotations": marks}
        spec = {"type": kind, "source": {"kind": "VirtualMachine", "name": "vm"}}
        await self.create(kinds.BACKUP, {"metadata": meta, "spec": spec})
        ended = lambda found: part(found, "status").get("error") or (part(found, "status").get("readyToUse") and _described(found))  # noqa: E731  it is short
        return await self.until(kinds.BACKUP, name, ended)

    async def restore(self, target: str, until: Callable[[Obj], object], **spec: Any) -> Obj:
        whole = {"target": {"kind": "VirtualMachine", "name": target}, "virtualMachineBackupName": "nightly", **spec}
        whole["virtualMachineBackupNamespace"] = "default"
        await self.create(kinds.RESTORE, {"metadata": {"name": "back", "namespace": "default"}, "spec": whole})
        return await self.until(kinds.RESTORE, "back", until)

    async def until(self, kind: Kind, name: str, holds: Callable[[Obj], object], namespace: str = "default") -> Obj:
        async with asyncio.timeout(SECONDS):
            while True:
                self._changed.clear()
                found = self.store.get(kind, Key(namespace if kind.namespaced else "", name))
                if found is not None and holds(found):
                    return found
                await self._changed.wait()

    async def gone(self, kind: Kind, name: str) -> None:
        async with asyncio.timeout(SECONDS):
            while self.store.get(kind, Key("default", name)):
                self._changed.clear()
                await self._changed.wait()

    def content(self, target: str) -> str:
        """What is on the disk of a machine."""
        found = self.store.get(kinds.MACHINE, Key("default", target))
        assert found is not None
        (volume,) = found["spec"]["template"]["spec"]["volumes"]
        volume_claim = self.store.get(kinds.VOLUME_CLAIM, Key("default", volume["persistentVolumeClaim"]["claimName"]))
        return annotations(volume_claim or {"metadata": {}}).get(CONTENT, "")


def _described(found: Obj) -> bool:
    return found["spec"]["type"] == "snapshot" or is_true(found, "MetadataReady")


def complete(found: Obj) -> object:
    return part(found, "status").get("complete")


def in_error(found: Obj) -> bool:
    return any(each.get("reason") == "Error" for each in part(found, "status").get("conditions") or [])


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    (tmp_path / "share").mkdir()
    async with Plane(tmp_path / "share").running(tmp_path / "work") as found:
        yield found


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


async def test_a_schedule_runs_keeps_the_newest_and_stands_still_after_failures(plane: Plane) -> None:
    await plane.machine()
    spec = {
        "cron": "0 2 * * *",
        "retain": 2,
        "maxFailure": 1,
        "vmbackup": {"type": "snapshot", "source": {"kind": "VirtualMachine", "name": "vm"}},
    }
    await plane.create(kinds.SCHEDULE, {"metadata": {"name": "daily", "namespace": "default"}, "spec": spec})

    async def run(moment: str, until: Callable[[Obj], object], **marks: str) -> None:
        await plane.api.patch(
            kinds.SCHEDULE, Key("default", "daily"), {"metadata": {"annotations": {"local.harvester/run": moment, **marks}}}
        )
        await plane.until(kinds.SCHEDULE, "daily", until)

    def ready(count: int, moment: str) -> Callable[[Obj], object]:
        def holds(found: Obj) -> bool:
            info = part(found, "status").get("vmbackupInfo") or []
            return len(info) == count and all(each["readyToUse"] for each in info) and info[-1]["name"].endswith(moment)

        return holds

    await run("20260101.0200", ready(1, "0200"))
    await run("20260102.0200", ready(2, "0200"))
    await run("20260103.0200", ready(2, "20260103.0200"))
    await run("20260104.0200", lambda found: part(found, "status").get("failure") == 1, **{"local.harvester/fault": "disk-full"})
    await run("20260105.0200", lambda found: found["spec"].get("suspend") and is_true(found, "BackupSuspend"))
