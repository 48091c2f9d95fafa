"""UsbDeviceClaim: takes a USB device from its node, so that a machine can have it.

Upstream: harvester/pcidevices pkg/webhook/usbdeviceclaim.go and pkg/controller/usbdevice/usbdevice_claim_controller.go.
"""

from typing import ClassVar

from harvester_provider.core.json import Object, dig_str
from harvester_provider.core.ref import Api
from harvester_provider.resources.apis import USB_DEVICE, USB_DEVICE_CLAIM
from harvester_provider.resources.device_claim import DeviceClaim, DeviceClaimInputs


class UsbDeviceClaimInputs(DeviceClaimInputs):
    """A claim on the USB device of the same name, for example `node1-0951-1666-001002`: `kubectl get usbdevices` shows the names."""


class UsbDeviceClaim(DeviceClaim[UsbDeviceClaimInputs]):
    """The kind `UsbDeviceClaim`."""

    name: ClassVar[str] = "UsbDeviceClaim"
    api: ClassVar[Api] = USB_DEVICE_CLAIM
    device: ClassVar[Api] = USB_DEVICE
    granted: ClassVar[str] = "nodeName"
    inputs: ClassVar[type[UsbDeviceClaimInputs]] = UsbDeviceClaimInputs

    def place(self, device: Object) -> Object:  # noqa: ARG002  the claim does not say it
        """Nothing: the name tells."""
        return {}

    def address(self, device: Object) -> str:
        """That of its controller."""
        return dig_str(device, "status", "pciAddress")


KIND = UsbDeviceClaim()
