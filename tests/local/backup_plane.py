"""The simulated controllers of backups, with an API in memory, a share on this machine as target, and a machine to save."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from memory_api import MemoryApi
from plane_objects import claim, machine, node, storage_class

from harvester_local.api import kinds
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Key, Obj, annotations, is_true, part
from harvester_local.api.store import Store
from harvester_local.api.versions import rules_for
from harvester_local.controllers.assembly import control
from harvester_local.controllers.guest_clusters import GuestClusters
from harvester_local.controllers.runtime import Context
from harvester_local.controllers.uploads import Uploads
from harvester_local.guests import GuestHost
from harvester_local.model.saved import CONTENT
from harvester_local.settings import Settings

SECONDS = 8
QUICK = Settings(boot_seconds=0.01, address_seconds=0.01, shutdown_seconds=0.01, backup_seconds=0.02, import_seconds=0.01)


class Plane:
    """The controllers of one cluster, and a look at what they do."""

    def __init__(self, share: Path) -> None:
        self.store, self.share = Store(), share
        self.api = MemoryApi(self.store)
        self._changed = asyncio.Event()
        self.store.listen(lambda *_: self._changed.set())

    @asynccontextmanager
    async def running(self, work: Path, *, minor: tuple[int, int] = (1, 8), interval: int = 0) -> AsyncIterator["Plane"]:
        """Of a release; `interval` is that at which it looks for backups of other clusters."""
        for name in ("default", "longhorn-system"):
            await self.create(kinds.NAMESPACE, {"metadata": {"name": name}})
        await self.create(kinds.LONGHORN_TARGET, {"metadata": {"name": "default", "namespace": "longhorn-system"}, "spec": {}})
        self.uploads = Uploads(work)
        self.context = context = Context(self.api, self.store, QUICK, rules_for(minor))
        guests = GuestClusters(
            context, self.api, GuestHost(Path("no-apiserver"), 0, work / "guests")
        )  # no machine here is of a guest cluster
        async with aiohttp.ClientSession() as session, control(context, session, self.uploads, self.api, guests):
            await self.create(kinds.NODE, node("node1"))
            await self.create(kinds.STORAGE_CLASS, storage_class("longhorn"))
            value = json.dumps({"type": "nfs", "endpoint": f"nfs://localhost:{self.share}", "refreshIntervalInSeconds": interval})
            await self.create(kinds.SETTING, {"metadata": {"name": "backup-target"}, "value": value})
            yield self

    async def create(self, kind: Kind, obj: Obj) -> Obj:
        return await self.api.create(
            kind, {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k not in {"uid", "resourceVersion"}}}
        )

    async def image(self) -> Obj:
        """An image, for the disk of a machine."""
        spec = {"displayName": "leap", "sourceType": "export-from-volume", "pvcName": "any", "pvcNamespace": "default"}
        await self.create(kinds.IMAGE, {"metadata": {"name": "leap", "namespace": "default"}, "spec": spec})
        return await self.until(kinds.IMAGE, "leap", lambda found: is_true(found, "Imported"))

    async def machine(self, image: Obj | None = None) -> None:
        """A machine that runs, with something on its disk."""
        store_class = image["status"]["storageClassName"] if image else "longhorn"
        marks = {"annotations": {"harvesterhci.io/imageId": "default/leap"}} if image else {}
        await self.create(kinds.VOLUME_CLAIM, {**claim("vm-root", cls=store_class, **marks), "status": {}})
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
