"""BackupSchedule: backups or snapshots of a machine at fixed times. Harvester's own ScheduleVMBackup, of 1.4 and later.

One module from inputs to verdict. Harvester suspends a schedule by itself, after failures or when the target is in trouble:
that is shown and never undone by a refresh; switching it on again is a decision of the user's (`resume`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, condition, dig, dig_int, dig_objects, dig_str, is_true
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Change, Patch, Plan, Put, Remove
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import SCHEDULE, VIRTUAL_MACHINE
from harvester_provider.resources.cron import BadCron, distance, shortest_gap
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import REPLACE, NamespacedInputs, Outputs
from harvester_provider.resources.saving import machine_problems, machine_ref

_BY_HAND = "Proactive Schedule Suspend"
"""The reason that Harvester notes where a person has suspended the schedule."""
_SKIPS_CHECK = "harvesterhci.io/svmbackupSkipCronCheck"
_WIRE = {"cron": "cron", "retain": "retain", "max_failure": "maxFailure", "suspend": "suspend"}


class BackupScheduleInputs(NamespacedInputs):
    """Backups or snapshots of one machine at fixed times. A machine has at most one schedule, of either type."""

    virtual_machine: str = Field(json_schema_extra=REPLACE)
    """The machine, by its name or its ID `namespace/name`; it is in the namespace of this object."""
    type: Literal["backup", "snapshot"] = Field(default="backup", json_schema_extra=REPLACE)
    """`backup`: to the backup target. `snapshot`: in the cluster."""
    cron: str
    """When, in UTC, as `minute hour day month weekday`, such as `0 2 * * *`. At most once an hour, and 10 minutes apart from other
    schedules that run as often."""
    retain: int = Field(default=8, ge=2, le=250)
    """How many are kept; the oldest go first, and failed ones before them. 2 to 250."""
    max_failure: int = Field(default=4, ge=2)
    """After how many failures in a row Harvester suspends the schedule. Less than `retain`."""
    suspend: bool = False
    """Whether it stands still."""
    resume: str = ""
    """Any text. Another value switches a schedule on again that Harvester has suspended; what failed is deleted then."""


class BackupScheduleOutputs(Outputs):
    """What is known of a schedule."""

    suspended: bool = False
    """Whether it stands still, for whatever reason."""
    suspend_reason: str = ""
    """Why, in Harvester's words."""
    failures: int = 0
    """How many of the last ones in a row failed."""
    backups: list[str] = []
    """`namespace/name` of those that can be restored, the oldest first."""


class BackupSchedule(BaseKind[BackupScheduleInputs]):
    """The kind `BackupSchedule`."""

    name: ClassVar[str] = "BackupSchedule"
    api: ClassVar[Api] = SCHEDULE
    inputs: ClassVar[type[BackupScheduleInputs]] = BackupScheduleInputs
    outputs_model: ClassVar[type[BackupScheduleOutputs]] = BackupScheduleOutputs
    foresees: ClassVar[bool] = True

    def check(self, inputs: BackupScheduleInputs) -> Sequence[Problem]:
        """Times and numbers as the webhook has them (upstream pkg/webhook/resources/schedulevmbackup/validator.go)."""
        return (*machine_problems(inputs.virtual_machine, inputs.namespace), *_check_cron(inputs), *_check_failures(inputs))

    def requires(self, inputs: BackupScheduleInputs) -> Sequence[Requirement]:
        """The machine."""
        if not is_known(inputs.virtual_machine, inputs.namespace):
            return ()
        return (Requirement("virtualMachine", machine_ref(inputs.virtual_machine, inputs.namespace), "give the id of a VirtualMachine"),)

    def reads(self, ref: Ref, inputs: BackupScheduleInputs | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  always the same
        """The schedule, and the others of the namespace."""
        return (ref, Listing(SCHEDULE, ref.namespace))

    def objections(self, inputs: BackupScheduleInputs, seen: Snapshot) -> Sequence[Problem]:
        """A machine has one schedule, and those of the namespace that run as often are not at the same time."""
        machine = machine_ref(inputs.virtual_machine, inputs.namespace)
        taken = [dig_str(each, "metadata", "name") for each in _others(inputs, seen) if _source(each) == machine.name]
        why = f"{machine} has a schedule already, {inputs.namespace}/{', '.join(taken)}: Harvester takes one for a machine, of either type"
        return (*((Problem("virtualMachine", why),) if taken else ()), *_collisions(inputs, seen))

    def create(self, inputs: BackupScheduleInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new schedule depends on nothing else
        """Make it."""
        ref, machine = self.ref(inputs), machine_ref(inputs.virtual_machine, inputs.namespace)
        source: Object = {"apiGroup": VIRTUAL_MACHINE.group, "kind": VIRTUAL_MACHINE.kind, "name": machine.name}
        spec: dict[str, Json] = {key: getattr(inputs, name) for name, key in _WIRE.items()}
        body = manifest(SCHEDULE, metadata(inputs), spec={**spec, "vmbackup": {"type": inputs.type, "source": source}})
        return Plan(steps=(Put(ref, body, says=f"make a {inputs.type} of {machine} at {inputs.cron}"),))

    def update(self, old: BackupScheduleInputs, new: BackupScheduleInputs, seen: Snapshot) -> Plan:
        """Times and numbers in place. One that Harvester suspended stays so until `resume` says otherwise."""
        ref, found = self.ref(new), seen.get(self.ref(new))
        changes = tuple(self.changes(old, new))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        if old.cron != new.cron and (close := _collisions(new, seen)):
            return Plan(changes=tuple(Change(each.property, Effect.REFUSED, each.reason) for each in close))
        spec: dict[str, Json] = {key: getattr(new, name) for name, key in _WIRE.items() if getattr(old, name) != getattr(new, name)}
        halted = _halted_by(found)
        if halted and old.resume != new.resume and not new.suspend:
            spec["suspend"] = False
        meta = metadata_patch(old, new)
        body: dict[str, Json] = {key: part for key, part in (("metadata", meta), ("spec", spec)) if part}
        patch = (Patch(ref, body, says=f"change {', '.join(change.property for change in changes)} of {ref}"),) if body else ()
        notes = (f"{ref} stands still: Harvester suspended it ({halted}); give `resume` another value to switch it on again",)
        return Plan(steps=patch, changes=changes, notes=notes if halted and "suspend" not in spec else ())

    def delete(self, old: BackupScheduleInputs, seen: Snapshot) -> Plan:
        """Remove the schedule. What it has made stays, and is not the program's."""
        ref = self.ref(old)
        made = _made(seen.get(ref))
        notes = (f"{ref}: what it has made stays: {', '.join(made)}",) if made else ()
        return Plan(steps=(Remove(ref, says=f"delete {ref}", seconds=old.seconds("delete", 300)),), notes=notes)

    def observe(self, ref: Ref, prior: BackupScheduleInputs | None, seen: Snapshot) -> BackupScheduleInputs:
        """The schedule as it is. That Harvester has suspended it is no drift; that a person has, is."""
        found = seen.get(ref)
        values: dict[str, object] = {
            "cron": dig_str(found, "spec", "cron"),
            "retain": dig_int(found, "spec", "retain", default=8),
            "max_failure": dig_int(found, "spec", "maxFailure", default=4),
            "suspend": dig(found, "spec", "suspend") is True and not (prior is not None and not prior.suspend and _halted_by(found)),
            "type": dig_str(found, "spec", "vmbackup", "type") or "backup",
        }
        same = prior is not None and machine_ref(prior.virtual_machine, ref.namespace).name == _source(found)
        values["virtual_machine"] = prior.virtual_machine if prior and same else _source(found)
        return self.observed(ref, prior, found, values)

    def outputs(self, inputs: BackupScheduleInputs, seen: Snapshot) -> Mapping[str, Json]:
        """What the status says."""
        ref = self.ref(inputs)
        found = seen.get(ref)
        suspended = dig(found, "spec", "suspend") is True
        said = condition(found, "BackupSuspend")
        return BackupScheduleOutputs(
            suspended=suspended,
            suspend_reason=(dig_str(said, "message") or dig_str(said, "reason")) if suspended else "",
            failures=dig_int(found, "status", "failure"),
            backups=_made(found),
        ).wire()


def _others(inputs: BackupScheduleInputs, seen: Snapshot) -> list[Object]:
    """The other schedules of the namespace."""
    return [each for each in seen.listed(Listing(SCHEDULE, inputs.namespace)) if dig_str(each, "metadata", "name") != inputs.name]


def _collisions(inputs: BackupScheduleInputs, seen: Snapshot) -> tuple[Problem, ...]:
    """Schedules that run as often and almost at the same time, which Harvester refuses. Those of other namespaces only the cluster sees."""
    if _SKIPS_CHECK in inputs.annotations:
        return ()
    names = [dig_str(each, "metadata", "name") for each in _others(inputs, seen) if _collide(inputs.cron, dig_str(each, "spec", "cron"))]
    why = f"less than 10 minutes from {inputs.namespace}/{', '.join(names)}, which runs as often: Harvester wants 10 minutes between them"
    return (Problem("cron", why),) if names else ()


def _collide(one: str, other: str) -> bool:
    try:
        apart = distance(one, other)
        return shortest_gap(one) == shortest_gap(other) and apart is not None and apart < timedelta(minutes=10)
    except BadCron:
        return False


def _source(found: Object) -> str:
    return dig_str(found, "spec", "vmbackup", "source", "name")


def _made(found: Object) -> list[str]:
    """Those in the schedule's list that can be restored."""
    namespace = dig_str(found, "metadata", "namespace")
    ready = [each for each in dig_objects(found, "status", "vmbackupInfo") if each.get("readyToUse") is True]
    return [f"{namespace}/{dig_str(each, 'name')}" for each in ready]


def _halted_by(found: Object) -> str:
    """Why Harvester itself has suspended the schedule; empty where it runs, or where a person has suspended it."""
    said = condition(found, "BackupSuspend")
    if dig(found, "spec", "suspend") is not True or not is_true(found, "BackupSuspend") or said.get("reason") == _BY_HAND:
        return ""
    return dig_str(said, "message") or dig_str(said, "reason")


def _check_cron(inputs: BackupScheduleInputs) -> Iterable[Problem]:
    if not is_known(inputs.cron, inputs.annotations):
        return
    try:
        gap = shortest_gap(inputs.cron)
    except BadCron as error:
        yield Problem("cron", str(error))
        return
    if gap is None:
        yield Problem("cron", f"{inputs.cron!r} never comes: there is no such day")
    elif gap < timedelta(hours=1) and _SKIPS_CHECK not in inputs.annotations:
        minutes = int(gap.total_seconds() // 60)
        yield Problem("cron", f"{inputs.cron!r} runs {minutes} minutes apart: Harvester takes no schedule that runs more than once an hour")


def _check_failures(inputs: BackupScheduleInputs) -> Iterable[Problem]:
    if is_known(inputs.retain, inputs.max_failure) and inputs.max_failure >= inputs.retain:
        yield Problem("maxFailure", f"{inputs.max_failure} is not less than retain ({inputs.retain}), as Harvester wants it")


KIND = BackupSchedule()
