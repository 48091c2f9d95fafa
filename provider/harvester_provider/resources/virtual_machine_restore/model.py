"""VirtualMachineRestore: inputs and outputs. Names follow Harvester's own. What the cluster must allow is in `plan`."""

from typing import Literal

from pydantic import Field

from harvester_provider.resources.model import REPLACE, NamespacedInputs, Outputs


class VirtualMachineRestoreInputs(NamespacedInputs):
    """A machine brought back from a backup or a snapshot, once: as a new machine, or in place of one that exists.

    Harvester keeps the object of a restore as long as the machine; another input here is another restore.
    """

    backup: str = Field(json_schema_extra=REPLACE)
    """The VirtualMachineBackup or VirtualMachineSnapshot: its ID, `namespace/name`, also of one that another cluster
    has put on the same target."""
    virtual_machine: str = Field(json_schema_extra=REPLACE)
    """Name of the machine to make or to replace, in the namespace of this object; of one that exists also its ID."""
    mode: Literal["new", "replace"] = Field(default="new", json_schema_extra=REPLACE)
    """`new`: make a machine of that name. `replace`: put the backup in place of the machine that exists: it is stopped first, gets the
    backup's settings and disks, and is started again when it ran."""
    keep_mac_address: bool = Field(default=False, json_schema_extra=REPLACE)
    """Give a new machine the MAC addresses of the one in the backup, which must be gone. One that is replaced always keeps them."""
    old_disks: Literal["retain", "delete"] = Field(default="retain", json_schema_extra=REPLACE)
    """What becomes of the volumes that a replaced machine had. `delete`: they go when the restore has succeeded; only where the backup
    is of that very machine, and never from a snapshot."""
    halt: bool = Field(default=False, json_schema_extra=REPLACE)
    """Leave a new machine off once it is restored. Harvester starts it first, to see that it runs."""
    trigger: str = Field(default="", json_schema_extra=REPLACE)
    """Any text. Another value restores again."""
    on_delete: Literal["keep", "delete"] = "keep"
    """What a delete of this does to a new machine. `keep`: nothing. `delete`: it goes with its disks. A replaced one always stays."""


class VirtualMachineRestoreOutputs(Outputs):
    """What is known of a restore."""

    machine_id: str = ""
    """`namespace/name` of the machine."""
    complete: bool = False
    """Whether it is done: the machine ran with the restored disks."""
    progress: int = 0
    """Progress in percent."""
    restore_time: str = ""
    """When it was done, in UTC."""
    volumes: dict[str, str] = {}
    """Name of the restored volume (PersistentVolumeClaim) of each disk, by the disk's name."""
