"""Update policy: what becomes of changes that need a stop of the running guest. Between the table of effects and the plan's steps.

`auto` stops it, `live` refuses them at preview, `defer` writes them and leaves the guest running. A restart that is asked for
by `restart_trigger` takes everything along, whatever the policy. Nothing here makes steps.
"""

from collections.abc import Sequence

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import condition, dig, dig_objects, dig_str, is_true
from harvester_provider.core.plan import Change
from harvester_provider.resources.virtual_machine import words
from harvester_provider.resources.virtual_machine.disks import claim_of
from harvester_provider.resources.virtual_machine.draft import Draft
from harvester_provider.resources.virtual_machine.live import Live

TRIGGER = "restartTrigger"
PLACEMENT = frozenset({"nodeSelector", "nodeAffinity", "vmAffinity", "vmAntiAffinity", "tolerations"})
"""What the scheduler reads, once for each pod."""
NOT_WHILE_DUE = PLACEMENT | {"cpu", "memory"}
"""What KubeVirt takes over into a running guest only while no restart of it is required (vm.go, sync)."""
WAY_OUT = "change restartTrigger to restart it, or restart it in Harvester's UI"


def ruled(changes: Sequence[Change], policy: str) -> tuple[list[Change], list[str]]:
    """The changes as the policy lets them happen, and the properties that wait for the guest's next start."""
    stopping = [change for change in changes if change.effect in (Effect.RESTART, Effect.STOP_MODIFY_START)]
    if policy == "auto" or any(change.property == TRIGGER for change in stopping):
        return list(changes), []
    rule = _refused if policy == "live" else _deferred
    if policy == "defer" and stopping:
        stopping += [change for change in changes if _held_up(change.property) and change.effect.touches_running_guest]
    after = [rule(change) if change in stopping else change for change in changes]
    return after, list(dict.fromkeys(change.property for change in stopping)) if policy == "defer" else []


def _held_up(name: str) -> bool:
    return name in NOT_WHILE_DUE or name.endswith("].storageClass")


def _refused(change: Change) -> Change:
    why = f"{change.why}: the guest would have to be stopped, and updatePolicy is live"
    return Change(change.property, Effect.REFUSED, f"{why}: set updatePolicy to auto, or to defer, which leaves it to the next start")


def _deferred(change: Change) -> Change:
    """Written now. A volume cannot grow under a guest at all where that is no live change (Harvester, webhook util/volume.go), and is
    not copied to another class while a restart is due (KubeVirt vm.go, sync)."""
    if change.property.endswith(("].size", "].storageClass")):
        way_out = "stop the machine first, or set updatePolicy to auto"
        return Change(change.property, Effect.REFUSED, f"{change.why}, so it cannot be deferred: {way_out}")
    return Change(change.property, Effect.METADATA, f"deferred to the guest's next start: {change.why}")


def note(draft: Draft, live: Live, waiting: Sequence[str]) -> None:
    """Note on the machine what the running guest lacks, with the guest it is about: another guest has it."""
    names = dict.fromkeys((*noted(live), *waiting))
    draft.put(f"{_guest(live)} {','.join(names)}", "metadata", "annotations", words.RESTART_DUE)


def clear(draft: Draft) -> None:
    """Take the note away, with a restart."""
    draft.drop("metadata", "annotations", words.RESTART_DUE)


def noted(live: Live) -> list[str]:
    """The properties that the running guest lacks according to our note.

    A note about another guest is over, and so is one where KubeVirt has compared the machine with its guest since and found nothing.
    """
    seen, now = dig(live.vm, "status", "observedGeneration"), dig(live.vm, "metadata", "generation")
    settled = isinstance(seen, int) and isinstance(now, int) and seen >= now and not is_true(live.vm, "RestartRequired")
    return [] if settled else deferred(live)


def deferred(live: Live) -> list[str]:
    """The properties that were written under the running guest, whether it lacks them still or not."""
    guest, _, names = live.annotations.get(words.RESTART_DUE, "").partition(" ")
    return names.split(",") if live.on and names and guest == _guest(live) else []


def due_again(live: Live, lacking: Sequence[str]) -> str:
    """Why a restart is due, also where KubeVirt says nothing of it: of a NIC or a volume that it cannot plug in it does not."""
    names = [name for name in deferred(live) if name in lacking]
    return due(live) or (f"changed while the guest runs: {', '.join(names)}" if names else "")


def due(live: Live) -> str:
    """Why the running guest differs from its machine until it is started again, empty where it does not.

    KubeVirt's condition outlives a guest that is stopped in the same patch as it is changed (vm.go, cleanupRestartRequired and
    addRestartRequiredIfNeeded), and means nothing without one.
    """
    if not live.on:
        return ""
    if names := noted(live):
        return f"changed while the guest runs: {', '.join(names)}"
    required = condition(live.vm, "RestartRequired")
    return dig_str(required, "message") or "the cluster says so" if required.get("status") == "True" else ""


def holds_claims(live: Live, claims: Sequence[str]) -> bool:
    """Whether the running guest still uses one of the claims in a way that only a restart ends."""
    fixed = [
        each for each in dig_objects(live.instance, "spec", "volumes") if dig(each, "persistentVolumeClaim", "hotpluggable") is not True
    ]
    return live.on and any(claim_of(each) in claims for each in fixed if claim_of(each))


def _guest(live: Live) -> str:
    return dig_str(live.instance, "metadata", "uid") or "-"
