"""What is asked of a running guest besides its spec: to stand still, to go on, to reboot itself, to move to another node.

Only the subresources of KubeVirt's API and its migrations do these (KubeVirt pkg/virt-api/rest; Harvester pkg/api/vm/handler.go).
Steps and their verdicts; when they are due is the plan's to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Object, dig_str
from harvester_provider.core.ownership import mark
from harvester_provider.core.plan import Await, Call, Patch, Put, Step
from harvester_provider.core.ref import Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import VIRTUAL_MACHINE_INSTANCE_MIGRATION
from harvester_provider.resources.kind import manifest
from harvester_provider.resources.virtual_machine import words
from harvester_provider.resources.virtual_machine.live import Live, instance_of
from harvester_provider.resources.virtual_machine.waits import subresource

_FREEZE_SECONDS = 60.0
_THERE_SECONDS = 5.0
_HOST = "kubernetes.io/hostname"


@dataclass(frozen=True, slots=True)
class Frozen:
    """Judges whether the guest stands still, or goes on."""

    ref: Ref
    frozen: bool

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where it is so, and where there is no guest."""
        live = Live.of(self.ref, seen)
        if not live.guest_runs or live.paused == self.frozen:
            return Ready()
        return Waiting("the guest still runs" if self.frozen else "the guest still stands still")


def freeze(ref: Ref, *, frozen: bool) -> Iterator[Step]:
    """Pause the guest, or let it go on."""
    verb, until = ("pause", "paused") if frozen else ("unpause", "going on")
    says = f"pause {ref}: its CPUs stand still, its memory is kept" if frozen else f"let {ref} go on"
    yield Call("kubernetes", "PUT", subresource(instance_of(ref), verb), {}, says=says)
    yield Await(ref, until, (ref, instance_of(ref)), Frozen(ref, frozen), _FREEZE_SECONDS)


def reboot(ref: Ref, trigger: str) -> Iterator[Step]:
    """Ask the guest to reboot itself, then note for what: an interruption between the two asks twice, never not at all."""
    yield Call(
        "kubernetes",
        "PUT",
        subresource(instance_of(ref), "softreboot"),
        says=f"ask the guest of {ref} to reboot itself",
        effect=Effect.RESTART,
    )
    yield Patch(ref, {"metadata": {"annotations": {words.RESTARTED_FOR: trigger}}})


@dataclass(frozen=True, slots=True)
class Arrived:
    """Judges whether the guest runs on `node`, where `migration` takes it."""

    ref: Ref
    node: str
    migration: Ref

    @property
    def wants(self) -> tuple[Want, ...]:
        """What must be seen to judge."""
        return (self.ref, instance_of(self.ref), self.migration)

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where it is there."""
        live, found = Live.of(self.ref, seen), seen.get(self.migration)
        where, phase = dig_str(live.instance, "status", "nodeName"), dig_str(found, "status", "phase")
        if not live.on:
            return Failed("the guest was switched off meanwhile", "start it, and run `pulumi up` again")
        if phase == "Failed":
            why = dig_str(found, "status", "migrationState", "failureReason") or "the cluster does not say why"
            return Failed(f"the migration failed, and the guest runs on {where}: {why}", "look at the events of the machine")
        if where == self.node and phase == "Succeeded":
            return Ready()
        return Waiting(f"on {where or 'no node'}, migration {phase or 'being made'}")


def move(live: Live, node: str, owner: str, suffix: str, seconds: float) -> Iterator[Step]:
    """Migrate the guest to a node, as Harvester's `migrate` does: by a migration that narrows its choice to that node."""
    ref = live.ref
    target = Ref(VIRTUAL_MACHINE_INSTANCE_MIGRATION, f"{ref.name}-{suffix}", ref.namespace)
    meta: Object = {"name": target.name, "namespace": ref.namespace, "annotations": mark(owner)}
    spec: Object = {"vmiName": ref.name, "addedNodeSelector": {_HOST: node}}
    yield Put(target, manifest(target.api, meta, spec=spec), says=f"migrate {ref} to {node}", effect=Effect.MIGRATE)
    arrived = Arrived(ref, node, target)
    yield Await(ref, f"on {node}", arrived.wants, arrived, seconds)


@dataclass(frozen=True, slots=True)
class There:
    """Judges whether the guest runs on `node`."""

    ref: Ref
    node: str

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where it does."""
        live = Live.of(self.ref, seen)
        where = dig_str(live.instance, "status", "nodeName")
        return Ready() if live.guest_runs and where == self.node else Waiting(f"on {where or 'no node'}")


def arrive(live: Live, node: str, owner: str, suffix: str, seconds: float) -> Iterator[Step]:
    """The same for a guest that was just started: the scheduler may have put it there already."""
    moved = tuple(move(live, node, owner, suffix, seconds))
    yield Await(live.ref, f"on {node}", (live.ref, instance_of(live.ref)), There(live.ref, node), _THERE_SECONDS, otherwise=moved)
