"""The steps of a restore. A machine that is replaced is stopped, restored, given back its notes, and left on or off as it was.

Everything that can refuse a restore is looked at before a machine is stopped; what the cluster refuses after that, starts
it again. What was in the machine stays in its old volumes until the restore has succeeded.
"""

from collections.abc import Iterable, Sequence

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig_str, dig_strings
from harvester_provider.core.ownership import owner_of
from harvester_provider.core.plan import Await, Change, Patch, Plan, Put, Remove, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready
from harvester_provider.resources.apis import BACKUP_TARGET, RESTORE, RESTORED_VOLUMES, VIRTUAL_MACHINE
from harvester_provider.resources.kind import manifest, metadata
from harvester_provider.resources.virtual_machine_restore import parts
from harvester_provider.resources.virtual_machine_restore.model import VirtualMachineRestoreInputs
from harvester_provider.resources.virtual_machine_restore.status import Off, Restored, Usable

SECONDS = 3600.0
_FIND_SECONDS = 60.0
_NEVER = "set refreshIntervalInSeconds of the BackupTarget where another cluster makes the backup"
_LATE = (
    "where another cluster makes the backup: Harvester 1.8.0 and 1.8.1 never find one of disks that are made from an image "
    "(harvester/harvester#11145), and no release finds one without the storage classes of its other disks"
)


def create(inputs: VirtualMachineRestoreInputs, seen: Snapshot) -> Plan:
    """Wait for the backup, stop a machine that is to be replaced, and ask for the restore."""
    ref, machine, backup = parts.restore_ref(inputs), parts.machine_ref(inputs), parts.backup_ref(inputs)
    if inputs.mode == "replace" and not seen.get(machine):
        return Plan(changes=(Change("virtualMachine", Effect.REFUSED, f"{machine} does not exist: write mode new"),))
    steps: list[Step] = []
    if Usable(backup)(seen) != Ready():
        steps.append(_find(inputs, seen))
    recover: tuple[Step, ...] = ()
    if inputs.mode == "replace":
        stop, recover = _stop(inputs, machine, seen)
        steps += stop
    steps.append(Put(ref, _body(ref, inputs), says=f"restore {machine} from {backup}"))
    return Plan(steps=tuple(steps), recover=recover)


def _find(inputs: VirtualMachineRestoreInputs, seen: Snapshot) -> Await:
    """Wait for the backup: for one that is not there no longer than the cluster needs to find it on the target.

    Images come with the first look at the target and the backups that need them with the next.
    """
    backup, interval = parts.backup_ref(inputs), parts.refresh_interval(seen.get(BACKUP_TARGET))
    seconds = inputs.seconds("create", SECONDS)
    if not seen.get(backup):
        seconds = min(seconds, _FIND_SECONDS + 2 * interval)
    advice = _LATE if interval else _NEVER
    return Await(backup, "restorable", (backup,), Usable(backup), seconds, advice=advice)


def objections(inputs: VirtualMachineRestoreInputs, seen: Snapshot) -> Iterable[Problem]:
    """What Harvester would refuse, or do and should not."""
    machine, backup = parts.machine_ref(inputs), parts.backup_ref(inputs)
    if inputs.mode == "new" and seen.get(machine):
        yield Problem("virtualMachine", f"{machine} exists: write mode replace, or another name")
    if inputs.mode != "replace" or inputs.old_disks != "delete" or not seen.get(backup):
        return
    if dig_str(seen.get(backup), "spec", "type") == "snapshot":
        yield Problem("oldDisks", "a snapshot needs the volumes it was taken of: write retain")
    source = (backup.namespace, dig_str(seen.get(backup), "spec", "source", "name"))
    if source != (machine.namespace, machine.name):
        yield Problem("oldDisks", f"Harvester would delete the volumes of {'/'.join(source)}, which {backup} is of: write retain")


def _stop(inputs: VirtualMachineRestoreInputs, machine: Ref, seen: Snapshot) -> tuple[list[Step], tuple[Step, ...]]:
    """Stop the machine and note how it was; and how to put that back."""
    found = seen.get(machine)
    strategy = strategy_of(found)
    noted = {parts.STOPPED_FOR_RESTORE: dig_strings(found, "metadata", "annotations").get(parts.STOPPED_FOR_RESTORE, strategy)}
    if not seen.get(parts.instance_ref(machine)):
        return [Patch(machine, {"metadata": {"annotations": noted}})], (_forget(machine),)
    halt: Object = {"metadata": {"annotations": {**noted, parts.LAST_STRATEGY: strategy}}, "spec": {"runStrategy": "Halted"}}
    start: Object = {"metadata": {"annotations": {parts.STOPPED_FOR_RESTORE: None}}, "spec": {"runStrategy": strategy}}
    wants = (machine, parts.instance_ref(machine))
    wait = Await(machine, "off", wants, Off(machine), inputs.seconds("create", SECONDS))
    stop = Patch(machine, halt, says=f"stop {machine} for the restore", effect=Effect.STOP_MODIFY_START)
    return [stop, wait], (Patch(machine, start, says=f"start {machine} again"),)


def _forget(machine: Ref) -> Patch:
    return Patch(machine, {"metadata": {"annotations": {parts.STOPPED_FOR_RESTORE: None}}})


def strategy_of(machine: Object) -> str:
    """The run strategy of a machine; the older `running` is left to Harvester."""
    return dig_str(machine, "spec", "runStrategy") or "RerunOnFailure"


def _body(ref: Ref, inputs: VirtualMachineRestoreInputs) -> Object:
    backup = parts.backup_ref(inputs)
    spec: dict[str, Json] = {
        "target": {"apiGroup": VIRTUAL_MACHINE.group, "kind": VIRTUAL_MACHINE.kind, "name": parts.machine_ref(inputs).name},
        "virtualMachineBackupName": backup.name,
        "virtualMachineBackupNamespace": backup.namespace,
        "newVM": inputs.mode == "new",
        "keepMacAddress": inputs.keep_mac_address,
        "deletionPolicy": inputs.old_disks,
    }
    return manifest(RESTORE, {**metadata(inputs), "name": ref.name}, spec=spec)


def settle(inputs: VirtualMachineRestoreInputs, seen: Snapshot) -> Sequence[Step]:
    """Wait for the restore, then give the machine its notes and its power state back, and its volumes to nobody but it."""
    ref, machine, backup = parts.restore_ref(inputs), parts.machine_ref(inputs), seen.get(parts.backup_ref(inputs))
    judge = Restored(ref, machine, inputs.mode == "replace")
    wait = Await(ref, "complete", (ref, machine), judge, inputs.seconds("create", SECONDS))
    notes = dig_strings(seen.get(machine), "metadata", "annotations")
    if judge(seen) == Ready() and parts.TEMPLATES in notes and parts.STOPPED_FOR_RESTORE not in notes:
        return ()
    claims = parts.new_claims(seen.get(ref), backup)
    marks: dict[str, Json] = {
        parts.TEMPLATES: parts.claim_templates(claims, backup),
        RESTORED_VOLUMES: parts.in_place_of(claims, backup),
        parts.STOPPED_FOR_RESTORE: None,
    }
    off = inputs.halt if inputs.mode == "new" else notes.get(parts.STOPPED_FOR_RESTORE) == "Halted"
    body: dict[str, Json] = {"metadata": {"annotations": marks}, **({"spec": {"runStrategy": "Halted"}} if off else {})}
    after = Patch(machine, body, says=f"note the new volumes on {machine}" + (" and switch it off again" if off else ""))
    free = [Patch(claim, {"metadata": {"ownerReferences": None}}) for claim in parts.claim_refs(claims.values(), machine.namespace)]
    return (wait, after, *free)


def delete(old: VirtualMachineRestoreInputs, seen: Snapshot) -> Plan:
    """Nothing but the state, as long as the machine is to stay; a new machine with its disks, where that is wanted."""
    ref, machine = parts.restore_ref(old), parts.machine_ref(old)
    if not seen.get(machine):
        return Plan(steps=(Remove(ref, says=f"delete {ref}"),))
    mine = old.mode == "new" and old.on_delete == "delete" and parts.made_by(machine, ref, seen)
    if not mine or owner_of(seen.get(machine)):
        return Plan(notes=(f"{machine} stays as it is; {ref} stays with it, because Harvester keeps both together",))
    names = parts.restored_names(dig_strings(seen.get(machine), "metadata", "annotations").get(RESTORED_VOLUMES, ""))
    doomed = parts.claim_refs(names, machine.namespace)
    mark: Object = {"metadata": {"annotations": {parts.REMOVED_CLAIMS: ",".join(names)}}}
    seconds = old.seconds("delete", 600)
    return Plan(
        steps=(
            Patch(machine, mark, says=f"mark the volumes {', '.join(names)} for deletion"),
            Remove(machine, says=f"delete {machine}", propagation="Foreground", seconds=seconds),
            *(Remove(claim, seconds=seconds) for claim in doomed),
            Remove(ref),
        )
    )
