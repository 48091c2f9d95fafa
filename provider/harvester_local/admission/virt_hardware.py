"""What KubeVirt refuses about CPUs, memory and devices of a machine.

Upstream: pkg/virt-api/webhooks/validating-webhook/admitters (vmi-create-admitter.go, vms-admitter.go) and
pkg/liveupdate/memory/memory.go. Called by the validator of machines, which answers with all problems at once.
"""

from collections.abc import Iterator

from harvester_local.admission.virt_affinity import Problem
from harvester_local.api.objects import Obj, items, part
from harvester_local.model.machines import amount, not_pluggable

_SPEC = "spec.template.spec"
_DOMAIN = f"{_SPEC}.domain"


def hardware_problems(spec: Obj) -> Iterator[Problem]:
    """The problems of an instance spec, in the order of upstream's checks."""
    devices = part(spec, "domain", "devices")
    yield from _inputs(devices)
    yield from _pinning(spec)
    yield from _sound(devices)
    yield from _room(spec)


def _inputs(devices: Obj) -> Iterator[Problem]:
    for number, device in enumerate(items(devices, "inputs")):
        field = f"{_DOMAIN}.devices.inputs[{number}]"
        if device.get("bus") not in (None, "", "usb", "virtio"):
            yield "Input device can have only virtio or usb bus.", f"{field}.bus"
        if device.get("type") != "tablet":
            yield "Input device can have only tablet type.", f"{field}.type"


def _pinning(spec: Obj) -> Iterator[Problem]:
    cpu = part(spec, "domain", "cpu")
    if not cpu.get("dedicatedCpuPlacement"):
        if cpu.get("isolateEmulatorThread"):
            message = "IsolateEmulatorThread should be only set in combination with DedicatedCPUPlacement"
            yield message, f"{_DOMAIN}.cpu.isolateEmulatorThread"
        return
    resources, field = part(spec, "domain", "resources"), f"{_DOMAIN}.cpu.dedicatedCpuPlacement"
    names = f"{_DOMAIN}.resources.requests.cpu or {_DOMAIN}.resources.limits.cpu"
    requested, most = amount(resources, "requests", "cpu"), amount(resources, "limits", "cpu")
    cpus = (cpu.get("cores") or 1) * (cpu.get("sockets") or 1) * (cpu.get("threads") or 1)
    if requested and most and requested != most:
        yield f"{names} must be equal when DedicatedCPUPlacement is true ", field
    if (requested or most) and cpus not in (requested, most):
        yield f"{names} must not be provided at the same time with {_DOMAIN}.cpu.cores when DedicatedCPUPlacement is true ", field


def _sound(devices: Obj) -> Iterator[Problem]:
    sound = part(devices, "sound")
    if not sound:
        return
    if sound.get("model") not in (None, "", "ich9", "ac97"):
        yield "Sound device type is not supported. Options: 'ich9' or 'ac97'", f"{_SPEC}.Sound"
    if not sound.get("name"):
        yield "Sound device requires a name field.", f"{_SPEC}.Sound"


def _room(spec: Obj) -> Iterator[Problem]:
    """What is asked for, and what can be plugged in beyond it."""
    cpu = part(spec, "domain", "cpu")
    if cpu.get("sockets") and cpu.get("maxSockets") and cpu["sockets"] > cpu["maxSockets"]:
        yield "Number of sockets in CPU topology is greater than the maximum sockets allowed", f"{_DOMAIN}.cpu.sockets"
    guest, most = amount(spec, "domain", "memory", "guest"), amount(spec, "domain", "memory", "maxGuest")
    if most is None:
        return
    if message := not_pluggable(guest, most, spec):
        yield message, f"{_DOMAIN}.memory.guest"
