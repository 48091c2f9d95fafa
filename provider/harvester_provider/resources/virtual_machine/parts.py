"""The inputs that have one place in the machine each: how they are written there, and read back. New machines, edits and observations
all go through this one table.

What a machine has and nobody declared is left alone: only declared values are written, compared and taken away.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from harvester_provider.core.json import Json, Object, dig, dig_map, dig_str
from harvester_provider.core.quantity import Quantity
from harvester_provider.resources.virtual_machine import affinity, devices_of_host, sysprep, words
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.hardware import Clock, HyperV, Timers
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.words import DEVICES, DOMAIN, SPEC

Write = Callable[[VirtualMachineInputs], Mapping[str, Json]]
Act = Callable[[Draft, VirtualMachineInputs | None, VirtualMachineInputs], None]
"""Bring a machine from the old inputs, None for a new one, to the new ones."""
SPINLOCK_RETRIES: Final = 8191
"""Attempts before a guest yields its CPU, as Windows on Hyper-V is set up by libvirt's users."""
_EMPTIED = ((*DOMAIN, "clock", "timer"), (*DOMAIN, "clock"), (*DOMAIN, "features", "hyperv"))
"""Mappings that go with their last member."""


@dataclass(frozen=True, slots=True)
class Part:
    """One input. `definite` marks one whose default says something: not declared, it is off, and drift where it is on.

    `keyed` marks a list by name, beside whose declared entries others have entries of their own.
    """

    name: str
    act: Act
    read: Callable[[Live], object]
    definite: bool = False
    keyed: bool = False


def _at(path: tuple[str, ...], write: Write) -> Act:
    """Members of a mapping of the machine; None for those that are not to be there."""

    def act(draft: Draft, _: VirtualMachineInputs | None, new: VirtualMachineInputs) -> None:
        _merge(draft, write(new), path)
        for emptied in _EMPTIED:
            if draft.get(*emptied) == {}:
                draft.drop(*emptied)

    return act


def _merge(draft: Draft, values: Mapping[str, Json], path: tuple[str, ...]) -> None:
    """A merge, all the way down. An empty mapping only has to be there."""
    for key, value in values.items():
        if value is None:
            draft.drop(*path, key)
        elif not isinstance(value, Mapping):
            draft.put(value, *path, key)
        elif value:
            _merge(draft, value, (*path, key))
        elif not isinstance(draft.get(*path, key), Mapping):
            draft.put({}, *path, key)


def _cpu_flag(name: str, key: str) -> Part:
    """A switch of the CPUs; off is not written."""
    return Part(
        name,
        _at((*DOMAIN, "cpu"), lambda new: {key: True if getattr(new, name) else None}),
        lambda live: dig(live.domain, "cpu", key) is True,
        definite=True,
    )


def _text(*path: str) -> Callable[[Live], object]:
    return lambda live: dig_str(live.spec, *path) or None


def _clock(inputs: VirtualMachineInputs) -> dict[str, Json]:
    clock = inputs.clock
    timers = clock.timers if clock else Timers()
    ticks: dict[str, Json] = {
        name: {"tickPolicy": policy} if policy else None for name, policy in (("pit", timers.pit), ("rtc", timers.rtc))
    }
    given = {"hpet": timers.hpet, "kvm": timers.kvm, "hyperv": timers.hyperv}
    timer = ticks | {name: None if present is None else {"present": present} for name, present in given.items()}
    offset: Object = {} if clock is None or clock.utc_offset_seconds is None else {"offsetSeconds": clock.utc_offset_seconds}
    in_utc = clock is not None and not clock.timezone
    return {"timezone": clock.timezone if clock else None, "utc": offset if in_utc else None, "timer": timer}


def _clock_of(live: Live) -> Clock | None:
    found = dig_map(live.domain, "clock")
    if not found:
        return None
    timer = dig_map(found, "timer")
    present: dict[str, Any] = {name: _present(dig_map(timer, name)) if name in timer else None for name in ("hpet", "kvm", "hyperv")}
    ticks: dict[str, Any] = {name: dig_str(timer, name, "tickPolicy") or None for name in ("pit", "rtc")}
    offset = dig(found, "utc", "offsetSeconds")
    return Clock.model_construct(
        timezone=dig_str(found, "timezone") or None,
        utc_offset_seconds=offset if isinstance(offset, int) else None,
        timers=Timers.model_construct(**present, **ticks),
    )


def _present(timer: Object) -> bool:
    return timer.get("present") is not False


_FEATURES: Final[tuple[HyperV, ...]] = HyperV.__args__  # type: ignore[attr-defined]  # the members of a Literal


def _hyper_v(inputs: VirtualMachineInputs) -> dict[str, Json]:
    more: dict[str, dict[str, Json]] = {"spinlocks": {"spinlocks": SPINLOCK_RETRIES}, "synictimer": {"direct": {"enabled": True}}}
    on: dict[str, Json] = {name: {"enabled": True, **more.get(name, {})} for name in inputs.hyperv}
    return {"hyperv": {name: on.get(name) for name in _FEATURES}}


def _hyper_v_of(live: Live) -> list[HyperV]:
    found = dig_map(live.domain, "features", "hyperv")
    return [name for name in _FEATURES if name in found and dig(found, name, "enabled") is not False]


def _reserve(inputs: VirtualMachineInputs) -> dict[str, Json]:
    return {words.RESERVED_MEMORY: inputs.reserved_memory.text if inputs.reserved_memory else None}


def _reserved(live: Live) -> Quantity | None:
    text = live.annotations.get(words.RESERVED_MEMORY, "")
    try:
        return Quantity(text) if text else None
    except ValueError:
        return None


def _maintenance(inputs: VirtualMachineInputs) -> dict[str, Json]:
    return {words.MAINTENANCE_MODE: inputs.maintenance_mode_strategy}


def _tolerations(inputs: VirtualMachineInputs) -> dict[str, Json]:
    return {"tolerations": affinity.tolerations(inputs.tolerations) or None}


def _watchdog_of(live: Live) -> str | None:
    found = dig_map(live.domain, "devices", "watchdog")
    return (dig_str(found, "i6300esb", "action") or "reset") if found else None


def _sound_of(live: Live) -> str | None:
    found = dig_map(live.domain, "devices", "sound")
    return (dig_str(found, "model") or "ich9") if found else None


def _named(key: str, value: Json, shape: Object) -> Mapping[str, Json]:
    """A device there is one of at most."""
    return {key: {"name": key, **shape} if value else None}


def _machines(name: str, where: str) -> Part:
    return Part(
        name,
        lambda draft, _, new: affinity.set_machines(draft, where, getattr(new, name)),
        lambda live: affinity.machines_of(live.spec, where),
    )


PARTS: Final[tuple[Part, ...]] = (
    Part("cpu_model", _at((*DOMAIN, "cpu"), lambda new: {"model": new.cpu_model}), _text("domain", "cpu", "model")),
    _cpu_flag("cpu_pinning", "dedicatedCpuPlacement"),
    _cpu_flag("isolate_emulator_thread", "isolateEmulatorThread"),
    Part("reserved_memory", _at(("metadata", "annotations"), _reserve), _reserved),
    Part("maintenance_mode_strategy", _at(("metadata", "labels"), _maintenance), lambda live: live.labels.get(words.MAINTENANCE_MODE)),
    Part("priority_class", _at(SPEC, lambda new: {"priorityClassName": new.priority_class}), _text("priorityClassName")),
    Part("tolerations", _at(SPEC, _tolerations), lambda live: affinity.tolerations_of(live.spec)),
    Part("node_affinity", lambda draft, _, new: affinity.set_nodes(draft, new.node_affinity), lambda live: affinity.nodes_of(live.spec)),
    _machines("vm_affinity", "podAffinity"),
    _machines("vm_anti_affinity", "podAntiAffinity"),
    Part("host_devices", devices_of_host.act, devices_of_host.read, keyed=True),
    Part("tablet", devices_of_host.set_tablet, devices_of_host.tablet_of),
    Part("sound", _at(DEVICES, lambda new: _named("sound", new.sound, {"model": new.sound})), _sound_of),
    Part("watchdog", _at(DEVICES, lambda new: _named("watchdog", new.watchdog, {"i6300esb": {"action": new.watchdog}})), _watchdog_of),
    Part("rng", _at(DEVICES, lambda new: {"rng": {} if new.rng else None}), lambda live: "rng" in dig_map(live.domain, "devices")),
    Part("clock", _at((*DOMAIN, "clock"), _clock), _clock_of),
    Part("hyperv", _at((*DOMAIN, "features"), _hyper_v), _hyper_v_of),
    Part("sysprep", sysprep.act, sysprep.read),
)
"""Sources: KubeVirt api/core/v1/schema.go and types.go; Harvester pkg/util/constants.go; pcidevices pkg/webhook/vm.go."""


def fill(machine: Object, inputs: VirtualMachineInputs) -> Object:
    """A new machine with all parts that are declared."""
    draft = Draft(machine)
    for part in PARTS:
        part.act(draft, None, inputs)
    return draft.document


def observe(live: Live, prior: VirtualMachineInputs | None) -> dict[str, object]:
    """The values of all parts as the machine has them, those that are not declared left out."""
    if prior is None:
        found = {part.name: part.read(live) for part in PARTS}
        return {name: value for name, value in found.items() if value is not None}
    declared = [part for part in PARTS if part.definite or getattr(prior, part.name) not in (None, [])]
    return {part.name: _present_value(part, getattr(prior, part.name), part.read(live)) for part in declared}


def _present_value(part: Part, prior: object, found: object) -> object:
    """What was found, as the prior where both mean the same: the order of lists says nothing here."""
    if part.keyed and isinstance(prior, list) and isinstance(found, list):
        names = {each.name for each in prior}
        found = [each for each in found if each.name in names]
    if isinstance(prior, list) and isinstance(found, list):
        alike = len(prior) == len(found) and all(each in prior for each in found)
        return prior if alike else found
    if isinstance(prior, Quantity) and prior == found:
        return prior
    return found
