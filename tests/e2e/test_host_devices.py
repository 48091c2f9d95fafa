"""Devices of a node that a machine has for itself: claimed, attached with the rest of their IOMMU group, and given back, on a cluster."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from effect_cases import BASE
from target import Target
from workshop import Made, Workshop

from harvester_provider.core.errors import HarvesterError, WaitFailed
from harvester_provider.core.json import dig, dig_objects, dig_str
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import PCI_DEVICE_CLAIM, USB_DEVICE, VIRTUAL_MACHINE_INSTANCE

CARD = {"name": "node2-000004000", "deviceName": "nvidia.com/GA102GL_A10"}
SOUND = {"name": "node2-000004001", "deviceName": "nvidia.com/GA102_AUDIO"}
PLAIN = {**BASE, "networkInterfaces": [{"name": "first"}]}
WITH_CARD = {**PLAIN, "hostDevices": [CARD]}


@pytest.fixture
async def shop(simulated: Target) -> AsyncIterator[Workshop]:
    async with Workshop.on(simulated, f"devices-{uuid.uuid4().hex[:6]}") as found:
        yield found


async def devices(machine: Made) -> list[Any]:
    return list(dig_objects(await machine.object(), "spec", "template", "spec", "domain", "devices", "hostDevices"))


async def test_a_claimed_card_is_attached_with_a_stop_ties_the_machine_to_its_node_and_is_given_back(shop: Workshop) -> None:
    claim, machine = await shop.make("PciDeviceClaim", CARD["name"]), await shop.make("VirtualMachine", "vm", **PLAIN)
    starts = await machine.starts()
    assert "hostDevices: stop-modify-start" in (await machine.preview(**WITH_CARD)).lines[0]
    await machine.up(**WITH_CARD)
    assert (await machine.starts() - starts, machine.state["nodeName"]) == (1, "node2")
    assert not machine.state.get("restartRequired")
    assert await machine.drift() == []
    assert not (await machine.preview(**WITH_CARD)).changed
    moved = await machine.preview(**WITH_CARD, migrateTo="node1")
    assert [change.effect.label for change in moved.plan.changes] == ["refused"]
    with pytest.raises(HarvesterError, match=f"pcideviceclaim {CARD['name']} is already in use with vm vm"):
        await claim.destroy()
    await machine.up(**PLAIN)
    assert await devices(machine) == []
    await machine.destroy()


async def test_a_new_machine_gets_the_rest_of_the_iommu_group_which_is_nobodys_drift(shop: Workshop) -> None:
    await shop.make("PciDeviceClaim", CARD["name"])
    machine = await shop.make("VirtualMachine", "vm", **WITH_CARD)
    assert await devices(machine) == [CARD, SOUND]
    assert await machine.drift() == []
    assert not (await machine.preview(**WITH_CARD)).changed
    other = Made(shop, "VirtualMachine", "other")
    with pytest.raises(WaitFailed, match=r"no node takes it: .* Insufficient nvidia\.com/GA102GL_A10"):
        await other.make(**WITH_CARD)
    await machine.destroy()
    guest = Ref(VIRTUAL_MACHINE_INSTANCE, "other", shop.namespace)
    await shop.until(lambda seen: dig_str(seen.get(guest), "status", "phase") == "Running", guest)
    await other.make(**WITH_CARD)
    assert other.state["nodeName"] == "node2"
    await other.destroy()
    sibling = Ref(PCI_DEVICE_CLAIM, SOUND["name"])
    assert dig_str(await shop.cluster.get(sibling) or {}, "spec", "nodeName") == "node2"
    await shop.cluster.delete(sibling, "Background")


async def test_a_gpu_that_the_ui_gave_a_machine_is_read_as_a_host_device_and_kept(shop: Workshop) -> None:
    await shop.make("PciDeviceClaim", CARD["name"])
    machine = await shop.make("VirtualMachine", "vm", **PLAIN)
    await machine.edited_by_hand({"spec": {"template": {"spec": {"domain": {"devices": {"gpus": [CARD]}}}}}})
    found = dig(await machine.object(), "spec", "template", "spec", "domain", "devices", "gpus")
    assert (await devices(machine), found or []) == ([CARD], [])
    assert await machine.drift() == []
    await machine.up(**PLAIN, description="changed")
    assert await devices(machine) == [CARD]
    await machine.destroy()


async def test_a_device_that_no_node_has_is_told_in_the_clusters_words(shop: Workshop) -> None:
    machine = Made(shop, "VirtualMachine", "vm")
    with pytest.raises(HarvesterError, match="resource name example.org/none not found"):
        await machine.make(**PLAIN, hostDevices=[{"name": "none", "deviceName": "example.org/none"}])


async def test_a_gpu_is_divided_a_part_gets_its_profile_and_a_machine_and_all_is_put_back(shop: Workshop) -> None:
    gpu = await shop.make("SriovGpuDevice", "node2-000008000")
    name, other = gpu.state["vgpuDevices"]
    part = await shop.make("VGpuDevice", name, profile="NVIDIA A2-4Q")
    assert (part.state["node"], part.state["address"], part.state["deviceName"]) == ("node2", "0000:08:00.4", "nvidia.com/NVIDIA_A2-4Q")
    assert not await gpu.drift()
    assert not await part.drift()
    machine = await shop.make("VirtualMachine", "vm", **PLAIN, hostDevices=[{"name": name, "deviceName": part.state["deviceName"]}])
    assert machine.state["nodeName"] == "node2"
    with pytest.raises(HarvesterError, match=f"device {name} is in use with VM vm"):
        await part.up(profile="NVIDIA A2-8Q")
    with pytest.raises(HarvesterError, match=f"device {name} is in use with VM vm"):
        await gpu.destroy()
    await machine.destroy()
    await part.up(profile="NVIDIA A2-8Q")
    assert part.state["deviceName"] == "nvidia.com/NVIDIA_A2-8Q"
    wrong = Made(shop, "VGpuDevice", other)
    refused = await verbs.foresee(wrong.speaks, shop.cluster, wrong.checked({"profile": "NVIDIA L40S-1B"}))
    assert "NVIDIA L40S-1B is not left for it: there are NVIDIA A2-2Q, NVIDIA A2-4Q, NVIDIA A2-8Q" in str(refused.problems)


async def test_a_usb_device_is_claimed_attached_and_given_back(shop: Workshop) -> None:
    claim = await shop.make("UsbDeviceClaim", "node3-0951-1666-001002")
    assert (claim.state["node"], claim.state["address"]) == ("node3", "0000:00:14.0")
    assert not await claim.drift()
    stick = {"name": claim.name, "deviceName": claim.state["deviceName"]}
    machine = await shop.make("VirtualMachine", "vm", **PLAIN, hostDevices=[stick])
    assert machine.state["nodeName"] == "node3"
    with pytest.raises(HarvesterError, match=f"usbdeviceclaim {claim.name} is still in use by vm"):
        await claim.destroy()
    await machine.destroy()
    await claim.destroy()
    assert await claim.gone()
    device = await shop.cluster.get(Ref(USB_DEVICE, claim.name))
    assert device is not None
    shop.lasting.remove(claim)
