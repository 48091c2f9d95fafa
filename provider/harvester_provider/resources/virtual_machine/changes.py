"""Edits -> changes: each edit is made on the draft, and what it does is looked up in the table of effects.

Between the edits and the plan. Nothing here makes steps, and nothing but the table decides an effect.
"""

from collections.abc import Callable
from dataclasses import dataclass

from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import PlanRefused
from harvester_provider.core.json import dig_str
from harvester_provider.core.plan import Change
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import SERVER_VERSION
from harvester_provider.resources.virtual_machine import abilities, policy
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.edits import ASKED, Edit
from harvester_provider.resources.virtual_machine.effects import Guest, effect_of, release
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.policy import TRIGGER
from harvester_provider.resources.virtual_machine.power import Power, asks

_TO_BE_OFF = "it is done under a running guest only, and the machine is to be off: do it before"


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the edits of one update, for the machine as it was seen and the power it ends in."""

    live: Live
    seen: Snapshot
    power: Power
    draft: Draft
    new: VirtualMachineInputs

    def change(self, edit: Edit) -> Change:
        """Make the edit on the draft, and say what it does."""
        if refused := edit.refused or (_TO_BE_OFF if edit.asks and self.power.halts else ""):
            return Change(edit.property, Effect.REFUSED, refused)
        if not edit.field:
            return Change(edit.property, Effect.NONE, "only how the provider works")
        before = len(self.draft.patch)
        effect, why = self.effect(edit)
        act = edit.act_live if edit.act_live and effect.touches_running_guest else edit.act
        try:
            act(self.draft)
        except PlanRefused as error:
            return Change(edit.property, Effect.REFUSED, str(error))
        starts = not self.live.on and (self.power.starts or self.power.wakes)
        if edit.field == "runStrategy" or (edit.property == TRIGGER and starts):
            return self._power_change(edit)
        asked = bool(edit.asks) or (edit.field in ASKED and not self._has_been_asked(edit.field))
        if len(self.draft.patch) == before and effect > Effect.METADATA and not asked and self._is_so_already(act):
            return Change(edit.property, Effect.METADATA, "it is so already")
        return Change(edit.property, effect, why)

    def effect(self, edit: Edit) -> tuple[Effect, str]:
        """What an edit does, and why."""
        version = release(dig_str(self.seen.get(SERVER_VERSION), "value"))
        holds = abilities.of_cluster(self.seen) | abilities.of_machine(self.live) | edit.holds
        guest = Guest(self.live.on and not self.power.halts, version, holds)
        effect, why = effect_of(edit.field, guest)
        if edit.field in policy.PLACEMENT and effect is Effect.LIVE and not dig_str(self.live.instance, "status", "nodeName"):
            return Effect.STOP_MODIFY_START, "no node has taken the machine yet, and its pod never looks again"
        return effect, why

    def _has_been_asked(self, field: str) -> bool:
        """Whether the guest is as it was asked to be. A soft reboot leaves a note when it is done."""
        new = self.new
        so_already = {
            "paused": self.live.paused == new.paused,
            "migrateTo": not new.migrate_to or dig_str(self.live.instance, "status", "nodeName") == new.migrate_to,
            "restartTrigger.soft": not asks(None, new.restart_trigger, self.live),
        }
        return so_already[field]

    def _is_so_already(self, act: Callable[[Draft], None]) -> bool:
        """Whether the machine has it, as after an interrupted update; another edit of this one may have made it too."""
        probe = Draft(self.live.vm)
        act(probe)
        return not probe.patch

    def _power_change(self, edit: Edit) -> Change:
        if self.power.halts:
            return Change(edit.property, Effect.LIVE, "the machine is shut down, as declared" if self.live.on else "the machine stays off")
        if self.power.starts or self.power.wakes:
            return Change(edit.property, Effect.LIVE, "the machine is started")
        return Change(edit.property, Effect.LIVE, "the guest does not notice it")
