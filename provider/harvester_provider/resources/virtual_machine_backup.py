"""VirtualMachineBackup: a machine and its disks on the backup target, from where this cluster and others restore it.

All that it shares with a snapshot is in `saving`; here is what needs the target.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Object, dig_str
from harvester_provider.core.plan import Change, Plan
from harvester_provider.core.ref import Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import BACKUP_TARGET
from harvester_provider.resources.saving import Saving, SavingInputs, SavingOutputs, target_url

_EMPTY = ("", '""', "{}")


class VirtualMachineBackupInputs(SavingInputs):
    """A backup of a machine on the cluster's backup target. It outlives the machine; deleting it deletes its data on the target."""


class VirtualMachineBackupOutputs(SavingOutputs):
    """What is known of a backup."""

    target: str = ""
    """Where its data is: `s3://bucket@region/`, or the NFS share."""


class VirtualMachineBackup(Saving[VirtualMachineBackupInputs]):
    """The kind `VirtualMachineBackup`."""

    name: ClassVar[str] = "VirtualMachineBackup"
    inputs: ClassVar[type[VirtualMachineBackupInputs]] = VirtualMachineBackupInputs
    outputs_model: ClassVar[type[VirtualMachineBackupOutputs]] = VirtualMachineBackupOutputs
    type: ClassVar[Literal["backup", "snapshot"]] = "backup"

    def reads(self, ref: Ref, inputs: VirtualMachineBackupInputs | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  always the same
        """The object and the setting of the target."""
        return (ref, BACKUP_TARGET)

    def create(self, inputs: VirtualMachineBackupInputs, seen: Snapshot) -> Plan:
        """Ask for it, where there is a target."""
        if dig_str(seen.get(BACKUP_TARGET), "value") in _EMPTY:
            why = "this cluster has no backup target: declare a BackupTarget and let the backup depend on it"
            return Plan(changes=(Change("virtualMachine", Effect.REFUSED, why),))
        return super().create(inputs, seen)

    def values(self, ref: Ref, found: Object) -> dict[str, object]:
        """The outputs, with the target."""
        return {**super().values(ref, found), "target": target_url(found)}


KIND = VirtualMachineBackup()
