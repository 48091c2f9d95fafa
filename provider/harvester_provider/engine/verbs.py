"""check, diff, create, read, update, delete: what every front end calls, with the same answers for all of them.

Each verb looks at the cluster once, makes a plan, runs it, and looks again. Only "not found" means gone; any other
error of a read keeps the state as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Self

from harvester_provider.core.cluster import Cluster, Reads
from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import Changed, InvalidInputs, NotOurs
from harvester_provider.core.json import Json, Object, dig_str
from harvester_provider.core.kind import Kind
from harvester_provider.core.ownership import is_ours, mark, owner_of, uid
from harvester_provider.core.plan import Change, Patch, Plan
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import Unknown
from harvester_provider.engine.comparison import certain_replacements, changed, unknown
from harvester_provider.engine.defaults import filled
from harvester_provider.engine.disruption import Turn
from harvester_provider.engine.local_file import with_file
from harvester_provider.engine.permissions import naming_roles
from harvester_provider.engine.reader import bystanders, look, see
from harvester_provider.engine.reporter import Reporter, Silent
from harvester_provider.engine.runner import not_ours, run
from harvester_provider.engine.state import Wire, declared, inputs_of_state, parse
from harvester_provider.engine.whose import is_another, shared, taken_over

PLANS = 4
"""How often an update is planned anew when others change the object while it runs."""


@dataclass(frozen=True)
class Checked:
    """The inputs as they will be used, and what is wrong with them."""

    inputs: Mapping[str, Any]
    problems: Sequence[Problem]


@dataclass(frozen=True)
class Foreseen:
    """What the cluster says of a create before it starts. What is `missing` may still be made by another resource of the program."""

    problems: Sequence[Problem] = ()
    missing: Sequence[Problem] = ()


@dataclass(frozen=True)
class Difference:
    """What an update would do. `lines` are for the user; `changed` are property names of the wire."""

    changed: Sequence[str] = ()
    replaces: Sequence[str] = ()
    lines: Sequence[str] = ()
    plan: Plan = field(default_factory=Plan)


@dataclass(frozen=True)
class Found:
    """A resource as the cluster has it: its ID, its inputs as they are there, and its state."""

    id: str
    inputs: Mapping[str, Json]
    state: Mapping[str, Json]

    @classmethod
    def of(cls, kind: Kind[Any], ref: Ref, inputs: Any, seen: Snapshot) -> Self:
        """From what was seen. The state holds the inputs, the outputs, and the UID of the main object."""
        wire: Mapping[str, Json] = inputs.wire()
        return cls(ref.id, wire, {**wire, **kind.outputs(inputs, seen), "uid": uid(seen.get(ref))})


def check(kind: Kind[Any], news: Wire, settings: Wire | None = None, olds: Wire | None = None, reporter: Reporter | None = None) -> Checked:
    """The inputs with defaults filled in, those of the provider's `settings` first, and every problem at once. Asks no cluster.

    A local file that the inputs name is read, unless it looks as it did when `olds` were checked.
    """
    given = filled(kind.inputs, news, settings or {})
    try:
        inputs = with_file(kind, parse(kind, given), olds or {}, reporter or Silent())
    except InvalidInputs as error:
        return Checked(given, error.problems)
    empty = (Problem(path, "empty: this input is required") for path in inputs.blanks())
    return Checked(inputs.wire(), (*empty, *kind.check(inputs)))


async def inherit(kind: Kind[Any], connect: Callable[[], Awaitable[tuple[Kind[Any], Reads]]], olds: Wire, news: Wire) -> Wire:
    """Before `check`: the inputs with what they take over from other objects. Connects only where there is something to read, and goes on
    in the dialect of that cluster."""
    seen, cluster = Snapshot(), None
    while wants := seen.missing(kind.sources(news, olds, seen)):
        if cluster is None:
            kind, cluster = await connect()
        else:
            seen = seen.plus(await look(cluster, wants))
    return kind.inherited(news, olds, seen)


@naming_roles
async def foresee(kind: Kind[Any], cluster: Reads, news: Wire, coming: AbstractSet[Ref] = frozenset()) -> Foreseen:
    """Before a create: whether the name is free or taken, and what is missing. Also finds a cluster without this kind.

    What is `coming`, because the program makes it first, is not missing.
    """
    inputs = parse(kind, news)
    if problems := kind.lacks(inputs):
        return Foreseen(tuple(problems))
    taken, missing, refused = await asyncio.gather(
        _taken(kind, cluster, inputs), _missing(kind, cluster, inputs, coming), _objections(kind, cluster, inputs)
    )
    return Foreseen((*taken, *refused), tuple(missing))


async def _objections(kind: Kind[Any], cluster: Reads, inputs: Any) -> Sequence[Problem]:
    """What the cluster refuses of a new object, or of the one that is there and is taken over."""
    if not (kind.foresees or kind.adopts) or unknown(inputs):
        return ()
    ref = kind.ref(inputs)
    seen = await see(cluster, kind, ref, inputs)
    found = seen[ref]
    if found is None:
        return kind.objections(inputs, seen)
    plan = kind.update(kind.observe(ref, inputs, seen), inputs, seen) if kind.adopts and _may_take(kind, inputs, found) else Plan()
    return [Problem(change.property, change.why) for change in plan.refused]


async def _taken(kind: Kind[Any], cluster: Reads, inputs: Any) -> Sequence[Problem]:
    if isinstance(inputs.name, Unknown) or isinstance(getattr(inputs, "namespace", ""), Unknown) or inputs.adopt:
        return ()
    ref = kind.ref(inputs)
    found = await cluster.get(ref)
    return () if found is None or _may_take(kind, inputs, found) else (Problem("name", not_ours(ref, found)),)


def _may_take(kind: Kind[Any], inputs: Any, found: Object) -> bool:
    """Whether a create may use an object that exists: ours, one to adopt, or one of a kind whose objects are there without anybody."""
    return is_ours(found, inputs.owner) or inputs.adopt or (kind.adopts and not owner_of(found))


def is_same(kind: Kind[Any], olds: Wire, news: Wire) -> bool:
    """Whether the inputs are those of the state, so that no cluster has to be asked."""
    if declared(kind, olds) == declared(kind, news):
        return True  # to the letter, as nearly always: nothing to parse
    old = inputs_of_state(kind, olds)
    return old is not None and not changed(old, parse(kind, news))


@naming_roles
async def diff(
    kind: Kind[Any], cluster: Reads, identity: str, olds: Wire, news: Wire, coming: AbstractSet[Ref] = frozenset()
) -> Difference:
    """What changes and what it does. A resource without a change costs no request. What is `coming` is not missing."""
    new, old = parse(kind, news), inputs_of_state(kind, olds)
    ref = Ref.of_id(kind.api, identity)
    if old is not None:
        names = changed(old, new)
        if not names:
            return Difference()
        if missing := unknown(new):
            return _uncertain(kind, old, new, names, missing)
    _raise(kind, new, kind.lacks(new))
    seen = await see(cluster, kind, ref, new)
    if old is None:
        old = kind.observe(ref, None, seen)
    if seen[ref] is None:
        return Difference(changed(old, new), (), (f"{ref} is gone: it will be made again",))
    plan = kind.update(old, new, seen)
    if plan.replaces:
        plan = kind.update(old, new, seen.plus(await bystanders(cluster, kind, old)))
    if not plan.changes and not plan.steps:
        return Difference()  # the same in another order or notation
    missing = [str(problem) for problem in await _missing(kind, cluster, new, coming)]
    return Difference(changed(old, new), plan.replaces, [*plan.lines(), *shared(ref, seen.get(ref), old.owner), *missing], plan)


@naming_roles
async def create(kind: Kind[Any], cluster: Cluster, news: Wire, reporter: Reporter) -> Found:
    """Make the resource, or go on with one that an interrupted create of ours left behind, or adopt one."""
    inputs = parse(kind, news)
    _raise(kind, inputs, kind.lacks(inputs))
    ref = kind.ref(inputs)
    seen = await see(cluster, kind, ref, inputs)
    found = seen[ref]
    if found is None:
        await _make(kind, cluster, inputs, seen, reporter)
    else:
        await _take_over(kind, cluster, inputs, seen, reporter)
    seen = await see(cluster, kind, ref, inputs)
    await run(cluster, Plan(tuple(kind.settle(inputs, seen))), inputs.owner, reporter)
    return await _finish(kind, cluster, ref, inputs)


async def _make(kind: Kind[Any], cluster: Cluster, inputs: Any, seen: Snapshot, reporter: Reporter) -> None:
    _raise(kind, inputs, [*await _missing(kind, cluster, inputs), *kind.objections(inputs, seen)])
    await run(cluster, kind.create(inputs, seen), inputs.owner, reporter)


async def _take_over(kind: Kind[Any], cluster: Cluster, inputs: Any, seen: Snapshot, reporter: Reporter) -> None:
    """Bring an object that exists already to the inputs: ours from an interrupted run, or one to adopt."""
    ref, found = kind.ref(inputs), seen.get(kind.ref(inputs))
    ours = is_ours(found, inputs.owner)
    if not _may_take(kind, inputs, found):
        raise NotOurs(not_ours(ref, found))
    old = kind.observe(ref, inputs, seen)
    plan = kind.update(old, inputs, seen)
    if not plan.replaces and not _leaving(found):
        reporter.info(f"{ref} exists: {'going on with it' if ours else 'taking it over'}")
        await _bring(kind, cluster, old, inputs.going_on(), seen, reporter)
        await _mark(cluster, ref, found, inputs.owner, reporter)
        return
    if not ours:
        names = ", ".join(plan.replaces)
        raise NotOurs(f"{ref}: it cannot be adopted: {names} cannot be changed in place: write the values the object has, or another name")
    reporter.info(f"{ref} was left behind by an interrupted run and cannot be used: making it again")
    await run(cluster, await _removal(kind, cluster, old, seen), inputs.owner, reporter)
    await _make(kind, cluster, inputs, await see(cluster, kind, ref, inputs), reporter)


async def _bring(kind: Kind[Any], cluster: Cluster, old: Any, new: Any, seen: Snapshot, reporter: Reporter) -> None:
    """Run the update; where somebody changed the object meanwhile, look and plan again, a few times."""
    ref = kind.ref(new)
    async with Turn(cluster, reporter) as turn:
        for left in reversed(range(PLANS)):
            plan = kind.update(old, new, seen)
            if await turn.take(None if plan.refused else plan.disruption):
                plan = kind.update(old, new, await see(cluster, kind, ref, new))
            try:
                await run(cluster, plan, new.owner, reporter, final=not left)
            except Changed:
                if not left:
                    raise
                reporter.info(f"{ref} was changed by somebody else meanwhile: looking at it and planning again")
                seen = await see(cluster, kind, ref, new)
            else:
                return


async def _mark(cluster: Cluster, ref: Ref, found: Object, owner: str, reporter: Reporter) -> None:
    """Our mark on an object that others made. It comes last: what is cut off before it is adopted again."""
    if owner and not is_ours(found, owner):
        body = {"metadata": {"annotations": mark(owner)}}
        await run(cluster, Plan((Patch(ref, body, says=f"note on {ref} whose it is"),)), owner, reporter)


@naming_roles
async def read(kind: Kind[Any], cluster: Reads, identity: str, state: Wire) -> Found | None:
    """The resource as it is, None where it does not exist. Without inputs in the state (import), all of it is read."""
    ref = Ref.of_id(kind.api, identity)
    prior = inputs_of_state(kind, state)
    seen = await see(cluster, kind, ref, prior)
    found = seen[ref]
    if found is None or (prior is not None and is_another(found, state, prior.owner)):
        return None
    return Found.of(kind, ref, kind.observe(ref, prior, seen), seen)


@naming_roles
async def update(kind: Kind[Any], cluster: Cluster, identity: str, olds: Wire, news: Wire, reporter: Reporter) -> Found:
    """Bring the resource from its last state to new inputs. One that vanished meanwhile is made again."""
    new = parse(kind, news)
    _raise(kind, new, kind.lacks(new))
    ref = Ref.of_id(kind.api, identity)
    seen = await see(cluster, kind, ref, new)
    if seen[ref] is None:
        return await create(kind, cluster, news, reporter)
    old = inputs_of_state(kind, olds) or kind.observe(ref, None, seen)
    _raise(kind, new, await _missing(kind, cluster, new))
    await _bring(kind, cluster, old, new, seen, reporter)
    if owner_of(seen.get(ref)) in {"", old.owner}:  # imported, or renamed in the program; another program's mark stays
        await _mark(cluster, ref, seen.get(ref), new.owner, reporter)
    return await _finish(kind, cluster, ref, new)


@naming_roles
async def delete(kind: Kind[Any], cluster: Cluster, identity: str, state: Wire, reporter: Reporter) -> None:
    """Remove the resource. Another object that took its name meanwhile is left alone."""
    ref = Ref.of_id(kind.api, identity)
    prior = inputs_of_state(kind, state)
    seen = await see(cluster, kind, ref, prior)
    found = seen[ref]
    old = prior if prior is not None else kind.observe(ref, None, seen)
    if found is not None and is_another(found, state, old.owner):
        reporter.warn(f"{ref}: another object has this name now, ours is gone: it is left alone")
        return
    if taken_over(seen.get(ref), old.owner):
        reporter.warn(f"{ref} belongs to {owner_of(seen.get(ref))} by now, which adopted it: it is left alone")
        return
    plan = await _removal(kind, cluster, old, seen)
    for note in plan.notes:
        reporter.info(note)
    await run(cluster, plan, old.owner, reporter)


async def _removal(kind: Kind[Any], cluster: Reads, old: Any, seen: Snapshot) -> Plan:
    return kind.delete(old, seen.plus(await bystanders(cluster, kind, old)))


async def _finish(kind: Kind[Any], cluster: Cluster, ref: Ref, inputs: Any) -> Found:
    return Found.of(kind, ref, inputs, await see(cluster, kind, ref, inputs))


async def _missing(kind: Kind[Any], cluster: Reads, inputs: Any, coming: AbstractSet[Ref] = frozenset()) -> list[Problem]:
    """Objects that the inputs name and that do not exist."""
    needed = [need for need in kind.requires(inputs) if need.ref not in coming]
    seen = await look(cluster, list(dict.fromkeys(need.ref for need in needed)))
    return [
        Problem(need.property, f"{need.ref} does not exist" + (f": {need.hint}" if need.hint else ""))
        for need in needed
        if seen[need.ref] is None
    ]  # fmt: skip


def _raise(kind: Kind[Any], inputs: Any, problems: Sequence[Problem]) -> None:
    if problems:
        raise InvalidInputs(f"{kind.name} {inputs.name}", problems)


def _leaving(found: Object) -> bool:
    return bool(dig_str(found, "metadata", "deletionTimestamp"))


def _uncertain(kind: Kind[Any], old: Any, new: Any, names: list[str], missing: list[str]) -> Difference:
    """At preview, where values are not known yet: replacements that are certain, and what the rest depends on."""
    line = f"{kind.name}: what the update does is known only when {', '.join(missing)} is known"
    plan = Plan(changes=tuple(Change(name, Effect.NONE, "not known yet") for name in missing))
    return Difference(names, certain_replacements(old, new), (line,), plan)
