"""What claims of devices of a node share: the claim has the device's name, and the node then gives the device up for machines.

A claim cannot be changed, and not be removed while a machine has the device. Needs the addon pcidevices-controller.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from pydantic import Field

from harvester_provider.core.json import Json, Object, dig_map, dig_str
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Await, Patch, Plan, Put, Step
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.host_device import HostDeviceOutputs
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import REPLACE, ResourceInputs

_SECONDS = 300.0


class DeviceClaimInputs(ResourceInputs):
    """A claim on the device of the same name."""

    user_name: str = Field(default="admin", json_schema_extra=REPLACE)
    """In whose name it is claimed."""


@dataclass(frozen=True, slots=True)
class Granted:
    """Judges whether the device is free for machines: by a field of the claim's status, which its node fills in."""

    ref: Ref
    field: str

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the status says so."""
        return Ready() if dig_map(seen.get(self.ref), "status").get(self.field) else Waiting("the node has not given it up yet")


I = TypeVar("I", bound=DeviceClaimInputs)  # noqa: E741  the inputs model of a kind; one letter is the custom for type variables


class DeviceClaim(BaseKind[I], Generic[I]):
    """The common half of claims. Subclasses say of which kind the device is."""

    device: ClassVar[Api]
    """The API of the devices."""
    granted: ClassVar[str]
    """The field of the claim's status that says it is granted."""
    outputs_model: ClassVar[type[HostDeviceOutputs]] = HostDeviceOutputs

    def place(self, device: Object) -> Object:
        """What the claim's `spec` says of where the device is."""
        raise NotImplementedError

    def address(self, device: Object) -> str:
        """The device's address."""
        raise NotImplementedError

    def requires(self, inputs: I) -> Sequence[Requirement]:
        """The device."""
        hint = f"`kubectl get {self.device.plural}` shows them, once the addon pcidevices-controller is enabled"
        return (Requirement("name", Ref(self.device, inputs.name), hint),) if is_known(inputs.name) else ()

    def reads(self, ref: Ref, inputs: I | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  both, always
        """The claim and its device."""
        return (ref, Ref(self.device, ref.name))

    def create(self, inputs: I, seen: Snapshot) -> Plan:
        """Claim the device."""
        ref = self.ref(inputs)
        device = seen.get(Ref(self.device, ref.name))
        uid = dig_str(device, "metadata", "uid")
        owner = {"apiVersion": self.device.api_version, "kind": self.device.kind, "name": ref.name, "uid": uid}
        meta = {**metadata(inputs), "ownerReferences": [owner]}
        spec = {**self.place(device), "userName": inputs.user_name}
        return Plan(steps=(Put(ref, manifest(self.api, meta, spec=spec), says=f"claim {ref.name}"),))

    def settle(self, inputs: I, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  the wait looks for itself
        """Wait until machines can have it."""
        ref = self.ref(inputs)
        judge = Granted(ref, self.granted)
        return (Await(of=ref, until="free for machines", wants=(ref,), judge=judge, seconds=inputs.seconds("create", _SECONDS)),)

    def update(self, old: I, new: I, seen: Snapshot) -> Plan:  # noqa: ARG002  only metadata
        """Patch the metadata; all else replaces."""
        changes, meta = tuple(self.changes(old, new)), metadata_patch(old, new)
        if Plan(changes=changes).replaces or not meta:
            return Plan(changes=changes)
        return Plan(steps=(Patch(self.ref(new), {"metadata": meta}, says=f"change the metadata of {self.ref(new)}"),), changes=changes)

    def observe(self, ref: Ref, prior: I | None, seen: Snapshot) -> I:
        """Who claims it."""
        return self.observed(ref, prior, seen.get(ref), {"user_name": dig_str(seen.get(ref), "spec", "userName")})

    def outputs(self, inputs: I, seen: Snapshot) -> Mapping[str, Json]:
        """Where the device is, and how machines name it."""
        device = seen.get(Ref(self.device, inputs.name))
        return HostDeviceOutputs(
            node=dig_str(device, "status", "nodeName"),
            address=self.address(device),
            device_name=dig_str(device, "status", "resourceName"),
        ).wire()
