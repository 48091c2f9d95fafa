"""PciDeviceClaim: takes a PCI device from its node, so that a machine can have it. Harvester then binds it to vfio-pci.

Upstream: harvester/pcidevices pkg/webhook/pcideviceclaim.go and pkg/controller/pcideviceclaim.
"""

from typing import ClassVar

from harvester_provider.core.json import Object, dig_str
from harvester_provider.core.ref import Api
from harvester_provider.resources.apis import PCI_DEVICE, PCI_DEVICE_CLAIM
from harvester_provider.resources.device_claim import DeviceClaim, DeviceClaimInputs


class PciDeviceClaimInputs(DeviceClaimInputs):
    """A claim on the PCI device of the same name, for example `node1-000004000`: `kubectl get pcidevices` shows the names."""


class PciDeviceClaim(DeviceClaim[PciDeviceClaimInputs]):
    """The kind `PciDeviceClaim`."""

    name: ClassVar[str] = "PciDeviceClaim"
    api: ClassVar[Api] = PCI_DEVICE_CLAIM
    device: ClassVar[Api] = PCI_DEVICE
    granted: ClassVar[str] = "passthroughEnabled"
    inputs: ClassVar[type[PciDeviceClaimInputs]] = PciDeviceClaimInputs

    def place(self, device: Object) -> Object:
        """Its node and its address."""
        return {"address": self.address(device), "nodeName": dig_str(device, "status", "nodeName")}

    def address(self, device: Object) -> str:
        """Its own."""
        return dig_str(device, "status", "address")


KIND = PciDeviceClaim()
