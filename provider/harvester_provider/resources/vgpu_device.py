"""VGpuDevice: a virtual GPU with its profile, which a machine can have as a host device. Harvester claims it by itself.

A profile is given while the device is off, so that another one switches it off and on again; neither is possible while a machine has it.
What profiles are left depends on those of the GPU's other parts. Upstream: harvester/pcidevices pkg/webhook/vgpu.go and
pkg/controller/gpudevice/vgpu_controller.go.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig, dig_map, dig_str
from harvester_provider.core.plan import Await, Change, Patch, Plan, Step
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.core.wording import first_of
from harvester_provider.resources.apis import PCI_DEVICE, VGPU_DEVICE
from harvester_provider.resources.found_device import FoundDevice
from harvester_provider.resources.host_device import HostDeviceOutputs
from harvester_provider.resources.model import ResourceInputs

_SECONDS = 300.0


class VGpuDeviceInputs(ResourceInputs):
    """A virtual GPU, by the name Harvester gives it, for example `node1-000008004`: a SriovGpuDevice says the names."""

    profile: str
    """Its profile, for example `NVIDIA A2-4Q`: how much of the GPU it has. `kubectl get vgpudevices -o yaml` shows what is left."""


@dataclass(frozen=True, slots=True)
class Configured:
    """Judges whether the device has the profile; none where it is empty."""

    ref: Ref
    profile: str

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the node says so."""
        has = dig_str(seen.get(self.ref), "status", "configureVGPUTypeName")
        return Ready() if has == self.profile else Waiting(f"its node sets it up; it has {has or 'no profile'}")


class VGpuDevice(FoundDevice[VGpuDeviceInputs]):
    """The kind `VGpuDevice`."""

    name: ClassVar[str] = "VGpuDevice"
    api: ClassVar[Api] = VGPU_DEVICE
    inputs: ClassVar[type[VGpuDeviceInputs]] = VGpuDeviceInputs
    outputs_model: ClassVar[type[HostDeviceOutputs]] = HostDeviceOutputs
    unset: ClassVar[Mapping[str, Json]] = {"enabled": False, "vGPUTypeName": ""}

    def wanted(self, inputs: VGpuDeviceInputs) -> Object:
        """Switched on, with the profile."""
        return {"enabled": True, "vGPUTypeName": inputs.profile}

    def says(self, inputs: VGpuDeviceInputs) -> str:
        """It gets its profile."""
        return f"set {self.ref(inputs)} up as {inputs.profile}"

    def reads(self, ref: Ref, inputs: VGpuDeviceInputs | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  both, always
        """The device, and itself as a PCI device."""
        return (ref, Ref(PCI_DEVICE, ref.name))

    def update(self, old: VGpuDeviceInputs, new: VGpuDeviceInputs, seen: Snapshot) -> Plan:
        """Set it up; one that has another profile is switched off before."""
        found, plan = seen.get(self.ref(new)), super().update(old, new, seen)
        has = dig_str(found, "spec", "vGPUTypeName") if dig(found, "spec", "enabled") is True else ""
        if plan.replaces or has == new.profile:
            return plan
        left = sorted(dig_map(found, "status", "availableTypes"))
        if not has and new.profile not in left:
            why = f"{new.profile} is not left for it: there are {first_of(left) or 'none'}"
            return Plan(changes=(Change("profile", Effect.REFUSED, why),))
        off = self._off(new, has) if has else ()
        return replace(plan, steps=(*off, *plan.steps, *self.settle(new, seen)))

    def _off(self, new: VGpuDeviceInputs, has: str) -> tuple[Step, ...]:
        ref = self.ref(new)
        patch = Patch(ref, {"spec": {"enabled": False}}, says=f"take the profile {has} from {ref}")
        wait = Await(of=ref, until="without a profile", wants=(ref,), judge=Configured(ref, ""), seconds=new.seconds("update", _SECONDS))
        return patch, wait

    def settle(self, inputs: VGpuDeviceInputs, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  the wait looks for itself
        """Wait until it has its profile."""
        ref = self.ref(inputs)
        judge, seconds = Configured(ref, inputs.profile), inputs.seconds("create", _SECONDS)
        return (Await(of=ref, until=f"set up as {inputs.profile}", wants=(ref,), judge=judge, seconds=seconds),)

    def observe(self, ref: Ref, prior: VGpuDeviceInputs | None, seen: Snapshot) -> VGpuDeviceInputs:
        """The profile as the cluster has it; none of one that is off."""
        on = dig(seen.get(ref), "spec", "enabled") is True
        return self.observed(ref, prior, seen.get(ref), {"profile": dig_str(seen.get(ref), "spec", "vGPUTypeName") if on else ""})

    def outputs(self, inputs: VGpuDeviceInputs, seen: Snapshot) -> Mapping[str, Json]:
        """Where it is, and how machines name it."""
        found, device = seen.get(self.ref(inputs)), seen.get(Ref(PCI_DEVICE, inputs.name))
        return HostDeviceOutputs(
            node=dig_str(found, "spec", "nodeName"),
            address=dig_str(found, "spec", "address"),
            device_name=dig_str(device, "status", "resourceName"),
        ).wire()


KIND = VGpuDevice()
