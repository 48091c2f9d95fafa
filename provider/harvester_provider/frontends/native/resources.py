"""The protocol's calls for resources, in plain values: which verb, under which deadline, and what is left when it fails.

What the engine keeps for plugins is here: previews with what can be known, time-outs from the resource's options, a cancel
that ends waits at once, and resources that exist although their create failed.
"""

import asyncio
import math
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import BadConnection, Cancelled, HarvesterError, InvalidInputs, NotOurs, PlanRefused
from harvester_provider.core.ref import Ref
from harvester_provider.engine import foretell, unfinished, verbs
from harvester_provider.engine.reporter import Reporter
from harvester_provider.engine.state import inputs_of_state
from harvester_provider.frontends.calls import Calls
from harvester_provider.frontends.native.detail import Edit, edits
from harvester_provider.frontends.native.resource import UNFINISHED, HalfMade, Naming, Resource
from harvester_provider.resources.plain import there
from harvester_provider.resources.registry import KINDS
from harvester_provider.schema.document import NAME

T = TypeVar("T")
Values = Mapping[str, Any]

_LOOK_SECONDS = 10.0
"""How long a look at what a failed call left may take."""
_NOTHING_DONE = (BadConnection, InvalidInputs, NotOurs, PlanRefused)


@dataclass(frozen=True, slots=True)
class Changes:
    """The answer to Diff: whether anything is to be done, and each changed property."""

    some: bool
    edits: Mapping[str, Edit]


class Resources:
    """All calls of one configured provider."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._running: set[asyncio.Task[Any]] = set()
        self._coming: set[Ref] = set()
        self._effects: dict[str, Effect | None] = {}

    async def check(self, resource: Resource, olds: Values, news: Values, naming: Naming, reporter: Reporter) -> verbs.Checked:
        """Inputs with name, defaults and owner, and what is wrong with them."""
        given = {**naming.fill(resource, olds, news), "owner": resource.owner}
        return await self._guarded(self._calls.check(resource.kind, olds, given, reporter, self._coming))

    async def diff(self, resource: Resource, identity: str, olds: Values, news: Values, reporter: Reporter) -> Changes:
        """What changes, property by property."""
        found = await self._guarded(self._calls.diff(resource.kind, identity, olds, news, reporter, self._coming))
        known = not any(change.why == "not known yet" for change in found.plan.changes) and bool(found.plan.changes or found.plan.steps)
        self._effects[resource.urn] = found.plan.effect if known else None
        return Changes(bool(found.changed or found.replaces), edits(olds, news, found.changed, found.replaces))

    def foreseen_create(self, resource: Resource, news: Values) -> tuple[str, dict[str, Any]]:
        """ID (empty where it is not known) and state after a create."""
        kind = KINDS[resource.kind]
        identity, state = foretell.created(kind, news)
        if identity:
            ref = Ref.of_id(kind.api, identity)
            self._coming |= {ref, there(ref)}  # whatever the cluster turns out to be
        return identity or "", state

    def foreseen_update(self, resource: Resource, olds: Values, news: Values) -> dict[str, Any]:
        """State after an update, as the diff before it found."""
        return foretell.updated(KINDS[resource.kind], olds, news, self._effects.get(resource.urn))

    async def create(self, resource: Resource, news: Values, seconds: float, reporter: Reporter) -> verbs.Found:
        """Make it. Raises HalfMade where it exists and is not finished."""
        work = self._calls.create(resource.kind, _timed(news, "create", seconds), reporter)
        return _given(news, await self._guarded(self._finishing(resource, news, work)))

    async def update(
        self, resource: Resource, identity: str, olds: Values, news: Values, seconds: float, reporter: Reporter
    ) -> verbs.Found:
        """Change it; what an earlier call left unfinished is finished first. Raises HalfMade."""
        if olds.get(UNFINISHED) and olds.get("owner", resource.owner) == news.get("owner"):
            work = self._resume(resource.kind, identity, olds, _timed(news, "create", seconds), reporter)
        else:
            work = self._calls.update(resource.kind, identity, olds, _timed(news, "update", seconds), reporter)
        return _given(news, await self._guarded(self._finishing(resource, news, work)))

    async def _resume(self, kind: str, identity: str, olds: Values, news: Values, reporter: Reporter) -> verbs.Found:
        """Bring it to the new inputs, and then finish it as a create does, which alone would not know what the program has given up."""
        await self._calls.update(kind, identity, olds, news, reporter)
        return await self._calls.create(kind, news, reporter)

    async def read(self, resource: Resource, identity: str, state: Values) -> verbs.Found | None:
        """The resource as it is; for an import with the inputs that a program has to give. Raises HalfMade while it is unfinished."""
        return await self._guarded(self._read(resource.kind, identity, state))

    async def _read(self, kind: str, identity: str, state: Values) -> verbs.Found | None:
        found = await self._calls.read(kind, identity, state)
        if found is not None and state.get(UNFINISHED):
            missing = await unfinished.unsettled(*await self._calls.on(kind, state), identity, found.state)
            if missing:
                raise HalfMade(found, "; ".join(missing))
        if found is not None and inputs_of_state(KINDS[kind], state) is None:
            inputs = inputs_of_state(KINDS[kind], found.inputs)
            return verbs.Found(found.id, inputs.brief() if inputs else found.inputs, found.state)
        return found

    async def delete(self, resource: Resource, identity: str, state: Values, seconds: float, reporter: Reporter) -> None:
        """Remove it."""
        await self._guarded(self._calls.delete(resource.kind, identity, _timed(state, "delete", seconds), reporter))

    async def ask(self, name: str, asked: Values) -> dict[str, Any]:
        """The answer of a function. HarvesterError where there is none of that name."""
        from harvester_provider.resources.functions import FUNCTIONS  # noqa: PLC0415  few programs ask

        if name not in FUNCTIONS:
            raise HarvesterError(f"{NAME} has no function {name}: there are {', '.join(FUNCTIONS)}")
        return (await self._guarded(self._calls.ask(name, asked))).wire()

    def cancel(self) -> None:
        """End all calls that are under way. What they did so far is found again by the next run."""
        for task in self._running:
            task.cancel()

    async def close(self) -> None:
        """Close the connections."""
        await self._calls.close()

    async def _guarded(self, work: Coroutine[Any, Any, T]) -> T:
        """Run so that `cancel` reaches it, and tell a cancel from an error."""
        task = asyncio.create_task(work)
        self._running.add(task)
        try:
            return await task
        except asyncio.CancelledError as error:
            raise Cancelled("cancelled: the next `pulumi up` goes on from here") from error
        finally:
            self._running.discard(task)

    async def _finishing(self, resource: Resource, news: Values, work: Coroutine[Any, Any, verbs.Found]) -> verbs.Found:
        try:
            return await work
        except _NOTHING_DONE:
            raise
        except HarvesterError as error:
            if left := await self._left(resource, news, str(error)):
                raise left from error
            raise
        except asyncio.CancelledError as error:
            reason = "cancelled before it was finished: the next `pulumi up` goes on from here"
            raise (await self._left(resource, news, reason) or Cancelled(reason)) from error

    async def _left(self, resource: Resource, news: Values, reason: str) -> HalfMade | None:
        """What the failed call left. Where that cannot be seen, nothing is said of it: the next create finds it again."""
        with suppress(HarvesterError, TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                found = await unfinished.left_behind(*await self._calls.on(resource.kind, news), news)
                return HalfMade(found, reason) if found else None
        return None


def _timed(values: Values, operation: str, seconds: float) -> Values:
    """The inputs with the time-out that the resource's options give, in whole seconds."""
    if seconds <= 0:
        return values
    return {**values, "timeouts": {**(values.get("timeouts") or {}), operation: f"{math.ceil(seconds)}s"}}


def _given(news: Values, found: verbs.Found) -> verbs.Found:
    """The answer with the time-outs as the program gives them."""
    own = {"timeouts": news["timeouts"]} if news.get("timeouts") else {}
    return verbs.Found(found.id, found.inputs, {**{key: value for key, value in found.state.items() if key != "timeouts"}, **own})
