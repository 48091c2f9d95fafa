"""SriovNetworkDevice: how many virtual functions a NIC is divided into. Each becomes a PCI device that can be claimed.

The number of a NIC whose functions are claimed cannot be changed. Upstream: harvester/pcidevices pkg/webhook/sriov.go.
"""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from harvester_provider.core.json import Json, Object, dig_int, dig_list, dig_str
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import SRIOV_NETWORK_DEVICE
from harvester_provider.resources.found_device import FoundDevice
from harvester_provider.resources.model import Outputs, ResourceInputs


class SriovNetworkDeviceInputs(ResourceInputs):
    """A NIC that can be divided, by the name Harvester gives it, for example `node1-eno1`."""

    virtual_functions: int = Field(ge=0, le=256)
    """Into how many virtual functions it is divided; 0 is none."""


class SriovNetworkDeviceOutputs(Outputs):
    """What is known of a divided NIC."""

    node: str = ""
    """The node it is in."""
    pci_devices: list[str] = []
    """Names of the PCI devices of its virtual functions."""


class SriovNetworkDevice(FoundDevice[SriovNetworkDeviceInputs]):
    """The kind `SriovNetworkDevice`."""

    name: ClassVar[str] = "SriovNetworkDevice"
    api: ClassVar[Api] = SRIOV_NETWORK_DEVICE
    inputs: ClassVar[type[SriovNetworkDeviceInputs]] = SriovNetworkDeviceInputs
    outputs_model: ClassVar[type[SriovNetworkDeviceOutputs]] = SriovNetworkDeviceOutputs
    unset: ClassVar[Mapping[str, Json]] = {"numVFs": 0}

    def wanted(self, inputs: SriovNetworkDeviceInputs) -> Object:
        """The number."""
        return {"numVFs": inputs.virtual_functions}

    def says(self, inputs: SriovNetworkDeviceInputs) -> str:
        """It is divided."""
        return f"divide {self.ref(inputs)} into {inputs.virtual_functions} functions"

    def observe(self, ref: Ref, prior: SriovNetworkDeviceInputs | None, seen: Snapshot) -> SriovNetworkDeviceInputs:
        """The number as the cluster has it."""
        return self.observed(ref, prior, seen.get(ref), {"virtual_functions": dig_int(seen.get(ref), "spec", "numVFs")})

    def outputs(self, inputs: SriovNetworkDeviceInputs, seen: Snapshot) -> Mapping[str, Json]:
        """Where it is, and its functions."""
        found = seen.get(self.ref(inputs))
        names = [str(name) for name in dig_list(found, "status", "vfPCIDevices")]
        return SriovNetworkDeviceOutputs(node=dig_str(found, "spec", "nodeName"), pci_devices=names).wire()


KIND = SriovNetworkDevice()
