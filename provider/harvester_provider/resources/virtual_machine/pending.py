"""What the running guest lacks of its machine: the machine's spec and its instance's, read alike and compared field by field.

An instance is started with a copy of the machine's template, so that the one reading (`observe`) tells both. What the machine leaves
open the cluster fills in for the instance: that is no difference. Nothing here decides what a difference means.
"""

from collections.abc import Iterator, Mapping, Sequence

from harvester_provider.core.json import Json, Object, dig_map, dig_str
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.model import Model
from harvester_provider.resources.virtual_machine import policy
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.observe import observe

_ELSEWHERE = frozenset({"run_strategy", "ssh_keys", "cloud_init", "restart_trigger"})
"""What is no part of an instance's spec, or only by the content of a Secret."""


def pending(live: Live) -> list[str]:
    """The properties that the running guest lacks, those of our own note first; nothing where no guest runs."""
    if not live.on or not dig_map(live.instance, "spec", "domain"):
        return []
    declared, running = observe(live, None, Snapshot()), observe(_as_started(live), None, Snapshot())
    if not dig_str(live.spec, "evictionStrategy"):
        running["eviction_strategy"] = declared["eviction_strategy"]
    found = [
        text
        for name, value in declared.items()
        if name not in _ELSEWHERE and value is not None
        for text in _differences(VirtualMachineInputs.model_fields[name].alias or name, value, running.get(name))
    ]
    return list(dict.fromkeys((*policy.noted(live), *found, *_media(live))))


def _as_started(live: Live) -> Live:
    """The machine as its guest was started."""
    spec = dig_map(live.vm, "spec")
    started: Object = {**dig_map(spec, "template"), "spec": dig_map(live.instance, "spec")}
    changed: dict[str, Json] = {**live.vm, "spec": {**spec, "template": started}}
    return Live(live.ref, changed, live.instance)


def _differences(path: str, declared: object, running: object) -> Iterator[str]:
    """Paths that differ: whole values, and entries of lists by their names."""
    before, after = _entries(running), _entries(declared)
    if before is None or after is None:
        if declared != running:
            yield path
        return
    for name in dict.fromkeys((*after, *before)):
        if name not in after or name not in before or not _alike(after[name], before[name]):
            yield f"{path}[{name}]"


def _entries(value: object) -> dict[str, Model] | None:
    """Disks and NICs by name; None for all that is no list of such."""
    if (
        not isinstance(value, Sequence)
        or isinstance(value, str)
        or not all(isinstance(each, Model) and hasattr(each, "name") for each in value)
    ):
        return None
    return {str(getattr(each, "name", "")): each for each in value}


def _alike(declared: Model, running: Model) -> bool:
    """Whether the guest has what is declared of an entry; what is left open is the cluster's."""
    have: Mapping[str, object] = running.__dict__
    return all(value is None or have.get(name) == value for name, value in declared.__dict__.items())


def _media(live: Live) -> Iterator[str]:
    """Disks behind which the guest has another volume."""
    started = _as_started(live)
    return (f"disks[{name}]" for name in live.disks if name in started.disks and live.claim(name) != started.claim(name))
