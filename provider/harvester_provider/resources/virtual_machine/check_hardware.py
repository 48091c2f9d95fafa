"""Rules across the fields about hardware that need no cluster. Values that are not known yet break no rule.

Sources: KubeVirt's admission (vms-admitter.go validateLiveUpdateFeatures, vmi-create-admitter.go), pkg/liveupdate/memory/memory.go,
Harvester's validator (virtualmachine/validator.go).
"""

from collections.abc import Iterator, Sequence

from harvester_provider.core.problem import Problem
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.virtual_machine import affinity, sizing, words
from harvester_provider.resources.virtual_machine.hardware import HotPlug
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.placement import LabelMatch, Toleration

_LEAST_GUEST = Quantity("10Mi")


def problems(inputs: VirtualMachineInputs) -> Iterator[Problem]:
    """Every broken rule, with the property path that Pulumi shows."""
    if is_known(inputs.hot_plug) and inputs.hot_plug is not None:
        yield from _room(inputs, inputs.hot_plug)
    yield from _needs_another(inputs)
    yield from _reserved(inputs)
    yield from _placement(inputs)
    yield from _devices(inputs)


def _room(inputs: VirtualMachineInputs, room: HotPlug) -> Iterator[Problem]:
    if is_known(inputs.cpu, room.max_cpu) and inputs.cpu > room.max_cpu:
        yield Problem("hotPlug.maxCpu", f"{room.max_cpu} is less than cpu, {inputs.cpu}: it is the most CPUs the guest can get")
    if is_known(inputs.memory, room.max_memory) and inputs.memory > room.max_memory:
        yield Problem("hotPlug.maxMemory", f"{room.max_memory} is less than memory, {inputs.memory}: it is the most the guest can get")
    if is_known(inputs.memory) and inputs.memory < sizing.LEAST:
        yield Problem("memory", f"{inputs.memory} is too little for hotPlug, which takes {sizing.LEAST} or more: leave hotPlug out")
    for path, size in {"memory": inputs.memory, "hotPlug.maxMemory": room.max_memory}.items():
        if is_known(size) and size.value % sizing.BLOCK:
            yield Problem(path, f"{size} is no multiple of 2Mi, as memory is that can be plugged in: write for example 4Gi")
    if is_known(inputs.cpu_pinning) and inputs.cpu_pinning:
        yield Problem("cpuPinning", "CPUs that are plugged in cannot be pinned, and the cluster refuses both: leave hotPlug out")
    if is_known(inputs.reserved_memory) and inputs.reserved_memory is not None:
        yield Problem("reservedMemory", "it has no effect beside hotPlug, where memory is what the guest has: leave it out")


def _needs_another(inputs: VirtualMachineInputs) -> Iterator[Problem]:
    """Switches that say nothing, or are refused, without another one."""
    pairs = {
        "isolateEmulatorThread": ("cpuPinning", inputs.isolate_emulator_thread, inputs.cpu_pinning),
        "persistentEfi": ("efi", inputs.persistent_efi, inputs.efi),
        "persistentTpm": ("tpm", inputs.persistent_tpm, inputs.tpm),
    }
    for path, (other, given, needed) in pairs.items():
        if is_known(given, needed) and given and not needed:
            yield Problem(path, f"it needs {other}: set {other} as well")


def _reserved(inputs: VirtualMachineInputs) -> Iterator[Problem]:
    """Harvester takes it from the limit, and leaves the guest 10Mi at least (virtualmachine/mutator.go, generateMemoryPatch)."""
    reserved = inputs.reserved_memory
    if not is_known(reserved, inputs.memory) or reserved is None:
        return
    if reserved.value < 0:
        yield Problem("reservedMemory", f"{reserved} is less than nothing: write for example 512Mi")
    elif inputs.memory.value - reserved.value < _LEAST_GUEST.value:
        yield Problem("reservedMemory", f"of {inputs.memory} it leaves the guest less than {_LEAST_GUEST}: reserve less, or raise memory")


def _placement(inputs: VirtualMachineInputs) -> Iterator[Problem]:
    """What Kubernetes and Harvester take of affinities and tolerations (KubeVirt validateSpecAffinity; mutator.go patchAffinity)."""
    nodes = inputs.node_affinity if is_known(inputs.node_affinity) else []
    for number, term in enumerate(nodes):
        path = f"nodeAffinity[{number}].match"
        yield from _matches(path, term.match)
        for place, each in enumerate(term.match if is_known(term.match) else ()):
            if is_known(each.key, term.weight) and affinity.is_managed(each.key) and term.weight is None:
                yield Problem(f"{path}[{place}].key", f"{each.key} is Harvester's own label, which it writes itself: leave it out")
    for name, terms in {"vmAffinity": inputs.vm_affinity, "vmAntiAffinity": inputs.vm_anti_affinity}.items():
        for number, machines in enumerate(terms if is_known(terms) else ()):
            yield from _matches(f"{name}[{number}].match", machines.match, of_nodes=False)
            if is_known(machines.match, machines.match_labels) and not machines.match and not machines.match_labels:
                yield Problem(f"{name}[{number}]", "it would mean every machine: give matchLabels or match")
    for number, toleration in enumerate(inputs.tolerations if is_known(inputs.tolerations) else ()):
        yield from _toleration(f"tolerations[{number}]", toleration)


def _matches(path: str, matches: Sequence[LabelMatch], *, of_nodes: bool = True) -> Iterator[Problem]:
    for number, each in enumerate(matches if is_known(matches) else ()):
        if not is_known(each.operator, each.values):
            continue
        where = f"{path}[{number}]"
        if each.operator in ("Exists", "DoesNotExist") and each.values:
            yield Problem(f"{where}.values", f"{each.operator} asks for no value: leave values out, or use In")
        if each.operator in ("In", "NotIn") and not each.values:
            yield Problem(f"{where}.values", f"{each.operator} needs a value at least")
        if each.operator in ("Gt", "Lt") and not of_nodes:
            yield Problem(f"{where}.operator", f"{each.operator} is for labels of nodes only: use In")
        elif each.operator in ("Gt", "Lt") and (len(each.values) != 1 or not each.values[0].lstrip("-").isdigit()):
            yield Problem(f"{where}.values", f"{each.operator} compares with one whole number")


def _toleration(path: str, each: Toleration) -> Iterator[Problem]:
    if not is_known(each.key, each.operator, each.value, each.effect, each.toleration_seconds):
        return
    if each.operator == "Exists" and each.value:
        yield Problem(f"{path}.value", "Exists asks for no value: leave value out, or use Equal")
    if each.operator == "Equal" and not each.key:
        yield Problem(f"{path}.key", "missing: name the taint, or use Exists for every taint")
    if each.toleration_seconds is not None and each.effect != "NoExecute":
        yield Problem(f"{path}.tolerationSeconds", "only the effect NoExecute is borne for a time: set effect to NoExecute")


def _devices(inputs: VirtualMachineInputs) -> Iterator[Problem]:
    names: dict[str, int] = {}
    for number, device in enumerate(inputs.host_devices if is_known(inputs.host_devices) else ()):
        if is_known(device.name) and device.name in names:
            yield Problem(f"hostDevices[{number}].name", f"{device.name!r} is hostDevices[{names[device.name]}] already: give each once")
        if is_known(device.name):
            names.setdefault(device.name, number)
    for number, feature in enumerate(inputs.hyperv if is_known(inputs.hyperv) else ()):
        if feature in inputs.hyperv[:number]:
            yield Problem(f"hyperv[{number}]", f"{feature!r} is there already: give each once")
    yield from _one_of_two(inputs)
    if is_known(inputs.labels) and words.MAINTENANCE_MODE in inputs.labels:
        yield Problem(f"labels[{words.MAINTENANCE_MODE}]", "it has an input of its own: set maintenanceModeStrategy")


def _one_of_two(inputs: VirtualMachineInputs) -> Iterator[Problem]:
    clock = inputs.clock if is_known(inputs.clock) else None
    if clock is not None and is_known(clock.timezone, clock.utc_offset_seconds) and clock.timezone and clock.utc_offset_seconds is not None:
        yield Problem("clock.utcOffsetSeconds", "the clock runs in timezone, or so far from UTC: give one of them")
    if clock is not None and is_known(clock.timers) and not clock.wire():
        yield Problem("clock", "it is empty: give timezone, utcOffsetSeconds or timers, or leave clock out")
    answers = inputs.sysprep if is_known(inputs.sysprep) else None
    if answers is not None and is_known(answers.autounattend, answers.unattend, answers.secret_name, answers.config_map_name):
        given = [bool(answers.autounattend or answers.unattend), bool(answers.secret_name), bool(answers.config_map_name)]
        if sum(given) != 1:
            yield Problem("sysprep", "give the texts (autounattend, unattend), secretName or configMapName: one of the three")
