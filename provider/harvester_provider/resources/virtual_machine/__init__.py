"""VirtualMachine, in call order: model and devices (inputs), check, wants (what is read), manifest (the object), status (verdicts),
outputs, observe (drift), edits and effects (what an update does), plan (its steps), removal.

The class below only joins them. Everything in this folder is pure: inputs and snapshots in, values out.
"""

import secrets
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import NotOurs
from harvester_provider.core.json import Json
from harvester_provider.core.kind import Requirement
from harvester_provider.core.ownership import is_ours
from harvester_provider.core.plan import Plan, Put, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import VIRTUAL_MACHINE
from harvester_provider.resources.kind import BaseKind
from harvester_provider.resources.virtual_machine import driven, from_template, manifest, removal, saved, snapshots, storage_moves, wants
from harvester_provider.resources.virtual_machine.calls import freeze
from harvester_provider.resources.virtual_machine.check import problems
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.manifest import Suffix
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs, VirtualMachineOutputs
from harvester_provider.resources.virtual_machine.observe import observe
from harvester_provider.resources.virtual_machine.outputs import outputs
from harvester_provider.resources.virtual_machine.plan import Update
from harvester_provider.resources.virtual_machine.power import STARTS
from harvester_provider.resources.virtual_machine.secret import write_secrets
from harvester_provider.resources.virtual_machine.waits import START_SECONDS, ready, running_again


def random_suffix() -> str:
    """Five characters. The name is fixed by the machine's object alone, so that a resumed create finds it there."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(5))


class VirtualMachine(BaseKind[VirtualMachineInputs]):
    """The kind `VirtualMachine`. `suffix` names new volumes; tests give one that repeats."""

    name: ClassVar[str] = "VirtualMachine"
    api: ClassVar[Api] = VIRTUAL_MACHINE
    inputs: ClassVar[type[VirtualMachineInputs]] = VirtualMachineInputs
    outputs_model: ClassVar[type[VirtualMachineOutputs]] = VirtualMachineOutputs

    def __init__(self, suffix: Suffix = random_suffix) -> None:
        self._suffix = suffix

    def check(self, inputs: VirtualMachineInputs) -> Sequence[Problem]:
        """Names, disks, NICs, firmware, cloud-init: every rule that needs no cluster."""
        return problems(inputs)

    def sources(self, news: Mapping[str, Any], olds: Mapping[str, Any], seen: Snapshot) -> Iterable[Want]:
        """The template of a machine that is to be made."""
        return from_template.sources(news, olds, seen)

    def inherited(self, news: Mapping[str, Any], olds: Mapping[str, Any], seen: Snapshot) -> Mapping[str, Any]:
        """The inputs with what the template gives, or gave when the machine was made."""
        return from_template.inherited(news, olds, seen)

    def requires(self, inputs: VirtualMachineInputs) -> Sequence[Requirement]:
        """Images, networks, keys, Secrets, storage classes and attached volumes."""
        return tuple(wants.requires(inputs))

    def reads(self, ref: Ref, inputs: VirtualMachineInputs | None, seen: Snapshot) -> Iterable[Want]:
        """The machine and all that belongs to it."""
        return wants.reads(ref, inputs, seen)

    def bystanders(self, inputs: VirtualMachineInputs) -> Iterable[Listing]:  # noqa: ARG002  any machine may have a namesake
        """The snapshots of all namespaces: those of machines of the same name go with it."""
        return (snapshots.EVERYWHERE,)

    def furnish(self, inputs: VirtualMachineInputs, machine: Live, seen: Snapshot) -> Iterable[Step]:  # noqa: ARG002  Harvester does it itself
        """Make and grow the volumes that the machine asks for: nothing, because Harvester's controllers do that."""
        return ()

    def create(self, inputs: VirtualMachineInputs, seen: Snapshot) -> Plan:
        """Make the machine. Its volumes are made by Harvester, its Secret once it exists and can own it."""
        ref = self.ref(inputs)
        for own, texts in manifest.own_texts(inputs, seen).items():
            if texts and seen.get(own) and not is_ours(seen.get(own), inputs.owner):
                raise NotOurs(f"{own}: a Secret of that name exists, and the machine needs it for its texts: delete it, or set secretName")
        storage_moves.may_follow(inputs, seen)
        body = manifest.virtual_machine(inputs, seen, self._suffix)
        notes = tuple(_policies(inputs))
        return Plan(steps=(Put(ref, body, says=f"make {ref}"),), notes=notes)

    def settle(self, inputs: VirtualMachineInputs, seen: Snapshot) -> Sequence[Step]:
        """The Secret, owned by the machine, and the wait until it runs. A machine that people or nobody starts is not waited for.

        Volumes of images that are declared in another class move there last.
        """
        live = Live.of(self.ref(inputs), seen)
        wait = ready(inputs, live, inputs.seconds("create", START_SECONDS)) if inputs.run_strategy in STARTS else ()
        moves = tuple(storage_moves.after_create(inputs, live, seen, self._suffix))
        if moves and not wait:
            wait = (running_again(live, inputs.seconds("create", START_SECONDS)),)
        first = (*self.furnish(inputs, live, seen), *write_secrets(inputs, live.vm, seen))
        if live.paused and inputs.paused:  # a resumed create: it stands still already, and nothing more comes of it
            return first
        frozen = freeze(live.ref, frozen=True) if inputs.paused and inputs.run_strategy in STARTS else ()
        return (*first, *wait, *moves, *frozen)

    def update(self, old: VirtualMachineInputs, new: VirtualMachineInputs, seen: Snapshot) -> Plan:
        """Live where it can be, stop-modify-start where the guest must be off, refused where data would be lost or a driver keeps it."""
        if self.replacements(old, new):
            former = Live.of(self.ref(old), seen)
            unsaved = saved.unsaved(old, former, seen, removal.doomed_claims(old, former))
            changes = (*self.changes(old, new), *unsaved, *snapshots.refused(old, former.ref, seen))
            return Plan(changes=changes, notes=tuple(snapshots.notes(former.ref, seen)))
        live = Live.of(self.ref(new), seen)
        if not new.adopt and (trouble := driven.change(live)):
            return Plan(changes=tuple(self.changes(old, new, dict.fromkeys(self.changed(old, new), (Effect.REFUSED, trouble)))))
        return Update.of(old, new, live, seen, lambda after: self.furnish(new, after, seen)).plan(self._suffix)

    def delete(self, old: VirtualMachineInputs, seen: Snapshot) -> Plan:
        """The machine, the volumes whose disk says so, the Secret."""
        return removal.delete(old, Live.of(self.ref(old), seen), seen)

    def observe(self, ref: Ref, prior: VirtualMachineInputs | None, seen: Snapshot) -> VirtualMachineInputs:
        """The inputs as the cluster has them now."""
        live = Live.of(ref, seen)
        return self.observed(ref, prior, live.vm, observe(live, prior, seen))

    def outputs(self, inputs: VirtualMachineInputs, seen: Snapshot) -> Mapping[str, Json]:
        """Status, addresses, volumes, and whether a restart is due."""
        return outputs(Live.of(self.ref(inputs), seen)).wire()


_FATES = {"keep": "kept", "delete": "deleted with its data", "delete-backed-up": "deleted with its data, once a backup holds it,"}


def _policies(inputs: VirtualMachineInputs) -> Iterable[str]:
    """What a delete will do to the volumes, said when they are made."""
    for disk in inputs.disks:
        if disk.existing_volume is None and disk.container_image is None:
            policy = disk.on_delete or ("delete" if disk.deletes else "keep")
            yield f"disk {disk.name}: its volume is {_FATES[policy]} when the machine is deleted (onDelete: {policy})"


KIND = VirtualMachine()
