"""Devices of a node that instances wait for, through all simulated controllers."""

from typing import Any

from backup_plane import Plane
from plane_objects import NAMESPACE, machine, obj

from harvester_local.api import kinds
from harvester_local.api.objects import Key, Obj, condition, part

CARD = {"resourceName": "example.org/card", "nodeName": "node1", "address": "0000:01:00.0"}
HOST_DEVICE = {"name": "card", "deviceName": CARD["resourceName"]}


async def machine_with_the_card(plane: Plane, name: str) -> None:
    found = machine(name, volumes=[])
    found["spec"]["template"]["spec"]["domain"]["devices"] |= {"disks": [], "hostDevices": [HOST_DEVICE]}
    await plane.create(kinds.MACHINE, found)


async def waiting(plane: Plane, name: str) -> None:
    """As soon as nothing more happens to a machine that lacks the card."""
    await plane.until(kinds.MACHINE, name, lambda found: part(found, "status").get("printableStatus") == "ErrorUnschedulable")
    found = await plane.until(kinds.INSTANCE, name, lambda found: condition(found, "PodScheduled"))
    assert "Insufficient example.org/card" in (condition(found, "PodScheduled") or {})["message"]


def runs(instance: Obj) -> bool:
    return bool(part(instance, "status").get("phase") == "Running")


async def test_a_machine_gets_a_device_as_soon_as_it_is_claimed_and_the_next_one_when_it_is_free(plane: Plane) -> None:
    await plane.create(kinds.PCI_DEVICE, obj(kinds.PCI_DEVICE, "node1-000001000", status=CARD))
    await machine_with_the_card(plane, "first")
    await waiting(plane, "first")
    spec: dict[str, Any] = {"nodeName": CARD["nodeName"], "address": CARD["address"], "userName": "admin"}
    await plane.create(kinds.PCI_DEVICE_CLAIM, {"metadata": {"name": "node1-000001000"}, "spec": spec})
    await plane.until(kinds.INSTANCE, "first", runs)
    await machine_with_the_card(plane, "second")
    await waiting(plane, "second")
    await plane.api.delete(kinds.MACHINE, Key(NAMESPACE, "first"))
    await plane.until(kinds.INSTANCE, "second", runs)
