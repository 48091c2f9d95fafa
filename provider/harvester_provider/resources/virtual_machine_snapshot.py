"""VirtualMachineSnapshot: the state of a machine and its disks, kept in the cluster's own storage. It goes with its machine.

All that it does is in `saving`; here is what tells it from a backup.
"""

from typing import ClassVar, Literal

from harvester_provider.resources.saving import Saving, SavingInputs, SavingOutputs


class VirtualMachineSnapshotInputs(SavingInputs):
    """A snapshot of a machine: taken in seconds, needs no backup target, and is deleted with its machine, by Harvester's way of
    looking for them also with any other machine of that name, in every namespace. For what must outlive the machine or the cluster
    make a VirtualMachineBackup."""


class VirtualMachineSnapshotOutputs(SavingOutputs):
    """What is known of a snapshot."""


class VirtualMachineSnapshot(Saving[VirtualMachineSnapshotInputs]):
    """The kind `VirtualMachineSnapshot`."""

    name: ClassVar[str] = "VirtualMachineSnapshot"
    inputs: ClassVar[type[VirtualMachineSnapshotInputs]] = VirtualMachineSnapshotInputs
    outputs_model: ClassVar[type[VirtualMachineSnapshotOutputs]] = VirtualMachineSnapshotOutputs
    type: ClassVar[Literal["backup", "snapshot"]] = "snapshot"


KIND = VirtualMachineSnapshot()
