"""Node: a host of the cluster. What is declared of it is set, its machines are moved away for maintenance, and all is put back.

The node is there without us: a create takes it over, a delete never removes it. Going into maintenance comes last, coming
back from it first. `parts` has what is set, `maintenance` what happens to machines.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig, dig_list, dig_str, dig_strings, is_true
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Await, Change, Plan, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import NODE
from harvester_provider.resources.kind import BaseKind
from harvester_provider.resources.node import cpu_manager, power
from harvester_provider.resources.node import maintenance as drain
from harvester_provider.resources.node.model import NodeDisk, NodeInputs, NodeOutputs, NodeTaint
from harvester_provider.resources.node.parts import ROLE, disk_ref, restored, steps, taint_key, taints_of
from harvester_provider.resources.previous import release

_DRAIN_SECONDS = 3600.0
"""A node of many large machines takes long to become empty."""
_ROLE = "node-role.kubernetes.io/"
_CONTROL_PLANE = _ROLE + "control-plane"
_ROLES = ("management", "worker", "witness")


class Node(BaseKind[NodeInputs]):
    """The kind `Node`."""

    name: ClassVar[str] = "Node"
    api: ClassVar[Api] = NODE
    inputs: ClassVar[type[NodeInputs]] = NodeInputs
    outputs_model: ClassVar[type[NodeOutputs]] = NodeOutputs
    adopts: ClassVar[bool] = True

    def check(self, inputs: NodeInputs) -> Sequence[Problem]:
        """Each taint and each disk once; a node in maintenance is cordoned by Harvester itself."""
        out = []
        for name, entries in (("taints", [taint_key(t) for t in inputs.taints or ()]), ("disks", [d.name for d in inputs.disks or ()])):
            twice = sorted({entry for entry in entries if entries.count(entry) > 1})
            out += [Problem(name, f"{entry.removeprefix('taint:')} is there twice: list it once") for entry in twice]
        if is_known(inputs.maintenance, inputs.cordoned) and inputs.maintenance and inputs.cordoned is not None:
            out.append(Problem("cordoned", "maintenance cordons the node and takes the cordon away again: leave cordoned out"))
        return [*out, *power.problems(inputs)]

    def requires(self, inputs: NodeInputs) -> Sequence[Requirement]:
        """The node, and the disks."""
        if not is_known(inputs.name, inputs.disks):
            return ()
        needed = [Requirement("name", self.ref(inputs), "`kubectl get nodes` shows the names of those that have joined")]
        hint = "`kubectl -n longhorn-system get blockdevices` shows the disks of all nodes"
        return [*needed, *(Requirement(f"disks[{n}].name", disk_ref(disk.name), hint) for n, disk in enumerate(inputs.disks))]

    def reads(self, ref: Ref, inputs: NodeInputs | None, seen: Snapshot) -> Iterable[Want]:
        """The node, its disks, and for maintenance its machines and the other nodes."""
        yield ref
        if inputs is not None:
            yield from (disk_ref(disk.name) for disk in inputs.disks)
            if inputs.maintenance:
                yield drain.guests(ref.name)
                yield drain.NODES
            yield from power.reads(ref, inputs, seen)

    def create(self, inputs: NodeInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a missing one is told by `requires`
        """Nothing: a host joins by its own installation."""
        return Plan()

    def update(self, old: NodeInputs, new: NodeInputs, seen: Snapshot) -> Plan:
        """Set what is declared; into maintenance last, out of it first."""
        ref = self.ref(new)
        found = seen.get(ref)
        status = drain.status_of(found)
        enters, leaves = new.maintenance and status != "completed", not new.maintenance and old.maintenance and bool(status)
        why = drain.refusal(ref.name, seen, stop_unmovable=new.stop_unmovable) if enters and not status else ""
        effect = (Effect.REFUSED, why) if why else _effect(ref.name, seen, new) if enters else (Effect.METADATA, "")
        unable = power.refusal(old, new, ref, seen)
        changes = tuple(self.changes(old, new, {"maintenance": effect, "role": _role_effect(new, found), **_power_effects(unable)}))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        if why and not any(change.effect is Effect.REFUSED for change in changes):
            changes = (*changes, Change("maintenance", Effect.REFUSED, why))
        if unable and not any(change.effect is Effect.REFUSED for change in changes):
            changes = (*changes, Change("power", Effect.REFUSED, unable))
        notes = tuple(drain.lines(ref.name, seen, stop_unmovable=new.stop_unmovable)) if enters else ()
        before: list[Step] = _leave(ref, new, "update") if leaves else []
        after: list[Step] = _enter(ref, new, status, drain.told(found)) if enters else []
        acts = list(power.operations(old, new, ref, seen))
        switched = [step for act in acts for step in power.steps(act, new, ref, seen)]
        first, last = (switched, ()) if "poweron" in acts else ((), switched)
        return Plan(steps=(*first, *before, *steps(old, new, ref, seen), *after, *last), changes=changes, notes=notes)

    def delete(self, old: NodeInputs, seen: Snapshot) -> Plan:
        """Put everything back; the node itself stays."""
        ref = self.ref(old)
        if seen[ref] is None:
            return Plan()
        leave: list[Step] = _leave(ref, old, "delete") if old.maintenance and drain.status_of(seen.get(ref)) else []
        if old.power == "off" and power.state(ref.name, seen) == "off":
            leave = [*power.steps("poweron", old, ref, seen), *leave]
        bare = old.updated(labels={}, annotations={}, tags={}, description="")  # what was declared of them is in the note
        return Plan(steps=(*leave, *restored(old, ref, seen, release(bare))))

    def observe(self, ref: Ref, prior: NodeInputs | None, seen: Snapshot) -> NodeInputs:
        """What is declared, as the cluster has it. On an import nothing of it is declared, but the cordon and the maintenance."""
        found = seen.get(ref)
        values: dict[str, Any] = {"maintenance": bool(drain.status_of(found))}
        if prior is None or prior.cordoned is not None:
            values["cordoned"] = dig(found, "spec", "unschedulable") is True if not values["maintenance"] else None
        if prior is not None and prior.power is not None:
            values["power"] = power.state(ref.name, seen) or prior.power
        if prior is not None and prior.role is not None:
            values["role"] = next((role for role in _ROLES if dig_str(found, "metadata", "labels", ROLE + role) == "true"), None)
        if prior is None or prior.cpu_manager is not None:
            values["cpu_manager"] = cpu_manager.is_on(found)
        if prior is not None:
            have = taints_of(found)
            there = [taint for taint in prior.taints if taint_key(taint) in have]
            values["taints"] = [NodeTaint(key=taint.key, value=have[taint_key(taint)], effect=taint.effect) for taint in there]
            values["disks"] = [disk for each in prior.disks if (disk := _observed(each, seen))]
        return self.observed(ref, prior, found, values)

    def outputs(self, inputs: NodeInputs, seen: Snapshot) -> Mapping[str, Json]:
        """What Kubernetes says of the node."""
        found = seen.get(self.ref(inputs))
        labels = dig_strings(found, "metadata", "labels")
        return NodeOutputs(
            ready=is_true(found, "Ready"),
            roles=sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE)),
            addresses=[dig_str(item, "address") for item in drain.addresses_of(found)],
            kubernetes_version=dig_str(found, "status", "nodeInfo", "kubeletVersion"),
            os_image=dig_str(found, "status", "nodeInfo", "osImage"),
            cpu=dig_str(found, "status", "allocatable", "cpu"),
            memory=dig_str(found, "status", "allocatable", "memory"),
            maintenance_status=drain.status_of(found),
        ).wire()


def _observed(disk: NodeDisk, seen: Snapshot) -> NodeDisk | None:
    device = seen.get(disk_ref(disk.name))
    tags = [str(tag) for tag in dig_list(device, "spec", "tags")]
    same = sorted(tags) == sorted(disk.tags)
    return disk.updated(tags=disk.tags if same else tags) if dig(device, "spec", "provision") is True else None


def _effect(node: str, seen: Snapshot, new: NodeInputs) -> tuple[Effect, str]:
    """What maintenance does to machines, all together."""
    fates = {guest.fate for guest in drain.fates(node, seen)}
    if "stops" in fates or ("stuck" in fates and new.stop_unmovable):
        return Effect.RESTART, "machines are shut down"
    return (Effect.MIGRATE, "machines move to other nodes") if fates else (Effect.METADATA, "")


def _role_effect(new: NodeInputs, found: Object) -> tuple[Effect, str]:
    """Nothing takes the control plane from a host (Harvester, promote_controller.go)."""
    has_it = _CONTROL_PLANE in dig_strings(found, "metadata", "labels")
    if has_it and new.role in {"worker", "witness"}:
        return Effect.REFUSED, f"the host has the control plane and keeps it: as {new.role} it must be taken out and installed again"
    return Effect.METADATA, ""


def _power_effects(unable: str) -> dict[str, tuple[Effect, str]]:
    """What is asked of the BMC: the host is empty then, so that no machine notices it."""
    effect = (Effect.REFUSED, unable) if unable else (Effect.METADATA, "")
    return {"power": effect, "reboot_trigger": effect}


def _enter(ref: Ref, new: NodeInputs, status: str, told: str) -> list[Step]:
    wants = (ref, drain.guests(ref.name))
    wait = Await(of=ref, until="empty", wants=wants, judge=drain.Empty(ref, told), seconds=new.seconds("update", _DRAIN_SECONDS))
    return [wait] if status else [drain.enable(ref.name, force=new.stop_unmovable), wait]


def _leave(ref: Ref, inputs: NodeInputs, operation: str) -> list[Step]:
    seconds = inputs.seconds(operation, 300)
    return [drain.disable(ref.name), Await(of=ref, until="back in use", wants=(ref,), judge=drain.InUse(ref), seconds=seconds)]


KIND = Node()
