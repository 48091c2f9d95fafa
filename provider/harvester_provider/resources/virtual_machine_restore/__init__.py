"""VirtualMachineRestore, in call order: model (inputs), parts (the objects around it), status (verdicts), plan (its steps).

The class below only joins them. Everything in this folder is pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from harvester_provider.core.errors import InvalidId
from harvester_provider.core.json import Json, dig, dig_int, dig_objects, dig_str
from harvester_provider.core.plan import Patch, Plan, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import BACKUP_TARGET, RESTORE
from harvester_provider.resources.kind import BaseKind, metadata_patch
from harvester_provider.resources.saving import machine_problems
from harvester_provider.resources.virtual_machine_restore import parts, plan
from harvester_provider.resources.virtual_machine_restore.model import VirtualMachineRestoreInputs, VirtualMachineRestoreOutputs


class VirtualMachineRestore(BaseKind[VirtualMachineRestoreInputs]):
    """The kind `VirtualMachineRestore`."""

    name: ClassVar[str] = "VirtualMachineRestore"
    api: ClassVar[Api] = RESTORE
    inputs: ClassVar[type[VirtualMachineRestoreInputs]] = VirtualMachineRestoreInputs
    outputs_model: ClassVar[type[VirtualMachineRestoreOutputs]] = VirtualMachineRestoreOutputs
    foresees: ClassVar[bool] = True

    def ref(self, inputs: VirtualMachineRestoreInputs) -> Ref:
        """The object of this very restore."""
        return parts.restore_ref(inputs)

    def check(self, inputs: VirtualMachineRestoreInputs) -> Sequence[Problem]:
        """The machine is in the same namespace, and each input fits the mode."""
        return (*machine_problems(inputs.virtual_machine, inputs.namespace), *_misfits(inputs))

    def reads(self, ref: Ref, inputs: VirtualMachineRestoreInputs | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  always the same
        """The restore, its backup, the machine with its guest, and how often the cluster looks for backups of others."""
        if inputs is None:
            return (ref,)
        machine = parts.machine_ref(inputs)
        return (ref, parts.backup_ref(inputs), machine, parts.instance_ref(machine), BACKUP_TARGET)

    def objections(self, inputs: VirtualMachineRestoreInputs, seen: Snapshot) -> Sequence[Problem]:
        """See `plan.objections`."""
        return tuple(plan.objections(inputs, seen))

    def create(self, inputs: VirtualMachineRestoreInputs, seen: Snapshot) -> Plan:
        """See `plan.create`."""
        return plan.create(inputs, seen)

    def settle(self, inputs: VirtualMachineRestoreInputs, seen: Snapshot) -> Sequence[Step]:
        """See `plan.settle`."""
        return plan.settle(inputs, seen)

    def update(self, old: VirtualMachineRestoreInputs, new: VirtualMachineRestoreInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  only metadata
        """Metadata in place; anything else is another restore."""
        changes = tuple(self.changes(old, new))
        meta = metadata_patch(old, new)
        if Plan(changes=changes).replaces or not meta:
            return Plan(changes=changes)
        return Plan(steps=(Patch(self.ref(new), {"metadata": meta}, says=f"change the metadata of {self.ref(new)}"),), changes=changes)

    def delete(self, old: VirtualMachineRestoreInputs, seen: Snapshot) -> Plan:
        """See `plan.delete`."""
        return plan.delete(old, seen)

    def observe(self, ref: Ref, prior: VirtualMachineRestoreInputs | None, seen: Snapshot) -> VirtualMachineRestoreInputs:
        """The restore as it is; its spec never changes. InvalidId for an import: nothing in the object tells its inputs in full."""
        if prior is None:
            raise InvalidId(f"{ref} cannot be imported: a restore is done once: declare the machine that it has made")
        return self.observed(ref, prior, seen.get(ref), {})

    def outputs(self, inputs: VirtualMachineRestoreInputs, seen: Snapshot) -> Mapping[str, Json]:
        """What the status says."""
        found = seen.get(self.ref(inputs))
        made = {
            dig_str(each, "volumeName"): dig_str(each, "persistentVolumeClaimSpec", "metadata", "name")
            for each in dig_objects(found, "status", "restores")
        }
        complete = dig(found, "status", "complete") is True
        return VirtualMachineRestoreOutputs(
            machine_id=parts.machine_ref(inputs).id,
            complete=complete,
            progress=100 if complete else dig_int(found, "status", "progress"),
            restore_time=dig_str(found, "status", "restoreTime"),
            volumes=dict(sorted(made.items())),
        ).wire()


def _misfits(inputs: VirtualMachineRestoreInputs) -> Iterable[Problem]:
    if not is_known(inputs.mode):
        return
    only = {
        "keepMacAddress": ("new", inputs.keep_mac_address),
        "halt": ("new", inputs.halt),
        "oldDisks": ("replace", inputs.old_disks == "delete"),
    }
    for name, (mode, given) in only.items():
        if is_known(given) and given and inputs.mode != mode:
            yield Problem(name, f"only with mode {mode}: leave it out")


KIND = VirtualMachineRestore()
