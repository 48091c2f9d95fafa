"""SriovGpuDevice: a GPU that is divided into virtual ones. Each is a VGpuDevice, which gets a profile of its own.

It cannot be switched off while a machine has one of them. Needs the addon nvidia-driver-toolkit, too. Upstream: harvester/pcidevices
pkg/webhook/sriovgpudevices.go and pkg/controller/gpudevice/gpu_controller.go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from harvester_provider.core.json import Json, Object, dig, dig_list, dig_str
from harvester_provider.core.plan import Await, Step
from harvester_provider.core.ref import Api, Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.apis import SRIOV_GPU_DEVICE, VGPU_DEVICE
from harvester_provider.resources.found_device import FoundDevice
from harvester_provider.resources.model import Outputs, ResourceInputs

_SECONDS = 300.0
PARTS = Listing(VGPU_DEVICE)
"""All virtual GPUs."""


class SriovGpuDeviceInputs(ResourceInputs):
    """A GPU that is divided, by the name Harvester gives it, for example `node1-000008000`."""

    enabled: bool = True
    """Whether it is divided."""


class SriovGpuDeviceOutputs(Outputs):
    """What is known of a divided GPU."""

    node: str = ""
    """The node it is in."""
    vgpu_devices: list[str] = []
    """Names of its virtual GPUs, for VGpuDevice."""


@dataclass(frozen=True, slots=True)
class Divided:
    """Judges whether the virtual GPUs are there."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where each that the GPU names is there."""
        named = _names(seen.get(self.ref))
        there = {dig_str(part, "metadata", "name") for part in seen.listed(PARTS)}
        return Ready() if named and there.issuperset(named) else Waiting("its node divides it: the driver may still have to be installed")


def _names(found: Object) -> list[str]:
    return [str(name) for name in dig_list(found, "status", "vGPUDevices")]


class SriovGpuDevice(FoundDevice[SriovGpuDeviceInputs]):
    """The kind `SriovGpuDevice`."""

    name: ClassVar[str] = "SriovGpuDevice"
    api: ClassVar[Api] = SRIOV_GPU_DEVICE
    inputs: ClassVar[type[SriovGpuDeviceInputs]] = SriovGpuDeviceInputs
    outputs_model: ClassVar[type[SriovGpuDeviceOutputs]] = SriovGpuDeviceOutputs
    unset: ClassVar[Mapping[str, Json]] = {"enabled": False}

    def wanted(self, inputs: SriovGpuDeviceInputs) -> Object:
        """The switch."""
        return {"enabled": inputs.enabled}

    def says(self, inputs: SriovGpuDeviceInputs) -> str:
        """It is divided, or whole again."""
        return f"divide {self.ref(inputs)} into virtual GPUs" if inputs.enabled else f"make {self.ref(inputs)} whole again"

    def settle(self, inputs: SriovGpuDeviceInputs, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  the wait looks for itself
        """Wait until its virtual GPUs are there."""
        ref = self.ref(inputs)
        seconds = inputs.seconds("create", _SECONDS)
        return (Await(of=ref, until="divided", wants=(ref, PARTS), judge=Divided(ref), seconds=seconds),) if inputs.enabled else ()

    def observe(self, ref: Ref, prior: SriovGpuDeviceInputs | None, seen: Snapshot) -> SriovGpuDeviceInputs:
        """The switch as the cluster has it."""
        return self.observed(ref, prior, seen.get(ref), {"enabled": dig(seen.get(ref), "spec", "enabled") is True})

    def outputs(self, inputs: SriovGpuDeviceInputs, seen: Snapshot) -> Mapping[str, Json]:
        """Where it is, and what it is divided into."""
        found = seen.get(self.ref(inputs))
        return SriovGpuDeviceOutputs(node=dig_str(found, "spec", "nodeName"), vgpu_devices=_names(found)).wire()


KIND = SriovGpuDevice()
