"""What VirtualMachineBackup and VirtualMachineSnapshot share: both are Harvester's VirtualMachineBackup, of another type.

A backup is written to the backup target and outlives its machine; a snapshot stays in the cluster and goes with it. Ready
means restorable: Harvester accepts no restore from anything less. The two kinds say what is different.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, TypeVar

from pydantic import Field

from harvester_provider.core.json import Json, Object, condition, dig, dig_int, dig_map, dig_objects, dig_str, is_true
from harvester_provider.core.kind import Requirement
from harvester_provider.core.ownership import is_ours
from harvester_provider.core.plan import Await, Patch, Plan, Put, Remove, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import BACKUP, VIRTUAL_MACHINE
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import REPLACE, NamespacedInputs, Outputs

SECONDS = 3600.0
_PASSES = "the object has been modified"


class SavingInputs(NamespacedInputs):
    """What a backup and a snapshot are made of."""

    virtual_machine: str = Field(json_schema_extra=REPLACE)
    """The machine, by its name or its ID `namespace/name`; it is in the namespace of this object. It may run: a guest with
    qemu-guest-agent has its file systems frozen for a moment."""


class SavingOutputs(Outputs):
    """What is known of a backup or a snapshot."""

    backup_id: str = ""
    """`namespace/name`: what a restore names as its backup."""
    ready: bool = False
    """Whether it can be restored now. A backup is not while its target is unreachable or another one is set."""
    progress: int = 0
    """Progress in percent."""
    creation_time: str = ""
    """When it was finished, in UTC."""
    volumes: dict[str, int] = {}
    """The disks in it, by their names, with the size of each in bytes."""


S = TypeVar("S", bound=SavingInputs)


@dataclass(frozen=True, slots=True)
class Restorable:
    """Judges whether `ref` can be restored (upstream pkg/controller/master/backup/backup_status.go).

    A lost lock of the controller is noted on the object and passes; any other error is the end of it.
    """

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where Harvester says so, and for a backup only when its description is on the target, too."""
        found = seen.get(self.ref)
        if error := error_of(found):
            return Failed(error, "look at the target and the volumes; the next `pulumi up` deletes it and makes it anew")
        if dig(found, "status", "readyToUse") is not True or not is_true(found, "Ready"):
            return Waiting(f"{progress(found)} % saved")
        if dig_str(found, "spec", "type") != "snapshot" and not is_true(found, "MetadataReady"):
            return Waiting("its description is not on the target yet")
        return Ready()


def error_of(found: Object) -> str:
    """Why it failed, with what each volume says; empty where it did not."""
    said = condition(found, "InProgress")
    broken = dig_str(found, "status", "error", "message") or (dig_str(said, "message") if said.get("reason") == "Error" else "")
    if not broken or _PASSES in broken or dig(found, "status", "readyToUse") is True:
        return ""
    each = [(dig_str(item, "volumeName"), dig_str(item, "error", "message")) for item in dig_objects(found, "status", "volumeBackups")]
    return "; ".join([broken, *(f"disk {name}: {why}" for name, why in each if why)])


def progress(found: Object) -> int:
    """Progress in percent; a snapshot has none of its own until it is ready."""
    return 100 if dig(found, "status", "readyToUse") is True else dig_int(found, "status", "progress")


class Saving(BaseKind[S], Generic[S]):
    """The common half of both kinds."""

    api: ClassVar[Api] = BACKUP
    outputs_model: ClassVar[type[SavingOutputs]] = SavingOutputs
    type: ClassVar[Literal["backup", "snapshot"]]

    def recognises(self, found: Object) -> bool:
        """Those of its type; Harvester takes one without a type for a backup."""
        return (dig_str(found, "spec", "type") or "backup") == self.type

    def check(self, inputs: S) -> Sequence[Problem]:
        """The machine is in the same namespace."""
        return tuple(machine_problems(inputs.virtual_machine, inputs.namespace))

    def requires(self, inputs: S) -> Sequence[Requirement]:
        """The machine."""
        if not is_known(inputs.virtual_machine, inputs.namespace):
            return ()
        return (Requirement("virtualMachine", machine_ref(inputs.virtual_machine, inputs.namespace), "give the id of a VirtualMachine"),)

    def reads(self, ref: Ref, inputs: S | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  the object says all
        """The object."""
        return (ref,)

    def create(self, inputs: S, seen: Snapshot) -> Plan:  # noqa: ARG002  whether it works is the cluster's to say
        """Ask for it."""
        return Plan(steps=(self._put(inputs),))

    def settle(self, inputs: S, seen: Snapshot) -> Sequence[Step]:
        """Wait until it can be restored."""
        wait = self._wait(inputs, "create")
        return () if wait.judge(seen) == Ready() else (wait,)

    def update(self, old: S, new: S, seen: Snapshot) -> Plan:
        """Metadata in place; another machine is another object. One of ours that failed is made anew."""
        ref, found = self.ref(new), seen.get(self.ref(new))
        changes = tuple(self.changes(old, new))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        if (error := error_of(found)) and is_ours(found, new.owner):
            remove = Remove(ref, says=f"delete {ref}, which failed", seconds=new.seconds("delete", 300))
            return Plan(steps=(remove, self._put(new), self._wait(new, "update")), changes=changes, notes=(f"{ref}: {error}",))
        meta = metadata_patch(old, new)
        patch = (Patch(ref, {"metadata": meta}, says=f"change the metadata of {ref}"),) if meta else ()
        return Plan(steps=patch, changes=changes)

    def observe(self, ref: Ref, prior: S | None, seen: Snapshot) -> S:
        """The object as it is, the machine in the notation of the program."""
        found = seen.get(ref)
        name = dig_str(found, "spec", "source", "name")
        same = prior is not None and machine_ref(prior.virtual_machine, ref.namespace).name == name
        return self.observed(ref, prior, found, {"virtual_machine": prior.virtual_machine if prior and same else name})

    def outputs(self, inputs: S, seen: Snapshot) -> Mapping[str, Json]:
        """What the status says."""
        found = seen.get(self.ref(inputs))
        return self.outputs_model(**self.values(self.ref(inputs), found)).wire()

    def values(self, ref: Ref, found: Object) -> dict[str, object]:
        """The outputs by their Python names."""
        volumes = {dig_str(each, "volumeName"): dig_int(each, "volumeSize") for each in dig_objects(found, "status", "volumeBackups")}
        return {
            "backup_id": ref.id,
            "ready": Restorable(ref)(Snapshot({ref: found})) == Ready(),
            "progress": progress(found),
            "creation_time": dig_str(found, "status", "creationTime"),
            "volumes": dict(sorted(volumes.items())),
        }

    def _put(self, inputs: S) -> Put:
        ref, machine = self.ref(inputs), machine_ref(inputs.virtual_machine, inputs.namespace)
        source = {"apiGroup": VIRTUAL_MACHINE.group, "kind": VIRTUAL_MACHINE.kind, "name": machine.name}
        body = manifest(BACKUP, metadata(inputs), spec={"type": self.type, "source": source})
        return Put(ref, body, says=f"make a {self.type} of {machine}")

    def _wait(self, inputs: S, operation: str) -> Await:
        ref = self.ref(inputs)
        return Await(ref, "restorable", (ref,), Restorable(ref), inputs.seconds(operation, SECONDS))


def machine_ref(machine: str, namespace: str) -> Ref:
    """The machine that a name or an ID stands for."""
    return Ref(VIRTUAL_MACHINE, machine.rpartition("/")[2], machine.rpartition("/")[0] or namespace)


def machine_problems(machine: str, namespace: str) -> Iterable[Problem]:
    """A machine of another namespace cannot be named."""
    if is_known(machine, namespace) and machine_ref(machine, namespace).namespace != namespace:
        why = f"{machine} is in another namespace: this object must be in the machine's, so set namespace to {machine.rpartition('/')[0]}"
        yield Problem("virtualMachine", why)


def target_url(found: Object) -> str:
    """Where a backup lies, as far as it notes it."""
    noted = dig_map(found, "status", "backupTarget")
    bucket = dig_str(noted, "bucketName")
    return f"s3://{bucket}@{dig_str(noted, 'bucketRegion')}/" if bucket else dig_str(noted, "endpoint")
