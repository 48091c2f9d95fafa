"""GPUs that are divided, and their parts: what Harvester's PCI devices controller does on the node, without a driver.

A part is a VGPUDevice and a PCI device of one name. One that is switched on is claimed, and named by its profile. Profiles of parts of one
GPU do not depend on each other here. Upstream: harvester/pcidevices pkg/controller/gpudevice.
"""

import re
from collections.abc import Iterable, Mapping

from harvester_local.api.kinds import PCI_DEVICE, PCI_DEVICE_CLAIM, SRIOV_GPU_DEVICE, VGPU_DEVICE, Kind
from harvester_local.api.objects import Key, Obj, deleting, labels, owner_reference, part
from harvester_local.controllers.runtime import Context, Mapper, own_key

PROFILES = {"NVIDIA A2-2Q": "745", "NVIDIA A2-4Q": "746", "NVIDIA A2-8Q": "747"}
_PARTS = (4, 5)
"""Which functions of the card are virtual GPUs."""
_PARENT = "harvesterhci.io/parentSRIOVGPUDevice"


class SriovGpus:
    """The controller of GPUs."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """GPUs themselves, and their parts, of which one may be on its way out when it is wanted again."""
        return {SRIOV_GPU_DEVICE: own_key, VGPU_DEVICE: _gpu_of}

    async def reconcile(self, key: Key) -> float | None:
        """Divide it, or make it whole."""
        gpu = self._context.store.get(SRIOV_GPU_DEVICE, key)
        if gpu is None or deleting(gpu):
            return None
        names = [f"{key.name[:-1]}{function}" for function in _PARTS]
        divided = part(gpu, "spec").get("enabled") is True
        for name, function in zip(names, _PARTS, strict=True):
            if divided:
                await self._make(gpu, name, function)
            elif self._context.store.get(VGPU_DEVICE, Key("", name)):
                await self._context.api.delete(VGPU_DEVICE, Key("", name))
                await self._context.api.delete(PCI_DEVICE, Key("", name))
        if part(gpu, "status").get("vGPUDevices") != (names if divided else []):
            await self._context.api.patch_status(SRIOV_GPU_DEVICE, key, {"vGPUDevices": names if divided else []})
        return None

    async def _make(self, gpu: Obj, name: str, function: int) -> None:
        if self._context.store.get(VGPU_DEVICE, Key("", name)):
            return
        card, node = gpu["spec"]["address"], gpu["spec"]["nodeName"]
        address = f"{card[:-1]}{function}"
        meta = {"name": name, "labels": {_PARENT: gpu["metadata"]["name"]}}
        spec = {"address": address, "nodeName": node, "parentGPUDeviceAddress": card, "enabled": False, "vGPUTypeName": ""}
        status = {"address": address, "nodeName": node, "iommuGroup": f"{60 + function}", "resourceName": "nvidia.com/GA107GL_A2"}
        status |= {"vendorId": "10de", "deviceId": "25b6", "description": "NVIDIA A2"}
        await self._context.api.ensure(PCI_DEVICE, {"metadata": meta})
        await self._context.api.patch_status(PCI_DEVICE, Key("", name), status)
        await self._context.api.ensure(VGPU_DEVICE, {"metadata": meta, "spec": spec})
        await self._context.api.patch_status(VGPU_DEVICE, Key("", name), {"availableTypes": PROFILES})


class VirtualGpus:
    """The controller of the parts."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """The parts themselves."""
        return {VGPU_DEVICE: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """Set it up with its profile and claim it, or take both away."""
        device = self._context.store.get(VGPU_DEVICE, key)
        if device is None or deleting(device):
            return None
        spec, status = part(device, "spec"), part(device, "status")
        profile = spec.get("vGPUTypeName") or ""
        if spec.get("enabled") and not status.get("vGPUStatus") and profile in part(device, "status", "availableTypes"):
            await self._switch_on(key, device, profile)
        elif not spec.get("enabled") and status.get("vGPUStatus"):
            await self._context.api.delete(PCI_DEVICE_CLAIM, key)
            await self._say(key, {"vGPUStatus": "", "uuid": "", "configureVGPUTypeName": ""})
        return None

    async def _switch_on(self, key: Key, device: Obj, profile: str) -> None:
        name = re.sub(r"\s+|[/.]", "_", profile)
        await self._context.api.patch_status(PCI_DEVICE, key, {"resourceName": f"nvidia.com/{name}"})
        claim = {"address": device["spec"]["address"], "nodeName": device["spec"]["nodeName"], "userName": "admin"}
        meta = {"name": key.name, "ownerReferences": [owner_reference(device)]}
        await self._context.api.ensure(PCI_DEVICE_CLAIM, {"metadata": meta, "spec": claim})
        await self._say(key, {"vGPUStatus": "vGPUConfigured", "uuid": PROFILES[profile], "configureVGPUTypeName": profile})

    async def _say(self, key: Key, status: Obj) -> None:
        await self._context.api.patch_status(VGPU_DEVICE, key, status)


def _gpu_of(device: Obj) -> Iterable[Key]:
    parent = labels(device).get(_PARENT)
    return (Key("", parent),) if parent else ()
