"""What Harvester's mutator, and KubeVirt's defaults after it, write into a VirtualMachine.

Upstream: pkg/webhook/resources/virtualmachine/mutator.go in Harvester, pkg/defaults in KubeVirt. Nothing is refused
here but what upstream's mutator cannot compute.
"""

import copy
import json
import uuid
from decimal import Decimal

from harvester_local.admission.host_devices import mutate_host_devices
from harvester_local.admission.review import BrokenPatchError, Request, failed
from harvester_local.admission.world import World
from harvester_local.api.objects import Key, Obj, annotations, items, labels, part
from harvester_local.api.quantities import binary, decimal, parse
from harvester_local.model.machines import HOTPLUG, MAC_ADDRESSES, RESERVED_MEMORY, RUN_STRATEGY, interfaces, networks, template_spec
from harvester_local.model.macs import generate_mac
from harvester_local.model.networks import CLUSTER_NETWORK_LABEL, PREFIX

_MEBIBYTE = 1 << 20
_LEAST_GUEST = 10 * _MEBIBYTE
_QEMU = 100 * _MEBIBYTE
_CPU_MANAGER = "cpumanager"


def mutate_machine(request: Request, world: World) -> Obj:
    """The machine as it is to be stored. Raises DeniedError or BrokenPatchError."""
    machine = copy.deepcopy(request.new)
    spec = template_spec(machine)
    if not spec or machine["metadata"].get("deletionTimestamp"):
        return machine
    if request.created or _resources_changed(request.old, machine):
        _resources(machine, spec, world)
    if world.rules.defaults_cpu:
        cpu = spec.setdefault("domain", {}).setdefault("cpu", {})
        for name in ("cores", "sockets", "threads"):
            cpu[name] = cpu.get(name) or 1
    if not request.created:
        _run_strategy(request.old, machine)
    spec["affinity"] = _affinity(machine, spec, world)
    if spec.get("terminationGracePeriodSeconds") is None:
        spec["terminationGracePeriodSeconds"] = int(world.setting("default-vm-termination-grace-period-seconds") or 120)
    if world.rules.generates_macs:
        _mac_addresses(machine, spec)
    mutate_host_devices(machine, world, created=request.created)
    _virt_defaults(machine, spec, world)
    return machine


def _run_strategy(old: Obj, machine: Obj) -> None:
    """A start: whatever strategy was asked for, the annotation's is taken."""
    spec = machine["spec"]
    if "running" not in spec and part(old, "spec").get("runStrategy") == "Halted" and spec.get("runStrategy") != "Halted":
        spec["runStrategy"] = annotations(machine).get(RUN_STRATEGY) or "RerunOnFailure"


# Resources ----------------------------------------------------------------------------------------------------------


def _limits(machine: Obj) -> Obj:
    return part(template_spec(machine), "domain", "resources", "limits")


def _resources_changed(old: Obj, new: Obj) -> bool:
    def differs(name: str) -> bool:
        after, before = _limits(new).get(name), _limits(old).get(name)
        return bool(after) and (not before or _quantity(after) != _quantity(before))

    def pinned(machine: Obj) -> bool:
        return bool(part(template_spec(machine), "domain", "cpu").get("dedicatedCpuPlacement"))

    reserved = annotations(old).get(RESERVED_MEMORY, "") != annotations(new).get(RESERVED_MEMORY, "")
    return differs("cpu") or differs("memory") or reserved or pinned(old) != pinned(new) or _has_devices(old) != _has_devices(new)


def _has_devices(machine: Obj) -> bool:
    devices = part(template_spec(machine), "domain", "devices")
    return bool(devices.get("hostDevices") or devices.get("gpus"))


def _resources(machine: Obj, spec: Obj, world: World) -> None:
    """Requests, guest memory and most sockets, from the limits and the overcommit setting."""
    limits, overcommit = _limits(machine), world.setting_json("overcommit-config")
    domain = spec["domain"]
    requests = part(domain, "resources", "requests")
    pinned = bool(part(domain, "cpu").get("dedicatedCpuPlacement"))
    cpu, memory = limits.get("cpu"), limits.get("memory")
    if cpu and _quantity(cpu):
        milli = int(_quantity(cpu) * 1000)
        requests["cpu"] = decimal(Decimal(milli if pinned else milli * 100 // int(overcommit.get("cpu", 1000))) / 1000)
    if memory and _quantity(memory):
        _guest_memory(machine, domain, memory, world)
        size = int(_quantity(memory)) * 100 // int(overcommit.get("memory", 150)) // _MEBIBYTE * _MEBIBYTE
        requests["memory"] = _like(memory, Decimal(size))
        if pinned:
            requests["memory"] = str(memory)
        elif _has_devices(machine):
            requests["memory"] = domain["memory"]["guest"]
        if not _hotplug(machine):
            if "cpu" not in domain:
                raise BrokenPatchError("/spec/template/spec/domain/cpu/maxSockets")
            domain["cpu"]["maxSockets"] = domain["cpu"].get("sockets") or 1
    if requests:
        domain["resources"]["requests"] = requests


def _guest_memory(machine: Obj, domain: Obj, limit: str, world: World) -> None:
    whole, reserved = _quantity(limit), Decimal(0)
    if asked := annotations(machine).get(RESERVED_MEMORY):
        reserved = _quantity(asked, f"annotation {asked} can't be converted to memory unit")
        if reserved >= whole:
            raise failed(f"reservedMemory can't be equal or greater than limits.memory  {int(reserved)} {int(whole)}")
    elif world.setting("additional-guest-memory-overhead-ratio") in {"", "0"}:
        reserved = Decimal(_QEMU)
    given = part(domain, "memory").get("guest") if _hotplug(machine) else None
    guest = (_quantity(given) if given else whole) - reserved
    if guest < _LEAST_GUEST:
        raise failed(f"guest memory is under the minimum requirement (10 Mi), original: {int(whole)}, final: {int(guest)}")
    if "memory" not in domain or not _hotplug(machine):
        domain.setdefault("memory", {})["guest"] = _like(limit, guest)


def _hotplug(machine: Obj) -> bool:
    return annotations(machine).get(HOTPLUG) == "true"


def _quantity(text: object, message: str = "") -> Decimal:
    try:
        return parse(str(text))
    except ValueError as error:
        raise failed(message or str(error)) from error


def _like(pattern: str, number: Decimal) -> str:
    """`number` of bytes in the family of suffixes that `pattern` uses."""
    return binary(number) if str(pattern).endswith("i") or str(pattern).isdigit() else decimal_bytes(number)


def decimal_bytes(number: Decimal) -> str:
    """Bytes with the largest decimal suffix that leaves a whole number."""
    value = int(number)
    for suffix, unit in (("E", 10**18), ("P", 10**15), ("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if value and value % unit == 0:
            return f"{value // unit}{suffix}"
    return str(value)


# Placement and addresses --------------------------------------------------------------------------------------------


def _affinity(machine: Obj, spec: Obj, world: World) -> Obj:
    """The user's affinity without what Harvester manages, and with what the machine's networks and pinning need."""
    affinity = copy.deepcopy(spec.get("affinity") or {})
    required = part(affinity, "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = [kept for term in items(required, "nodeSelectorTerms") if (kept := _own_terms(term))]
    for wanted in _requirements(machine, spec, world):
        if not terms:
            terms = [{"matchExpressions": [wanted]}]
            continue
        terms = [t if wanted in t["matchExpressions"] else {**t, "matchExpressions": [*t["matchExpressions"], wanted]} for t in terms]
    nodes = affinity.get("nodeAffinity") or {}
    nodes.pop("requiredDuringSchedulingIgnoredDuringExecution", None)
    if terms:
        nodes["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": terms}
    affinity.pop("nodeAffinity", None)
    return {**({"nodeAffinity": nodes} if nodes else {}), **affinity}


def _own_terms(term: Obj) -> Obj | None:
    kept = [e for e in items(term, "matchExpressions") if not e["key"].startswith(PREFIX) and e["key"] != _CPU_MANAGER]
    return {**term, "matchExpressions": kept} if kept else None


def _requirements(machine: Obj, spec: Obj, world: World) -> list[Obj]:
    found = []
    for network in networks(spec):
        name = part(network, "multus").get("networkName")
        if not name:
            continue
        key = Key.parse(name, machine["metadata"]["namespace"])
        nad = world.network(key)
        if nad is None:
            raise failed(f'network-attachment-definitions.k8s.cni.cncf.io "{key.name}" not found')
        if cluster_network := labels(nad).get(CLUSTER_NETWORK_LABEL):
            found.append({"key": f"{PREFIX}/{cluster_network}", "operator": "In", "values": ["true"]})
    if part(spec, "domain", "cpu").get("dedicatedCpuPlacement"):
        found.append({"key": _CPU_MANAGER, "operator": "In", "values": ["true"]})
    return found


def _mac_addresses(machine: Obj, spec: Obj) -> None:
    try:
        known = json.loads(annotations(machine).get(MAC_ADDRESSES) or "{}")
    except ValueError:
        known = {}
    for nic in interfaces(spec):
        if not nic.get("macAddress") and nic.get("name") not in known:
            nic["macAddress"] = generate_mac()


def mutate_virt_machine(request: Request, world: World) -> Obj:
    """What KubeVirt alone fills in, where there is no Harvester before it."""
    machine = copy.deepcopy(request.new)
    spec = template_spec(machine)
    if spec and not machine["metadata"].get("deletionTimestamp"):
        _virt_defaults(machine, spec, world)
    return machine


# KubeVirt -----------------------------------------------------------------------------------------------------------


def _virt_defaults(machine: Obj, spec: Obj, world: World) -> None:
    spec.setdefault("architecture", "amd64")
    domain = spec["domain"]
    kind = part(domain, "machine")
    domain["machine"] = {**kind, "type": kind.get("type") or "q35"}
    machine["spec"]["template"].setdefault("metadata", {}).setdefault("creationTimestamp", None)
    if world.rules.persists_firmware:
        firmware = domain.setdefault("firmware", {})
        firmware.setdefault("uuid", str(uuid.uuid4()))
        firmware.setdefault("serial", str(uuid.uuid4()))
