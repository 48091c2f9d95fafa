"""What KubeVirt itself refuses about a VirtualMachine.

Upstream: pkg/virt-api/webhooks/validating-webhook/admitters. All problems of a request come in one answer, joined by
commas; only what a Harvester user can run into is checked.
"""

import re
from collections import Counter
from collections.abc import Iterator

from harvester_local.admission.names import label_problems
from harvester_local.admission.review import DeniedError, Request
from harvester_local.admission.virt_affinity import Problem, affinity_problems
from harvester_local.admission.virt_hardware import hardware_problems
from harvester_local.admission.world import World
from harvester_local.api.objects import Obj, part
from harvester_local.model.machines import disks, interfaces, networks, template_spec, volumes
from harvester_local.model.macs import is_mac

STRATEGIES = ("Always", "Halted", "Manual", "RerunOnFailure", "Once", "WaitAsReceiver")
EVICTIONS = ("None", "LiveMigrate", "LiveMigrateIfPossible", "External")
MODELS = ("e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139", "virtio")
STATES = ("", "absent", "up", "down")
INLINE_BYTES = 2048
_SERIAL, _LONGEST_SERIAL = re.compile(r"[A-Za-z0-9_.+-]+"), 256
_SPEC, _DEVICES = "spec.template.spec", "spec.template.spec.domain.devices"


def validate_virt_machine(request: Request, world: World) -> None:
    """Raise DeniedError with every problem of the machine's spec."""
    machine = request.new
    found = [*_strategy(machine), *_template(machine, world)]
    if found:
        causes = tuple({"reason": "FieldValueInvalid", "message": message, "field": field} for message, field in found)
        raise DeniedError(422, "Invalid", ", ".join(message for message, _ in found), causes)


def _strategy(machine: Obj) -> Iterator[Problem]:
    spec = part(machine, "spec")
    running, strategy = "running" in spec, spec.get("runStrategy")
    if running and strategy:
        yield (
            "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please use RunStrategy instead",
            "spec.running",
        )
    elif not running and not strategy:
        yield "RunStrategy must be specified", "spec.running"
    elif strategy and strategy not in STRATEGIES:
        yield f"Invalid RunStrategy ({strategy})", "spec.runStrategy"


def _template(machine: Obj, world: World) -> Iterator[Problem]:
    spec = template_spec(machine)
    if not spec:
        yield "missing virtual machine template.", "spec.template"
        return
    yield from _hostname(machine, spec)
    yield from _disks(spec, world)
    yield from _volumes(spec)
    yield from _interfaces(spec)
    yield from _domain(spec)
    yield from hardware_problems(spec)
    yield from affinity_problems(spec, _SPEC)
    eviction = spec.get("evictionStrategy")
    if eviction and eviction not in EVICTIONS:
        yield f"{_SPEC}.evictionStrategy is set with an unrecognized option: {eviction}", f"{_SPEC}.evictionStrategy"


def _hostname(machine: Obj, spec: Obj) -> Iterator[Problem]:
    hostname, field = spec.get("hostname") or "", f"{_SPEC}.hostname"
    if hostname and (found := label_problems(hostname)):
        yield f"{field} does not conform to the kubernetes DNS_LABEL rules : {', '.join(found)}", field
    elif not hostname and len(machine["metadata"].get("name", "")) > 63:
        yield "must be no more than 63 characters", "metadata.name"


def _disks(spec: Obj, world: World) -> Iterator[Problem]:
    known: set[str] = {v["name"] for v in volumes(spec)}
    orders: set[int | None] = set()
    names: dict[str, int] = {}
    for number, disk in enumerate(disks(spec)):
        field, name = f"{_DEVICES}.disks[{number}]", disk["name"]
        order = disk.get("bootOrder")
        if order is not None and order < 1:
            yield f"{field} must have a boot order > 0, if supplied", f"{field}.bootOrder"
        elif order is not None and order in orders:
            yield f"Boot order for {field}.bootOrder already set for a different device.", f"{field}.bootOrder"
        orders.add(order)
        if name in names:
            yield f"{field} and {_DEVICES}.disks[{names[name]}] must not have the same Name.", f"{field}.name"
        names.setdefault(name, number)
        kind = next((k for k in ("disk", "lun", "cdrom", "floppy") if k in disk), "disk")
        bus = part(disk, kind).get("bus")
        if bus == "ide":
            yield "IDE bus is not supported", f"{field}.{kind}.bus"
        elif kind == "cdrom" and bus == "virtio":
            yield f"Bus type {bus} is invalid for CD-ROM device", f"{field}.cdrom.bus"
        elif bus and bus not in {"virtio", "sata", "scsi", "usb"}:
            yield f"{field}.{kind}.bus is set with an unrecognized bus {bus}, must be one of: [virtio sata scsi usb]", f"{field}.{kind}.bus"
        yield from _serial(disk.get("serial") or "", field)
        if name not in known and not (kind == "cdrom" and world.rules.declarative_disk_hotplug):
            yield f"{field}.Name '{name}' not found.", f"{field}.name"


def _serial(serial: str, field: str) -> Iterator[Problem]:
    if serial and not _SERIAL.fullmatch(serial):
        yield f"{field} must be made up of the following characters [A-Za-z0-9_.+-], if specified", f"{field}.serial"
    if len(serial) > _LONGEST_SERIAL:
        yield f"{field} must be less than or equal to {_LONGEST_SERIAL} in length, if specified", f"{field}.serial"


def _volumes(spec: Obj) -> Iterator[Problem]:
    names: dict[str, int] = {}
    for number, volume in enumerate(volumes(spec)):
        field, name = f"{_SPEC}.volumes[{number}]", volume["name"]
        if name in names:
            yield f"{field} and {_SPEC}.volumes[{names[name]}] must not have the same Name.", f"{field}.name"
        names.setdefault(name, number)
        sources = [key for key, value in volume.items() if key != "name" and value is not None]
        if len(sources) != 1:
            yield f"{field} must have exactly one source type set", field
        for source in ("cloudInitNoCloud", "cloudInitConfigDrive"):
            yield from _cloud_init(volume, source, f"{field}.{source}")


def _cloud_init(volume: Obj, source: str, field: str) -> Iterator[Problem]:
    if source not in volume:
        return
    data = part(volume, source)
    given = [key for key in ("userData", "userDataBase64", "secretRef") if data.get(key)]
    if len(given) > 1:
        yield f"{field} must have only one userdata source set.", field
    if not given and not any(data.get(key) for key in ("networkData", "networkDataBase64", "networkDataSecretRef")):
        yield f"{field} must have at least one userdatasource or one networkdatasource set.", field
    for key, word, better in (("userData", "userdata", "UserDataSecretRef"), ("networkData", "networkdata", "NetworkDataSecretRef")):
        if len((data.get(key) or "").encode()) > INLINE_BYTES:
            yield f"{field} {word} exceeds {INLINE_BYTES} byte limit. Should use {better} for larger data.", field


def _interfaces(spec: Obj) -> Iterator[Problem]:
    nets, nics = {n["name"]: n for n in networks(spec)}, {n["name"] for n in interfaces(spec)}
    counts = Counter(n["name"] for n in interfaces(spec))
    for number, nic in enumerate(interfaces(spec)):
        field, name = f"{_DEVICES}.interfaces[{number}]", nic["name"]
        if name not in nets:
            yield f"{field}.name '{name}' not found.", f"{field}.name"
        elif counts[name] > 1:
            yield "Only one interface can be connected to one specific network", f"{field}.name"
        elif "masquerade" in nic and "pod" not in nets[name]:
            yield "Masquerade interface only implemented with pod network", f"{field}.name"
        mac, model, state = nic.get("macAddress"), nic.get("model"), nic.get("state") or ""
        if mac and not is_mac(mac):
            yield f"interface {field}.name has malformed MAC address ({mac}).", f"{field}.macAddress"
        if model and model not in MODELS:
            yield f"interface {field}.name uses model {model} that is not supported.", f"{field}.model"
        if state not in STATES:
            yield f'logical {name} interface state value is unsupported: "{state}"', f"{field}.state"
        elif state == "absent" and "bridge" not in nic and "sriov" not in nic:
            yield f'"{name}" interface\'s state "absent" is supported only for bridge binding', f"{field}.state"
    for number, network in enumerate(networks(spec)):
        if network["name"] not in nics:
            yield f"{_SPEC}.networks[{number}].name '{network['name']}' not found.", f"{_SPEC}.networks[{number}].name"
    if sum("pod" in n for n in networks(spec)) > 1:
        yield "more than one interface is connected to a pod network in fake.interfaces", "fake.interfaces"


def _domain(spec: Obj) -> Iterator[Problem]:
    domain = part(spec, "domain")
    kind = part(domain, "machine").get("type") or ""
    if kind and not re.fullmatch(r"(pc-)?q35.*", kind):
        yield f"{_SPEC}.domain.machine.type is not supported: {kind} (allowed values: [q35* pc-q35*])", f"{_SPEC}.domain.machine.type"
    efi = part(domain, "firmware", "bootloader").get("efi")
    smm = part(domain, "features").get("smm")
    if efi is not None and (efi or {}).get("secureBoot", True) and (smm is None or (smm or {}).get("enabled", True) is False):
        message = f"{_SPEC}.domain has EFI SecureBoot enabled. SecureBoot requires SMM, which is currently disabled."
        yield message, f"{_SPEC}.domain.features"
