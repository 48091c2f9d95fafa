"""Verdicts around a restore: the backup can be used, the machine is off, the restore is done.

Upstream notes every error of a step and tries it again, also those that pass within a second; only what the storage says
about the content itself is taken for the end of it.
"""

import re
from dataclasses import dataclass

from harvester_provider.core.json import condition, dig, dig_int, dig_str
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.virtual_machine_restore.parts import instance_ref

_RETRY_SECONDS = 30.0
_FINAL = re.compile(r"restore failed|no space left|insufficient storage|checksum", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Usable:
    """Judges whether a backup can be restored from. Where it is not there, it may still be found on the target."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where Harvester says so."""
        found = seen.get(self.ref)
        if not found:
            return Waiting("it is not there; one of another cluster appears when the cluster looks at the backup target the next time")
        if dig(found, "status", "readyToUse") is True:
            return Ready()
        if error := dig_str(found, "status", "error", "message"):
            return Failed(f"this backup failed and is not whole: {error}", "restore from another one; nothing was changed")
        said = dig_str(condition(found, "Ready"), "message")
        return Waiting(f"it is not whole, {dig_int(found, 'status', 'progress')} % saved" + (f" ({said})" if said else ""))


@dataclass(frozen=True, slots=True)
class Off:
    """Judges whether a machine is off."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where there is no guest and Harvester has noticed."""
        stopped = not seen.get(instance_ref(self.ref)) and dig(seen.get(self.ref), "status", "ready") is not True
        return Ready() if stopped else Waiting("the guest shuts down")


@dataclass(frozen=True, slots=True)
class Restored:
    """Judges whether the restore `ref` of `machine` is done."""

    ref: Ref
    machine: Ref
    replaces: bool

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where it is complete."""
        found = seen.get(self.ref)
        if not found:
            return Failed("it is gone, with its machine", "`pulumi up` restores again")
        if dig(found, "status", "complete") is True:
            return Ready()
        said = condition(found, "InProgress")
        message = dig_str(said, "message")
        if said.get("reason") == "Error" and _FINAL.search(message):
            return Failed(message, self._way_out(), retried=_RETRY_SECONDS)
        return Waiting(f"{dig_int(found, 'status', 'progress')} % restored" + (f" ({message})" if message else ""))

    def _way_out(self) -> str:
        if self.replaces:
            return f"the volumes that {self.machine} had are still there; the cluster goes on trying, and `pulumi up` waits for it again"
        return (
            f"delete {self.machine}, which is not whole, or mend the cause: the cluster goes on trying, and `pulumi up` waits for it again"
        )
