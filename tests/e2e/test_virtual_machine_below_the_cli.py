"""What happens to a machine, its disks and its addresses, below the Pulumi CLI. What users read is in `test_virtual_machine`."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from target import Target
from workshop import Made, Workshop

from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import HarvesterError
from harvester_provider.core.json import dig, dig_objects, dig_str
from harvester_provider.core.ref import Ref
from harvester_provider.resources.apis import PERSISTENT_VOLUME_CLAIM, VIRTUAL_MACHINE

ROOT = {"name": "root", "size": "1Gi", "onDelete": "delete"}
MACHINE: dict[str, Any] = {"memory": "256Mi", "disks": [ROOT], "networkInterfaces": [{"name": "default"}]}


@pytest.fixture
async def shop(cluster: Target) -> AsyncIterator[Workshop]:
    async with Workshop.on(cluster, f"machines-{uuid.uuid4().hex[:6]}") as found:
        yield found


@pytest.fixture
async def wired(shop: Workshop) -> Workshop:
    """The workshop, with the networks `red` and `blue`."""
    for name, vlan in (("red", 11), ("blue", 12)):
        await shop.make("VlanNetwork", name, clusterNetwork="mgmt", vlanId=vlan)
    return shop


def nic(name: str, network: str, **more: str) -> dict[str, str]:
    return {"name": name, "network": f"~/{network}", **more}


def disk(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "size": "1Gi", **more}


async def macs(machine: Made) -> dict[str, str]:
    """The MAC of each NIC as the running guest has it."""
    found = dig_objects(await machine.shop.guest(machine.name), "spec", "domain", "devices", "interfaces")
    return {dig_str(each, "name"): dig_str(each, "macAddress") for each in found}


async def volumes(machine: Made) -> dict[str, str]:
    """The volume of each disk."""
    return {name.removeprefix("disk "): claim for name, claim in (await machine.belongings()).items() if name.startswith("disk ")}


async def networks(machine: Made) -> list[str]:
    found = dig_objects(await machine.object(), "spec", "template", "spec", "networks")
    return [dig_str(each, "multus", "networkName").rpartition("/")[2] for each in found]


async def power(machine: Made) -> tuple[str, str]:
    found = await machine.object()
    return dig_str(found, "spec", "runStrategy"), dig_str(found, "status", "printableStatus")


async def nothing_is_left_to_do(machine: Made, inputs: dict[str, Any]) -> None:
    assert await machine.drift() == []
    assert not (await machine.preview(**inputs)).changed


async def test_removing_the_first_nic_keeps_the_second_mac(wired: Workshop) -> None:
    one, two = nic("one", "red"), nic("two", "blue")
    machine = await wired.make("VirtualMachine", "vm", **{**MACHINE, "networkInterfaces": [one, two]})
    before, after = await macs(machine), {**MACHINE, "networkInterfaces": [two]}
    await machine.up(**after)
    assert await macs(machine) == {"two": before["two"]}
    await nothing_is_left_to_do(machine, after)


async def test_rewiring_a_nic_keeps_its_mac(wired: Workshop) -> None:
    machine = await wired.make("VirtualMachine", "vm", **{**MACHINE, "networkInterfaces": [nic("one", "red")]})
    before = await macs(machine)
    await machine.up(**{**MACHINE, "networkInterfaces": [nic("one", "blue")]})
    assert (await macs(machine), await networks(machine)) == (before, ["blue"])


async def test_a_halted_machine_is_only_changed(wired: Workshop) -> None:
    halted = {**MACHINE, "runStrategy": "Halted"}
    machine = await wired.make("VirtualMachine", "vm", **halted)
    after = {**halted, "networkInterfaces": [{"name": "default"}, nic("second", "red")]}
    await machine.up(**after)
    assert (await power(machine), await networks(machine), await machine.starts()) == (("Halted", "Stopped"), ["", "red"], 0)
    await nothing_is_left_to_do(machine, after)


async def test_a_change_that_the_cluster_refuses_starts_the_machine_again_as_it_was(wired: Workshop) -> None:
    taken = nic("one", "red", macAddress="52:54:00:00:00:01", model="e1000")
    await wired.make("VirtualMachine", "other", **{**MACHINE, "networkInterfaces": [taken]})
    machine = await wired.make("VirtualMachine", "vm", **MACHINE)
    with pytest.raises(HarvesterError, match="Things were put back as they were before"):
        await machine.up(**{**MACHINE, "networkInterfaces": [{"name": "default"}, taken]})
    await wired.until(lambda seen: dig(seen[machine.ref], "status", "ready") is True, machine.ref)
    assert (await networks(machine), await machine.starts()) == ([""], 2)


async def test_labels_tags_and_description_do_not_touch_the_guest(shop: Workshop) -> None:
    machine = await shop.make("VirtualMachine", "vm", **MACHINE)
    after = {**MACHINE, "labels": {"team": "a"}, "tags": {"tier": "web"}, "description": "the first"}
    await machine.up(**after)
    assert (await machine.starts(), dig(await machine.object(), "metadata", "labels", "team")) == (1, "a")
    await nothing_is_left_to_do(machine, after)


async def test_a_disk_grows_while_the_guest_runs_and_never_shrinks(shop: Workshop) -> None:
    machine = await shop.make("VirtualMachine", "vm", **MACHINE)
    grown = {**MACHINE, "disks": [{**ROOT, "size": "2Gi"}]}
    await machine.up(**grown)
    claim = await shop.cluster.get(Ref(PERSISTENT_VOLUME_CLAIM, (await volumes(machine))["root"], shop.namespace))
    assert (dig(claim, "spec", "resources", "requests", "storage"), await machine.starts()) == ("2Gi", 1)
    await nothing_is_left_to_do(machine, grown)
    refused = (await machine.preview(**MACHINE)).plan.refused
    assert [(change.property, change.effect) for change in refused] == [("disks[root].size", Effect.REFUSED)]


async def test_power_is_declared(shop: Workshop) -> None:
    machine = await shop.make("VirtualMachine", "vm", **MACHINE)
    await machine.up(**MACHINE, runStrategy="Halted")
    assert await power(machine) == ("Halted", "Stopped")
    await machine.up(**MACHINE, runStrategy="Always")
    assert (await power(machine), await machine.starts()) == (("Always", "Running"), 2)
    await nothing_is_left_to_do(machine, {**MACHINE, "runStrategy": "Always"})


async def test_removing_the_first_of_two_disks_keeps_its_volume_and_the_others(shop: Workshop) -> None:
    machine = await shop.make("VirtualMachine", "vm", **{**MACHINE, "disks": [disk("one"), disk("two")]})
    before, after = await volumes(machine), {**MACHINE, "disks": [disk("two")]}
    await machine.up(**after)
    assert await volumes(machine) == {"two": before["two"]}
    assert await shop.has_claim(before["one"]), "a removed disk's volume is kept unless it says otherwise"
    await nothing_is_left_to_do(machine, after)


async def test_a_destroy_deletes_what_says_so_and_a_new_machine_never_gets_what_was_kept(shop: Workshop) -> None:
    inputs = {**MACHINE, "disks": [ROOT, disk("data")]}
    machine = await shop.make("VirtualMachine", "vm", **inputs)
    old = await volumes(machine)
    await machine.destroy()
    assert [await shop.has_claim(old[name]) for name in ("root", "data")] == [False, True]
    await machine.make(**inputs)
    assert (await volumes(machine))["data"] != old["data"]


async def test_a_disk_from_an_image_and_a_cdrom(shop: Workshop, cluster: Target) -> None:
    await shop.make("Image", "image", url=cluster.image_url)
    root = {**ROOT, "image": "~/image", "bootOrder": 1}
    inputs = {**MACHINE, "disks": [root, {"name": "tools", "type": "cd-rom", "containerImage": "example.org/tools"}]}
    machine = await shop.make("VirtualMachine", "vm", **inputs)
    assert list(await volumes(machine)) == ["root"]
    await nothing_is_left_to_do(machine, inputs)


async def test_a_machine_that_somebody_deleted_is_made_again(shop: Workshop) -> None:
    machine = await shop.make("VirtualMachine", "vm", **MACHINE)
    await shop.remove(machine.ref)
    assert "it will be made again" in (await machine.preview(**MACHINE, description="again")).lines[0]
    await machine.up(**MACHINE, description="again")
    assert (await machine.starts(), (await power(machine))[1]) == (2, "Running")


async def test_adopt_takes_over_without_a_restart(shop: Workshop) -> None:
    machine = await shop.make("VirtualMachine", "vm", **MACHINE)
    had = await machine.belongings()
    theirs, inputs = Made(shop, "VirtualMachine", "vm"), {**MACHINE, "adopt": True, "owner": "other/dev/vm"}
    await theirs.make(**inputs)
    assert (await theirs.starts(), await theirs.belongings()) == (1, had)
    assert theirs.ref == Ref(VIRTUAL_MACHINE, "vm", shop.namespace)
    await nothing_is_left_to_do(theirs, inputs)
