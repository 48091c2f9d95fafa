"""(old inputs, new inputs, what was seen) -> the plan of an update: one patch, with a stop around it only where the guest must be off.

The order that survives an interruption at any point: stop (and note the strategy to go back to), modify, start and take
the note away in one patch. If the cluster refuses the change, `recover` starts the machine as it was.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import dig_str
from harvester_provider.core.plan import Change, Disruption, Patch, Plan, Remove, Step
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import PERSISTENT_VOLUME_CLAIM
from harvester_provider.resources.virtual_machine import cloud_init, manifest, policy, removal, saved, words
from harvester_provider.resources.virtual_machine.calls import arrive, freeze, move, reboot
from harvester_provider.resources.virtual_machine.changes import Judge
from harvester_provider.resources.virtual_machine.disk_edits import disk_edits
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.edits import ASKED, Edit, drive_edits, scalar_edits, set_probe
from harvester_provider.resources.virtual_machine.hot_plug import Plugged, follow
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.manifest import Suffix
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.nic_edits import nic_edits, pin_macs
from harvester_provider.resources.virtual_machine.power import STARTS, Power, asks
from harvester_provider.resources.virtual_machine.secret import write_secrets
from harvester_provider.resources.virtual_machine.storage_moves import left_behind, while_copying
from harvester_provider.resources.virtual_machine.waits import (
    START_SECONDS,
    power_on,
    ready,
    requested,
    running_again,
    stop_terms,
    stopped,
    until_grown,
    until_off,
)

Furnish = Callable[[Live], Iterable[Step]]
"""Makes and grows the volumes that a machine asks for, where no controller of the cluster does."""


@dataclass(frozen=True)
class Update:
    """One update: the machine as it is, as it shall be, and the power it ends in."""

    old: VirtualMachineInputs
    new: VirtualMachineInputs
    live: Live
    seen: Snapshot
    power: Power
    draft: Draft
    furnish: Furnish

    @classmethod
    def of(cls, old: VirtualMachineInputs, new: VirtualMachineInputs, live: Live, seen: Snapshot, furnish: Furnish) -> "Update":
        """Nothing edited yet."""
        power = Power.of(live, old.run_strategy, new.run_strategy, asked=asks(old.restart_trigger, new.restart_trigger, live))
        return cls(old, new, live, seen, power, Draft(live.vm), furnish)

    @property
    def _judge(self) -> Judge:
        return Judge(self.live, self.seen, self.power, self.draft, self.new)

    def plan(self, suffix: Suffix) -> Plan:
        """All changes with their effects, and the steps. A refused plan has no steps."""
        edits = list(self._edits(suffix))
        changes = [self._judge.change(edit) for edit in edits]
        changes, waiting = self._ruled([while_copying(change, self.live, halts=self.power.halts) for change in changes])
        if any(change.effect is Effect.REFUSED for change in changes):
            return Plan(changes=tuple(changes))
        moves = [*self._moves(edits), *self._arrives(suffix)]
        must_stop = (
            self._goes_on_from_a_stop(moves)
            or self.power.wakes
            or (self.live.on and not self.power.halts and any(change.effect.stops_guest for change in changes))
        )
        if must_stop:
            later = [bool(edit.asks) or edit.field in ASKED for edit in edits]
            inside = [change if asked else _in_the_stop(change) for asked, change in zip(later, changes, strict=True)]
            return self._while_off(edits).around_a_stop(inside, moves)
        doomed = self._note_doomed()
        if refused := tuple(saved.unsaved(self.old, self.live, self.seen, doomed)):
            return Plan(changes=(*changes, *refused))
        notes = (*self._notes(changes, doomed), *self._left_running(waiting, doomed))
        if waiting:
            steps = self._asking(list(self._deferred(edits, waiting, changes, suffix)), suffix)
            return Plan(tuple(steps), tuple(changes), notes=notes)
        doomed = [] if self._guest_holds(doomed) else doomed
        resumed = self._disruption() if self.live.stopped_for_update and not self.power.halts else None
        steps = self._asking(self._modify(edits, changes, doomed, suffix), suffix)
        return Plan(tuple(steps), tuple(changes), notes=notes, disruption=resumed)

    def around_a_stop(self, changes: Sequence[Change], moves: Sequence[Step]) -> Plan:
        """All of it with one stop, and what only a running guest can do after it."""
        doomed = self._note_doomed()
        if refused := tuple(saved.unsaved(self.old, self.live, self.seen, doomed)):
            return Plan(changes=(*changes, *refused))
        notes = tuple(self._notes(changes, doomed))
        policy.clear(self.draft)
        self.draft.drop("spec", "updateVolumesStrategy")
        set_probe(self.draft, self.new)
        pin_macs(self.draft, self.live)
        thaw = tuple(freeze(self.live.ref, frozen=False)) if self.live.paused else ()
        around = [*thaw, *self._stop_modify_start(changes)]
        running = [running_again(self.live, self.new.seconds("update", START_SECONDS))] if moves else []
        after = [*self._after_start(doomed), *running, *moves, *self._frozen_again()]
        return Plan((*around, *after), tuple(changes), self._as_it_was(), notes, committed=len(around), disruption=self._disruption())

    def _while_off(self, edits: Sequence[Edit]) -> "Update":
        """The same edits, made on a machine that is off."""
        if not any(edit.act_live for edit in edits):
            return self
        draft = Draft(self.live.vm)
        for edit in edits:
            edit.act(draft)
        return replace(self, draft=draft)

    def _moves(self, edits: Sequence[Edit]) -> Iterator[Step]:
        """What is asked of the running guest for its disks, one after the other."""
        for edit in edits:
            if edit.asks and (self.live.stopped_for_update or self._judge.effect(edit)[0].touches_running_guest):
                yield from edit.asks

    def _arrives(self, suffix: Suffix) -> Iterator[Step]:
        """Bring a guest that was stopped and started to the node that it is to be on."""
        node = self.new.migrate_to
        if node and node != self.old.migrate_to and self.power.goal in STARTS:
            yield from arrive(self.live, node, self.new.owner, suffix(), self.new.seconds("update", START_SECONDS))

    def _ruled(self, changes: Sequence[Change]) -> tuple[list[Change], list[str]]:
        """The changes as the update policy has them, and what waits for the next start. A guest that goes down anyway takes all of them."""
        going_down = self.live.stopped_for_update or self.live.strategy == "Halted"
        return (list(changes), []) if going_down else policy.ruled(changes, self.new.update_policy)

    def _deferred(self, edits: Sequence[Edit], waiting: Sequence[str], changes: Sequence[Change], suffix: Suffix) -> Iterator[Step]:
        """Write what changes, and leave the guest running. What it uses still is kept, and nothing is waited for that it lacks."""
        policy.note(self.draft, self.live, waiting)
        pin_macs(self.draft, self.live)
        self.power.write(self.draft)
        yield from (*self._secret_first(), self._patch(changes), *self.furnish(self._after()))
        if self.live.guest_runs:
            yield from follow(self._plugged(edits, waiting), self.new.owner, suffix, self.new.seconds("update", START_SECONDS))
        yield from self._growth()

    def _left_running(self, waiting: Sequence[str], doomed: Sequence[str]) -> Iterator[str]:
        """What preview says of a guest that will lack something until its next start, or does so already."""
        if waiting:
            yield f"the machine is left running; what is deferred waits for its next start: {policy.WAY_OUT}"
        elif (earlier := policy.due(self.live)) and self.live.on and not self.power.halts:
            yield f"a restart of the machine is due ({earlier}): {policy.WAY_OUT}"
        if self._guest_holds(doomed):
            yield f"the running guest still uses {', '.join(doomed)}: deleted by the first update after its next start"

    def _guest_holds(self, claims: Sequence[str]) -> bool:
        """Whether a guest that runs on uses one of the claims until its next start."""
        goes_down = self.power.halts or self.live.strategy == "Halted"
        return not goes_down and policy.holds_claims(self.live, claims)

    def _goes_on_from_a_stop(self, moves: Sequence[Step]) -> bool:
        """Whether an update was interrupted after its stop and has more to do than to start the machine: it can be put back, too."""
        return bool(self.live.stopped_for_update and (self.draft.patch or moves)) and not self.power.halts

    def _edits(self, suffix: Suffix) -> Iterator[Edit]:
        yield from scalar_edits(self.old, self.new, self.live, self.seen)
        yield from disk_edits(self.old, self.new, self.live, self.seen, suffix)
        yield from nic_edits(self.old, self.new, self.live)
        yield from drive_edits(self.old, self.new, self.live, self.seen)

    def _plugged(self, edits: Sequence[Edit], waiting: Sequence[str] = ()) -> Plugged:
        """The devices, CPUs and memory that come and go under the running guest, those of an interrupted update among them."""
        kept = [edit for edit in edits if edit.field and edit.property not in waiting]
        found = [edit for edit in kept if self._judge.effect(edit)[0].touches_running_guest]
        after = self._after()
        fields = {edit.field for edit in found}
        nics = [edit.device for edit in found if edit.device and edit.field.startswith("networkInterfaces")]
        volumes = [edit.device for edit in found if edit.device and edit.field.startswith("disks")]
        return Plugged(
            self.live.ref,
            nics=tuple(name for name in nics if name in after.interfaces),
            gone_nics=tuple(name for name in nics if name not in after.interfaces),
            volumes=tuple(name for name in volumes if name in after.volumes),
            gone_volumes=tuple(name for name in volumes if name not in after.volumes),
            cpu=self.new.cpu if "cpu" in fields else 0,
            memory=self.new.memory if "memory" in fields else None,
        )

    def _note_doomed(self) -> list[str]:
        """The volumes that go with their disks, noted on the machine until they are gone."""
        used = {claim.name for claim in self._after().claims()}
        doomed = [claim for claim in removal.doomed_claims(self.old, self.live) if claim not in used]
        copied = [claim for claim in left_behind(self.old, self.new, self.live) if claim not in used]
        doomed = list(dict.fromkeys((*removal.pending_claims(self.live), *doomed, *copied)))
        if doomed:
            self.draft.put(",".join(doomed), "metadata", "annotations", words.CLAIMS_TO_DELETE)
        return doomed

    def _after(self) -> Live:
        """The machine as the draft has it."""
        return Live(self.live.ref, self.draft.document, self.live.instance)

    def _stop_modify_start(self, changes: Sequence[Change]) -> list[Step]:
        """The modification with a stop around it."""
        stop: tuple[Step, ...] = (self.power.stop(stop_terms(self.new, self.live)), stopped(self.new, self.live))
        return [*stop, *self._secret_first(), self._patch(changes), *self.furnish(self._after()), self.power.start()]

    def _frozen_again(self) -> Iterator[Step]:
        """A machine that is declared to stand still does so again after a start."""
        return freeze(self.live.ref, frozen=True) if self.new.paused and self.power.goal in STARTS else iter(())

    def _asking(self, steps: Sequence[Step], suffix: Suffix) -> Iterator[Step]:
        """The steps for a guest that goes on running, with what is asked of it around them: to go on, to reboot, to move, to stand still.

        A guest that stands still cannot shut down, reboot or take devices: it goes on first.
        """
        asked = asks(self.old.restart_trigger, self.new.restart_trigger, self.live) and self.new.restart_mode == "soft"
        moved = self.new.migrate_to if self.new.migrate_to != self.old.migrate_to else None
        here = dig_str(self.live.instance, "status", "nodeName")
        runs, halts = self.live.guest_runs, self.power.halts
        thaw = self.live.paused and (halts or not self.new.paused or bool(steps) or asked or bool(moved))
        if thaw:
            yield from freeze(self.live.ref, frozen=False)
        yield from steps
        if runs and not halts and asked and self.new.restart_trigger:
            yield from reboot(self.live.ref, self.new.restart_trigger)
        if runs and not halts and moved and moved != here:
            yield from move(self.live, moved, self.new.owner, suffix(), self.new.seconds("update", START_SECONDS))
        if self.new.paused and not halts and ((runs and (thaw or not self.live.paused)) or (not runs and self.power.starts)):
            yield from freeze(self.live.ref, frozen=True)

    def _disruption(self) -> Disruption | None:
        """That the machine goes down, or is down since an update that was interrupted, where others of its group must be spared then."""
        if not self.new.disruption_group:
            return None
        back = running_again(self.live, 0)
        already = bool(self.live.stopped_for_update)
        return Disruption(self.live.ref, self.new.disruption_group, self.new.max_unavailable, back.wants, back.judge, already)

    def _after_start(self, doomed: Sequence[str]) -> list[Step]:
        """What follows once the machine has been started with what is new."""
        seconds = self.new.seconds("update", START_SECONDS)
        waits = ready(self.new, self._after(), seconds) or ((running_again(self.live, seconds),) if self.new.disruption_group else ())
        return [*self._kick(), *self._volumes_last(doomed), *self._secret_last(), *waits]

    def _as_it_was(self) -> tuple[Step, ...]:
        """Start the machine again as it was. A guest that is still shutting down cannot be called back: it is waited for first."""
        off = until_off(self.live, self.live.grace_seconds + 60.0)
        back = self.power.start(f"start {self.live.ref} again as it was")
        return (off, back, *self._kick(), running_again(self.live, self.new.seconds("update", START_SECONDS)))

    def _kick(self) -> tuple[Step, ...]:
        """A machine that only people start was running, and does not start by itself."""
        return (power_on(self.live.ref),) if self.power.goal == "Manual" else ()

    def _modify(self, edits: Sequence[Edit], changes: Sequence[Change], doomed: Sequence[str], suffix: Suffix) -> list[Step]:
        """One patch without a stop, then what has to be waited for."""
        self.power.write(self.draft)
        if not self.live.on:
            set_probe(self.draft, self.new)
        waits = self.live.on and (self.power.halts or self.live.strategy == "Halted")
        off = (stopped(self.new, self.live),) if waits else ()
        patch: list[Step] = [*([self._patch(changes)] if self.draft.patch else []), *self.furnish(self._after())]
        steps: list[Step] = [*self._secret_first()]
        steps += [*off, *patch] if self.power.starts else [*patch, *off]
        resumed = bool(self.live.stopped_for_update) and not self.live.on and not self.power.halts
        if self.live.guest_runs and not self.power.halts:
            steps += follow(self._plugged(edits), self.new.owner, suffix, self.new.seconds("update", START_SECONDS))
            steps += self._moves(edits)
        steps += [*(self._kick() if resumed else ()), *self._volumes_last(doomed), *self._secret_last(), *self._growth()]
        if self.power.starts or resumed or self._unfinished():
            steps += ready(self.new, self._after(), self.new.seconds("update", START_SECONDS))
        return steps

    def _unfinished(self) -> bool:
        """Whether the machine is on its way up, as after an interrupted create or update."""
        return self.power.goal in STARTS and self.live.on and not self.live.guest_runs

    def _patch(self, changes: Sequence[Change]) -> Patch:
        """The modification: all fields in one patch."""
        shown = [change for change in changes if change.effect is not Effect.NONE]
        what = ", ".join(change.property for change in shown) or "notes of the provider"
        effect = max((change.effect for change in shown), default=Effect.METADATA)
        return Patch(self.live.ref, tuple(self.draft.patch), says=f"change {what} of {self.live.ref}", effect=effect)

    def _growth(self) -> Iterator[Step]:
        """Waits for volumes that grow under a running guest."""
        after = self._after()
        for claim in self.live.claims() if self.live.guest_runs and not self.power.halts else ():
            size = requested(after, claim.name)
            if size and size != requested(self.live, claim.name):
                yield until_grown(claim, size)

    def _volumes_last(self, doomed: Sequence[str]) -> Iterator[Step]:
        """Delete the volumes of removed disks once the machine does not use them any more, then take the note away."""
        for claim in doomed:
            yield from removal.remove_claim(self.live, claim, self.seen)
        if doomed:
            yield Patch(self.live.ref, {"metadata": {"annotations": {words.CLAIMS_TO_DELETE: None}}})

    def _secret_first(self) -> Iterator[Step]:
        """The Secrets with the machine's own texts, before the machine refers to them."""
        if any(getattr(self.old, name) != getattr(self.new, name) for name in ("cloud_init", "ssh_keys", "sysprep")):
            yield from write_secrets(self.new, self.draft.document, self.seen)

    def _secret_last(self) -> Iterator[Step]:
        """Remove the Secrets that are no longer needed."""
        for own, texts in manifest.own_texts(self.new, self.seen).items():
            if cloud_init.is_own(self.seen.get(own)) and not texts:
                yield Remove(own, says=f"delete {own}")

    def _notes(self, changes: Sequence[Change], doomed: Sequence[str]) -> Iterator[str]:
        """What preview adds: changes that wait for the guest's next start, and volumes that are kept."""
        yield from (str(change) for change in changes if change.effect is Effect.METADATA and change.why)
        used = {claim.name for claim in self._after().claims()}
        for name in self.live.disks:
            claim = self.live.claim(name)
            if claim and claim not in used and claim not in doomed:
                yield f"volume {Ref(PERSISTENT_VOLUME_CLAIM, claim, self.live.ref.namespace).id} of disk {name} is kept"


def _in_the_stop(change: Change) -> Change:
    """A change that would take a migration by itself, and is made in a stop that others need."""
    if change.effect is not Effect.MIGRATE:
        return change
    return Change(change.property, Effect.STOP_MODIFY_START, "made while the machine is off for other changes")
