"""The parts of a Node that are set and put back: labels, annotations, taints, the cordon, the CPU manager and disks.

Each has a key in the note that is kept on the node (`resources.previous`): `label:KEY`, `annotation:KEY`, `taint:KEY:EFFECT`,
`unschedulable`, `cpumanager`, `disk:NAME`. Pure functions from inputs and objects to patches.
"""

from collections.abc import Mapping, Sequence

from harvester_provider.core.json import Json, Object, dig, dig_list, dig_objects, dig_str, dig_strings
from harvester_provider.core.plan import Patch, Step
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import BLOCK_DEVICE
from harvester_provider.resources.kind import declared_annotations, declared_labels
from harvester_provider.resources.node import cpu_manager
from harvester_provider.resources.node.model import NodeDisk, NodeInputs, NodeTaint
from harvester_provider.resources.previous import note, remembered, with_note

_DISKS = "longhorn-system"
ROLE = "node-role.harvesterhci.io/"
"""What the label of a role begins with (Harvester pkg/util/constants.go; promote_controller.go reads them)."""


def disk_ref(name: str) -> Ref:
    """The block device of a disk."""
    return Ref(BLOCK_DEVICE, name, _DISKS)


def steps(old: NodeInputs, new: NodeInputs, ref: Ref, seen: Snapshot) -> list[Step]:
    """From what is there to what is declared; what is no longer declared goes back to what it was."""
    found = seen.get(ref)
    dropped = frozenset(_keys(old)) - _keys(new).keys()
    current = {key: _now(key, found, seen) for key in _keys(new)}
    noted = note(found, current, dropped)
    before = remembered(found)
    wanted = {**{key: before.get(key) for key in dropped}, **_keys(new)}
    written = _written(ref, found, wanted, with_note({}, noted))
    return [*written, *_disk_steps(wanted, new, seen), *cpu_manager.steps(ref, found, wanted)]


def restored(old: NodeInputs, ref: Ref, seen: Snapshot, meta: Object) -> list[Step]:
    """Back to what it was before: for a delete. `meta` takes the note and the mark away."""
    found = seen.get(ref)
    before = remembered(found)
    written = _written(ref, found, before, meta, says=f"put {ref} back as it was")
    return [*cpu_manager.steps(ref, found, before), *_disk_steps(before, old, seen), *written]


def _keys(inputs: NodeInputs) -> dict[str, Json]:
    """Everything that the inputs declare, by its key in the note."""
    out: dict[str, Json] = {f"label:{key}": value for key, value in declared_labels(inputs).items()}
    out |= {f"label:{ROLE}{inputs.role}": "true"} if inputs.role else {}
    out |= {f"annotation:{key}": value for key, value in declared_annotations(inputs, described=True).items()}
    out |= {taint_key(taint): taint.value for taint in inputs.taints}
    if inputs.cordoned is not None:
        out["unschedulable"] = inputs.cordoned
    if inputs.cpu_manager is not None:
        out[cpu_manager.KEY] = inputs.cpu_manager
    return out | {f"disk:{disk.name}": {"provision": True, "tags": list(disk.tags)} for disk in inputs.disks}


def taint_key(taint: NodeTaint) -> str:
    """The key of a taint in the note."""
    return f"taint:{taint.key}:{taint.effect}"


def _now(key: str, found: Object, seen: Snapshot) -> Json:
    """What is there now, None where nothing is."""
    sort, _, name = key.partition(":")
    if sort == "label":
        return dig_strings(found, "metadata", "labels").get(name)
    if sort == "annotation":
        return dig_strings(found, "metadata", "annotations").get(name)
    if sort == "taint":
        return taints_of(found).get(key)
    if sort == "disk":
        device = seen.get(disk_ref(name))
        return {"provision": dig(device, "spec", "provision") is True, "tags": list(dig_list(device, "spec", "tags"))}
    if key == cpu_manager.KEY:
        return cpu_manager.is_on(found)
    return dig(found, "spec", "unschedulable") is True


def taints_of(found: Object) -> dict[str, str]:
    """The taints of a node by their keys in the note."""
    taints = dig_objects(found, "spec", "taints")
    return {f"taint:{dig_str(taint, 'key')}:{dig_str(taint, 'effect')}": dig_str(taint, "value") for taint in taints}


def _written(ref: Ref, found: Object, wanted: Mapping[str, Json], meta: Object, says: str = "") -> list[Step]:
    """The patches of the node itself."""
    parts: dict[str, dict[str, Json]] = {"label": {}, "annotation": {}}
    for key, value in wanted.items():
        sort, _, name = key.partition(":")
        if sort in parts and _now(key, found, Snapshot()) != value:
            parts[sort][name] = value
    annotations = {**parts["annotation"], **_mapping(meta.get("annotations"))}
    metadata = {key: part for key, part in (("labels", parts["label"]), ("annotations", annotations)) if part}
    body: dict[str, Json] = {"metadata": metadata} if metadata else {}
    if "unschedulable" in wanted and _now("unschedulable", found, Snapshot()) != (wanted["unschedulable"] is True):
        body["spec"] = {"unschedulable": wanted["unschedulable"] is True}
    out: list[Step] = [Patch(ref, body, says=says or f"change {ref}")] if body else []
    return out + _taint_steps(ref, found, wanted)


def _taint_steps(ref: Ref, found: Object, wanted: Mapping[str, Json]) -> list[Step]:
    """A patch of the whole list of taints, for that very list: others write it too."""
    have = [dict(taint) for taint in dig_objects(found, "spec", "taints")]
    after = [taint for taint in have if f"taint:{taint['key']}:{taint['effect']}" not in wanted]
    for key, value in wanted.items():
        if key.startswith("taint:") and value is not None:
            name, _, effect = key.removeprefix("taint:").rpartition(":")
            after.append({"key": name, "effect": effect, **({"value": value} if value else {})})
    if _as_set(after) == _as_set(have):
        return []
    test: list[Object] = [{"op": "test", "path": "/spec/taints", "value": have}] if have else []
    return [Patch(ref, [*test, {"op": "add", "path": "/spec/taints", "value": after}], says=f"change the taints of {ref}")]


def _as_set(taints: Sequence[Mapping[str, Json]]) -> set[tuple[Json, ...]]:
    return {(taint.get("key"), taint.get("value") or "", taint.get("effect")) for taint in taints}


def _disk_steps(wanted: Mapping[str, Json], inputs: NodeInputs, seen: Snapshot) -> list[Step]:
    declared = {disk.name: disk for disk in inputs.disks}
    out: list[Step] = []
    for key, value in wanted.items():
        name = key.removeprefix("disk:")
        if key == name or not isinstance(value, Mapping) or _now(key, {}, seen) == value:
            continue
        out.append(_disk_step(name, value, declared.get(name)))
    return out


def _disk_step(name: str, value: Object, disk: NodeDisk | None) -> Patch:
    spec = dict(value)
    if disk is not None and disk.force_format and value.get("provision"):
        spec["fileSystem"] = {"forceFormatted": True}
    says = f"store volumes on disk {name}" if value.get("provision") else f"store no volumes on disk {name} any more"
    return Patch(disk_ref(name), {"spec": spec}, says=says)


def _mapping(value: Json) -> Object:
    return value if isinstance(value, Mapping) else {}
