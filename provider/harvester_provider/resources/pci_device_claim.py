"""PciDeviceClaim: takes a PCI device from its node, so that a machine can have it.

The claim has the device's name; Harvester then binds the device to vfio-pci. It cannot be changed, and not be removed while
a machine has the device. Needs the addon pcidevices-controller. Upstream: harvester/pcidevices pkg/webhook/pcideviceclaim.go.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from harvester_provider.core.json import Json, dig, dig_str
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Await, Patch, Plan, Put, Step
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.apis import PCI_DEVICE, PCI_DEVICE_CLAIM
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import REPLACE, Outputs, ResourceInputs


class PciDeviceClaimInputs(ResourceInputs):
    """A claim on the PCI device of the same name, for example `node1-000004000`: `kubectl get pcidevices` shows the names."""

    user_name: str = Field(default="admin", json_schema_extra=REPLACE)
    """In whose name it is claimed."""


class PciDeviceClaimOutputs(Outputs):
    """What is known of a claimed device."""

    node: str = ""
    """The node it is in. A machine with it runs there and nowhere else."""
    address: str = ""
    """Its address on the bus, for example `0000:04:00.0`."""
    device_name: str = ""
    """What machines name it by as their host device."""


@dataclass(frozen=True, slots=True)
class PassedThrough:
    """Judges whether the device is free for machines."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the status says so."""
        ready = dig(seen.get(self.ref), "status", "passthroughEnabled") is True
        return Ready() if ready else Waiting("the node has not given it up yet")


class PciDeviceClaim(BaseKind[PciDeviceClaimInputs]):
    """The kind `PciDeviceClaim`."""

    name: ClassVar[str] = "PciDeviceClaim"
    api: ClassVar[Api] = PCI_DEVICE_CLAIM
    inputs: ClassVar[type[PciDeviceClaimInputs]] = PciDeviceClaimInputs
    outputs_model: ClassVar[type[PciDeviceClaimOutputs]] = PciDeviceClaimOutputs

    def requires(self, inputs: PciDeviceClaimInputs) -> Sequence[Requirement]:
        """The device."""
        hint = "`kubectl get pcidevices` shows them, once the addon pcidevices-controller is enabled"
        return (Requirement("name", Ref(PCI_DEVICE, inputs.name), hint),) if is_known(inputs.name) else ()

    def reads(self, ref: Ref, inputs: PciDeviceClaimInputs | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  both, always
        """The claim and its device."""
        return (ref, Ref(PCI_DEVICE, ref.name))

    def create(self, inputs: PciDeviceClaimInputs, seen: Snapshot) -> Plan:
        """Claim the device."""
        ref = self.ref(inputs)
        device = seen.get(Ref(PCI_DEVICE, ref.name))
        owner = {"apiVersion": PCI_DEVICE.api_version, "kind": PCI_DEVICE.kind, "name": ref.name, "uid": dig_str(device, "metadata", "uid")}
        meta = {**metadata(inputs), "ownerReferences": [owner]}
        where = {"address": dig_str(device, "status", "address"), "nodeName": dig_str(device, "status", "nodeName")}
        spec = {**where, "userName": inputs.user_name}
        return Plan(steps=(Put(ref, manifest(PCI_DEVICE_CLAIM, meta, spec=spec), says=f"claim {ref.name}"),))

    def settle(self, inputs: PciDeviceClaimInputs, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  the wait looks for itself
        """Wait until machines can have it."""
        ref = self.ref(inputs)
        return (Await(of=ref, until="free for machines", wants=(ref,), judge=PassedThrough(ref), seconds=inputs.seconds("create", 300)),)

    def update(self, old: PciDeviceClaimInputs, new: PciDeviceClaimInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  only metadata
        """Patch the metadata; all else replaces."""
        changes, meta = tuple(self.changes(old, new)), metadata_patch(old, new)
        if Plan(changes=changes).replaces or not meta:
            return Plan(changes=changes)
        return Plan(steps=(Patch(self.ref(new), {"metadata": meta}, says=f"change the metadata of {self.ref(new)}"),), changes=changes)

    def observe(self, ref: Ref, prior: PciDeviceClaimInputs | None, seen: Snapshot) -> PciDeviceClaimInputs:
        """Who claims it."""
        return self.observed(ref, prior, seen.get(ref), {"user_name": dig_str(seen.get(ref), "spec", "userName")})

    def outputs(self, inputs: PciDeviceClaimInputs, seen: Snapshot) -> Mapping[str, Json]:
        """Where the device is, and how machines name it."""
        claim, device = seen.get(self.ref(inputs)), seen.get(Ref(PCI_DEVICE, inputs.name))
        return PciDeviceClaimOutputs(
            node=dig_str(claim, "spec", "nodeName"),
            address=dig_str(claim, "spec", "address"),
            device_name=dig_str(device, "status", "resourceName"),
        ).wire()


KIND = PciDeviceClaim()
