"""Disks that move to another storage class under a running guest, on a cluster."""

import asyncio
import uuid

import pytest
from effect_cases import BASE, DATA, FIRST
from target import Target
from workshop import Made, Workshop, furnish

from harvester_provider.core.errors import WaitFailed
from harvester_provider.core.json import Object, dig_str, is_true
from harvester_provider.core.plan import Call
from harvester_provider.core.ref import Ref
from harvester_provider.resources.apis import PERSISTENT_VOLUME_CLAIM, VIRTUAL_MACHINE_INSTANCE

ROOT = {"name": "root", "image": "~/disc", "size": "1Gi", "onDelete": "delete"}
FAST = {"storageClass": "~-fast"}
CONTENT = "local.harvester/content"
"""What is on a simulated volume."""


async def volume_of(machine: Made, disk: str) -> Object:
    claim = (await machine.belongings())[f"disk {disk}"]
    return await machine.shop.cluster.get(Ref(PERSISTENT_VOLUME_CLAIM, claim, machine.shop.namespace)) or {}


async def deleted(shop: Workshop, claim: str) -> bool:
    """Whether the deletion of a volume has begun; Kubernetes ends it when the launcher that the guest has left is gone."""
    found = await shop.cluster.get(Ref(PERSISTENT_VOLUME_CLAIM, claim, shop.namespace))
    return not found or bool(dig_str(found, "metadata", "deletionTimestamp"))


async def class_of(machine: Made, disk: str) -> str:
    return dig_str(await volume_of(machine, disk), "spec", "storageClassName")


async def content_of(machine: Made, disk: str) -> str:
    return dig_str(await volume_of(machine, disk), "metadata", "annotations", CONTENT)


@pytest.mark.usefixtures(
    "simulated"
)  # elsewhere no virt-handler copies anything; that nothing asks for a restart there shows test_effects.py
async def test_volumes_move_one_after_the_other_and_keep_their_image_while_the_guest_runs_on(cluster: Target) -> None:
    async with Workshop.on(cluster, f"storage-{uuid.uuid4().hex[:6]}") as shop:
        await furnish(shop, cluster.image_url)
        before = {**BASE, "networkInterfaces": [FIRST], "disks": [ROOT, {**DATA, "onDelete": "keep"}]}
        after = {**before, "disks": [{**ROOT, **FAST}, {**DATA, "onDelete": "keep", **FAST}]}
        machine = await shop.make("VirtualMachine", "vm", **before)
        starts, had = await machine.starts(), await machine.belongings()
        written = {"metadata": {"annotations": {CONTENT: "letters"}}}
        await shop.cluster.patch(Ref(PERSISTENT_VOLUME_CLAIM, had["disk data"], shop.namespace), written)
        preview = await machine.preview(**after)
        assert [change.effect.label for change in preview.plan.changes] == ["migrate", "migrate"]
        await machine.up(**after)
        assert await machine.starts() == starts
        assert {await class_of(machine, "root"), await class_of(machine, "data")} == {shop.placed(FAST["storageClass"])}
        assert await content_of(machine, "data") == "letters"
        assert [await deleted(shop, had[f"disk {name}"]) for name in ("root", "data")] == [True, False]
        await machine.settled(restart_required=False)
        assert await machine.drift() == []
        assert not (await machine.preview(**after)).changed
        await machine.destroy()
        former = Ref(PERSISTENT_VOLUME_CLAIM, had["disk root"], shop.namespace)
        await shop.until(lambda seen: seen[former] is None, former)
        assert not await deleted(shop, had["disk data"])


@pytest.mark.usefixtures("simulated")  # migrations are made to fail there, so that the copy goes on until it is cancelled
async def test_a_copy_that_somebody_cancels_ends_the_update_and_can_be_asked_for_again(cluster: Target) -> None:
    async with Workshop.on(cluster, f"storage-{uuid.uuid4().hex[:6]}") as shop:
        await furnish(shop, cluster.image_url)
        before = {**BASE, "networkInterfaces": [FIRST], "disks": [{**DATA, "onDelete": "keep"}]}
        after = {**before, "disks": [{**DATA, "onDelete": "keep", **FAST}]}
        machine = await shop.make("VirtualMachine", "vm", **before)
        starts, had = await machine.starts(), await machine.belongings()
        await machine.edited_by_hand({"metadata": {"annotations": {"local.harvester/fault": "migration-fails"}}})
        update, guest = asyncio.create_task(machine.up(**after)), Ref(VIRTUAL_MACHINE_INSTANCE, "vm", shop.namespace)
        await shop.until(lambda seen: is_true(seen.get(guest), "VolumesChange"), guest)
        path = f"/v1/harvester/kubevirt.io.virtualmachines/{shop.namespace}/vm?action=cancelStorageMigration"
        await shop.cluster.call(Call("harvester", "POST", path))
        with pytest.raises(WaitFailed, match=r"somebody has cancelled it.*Next: run `pulumi up` again"):
            await update
        assert await machine.belongings() == had
        await machine.edited_by_hand({"metadata": {"annotations": {"local.harvester/fault": None}}})
        await machine.up(**after)
        assert await class_of(machine, "data") == shop.placed(FAST["storageClass"])
        assert await machine.starts() == starts
        await machine.destroy()
