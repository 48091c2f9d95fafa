"""What KubeVirt refuses about CPUs, memory, devices and affinity of a machine.

Upstream: pkg/virt-api/webhooks/validating-webhook/admitters (vmi-create-admitter.go, vms-admitter.go) and
pkg/liveupdate/memory/memory.go. Called by the validator of machines, which answers with all problems at once.
"""

from collections.abc import Iterator

from harvester_local.api.objects import Obj, items, part
from harvester_local.model.machines import amount, not_pluggable

_SPEC = "spec.template.spec"
_DOMAIN = f"{_SPEC}.domain"
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_REQUIRED, _PREFERRED = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"

Problem = tuple[str, str]
"""Message and field."""


def hardware_problems(spec: Obj) -> Iterator[Problem]:
    """The problems of an instance spec, in the order of upstream's checks."""
    devices = part(spec, "domain", "devices")
    yield from _inputs(devices)
    yield from _pinning(spec)
    yield from _sound(devices)
    yield from _room(spec)
    yield from _affinity(spec)


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


def _affinity(spec: Obj) -> Iterator[Problem]:
    """The shapes that Kubernetes' own validation refuses, in its words."""
    nodes, field = part(spec, "affinity", "nodeAffinity"), f"{_SPEC}.affinity.nodeAffinity"
    terms = [(f"{field}.{_REQUIRED}.nodeSelectorTerms[{n}]", term) for n, term in enumerate(items(nodes, _REQUIRED, "nodeSelectorTerms"))]
    terms += [(f"{field}.{_PREFERRED}[{n}].preference", part(term, "preference")) for n, term in enumerate(items(nodes, _PREFERRED))]
    for where, term in terms:
        for number, expression in enumerate(items(term, "matchExpressions")):
            yield from _expression(f"{where}.matchExpressions[{number}]", expression)
    for kind in ("podAffinity", "podAntiAffinity"):
        for number, term in enumerate(items(spec, "affinity", kind, _REQUIRED)):
            if not term.get("topologyKey"):
                where = f"{_SPEC}.affinity.{kind}.{_REQUIRED}[{number}].topologyKey"
                yield f"{where}: Required value: can not be empty", where


def _expression(where: str, expression: Obj) -> Iterator[Problem]:
    operator, values = expression.get("operator"), expression.get("values") or []
    if operator not in _OPERATORS:
        yield f'{where}.operator: Invalid value: "{operator}": not a valid selector operator', f"{where}.operator"
    elif operator in ("In", "NotIn") and not values:
        yield f"{where}.values: Required value: must be specified when `operator` is 'In' or 'NotIn'", f"{where}.values"
    elif operator in ("Exists", "DoesNotExist") and values:
        yield f"{where}.values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'", f"{where}.values"
    elif operator in ("Gt", "Lt") and len(values) != 1:
        message = f"{where}.values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'"
        yield message, f"{where}.values"
