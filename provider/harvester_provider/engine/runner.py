"""Runs a plan, step by step: retries what passes by itself, and puts things back where the cluster refuses half-way.

It runs the very value that preview printed. A step that is interrupted is found again by the next run, because every
object carries its owner's mark and every step can be repeated.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential_jitter

from harvester_provider.core.cluster import Cluster
from harvester_provider.core.errors import (
    AlreadyExists,
    BadFile,
    Changed,
    Conflict,
    HarvesterError,
    NotFound,
    NotOurs,
    PlanRefused,
    Refused,
    UploadFailed,
    WaitFailed,
    WaitTimedOut,
)
from harvester_provider.core.json import Object, dig_list, holds
from harvester_provider.core.ownership import is_ours, owner_of, uid
from harvester_provider.core.plan import Apply, Await, Call, Judge, Patch, Plan, Put, Remove, Step, Upload
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Verdict, Waiting
from harvester_provider.engine.reporter import Reporter
from harvester_provider.engine.sender import send
from harvester_provider.engine.waiter import wait

T = TypeVar("T")

SETTLE_SECONDS = 45.0
"""How long a refusal that ends by itself is waited out: webhooks read caches, which lag behind by a second or so."""
TOLD_AFTER_TRIES = 4
"""Refusals of a lagging cache are over before that, about 1.5 s after the first."""

_WHAT_HAPPENED: dict[type[HarvesterError], str] = {
    WaitTimedOut: "it took too long",
    WaitFailed: "it cannot be finished",
    Changed: "somebody else changed it meanwhile",
    Refused: "the cluster refused it",
    UploadFailed: "the upload failed",
    BadFile: "the file is not what it was",
}
_IN_USE = (
    "It was in use all the time. Remove what uses it first (a volume outlives its machine unless its disk says on_delete='delete'), "
    "or leave it in the cluster: `pulumi state delete`, or retain_on_delete=True in the program"
)
_REVERT = "If you take the change back in the program instead, run `pulumi up --refresh`: a part of it is in the cluster"


async def run(cluster: Cluster, plan: Plan, owner: str, reporter: Reporter, *, final: bool = True) -> None:
    """Run all steps. `owner` is the mark of the objects that are ours; an empty one owns nothing that is already there.

    Raises Changed where the object is no longer what the plan was made from. Unless this is the `final` try, nothing is
    put back then: the next plan goes on from where this one ended.
    """
    if plan.refused:
        raise PlanRefused("; ".join(f"{change.property}: {change.why}" for change in plan.refused))
    for number, step in enumerate(plan.steps):
        try:
            await _run_step(cluster, step, owner, reporter)
        except (Refused, Conflict, UploadFailed, BadFile, WaitFailed, WaitTimedOut) as error:
            if isinstance(error, Changed) and not final:
                raise
            if number and plan.recover and (plan.committed is None or number < plan.committed):
                await _recover(cluster, plan, owner, reporter, error)
            if number and plan.changes:
                raise type(error)(f"{error}. {_REVERT}") from error
            raise


async def _recover(cluster: Cluster, plan: Plan, owner: str, reporter: Reporter, error: HarvesterError) -> None:
    """Put things back after a refusal. The error that is raised says whether that worked."""
    what = next((text for kind, text in _WHAT_HAPPENED.items() if isinstance(error, kind)), "it failed")
    reporter.warn(f"{what}, putting things back as they were: {error}")
    try:
        for step in plan.recover:
            await _run_step(cluster, step, owner, reporter)
    except HarvesterError as second:
        raise type(error)(f"{error}. Putting things back failed as well: {second}. The next `pulumi up` goes on from here") from second
    raise type(error)(f"{error}. Things were put back as they were before") from error


async def _run_step(cluster: Cluster, step: Step, owner: str, reporter: Reporter) -> None:
    if step.says:
        reporter.progress(step.says)
    match step:
        case Put():
            await _patiently(lambda: _put(cluster, step, owner), reporter)
        case Patch():
            try:
                await _patiently(lambda: cluster.patch(step.ref, step.body), reporter)
            except NotFound:
                if not step.leaving:
                    raise
        case Remove():
            await _remove(cluster, step, reporter)
        case Call():
            await _patiently(lambda: cluster.call(step), reporter)
        case Upload():
            await send(cluster, step, reporter, lambda each: _run_step(cluster, each, owner, reporter))
        case Apply():
            await _patiently(lambda: cluster.apply(step.source), reporter)
        case Await():
            await _await(cluster, step, owner, reporter)


async def _await(cluster: Cluster, step: Await, owner: str, reporter: Reporter) -> None:
    """Wait; where the time is over and the step says what then, do that."""
    try:
        await wait(cluster, step, reporter)
    except WaitTimedOut as error:
        if not step.otherwise:
            raise
        reporter.warn(str(error))
        for then in step.otherwise:
            await _run_step(cluster, then, owner, reporter)


async def _patiently(act: Callable[[], Awaitable[T]], reporter: Reporter, seconds: float = SETTLE_SECONDS) -> T:
    """Repeat what was refused for a reason that passes, and what lost the optimistic lock. The user is told once it lasts."""
    clock = asyncio.get_running_loop()
    end = clock.time() + seconds

    def tell(state: RetryCallState) -> None:
        if state.attempt_number == TOLD_AFTER_TRIES and state.outcome:
            reporter.progress(f"refused, trying again for up to {seconds:.0f} s: {state.outcome.exception()}")

    retrying = AsyncRetrying(
        retry=retry_if_exception(_passes),
        wait=wait_exponential_jitter(multiplier=0.2, max=5, jitter=0.2),
        stop=lambda _: clock.time() >= end,
        before_sleep=tell,
        reraise=True,
    )
    async for attempt in retrying:
        with attempt:
            return await act()
    raise AssertionError  # pragma: no cover  the loop returns or raises


def _passes(error: BaseException) -> bool:
    if isinstance(error, Changed):
        return False
    return isinstance(error, Conflict) or (isinstance(error, Refused) and error.transient)


async def _put(cluster: Cluster, step: Put, owner: str) -> Object:
    """Create the object, or bring one of ours to it: made by an interrupted run, or by a request whose answer was lost.

    Webhooks refuse a second one in their own words, before the API server looks whether the name is taken.
    """
    try:
        return await cluster.create(step.ref, step.body)
    except (AlreadyExists, Refused) as error:
        found = await cluster.get(step.ref)
        if found is None and isinstance(error, Refused):
            raise
    if found is None:
        raise Conflict(f"{step.ref}: it existed a moment ago and is gone now")
    if not is_ours(found, owner):
        raise NotOurs(not_ours(step.ref, found))
    return found if holds(found, step.body) else await cluster.patch(step.ref, step.body)


def not_ours(ref: Ref, found: Object) -> str:
    """The message about an object that somebody else made."""
    whose = f"it belongs to {owner_of(found)}" if owner_of(found) else "it was not made by this program"
    return f"{ref}: an object of that name exists, and {whose}: choose another name, delete it, or set adopt=True to take it over"


async def _remove(cluster: Cluster, step: Remove, reporter: Reporter) -> None:
    """Delete the object and wait until it is gone, under one deadline."""
    found = await cluster.get(step.ref)
    if found is None:
        return
    clock = asyncio.get_running_loop()
    deadline = clock.time() + step.seconds
    try:
        if not await _patiently(lambda: _delete(cluster, step, uid(found), reporter), reporter, step.seconds):
            return
    except Refused as error:
        if not error.transient:
            raise
        raise Refused(f"{error}. {_IN_USE}") from error
    left, judge = max(deadline - clock.time(), 1.0), step.judge or gone(step.ref, uid(found))
    await wait(cluster, Await(of=step.ref, until="gone", wants=(step.ref, *step.wants), judge=judge, seconds=left), reporter)


async def _delete(cluster: Cluster, step: Remove, identity: str, reporter: Reporter) -> bool:
    """Ask for the deletion of that very object. False where it is gone already; another one that has its name now is left alone."""
    try:
        await cluster.delete(step.ref, step.propagation, identity)
    except NotFound:
        return False
    except Conflict:
        now = await cluster.get(step.ref)
        if now is not None and uid(now) == identity:
            raise
        if now is not None:
            reporter.warn(f"{step.ref}: another object took its name meanwhile: it is left alone")
        return False
    return True


def gone(ref: Ref, identity: str) -> Judge:
    """Judges that the object with that UID is gone."""

    def judge(seen: Snapshot) -> Verdict:
        found = seen[ref]
        if found is None or uid(found) != identity:
            return Ready()
        finalizers = [str(name) for name in dig_list(found, "metadata", "finalizers")]
        held = f", held by {', '.join(finalizers)}" if finalizers else ""
        return Waiting(f"being deleted{held}")

    return judge
