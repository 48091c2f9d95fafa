"""How a machine and the volumes of its disks are removed, in the order the cluster accepts.

Only volumes whose disk says so go (`Disk.deletes`). Volumes that were attached, and those that nobody declared, stay.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import dig_objects, dig_str
from harvester_provider.core.plan import Change, Patch, Plan, Remove, Step
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.resources.apis import DATA_VOLUME, PERSISTENT_VOLUME_CLAIM
from harvester_provider.resources.virtual_machine import cloud_init, driven, saved, snapshots, words
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.manifest import answers_secret, own_secret
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.power import Power
from harvester_provider.resources.virtual_machine.waits import stopped

_MARGIN_SECONDS = 180.0


def delete(old: VirtualMachineInputs, live: Live, seen: Snapshot) -> Plan:
    """Note the volumes to delete on the machine, delete it, then whatever Harvester left of volumes and Secret.

    A node that the driver of a guest cluster made is the driver's to delete.

    The deletion shuts the guest down by itself; only a guest that may be switched off by force is stopped before.
    """
    if trouble := driven.removal(live):
        return Plan(changes=(Change("name", Effect.REFUSED, trouble),))
    seconds = old.seconds("delete", live.grace_seconds + _MARGIN_SECONDS)
    doomed = going_claims(old, live)
    if refused := (*saved.unsaved(old, live, seen, doomed), *snapshots.refused(old, live.ref, seen)):
        return Plan(changes=refused)
    kept = [claim for claim in live.claims() if claim.name not in doomed]
    steps: list[Step] = []
    if live.vm and doomed:
        body = {"metadata": {"annotations": {words.REMOVED_CLAIMS: ",".join(doomed)}}}
        steps.append(Patch(live.ref, body, says=f"mark the volumes {', '.join(doomed)} for deletion", leaving=True))
    if live.on and old.stop.then == "force":
        steps += [replace(Power(live, "Halted").halt(), leaving=True), stopped(old, live)]
    steps.append(Remove(live.ref, says=f"delete {live.ref}", propagation="Foreground", seconds=seconds))
    steps += [step for claim in doomed for step in remove_claim(live, claim, seen)]
    steps += [Remove(own) for own in (own_secret(live.ref), answers_secret(live.ref)) if cloud_init.is_own(seen.get(own))]
    return Plan(steps=tuple(steps), notes=(*_notes(live, doomed, kept), *snapshots.notes(live.ref, seen)))


def _notes(live: Live, doomed: Sequence[str], kept: Sequence[Ref]) -> Iterable[str]:
    disks = live.disks_of_claims
    if doomed:
        gone = ", ".join(f"{claim} (disk {disks[claim]})" if claim in disks else claim for claim in doomed)
        yield f"{live.ref}: deleted with their data: {gone}"
    if kept:
        stay = ", ".join(f"{claim.name} (disk {disks.get(claim.name, '?')})" for claim in kept)
        yield f"{live.ref}: volumes that are kept: {stay}"


def doomed_claims(old: VirtualMachineInputs, live: Live, names: Iterable[str] | None = None) -> list[str]:
    """The volumes of declared disks (only `names`, where given) that go with them: never one that was attached."""
    wanted = set(names) if names is not None else {disk.name for disk in old.disks}
    disks = [disk for disk in old.disks if disk.name in wanted and disk.deletes]
    return [claim for disk in disks if (claim := live.claim(disk.name)) and live.claim_template(claim)]


def going_claims(old: VirtualMachineInputs, live: Live) -> list[str]:
    """All volumes that go with the machine, each once: those of declared disks, and those that an update has left."""
    return list(dict.fromkeys((*doomed_claims(old, live), *pending_claims(live))))


def pending_claims(live: Live) -> list[str]:
    """Volumes of disks that were removed by an update that did not get to the end."""
    return [name for name in live.annotations.get(words.CLAIMS_TO_DELETE, "").split(",") if name]


def remove_claim(live: Live, claim: str, seen: Snapshot) -> Iterable[Remove]:
    """Remove a volume; of one that CDI made its DataVolume first, which would make it again otherwise."""
    ref = Ref(PERSISTENT_VOLUME_CLAIM, claim, live.ref.namespace)
    owners = dig_objects(seen.get(ref), "metadata", "ownerReferences")
    made_by_cdi = any(dig_str(owner, "kind") == DATA_VOLUME.kind for owner in owners)
    if made_by_cdi:
        maker = Ref(DATA_VOLUME, claim, live.ref.namespace)
        yield Remove(maker, says=f"delete {maker}, which would make the volume again")
    yield Remove(ref, says=f"delete volume {ref.id} and its data")


def release_claim(live: Live, claim: str, seen: Snapshot) -> Iterable[Remove]:
    """Remove a volume whose content has moved to another one under the running guest.

    Kubernetes keeps it until the launcher that the guest has left is gone, which KubeVirt keeps until the guest's end
    (kube-controller-manager's pvcprotection, podUsesPVC): nobody waits for that.
    """
    *makers, last = remove_claim(live, claim, seen)
    yield from makers
    yield replace(last, says=f"{last.says}, at the guest's next stop at the latest", judge=Leaving(last.ref))


@dataclass(frozen=True, slots=True)
class Leaving:
    """Judges whether an object is gone, or goes as soon as it can."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where its deletion has begun."""
        found = seen.get(self.ref)
        return Ready() if not found or dig_str(found, "metadata", "deletionTimestamp") else Waiting("not being deleted yet")
