"""Devices and NICs of the nodes: claims are granted, link monitors report the NICs that every simulated node has.

Upstream: harvester/pcidevices pkg/controller/{pcideviceclaim,usbdevice}, network-controller-harvester pkg/controller/agent/linkmonitor.
"""

import re
from collections.abc import Mapping

from harvester_local.api.kinds import LINK_MONITOR, MACHINE, NODE, PCI_DEVICE, PCI_DEVICE_CLAIM, USB_DEVICE, USB_DEVICE_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, deleting, key_of, labels, matches_selector, owner_reference, part
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.machines import device_words

NICS = ("eth0", "eth1", "eth2")
"""The NICs of every node; the first one is the management network's."""


def links() -> list[Obj]:
    """The NICs as a link monitor reports them."""
    return [
        {"name": name, "index": index, "type": "device", "mac": "", "promiscuous": False, "state": "up", "masterIndex": 0}
        for index, name in enumerate(NICS, start=2)
    ]


class LinkMonitors:
    """The controller of link monitors."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Link monitors themselves, and nodes, which a selector may match."""
        return {LINK_MONITOR: own_key, NODE: lambda _: [key_of(monitor) for monitor in self._context.store.all(LINK_MONITOR)]}

    async def reconcile(self, key: Key) -> float | None:
        """Report the NICs that the rules match, on the nodes that the selector matches."""
        monitor = self._context.store.get(LINK_MONITOR, key)
        if monitor is None or deleting(monitor):
            return None
        rule, selector = part(monitor, "spec", "targetLinkRule"), part(monitor, "spec", "nodeSelector")
        found = [link for link in links() if all(re.search(rule.get(f"{what}Rule") or "", link[what]) for what in ("name", "type"))]
        nodes = [node["metadata"]["name"] for node in self._context.store.all(NODE) if matches_selector(labels(node), selector)]
        status = {"linkStatus": dict.fromkeys(sorted(nodes), found)}
        if part(monitor, "status") != status:
            await self._context.api.patch_version(LINK_MONITOR, monitor, {"status": None})
            await self._context.api.patch_status(LINK_MONITOR, key, status)
        return None


class UsbDeviceClaims:
    """The controller of claims on USB devices."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Claims themselves."""
        return {USB_DEVICE_CLAIM: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """Give the device up for machines, or take it back."""
        claim, device = self._context.store.get(USB_DEVICE_CLAIM, key), self._context.store.get(USB_DEVICE, key)
        if device is None:
            return None
        claimed, status = claim is not None and not deleting(claim), part(device, "status")
        if bool(status.get("enabled")) != claimed:
            await self._context.api.patch_status(USB_DEVICE, key, {"enabled": claimed})
        if claimed and claim is not None and not part(claim, "status").get("nodeName"):
            where = {"nodeName": status.get("nodeName"), "pciAddress": status.get("pciAddress")}
            await self._context.api.patch_status(USB_DEVICE_CLAIM, key, where)
        return None


class PciDeviceClaims:
    """The controller of claims."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._users = context.store.index(MACHINE, device_words)

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Claims themselves, and machines, whose devices bring others of their IOMMU groups along."""
        return {PCI_DEVICE_CLAIM: own_key, MACHINE: lambda machine: [Key("", name) for name in device_words(machine)]}

    async def reconcile(self, key: Key) -> float | None:
        """Claim what a machine was given besides, and bind the device to vfio-pci."""
        claim = self._context.store.get(PCI_DEVICE_CLAIM, key)
        device = self._context.store.get(PCI_DEVICE, key)
        if claim is None and device is not None and self._context.store.find(self._users, key.name):
            where = {"address": part(device, "status").get("address"), "nodeName": part(device, "status").get("nodeName")}
            meta = {"name": key.name, "ownerReferences": [owner_reference(device)]}
            await self._context.api.ensure(PCI_DEVICE_CLAIM, {"metadata": meta, "spec": {**where, "userName": "admin"}})
        if claim is not None and not deleting(claim) and not part(claim, "status").get("passthroughEnabled"):
            await self._context.api.patch_status(PCI_DEVICE_CLAIM, key, {"kernelDriverToUnbind": "nvme", "passthroughEnabled": True})
        return None
