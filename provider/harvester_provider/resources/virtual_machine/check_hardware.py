"""Rules across the fields about hardware that need no cluster. Values that are not known yet break no rule.

Sources: KubeVirt's admission (vms-admitter.go validateLiveUpdateFeatures, vmi-create-admitter.go), pkg/liveupdate/memory/memory.go,
Harvester's validator (virtualmachine/validator.go).
"""

from collections.abc import Iterator

from harvester_provider.core.problem import Problem
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.virtual_machine import sizing
from harvester_provider.resources.virtual_machine.hardware import HotPlug
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs


def problems(inputs: VirtualMachineInputs) -> Iterator[Problem]:
    """Every broken rule, with the property path that Pulumi shows."""
    if is_known(inputs.hot_plug) and inputs.hot_plug is not None:
        yield from _room(inputs, inputs.hot_plug)


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
