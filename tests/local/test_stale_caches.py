"""Controllers whose cache is behind the API: they undo nothing of what others have done meanwhile, and make nothing twice."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from backup_plane import Plane
from memory_api import MemoryApi
from plane_objects import instance_of, machine, node, obj

from harvester_local.api import kinds
from harvester_local.api.client import ApiError
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Key, Obj, annotations, is_true, part
from harvester_local.api.store import Store
from harvester_local.api.versions import rules_for
from harvester_local.controllers.backup_stores import Stores
from harvester_local.controllers.cluster_machines import ClusterMachines
from harvester_local.controllers.guest_clusters import GuestClusters
from harvester_local.controllers.images import Images
from harvester_local.controllers.load_balancers import IpPools
from harvester_local.controllers.maintenance import DRAIN, STATUS, Maintenance
from harvester_local.controllers.rancher_drains import RancherDrains
from harvester_local.controllers.runtime import Context, Runner
from harvester_local.controllers.saved_images import SavedImages
from harvester_local.controllers.transfer import Content
from harvester_local.controllers.uploads import Uploads
from harvester_local.guests import GuestHost
from harvester_local.model.rancher import CLUSTER_NAME, MACHINE_NAME
from harvester_local.settings import Settings

NODE1 = Key("", "node1")
FLEET = "fleet-default"


class Behind:
    """A cluster, and a controller's view of it that is told only what `seen` tells it."""

    def __init__(self) -> None:
        self.api, self.store = MemoryApi(Store()), Store()
        self.context = Context(self.api, self.store, Settings(), rules_for((1, 8)))

    async def create(self, kind: Kind, whole: Obj, *, seen: bool = True) -> Obj:
        made = await self.api.create(kind, whole)
        if seen:
            self.store.observe(kind, made)
        return made


@pytest.fixture
def behind() -> Behind:
    return Behind()


def guests(behind: Behind, work: Path) -> GuestClusters:
    """None of them runs."""
    return GuestClusters(behind.context, behind.api, GuestHost(Path("no-apiserver"), 0, work))


async def test_addresses_given_meanwhile_are_not_taken_back_by_a_count(behind: Behind) -> None:
    ranges = [{"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.10", "rangeEnd": "10.0.0.12"}]
    given = {"allocated": {"10.0.0.10": "a/b"}}
    await behind.create(kinds.IP_POOL, {"metadata": {"name": "pool"}, "spec": {"ranges": ranges}, "status": given})
    await behind.api.patch_status(kinds.IP_POOL, Key("", "pool"), {"allocated": {"10.0.0.10": None, "10.0.0.11": "a/c"}})
    with pytest.raises(ApiError, match="modified"):
        await IpPools(behind.context).reconcile(Key("", "pool"))
    assert (await behind.api.get(kinds.IP_POOL, Key("", "pool")))["status"] == {"allocated": {"10.0.0.11": "a/c"}}


async def test_a_node_that_is_taken_back_into_use_does_not_end_its_maintenance_afterwards(behind: Behind) -> None:
    await behind.create(kinds.NODE, {**node("node1"), "metadata": {"name": "node1", "annotations": {STATUS: "running"}}})
    await behind.api.patch(kinds.NODE, NODE1, {"metadata": {"annotations": {STATUS: None}}})
    with pytest.raises(ApiError, match="modified"):
        await Maintenance(behind.context).reconcile(NODE1)
    assert STATUS not in annotations(await behind.api.get(kinds.NODE, NODE1))


async def test_a_machine_that_a_maintenance_stops_goes_back_to_what_it_was_also_where_its_node_was_changed_meanwhile(
    behind: Behind,
) -> None:
    marks = {"harvesterhci.io/maintain-mode-strategy": "ShutdownAndRestartAfterEnable"}
    await behind.create(kinds.NODE, {**node("node1"), "metadata": {"name": "node1", "annotations": {DRAIN: "true"}}})
    vm = await behind.create(kinds.MACHINE, machine("vm"))
    guest = instance_of(vm)
    await behind.create(kinds.INSTANCE, {**guest, "metadata": {**guest["metadata"], "labels": marks}})
    now = await behind.api.patch(kinds.NODE, NODE1, {"metadata": {"labels": {"rack": "a"}}})
    with pytest.raises(ApiError, match="modified"):
        await Maintenance(behind.context).reconcile(NODE1)
    behind.store.observe(kinds.NODE, now)
    behind.store.observe(kinds.MACHINE, await behind.api.get(kinds.MACHINE, Key("default", "vm")))
    await Maintenance(behind.context).reconcile(NODE1)
    assert annotations(await behind.api.get(kinds.MACHINE, Key("default", "vm")))["harvesterhci.io/vmRunStrategy"] == "RerunOnFailure"
    assert annotations(await behind.api.get(kinds.NODE, NODE1))[STATUS] == "running"


async def ordered(behind: Behind, **meta: Any) -> Key:
    """A Machine of Cluster API whose VirtualMachine the driver has made a moment ago."""
    template = {"metadata": {"name": "work", "namespace": FLEET}, "spec": {"template": {"spec": {"vmNamespace": "default"}}}}
    await behind.create(kinds.MACHINE_TEMPLATE, template, seen=False)
    await behind.create(kinds.RANCHER_CLUSTER, obj(kinds.RANCHER_CLUSTER, "dev", metadata={"namespace": FLEET}, spec={}))
    marks = {"labels": {CLUSTER_NAME: "dev"}, "annotations": {"cluster.x-k8s.io/cloned-from-name": "work"}}
    whole = obj(kinds.CLUSTER_MACHINE, "dev-work", metadata={"namespace": FLEET, "finalizers": ["a"], **marks, **meta}, spec={})
    await behind.create(kinds.CLUSTER_MACHINE, whole)
    await behind.create(kinds.MACHINE, machine("dev-work"), seen=False)
    return Key(FLEET, "dev-work")


async def test_a_machine_of_rancher_that_is_there_already_is_no_failure(behind: Behind, tmp_path: Path) -> None:
    key = await ordered(behind)
    await ClusterMachines(behind.context, behind.api, guests(behind, tmp_path)).reconcile(key)
    assert (await behind.api.get(kinds.CLUSTER_MACHINE, key))["status"]["phase"] == "Provisioning"


async def test_a_machine_of_rancher_does_not_go_before_what_the_driver_has_made(behind: Behind, tmp_path: Path) -> None:
    key = await ordered(behind, deletionTimestamp="now", finalizers=["machine.cluster.x-k8s.io"])
    await ClusterMachines(behind.context, behind.api, guests(behind, tmp_path)).reconcile(key)
    assert (await behind.api.get(kinds.CLUSTER_MACHINE, key))["metadata"]["finalizers"]


async def test_a_node_that_is_to_be_emptied_is_looked_for_again(behind: Behind, tmp_path: Path) -> None:
    marks = {"labels": {MACHINE_NAME: "dev-work"}, "annotations": {"rke.cattle.io/drain-options": "{}"}}
    await behind.create(kinds.SECRET, obj(kinds.SECRET, "plan", metadata=marks))
    assert await RancherDrains(behind.context, guests(behind, tmp_path)).reconcile(Key("default", "plan"))


async def test_an_upload_is_taken_from_the_moment_on_that_the_image_says_so(plane: Plane) -> None:
    taken = list[bool]()

    def listen(kind: Kind, _: Obj | None, after: Obj | None) -> None:
        if kind == kinds.IMAGE and after is not None and is_true(after, "Initialized") and not taken:
            taken.append(plane.uploads.deliver(after["metadata"]["uid"], Content(512, 512, "")))

    plane.store.listen(listen)
    spec = {"displayName": "disc", "sourceType": "upload"}
    await plane.create(kinds.IMAGE, obj(kinds.IMAGE, "disc", spec=spec))
    await plane.until(kinds.IMAGE, "disc", lambda found: is_true(found, "Imported"))
    assert taken == [True]
    assert part(plane.store.get(kinds.IMAGE, Key("default", "disc")), "status")["size"] == 512


class Failing(MemoryApi):
    """Fails once where the status of an image is written."""

    failures = 0

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Obj:
        if method == "PATCH" and "/virtualmachineimages/" in path and "status" in body and not self.failures:
            self.failures += 1
            raise ApiError(500, "InternalError", "etcdserver: leader changed")
        return await super().call(method, path, body, **more)


@pytest.mark.looptime
async def test_an_import_that_an_error_of_the_api_has_ended_begins_again(tmp_path: Path) -> None:
    store = Store()
    api = Failing(store)
    context = Context(api, store, Settings(), rules_for((1, 8)))
    stores, uploads = Stores(context), Uploads(tmp_path)
    async with aiohttp.ClientSession() as session:
        images = Images(context, session, uploads, SavedImages(context, stores))
        runner = Runner([images])
        store.listen(runner.listen)
        spec = {"displayName": "leap", "sourceType": "export-from-volume", "pvcName": "any", "pvcNamespace": "default"}
        await api.create(kinds.IMAGE, {"metadata": {"name": "leap", "namespace": "default"}, "spec": spec})
        await asyncio.sleep(60)
        await runner.stop()
    assert api.failures == 1
    assert is_true(store.get(kinds.IMAGE, Key("default", "leap")) or {}, "Imported")
