"""What follows a patch that changes devices, CPUs or memory of a running machine: the migration, and the waits until the guest has them.

KubeVirt's workload updater makes the migration by itself where it is set up to (Harvester's default). Where it does not begin,
the plan asks for one, as Harvester's own `addNic` does (upstream pkg/api/vm/handler.go).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Object, by_name, condition, dig, dig_map, dig_objects, dig_str, is_true
from harvester_provider.core.ownership import mark
from harvester_provider.core.plan import Await, Judge, Put, Step
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import VIRTUAL_MACHINE_INSTANCE_MIGRATION
from harvester_provider.resources.kind import manifest
from harvester_provider.resources.virtual_machine import sizing
from harvester_provider.resources.virtual_machine.live import Live, instance_of
from harvester_provider.resources.virtual_machine.manifest import Suffix

BEGIN_SECONDS = 60.0
"""How long KubeVirt has to begin the migration by itself: its workload updater looks around every few seconds."""
_ON_THE_WAY = ("MigrationRequired", "HotVCPUChange", "HotMemoryChange")
"""Conditions of an instance that has a change and waits for the migration that brings it to the guest."""
_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Plugged:
    """A running guest after a change: the devices that came and those that went, by name, and its size."""

    ref: Ref
    nics: tuple[str, ...] = ()
    gone_nics: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    gone_volumes: tuple[str, ...] = ()
    cpu: int = 0
    """The number of CPUs, zero where it stays."""
    memory: Quantity | None = None
    """The memory of the guest, None where it stays."""

    @property
    def wants(self) -> tuple[Want, ...]:
        """What must be seen to judge."""
        return (self.ref, instance_of(self.ref))

    @property
    def migrates(self) -> bool:
        """Whether the change takes a migration."""
        return bool(self.nics or self.gone_nics or self.cpu or self.memory)

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where the guest has the new devices and none of the removed ones. A machine that is off has them at its next start."""
        live = Live.of(self.ref, seen)
        if not live.vm:
            return Failed("the machine was deleted meanwhile", "run `pulumi refresh`")
        missing = [*self._nics(live), *self._volumes(live), *self._size(live), *self._migration(live)]
        if not live.on or not missing:
            return Ready()
        restart = condition(live.vm, "RestartRequired")
        if restart.get("status") == "True" and not any(is_true(live.instance, change) for change in _ON_THE_WAY):
            return Failed(f"the cluster wants a restart for it: {dig_str(restart, 'message')}", "restart the machine")
        return Waiting(", ".join(missing) + migration_words(live))

    def _migration(self, live: Live) -> Iterator[str]:
        """The guest has it before its migration is over, and until then KubeVirt takes no other change."""
        state = dig_map(live.instance, "status", "migrationState")
        if self.migrates and state.get("startTimestamp") and not state.get("endTimestamp"):
            yield "the guest is being migrated"

    def _nics(self, live: Live) -> Iterator[str]:
        reported = by_name(dig_objects(live.instance, "status", "interfaces"))
        running = by_name(dig_objects(live.instance, "spec", "domain", "devices", "interfaces"))
        pending = is_true(live.instance, "MigrationRequired")
        for name in self.nics:
            if name not in reported or name not in running or pending:
                yield f"NIC {name} is being plugged in"
        for name in self.gone_nics:
            if name in reported or name in running or name in live.leaving:
                yield f"NIC {name} is being unplugged"

    def _volumes(self, live: Live) -> Iterator[str]:
        reported = by_name(dig_objects(live.instance, "status", "volumeStatus"))
        for name in self.volumes:
            entry = reported.get(name, {})
            inside = dig_str(entry, "persistentVolumeClaimInfo", "claimName")
            if inside and inside != live.claim(name):
                yield f"disk {name} still has the volume {inside}"
            elif dig_str(entry, "phase") != "Ready":
                yield f"disk {name} is being plugged in{_why(entry)}"
        for name in self.gone_volumes:
            if name in reported:
                yield f"disk {name} is being unplugged{_why(reported[name])}"

    def _size(self, live: Live) -> Iterator[str]:
        """Both are done when the node has given them to the guest, with its migration; how soon it takes up memory is its own affair."""
        if self.cpu and sizing.cpus(dig_map(live.instance, "status", "currentCPUTopology")) != self.cpu:
            yield f"{self.cpu} CPUs are being plugged in"
        if self.memory is not None and sizing.quantity(dig(live.instance, "status", "memory", "guestRequested")) != self.memory:
            yield f"the memory is being resized to {self.memory}"


@dataclass(frozen=True, slots=True)
class Moving:
    """Judges whether the migration that a change of `ref` takes has begun, or is over: `done` judges the change itself."""

    ref: Ref
    done: Judge

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where a migration is on its way, or where none is needed any more."""
        verdict = self.done(seen)
        if not isinstance(verdict, Waiting):
            return verdict
        mine = [found for found in seen.listed(_migrations(self.ref)) if dig_str(found, "spec", "vmiName") == self.ref.name]
        return Ready() if any(_goes_on(found, seen.get(instance_of(self.ref))) for found in mine) else verdict


def _goes_on(found: Object, guest: Object) -> bool:
    """Whether a migration is on its way. That it is over, the guest says before the migration itself does."""
    last = dig_map(guest, "status", "migrationState")
    over = bool(last.get("endTimestamp")) and last.get("migrationUid") == dig_str(found, "metadata", "uid")
    return not over and dig_str(found, "status", "phase") not in _ENDED


def follow(plugged: Plugged, owner: str, suffix: Suffix, seconds: float) -> Iterator[Step]:
    """The waits until the running guest has its devices as declared, and the migration where KubeVirt makes none by itself."""
    ref = plugged.ref
    if plugged.migrates:
        yield begun(ref, plugged, plugged.wants, owner, suffix())
    if plugged != Plugged(ref):
        yield Await(ref, f"running with {_words(plugged)}", plugged.wants, plugged, seconds)


def begun(ref: Ref, done: Judge, wants: Sequence[Want], owner: str, suffix: str) -> Await:
    """Wait until the migration has begun that a change takes, and ask for one where it does not begin by itself."""
    otherwise = (migration(ref, owner, suffix),)
    return Await(ref, "being migrated", (*wants, _migrations(ref)), Moving(ref, done), BEGIN_SECONDS, otherwise=otherwise)


def migration(ref: Ref, owner: str, suffix: str) -> Put:
    """Ask for a live migration of the machine, to whichever node can take it."""
    target = Ref(VIRTUAL_MACHINE_INSTANCE_MIGRATION, f"{ref.name}-{suffix}", ref.namespace)
    meta: Object = {"name": target.name, "namespace": ref.namespace, "annotations": mark(owner)}
    body = manifest(VIRTUAL_MACHINE_INSTANCE_MIGRATION, meta, spec={"vmiName": ref.name})
    return Put(target, body, says=f"migrate {ref}", effect=Effect.MIGRATE)


def _migrations(ref: Ref) -> Listing:
    return Listing(VIRTUAL_MACHINE_INSTANCE_MIGRATION, ref.namespace)


def _words(plugged: Plugged) -> str:
    parts = {"NIC": plugged.nics, "disk": plugged.volumes}
    came = [f"{what} {name}" for what, names in parts.items() for name in names]
    came += [f"{plugged.cpu} CPUs"] * bool(plugged.cpu) + [f"{plugged.memory} of memory"] * bool(plugged.memory)
    parts = {"NIC": plugged.gone_nics, "disk": plugged.gone_volumes}
    gone = [f"without {what} {name}" for what, names in parts.items() for name in names]
    return ", ".join([*came, *gone])


def migration_words(live: Live) -> str:
    """What the last migration came to, where it matters."""
    if dig(live.instance, "status", "migrationState", "failed") is not True:
        return ""
    why = dig_str(live.instance, "status", "migrationState", "failureReason")
    return f" (the last migration failed{f': {why}' if why else ''}; KubeVirt tries again)"


def _why(entry: Object) -> str:
    """The cluster's words on a volume that is not there yet."""
    text = dig_str(entry, "message") or dig_str(entry, "reason")
    return f" ({text})" if text else ""
