"""What the pcidevices webhook writes into machines that have devices of their node, and what it refuses.

Upstream: harvester/pcidevices pkg/webhook/{vm,vm_validatation,pcideviceclaim,usbdeviceclaim,sriovgpudevices,vgpu}.go.
"""

from collections.abc import Iterable

from harvester_local.admission.review import CREATE, DELETE, Request, failed
from harvester_local.admission.world import World
from harvester_local.api.kinds import PCI_DEVICE, PCI_DEVICE_CLAIM, USB_DEVICE
from harvester_local.api.objects import Key, Obj, items, part
from harvester_local.model.machines import host_devices, template_spec


def mutate_host_devices(machine: Obj, world: World, *, created: bool) -> None:
    """GPUs become host devices; the claimed devices of a new machine bring the others of their IOMMU groups along."""
    devices = part(template_spec(machine), "domain", "devices")
    if gpus := items(devices, "gpus"):
        moved = [{"name": gpu["name"], "deviceName": gpu["deviceName"]} for gpu in gpus]
        devices["hostDevices"] = [*items(devices, "hostDevices"), *moved]
        devices["gpus"] = []
    if not created:
        return
    named = {entry["name"] for entry in items(devices, "hostDevices")}
    for sibling in _siblings(named, world):
        name = sibling["metadata"]["name"]
        devices["hostDevices"].append({"name": name, "deviceName": part(sibling, "status").get("resourceName", "")})


def _siblings(named: set[str], world: World) -> Iterable[Obj]:
    """Devices in one IOMMU group with a claimed one, which can only be passed through together."""
    claimed = [name for name in named if world.store.get(PCI_DEVICE_CLAIM, Key("", name))]
    groups = {_group(device) for name in claimed if (device := world.store.get(PCI_DEVICE, Key("", name)))}
    return [found for found in world.store.all(PCI_DEVICE) if _group(found) in groups and found["metadata"]["name"] not in named]


def _group(device: Obj) -> tuple[str, str]:
    status = part(device, "status")
    return str(status.get("nodeName")), str(status.get("iommuGroup"))


def validate_host_devices(request: Request, world: World) -> None:
    """Raise DeniedError for devices that no node has, or that different nodes have."""
    machine, nodes = request.new, set()
    resources = {part(device, "status").get("resourceName") for kind in (PCI_DEVICE, USB_DEVICE) for device in world.store.all(kind)}
    for entry in host_devices(template_spec(machine)):
        name, resource = entry["name"], entry.get("deviceName", "")
        if resource not in resources:
            raise failed(f"hostdevice {name}: resource name {resource} not found in pcidevice and usbdevice cache")
        key = Key("", name)
        if device := world.store.get(PCI_DEVICE, key) or world.store.get(USB_DEVICE, key):
            nodes.add(part(device, "status").get("nodeName"))
        if len(nodes) > 1:
            where = "VirtualMachine.Spec.Template.Spec.Domain.Devices.HostDevices"
            raise failed(f"device pcidevice/{name} is not on the same node in {where} {machine['metadata']['name']}")


def validate_device_claim(request: Request, world: World) -> None:
    """Raise DeniedError for a claim on what cannot be passed through, one that changes, or one that a machine needs."""
    name = request.key.name
    if request.operation == CREATE:
        device = world.store.get(PCI_DEVICE, Key("", name))
        if device is None:
            raise failed(f'pcidevices.devices.harvesterhci.io "{name}" not found')
        if not part(device, "status").get("iommuGroup"):
            raise failed(f"pcidevice {name} has no iommuGroup available")
    elif request.operation == DELETE:
        for machine in world.machines_with_device(name):
            meta = machine["metadata"]
            raise failed(f"pcideviceclaim {name} is already in use with vm {meta['name']} in namespace {meta['namespace']}")
    elif part(request.old, "spec") != part(request.new, "spec"):
        raise failed("pcideviceclaim spec is immutable")


def validate_usb_claim(request: Request, world: World) -> None:
    """Raise DeniedError for a claim that changes, or one that a machine needs."""
    name = request.key.name
    if request.operation == DELETE:
        for machine in world.machines_with_device(name):
            meta = machine["metadata"]
            raise failed(f"usbdeviceclaim {name} is still in use by vm {meta['name']}/{meta['namespace']}")
    elif part(request.old, "spec").get("userName") != part(request.new, "spec").get("userName"):
        raise failed(f"usbdeviceclaim {name} username is immutable")


def validate_gpu(request: Request, world: World) -> None:
    """Raise DeniedError where a GPU would be made whole of which a machine has a part."""
    if _switched_off(request):
        for name in items(request.new, "status", "vGPUDevices"):
            _check_unused(str(name), world)


def validate_vgpu(request: Request, world: World) -> None:
    """Raise DeniedError for a profile that is not left, or where a machine has the device that is switched off."""
    old, new, name = part(request.old, "spec"), part(request.new, "spec"), request.key.name
    if _switched_off(request):
        _check_unused(name, world)
    elif new.get("enabled") and not old.get("enabled"):
        profile = new.get("vGPUTypeName") or ""
        if not profile:
            raise failed(f"VGPUTypeName cannot be empty for vGPU device {name}")
        if profile not in part(request.old, "status", "availableTypes"):
            raise failed(f"VGPUTypeName {profile} is not a valid profile for vGPU device {name}")


def _switched_off(request: Request) -> bool:
    return bool(part(request.old, "spec").get("enabled")) and not part(request.new, "spec").get("enabled")


def _check_unused(name: str, world: World) -> None:
    for machine in world.machines_with_device(name):
        meta = machine["metadata"]
        raise failed(f"device {name} is in use with VM {meta['name']} in namespace {meta['namespace']}")
