"""CPUs and memory between the inputs and the machine: fixed, or with room for more that is plugged in while the guest runs.

A fixed machine has cores and limits, and Harvester derives the rest. One with room has a socket for each CPU, its memory as the
guest's, the most of both as limits, and Harvester's annotation (upstream virtualmachine/mutator.go, SupportCPUAndMemoryHotplug).
"""

from harvester_provider.core.json import Json, Object, dig, dig_int, dig_map
from harvester_provider.core.quantity import Quantity
from harvester_provider.resources.virtual_machine import words
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.hardware import HotPlug
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.words import DOMAIN

LEAST = Quantity("1Gi")
"""The least memory of a guest that more can be plugged into."""
BLOCK = 2 * 2**20
"""Memory is plugged in whole blocks of so many bytes."""
_TOPOLOGY = ("cores", "sockets", "threads")


def domain(inputs: VirtualMachineInputs) -> dict[str, Json]:
    """The parts of a new machine's `domain` that are about its size."""
    room = inputs.hot_plug
    if room is None:
        limits = {"cpu": str(inputs.cpu), "memory": inputs.memory.text}
        return {"cpu": {"cores": inputs.cpu, "sockets": 1, "threads": 1}, "resources": {"limits": limits}}
    return {
        "cpu": {"cores": 1, "sockets": inputs.cpu, "threads": 1, "maxSockets": room.max_cpu},
        "memory": {"guest": inputs.memory.text, "maxGuest": room.max_memory.text},
        "resources": {"limits": {"cpu": str(room.max_cpu), "memory": room.max_memory.text}},
    }


def annotations(inputs: VirtualMachineInputs) -> dict[str, str]:
    """The annotation of a machine with room."""
    return {words.HOTPLUG: "true"} if inputs.hot_plug else {}


def set_cpu(draft: Draft, old: VirtualMachineInputs, new: VirtualMachineInputs, live: Live) -> None:
    """Sockets where the machine has room, cores otherwise."""
    if takes_sockets(live) and (new.hot_plug or not old.hot_plug):
        draft.put(new.cpu, *DOMAIN, "cpu", "sockets")
        return
    if new.hot_plug is None:
        draft.merge({"cores": new.cpu, "sockets": 1, "threads": 1}, *DOMAIN, "cpu")
        draft.put(str(new.cpu), *DOMAIN, "resources", "limits", "cpu")


def set_memory(draft: Draft, old: VirtualMachineInputs, new: VirtualMachineInputs, live: Live) -> None:
    """The guest's memory where the machine has room; otherwise the limit, from which the webhook derives the rest."""
    if has_room(live) and (new.hot_plug or not old.hot_plug):
        _put_quantity(draft, new.memory, *DOMAIN, "memory", "guest")
    elif new.hot_plug is None:
        _put_quantity(draft, new.memory, *DOMAIN, "resources", "limits", "memory")


def set_room(draft: Draft, _: VirtualMachineInputs, new: VirtualMachineInputs, __: Live) -> None:
    """Make room, another room, or none: the whole size anew."""
    room, wanted = new.hot_plug, domain(new)
    draft.merge({"maxSockets": 1, **dig_map(wanted, "cpu")}, *DOMAIN, "cpu")
    draft.put("true", "metadata", "annotations", words.HOTPLUG) if room else draft.drop("metadata", "annotations", words.HOTPLUG)
    if room:
        _put_quantity(draft, room.max_memory, *DOMAIN, "memory", "maxGuest")
    else:
        draft.drop(*DOMAIN, "memory", "maxGuest")
    _put_quantity(draft, new.memory, *DOMAIN, "memory", "guest")
    draft.put(str(room.max_cpu if room else new.cpu), *DOMAIN, "resources", "limits", "cpu")
    _put_quantity(draft, room.max_memory if room else new.memory, *DOMAIN, "resources", "limits", "memory")


def _put_quantity(draft: Draft, wanted: Quantity, *path: str) -> None:
    """Nothing is written where the same number is there in another notation."""
    if quantity(draft.get(*path)) != wanted:
        draft.put(wanted.text, *path)


def has_room(live: Live) -> bool:
    """Whether the machine is made for CPUs and memory that are plugged in."""
    return live.annotations.get(words.HOTPLUG, "").lower() == "true"


def takes_sockets(live: Live) -> bool:
    """Whether another number of CPUs is another number of sockets, which can be plugged in; others can have made it otherwise."""
    topology = dig_map(live.domain, "cpu")
    return has_room(live) and dig_int(topology, "cores", default=1) * dig_int(topology, "threads", default=1) == 1


def pluggable(memory: Quantity) -> bool:
    """Whether memory of this size can be plugged into a guest (KubeVirt pkg/liveupdate/memory/memory.go)."""
    return memory >= LEAST and memory.value % BLOCK == 0


def cpu_of(live: Live) -> int:
    """Cores times sockets times threads; the limit where the topology is left to the cluster. Zero where nothing says."""
    topology = dig_map(live.domain, "cpu")
    if any(name in topology for name in _TOPOLOGY):
        return cpus(topology)
    limit = quantity(dig(live.domain, "resources", "limits", "cpu"))
    return int(limit) if limit else 0


def cpus(topology: Object) -> int:
    """The number of CPUs of a topology."""
    cores, sockets, threads = (dig_int(topology, name, default=1) for name in _TOPOLOGY)
    return cores * sockets * threads


def memory_of(live: Live, prior: VirtualMachineInputs | None) -> Quantity:
    """The limit, or what the guest has on machines with room."""
    limit, guest = quantity(dig(live.domain, "resources", "limits", "memory")), quantity(dig(live.domain, "memory", "guest"))
    found = (guest or limit) if has_room(live) else (limit or guest)
    before = prior.memory if prior else Quantity("0")
    return before if found is None or found == before else found


def room_of(live: Live, prior: VirtualMachineInputs | None) -> HotPlug | None:
    """The room for more. On a machine whose room is not declared it is left alone."""
    if not has_room(live) or (prior is not None and prior.hot_plug is None):
        return None
    limits = dig_map(live.domain, "resources", "limits")
    most = quantity(dig(live.domain, "memory", "maxGuest")) or quantity(limits.get("memory")) or Quantity("0")
    declared = prior.hot_plug.max_memory if prior and prior.hot_plug else most
    limit = quantity(limits.get("cpu"))
    max_cpu = dig_int(live.domain, "cpu", "maxSockets", default=int(limit) if limit else 0)
    return HotPlug.model_construct(max_cpu=max_cpu, max_memory=declared if declared == most else most)


def quantity(value: object) -> Quantity | None:
    """The quantity, or None for what is none."""
    try:
        return Quantity(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except ValueError:
        return None
