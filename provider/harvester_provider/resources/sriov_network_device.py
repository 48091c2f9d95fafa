"""SriovNetworkDevice: how many virtual functions a NIC is divided into. Each becomes a PCI device that can be claimed.

Harvester finds the NICs itself: a create takes one over, a delete puts the previous number back. The number of a NIC whose
functions are claimed cannot be changed. Needs the addon pcidevices-controller. Upstream: harvester/pcidevices.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from harvester_provider.core.json import Json, Object, dig_int, dig_list, dig_str
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Patch, Plan
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import SRIOV_NETWORK_DEVICE
from harvester_provider.resources.kind import BaseKind, metadata_patch
from harvester_provider.resources.model import Outputs, ResourceInputs
from harvester_provider.resources.previous import note, release, remembered, with_note


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


class SriovNetworkDevice(BaseKind[SriovNetworkDeviceInputs]):
    """The kind `SriovNetworkDevice`."""

    name: ClassVar[str] = "SriovNetworkDevice"
    api: ClassVar[Api] = SRIOV_NETWORK_DEVICE
    inputs: ClassVar[type[SriovNetworkDeviceInputs]] = SriovNetworkDeviceInputs
    outputs_model: ClassVar[type[SriovNetworkDeviceOutputs]] = SriovNetworkDeviceOutputs
    adopts: ClassVar[bool] = True

    def recognises(self, found: Object) -> bool:
        """Those that were divided."""
        return dig_int(found, "spec", "numVFs") > 0

    def requires(self, inputs: SriovNetworkDeviceInputs) -> Sequence[Requirement]:
        """The NIC."""
        hint = "`kubectl get sriovnetworkdevices` shows them, once the addon pcidevices-controller is enabled"
        return (Requirement("name", self.ref(inputs), hint),) if is_known(inputs.name) else ()

    def create(self, inputs: SriovNetworkDeviceInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a missing one is told by `requires`
        """Nothing: NICs are found, not made."""
        return Plan()

    def update(self, old: SriovNetworkDeviceInputs, new: SriovNetworkDeviceInputs, seen: Snapshot) -> Plan:
        """Set the number, and note what it was."""
        ref, found = self.ref(new), seen.get(self.ref(new))
        changes = tuple(self.changes(old, new))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        now = dig_int(found, "spec", "numVFs")
        meta = with_note(metadata_patch(old, new), note(found, {"numVFs": now}))
        body: dict[str, Json] = {"spec": {"numVFs": new.virtual_functions}} if now != new.virtual_functions else {}
        if meta:
            body["metadata"] = meta
        steps = (Patch(ref, body, says=f"divide {ref} into {new.virtual_functions} functions"),) if body else ()
        return Plan(steps=steps, changes=changes)

    def delete(self, old: SriovNetworkDeviceInputs, seen: Snapshot) -> Plan:
        """Put the previous number back."""
        ref = self.ref(old)
        if seen[ref] is None:
            return Plan()
        body: dict[str, Json] = {"spec": {"numVFs": dig_int(remembered(seen.get(ref)), "numVFs")}, "metadata": release(old)}
        return Plan(steps=(Patch(ref, body, says=f"put the previous number of functions of {ref} back"),))

    def observe(self, ref: Ref, prior: SriovNetworkDeviceInputs | None, seen: Snapshot) -> SriovNetworkDeviceInputs:
        """The number as the cluster has it."""
        return self.observed(ref, prior, seen.get(ref), {"virtual_functions": dig_int(seen.get(ref), "spec", "numVFs")})

    def outputs(self, inputs: SriovNetworkDeviceInputs, seen: Snapshot) -> Mapping[str, Json]:
        """Where it is, and its functions."""
        found = seen.get(self.ref(inputs))
        names = [str(name) for name in dig_list(found, "status", "vfPCIDevices")]
        return SriovNetworkDeviceOutputs(node=dig_str(found, "spec", "nodeName"), pci_devices=names).wire()


KIND = SriovNetworkDevice()
