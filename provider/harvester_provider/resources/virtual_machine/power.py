"""Which run strategy an update ends in, and the patches that get a machine there.

Power is declared through `spec.runStrategy`, with Harvester's annotation in the same patch: its webhook overwrites the
strategy with that annotation when a halted machine is started (upstream virtualmachine/mutator.go).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json
from harvester_provider.core.plan import Patch
from harvester_provider.resources.virtual_machine import words
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.live import Live

STARTS = frozenset({"Always", "RerunOnFailure", "Once"})
"""The strategies that start a machine by themselves."""


@dataclass(frozen=True, slots=True)
class Power:
    """The machine as it is, and the run strategy it is to end in."""

    live: Live
    goal: str
    asked: bool = False
    """Whether another restart trigger asks for a start."""

    @classmethod
    def of(cls, live: Live, old: str, new: str, *, asked: bool = False) -> "Power":
        """The goal: what was declared anew or `asked` for, what an interrupted update has to go back to, or what the machine has."""
        if old != new or (asked and live.halted_by_quota):
            return cls(live, new, asked)
        return cls(live, live.stopped_for_update or live.strategy, asked)

    @property
    def halts(self) -> bool:
        """Whether the machine ends off."""
        return self.goal == "Halted"

    @property
    def starts(self) -> bool:
        """Whether a halted machine ends in a strategy that starts it."""
        return self.live.strategy == "Halted" and self.goal in STARTS

    @property
    def wakes(self) -> bool:
        """Whether a machine that its guest or somebody switched off is to run again: only another run strategy starts it (KubeVirt)."""
        off = not self.live.on and self.live.strategy not in {"Halted", "Manual"}
        return off and self.asked and self.goal in STARTS

    def write(self, draft: Draft) -> None:
        """Note the goal in a patch of other changes."""
        draft.drop("metadata", "annotations", words.STOPPED_FOR_UPDATE)
        if self.goal == self.live.strategy:
            return
        remembered = self.live.strategy if self.halts else self.goal
        draft.put(remembered, "metadata", "annotations", words.LAST_STRATEGY)
        draft.drop("metadata", "annotations", words.QUOTA)
        draft.drop("spec", "running")
        draft.put(self.goal, "spec", "runStrategy")

    def stop(self, terms: str) -> Patch:
        """Halt it for an update, and note what it goes back to, so that an interrupted update is not forgotten.

        `terms` says how long the guest has, and what follows then.
        """
        notes = {words.LAST_STRATEGY: self.goal, words.STOPPED_FOR_UPDATE: self.goal}
        verb = "stop" if self.live.on else "hold back"
        return Patch(self.live.ref, self._body(notes, "Halted"), says=f"{verb} {self.live.ref}{terms}", effect=Effect.STOP_MODIFY_START)

    def start(self, says: str = "") -> Patch:
        """Start it into the goal."""
        notes = {words.LAST_STRATEGY: self.goal, words.STOPPED_FOR_UPDATE: None}
        again = f"start {self.live.ref} again" if self.goal in STARTS else f"set the run strategy of {self.live.ref} back to {self.goal}"
        return Patch(self.live.ref, self._body(notes, self.goal), says=says or again)

    def halt(self) -> Patch:
        """Halt it for good."""
        return Patch(self.live.ref, self._body({}, "Halted"), says=f"stop {self.live.ref}")

    def _body(self, notes: Mapping[str, str | None], strategy: str) -> dict[str, Json]:
        older: dict[str, Json] = {"running": None} if self.live.uses_running else {}
        return {"metadata": {"annotations": dict(notes)}, "spec": {**older, "runStrategy": strategy}}


def asks(old: str | None, new: str | None, live: Live) -> bool:
    """Whether another restart trigger is given, and the machine was not started for it before."""
    return bool(new) and new != old and new != live.annotations.get(words.RESTARTED_FOR)
