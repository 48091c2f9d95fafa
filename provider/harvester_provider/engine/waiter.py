"""Runs an Await: check, then watch, under one deadline. Judging is the kind's; watching is done here.

It ends early on a verdict of Failed, unless that was there before and the cluster tries again by itself. Both ends name the
object, what was last seen, the last events, and what to do next.
"""

import asyncio
from collections.abc import Iterable, Sequence

from harvester_provider.core.cluster import Cluster
from harvester_provider.core.errors import HarvesterError, WaitFailed, WaitTimedOut
from harvester_provider.core.json import Object, dig_int, dig_str
from harvester_provider.core.plan import Await
from harvester_provider.core.ref import Api, Listing, Ref
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.engine.reporter import Reporter

_EVENTS = Api("", "v1", "events", "Event")
_SHOWN = 3
_ASKED = 5
"""Of so many objects at most: the machine and its instance have one name, each of its volumes another."""


async def wait(cluster: Cluster, step: Await, reporter: Reporter) -> None:
    """Return when the step's judge says Ready. Raises WaitFailed or WaitTimedOut."""
    last, trouble, standing, begin = Waiting(""), "", None, asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(step.seconds) as deadline, cluster.follow(step.wants) as snapshots:
            async for seen in snapshots:
                verdict = step.judge(seen)
                standing = _standing(verdict, standing, first=not last.why)
                deadline.reschedule(begin + min(step.seconds, standing.retried if standing else step.seconds))
                match verdict:
                    case Ready():
                        return
                    case Failed() if not standing:
                        raise WaitFailed(await _failure(cluster, step, verdict))
                now = Waiting(f"{verdict.why} (from before; it may pass)") if isinstance(verdict, Failed) else verdict
                for line in _news(step, last, now):
                    reporter.progress(line)
                last, trouble = now, now.trouble or trouble
    except TimeoutError as error:
        if standing:
            raise WaitFailed(await _failure(cluster, step, standing)) from error
        raise WaitTimedOut(await _timeout(cluster, step, last, trouble)) from error
    raise WaitTimedOut(await _timeout(cluster, step, last, trouble))


def _standing(verdict: Verdict, before: Failed | None, *, first: bool) -> Failed | None:
    """The error that was there at the first look and still is, where the cluster tries again."""
    return verdict if isinstance(verdict, Failed) and verdict.retried and (first or verdict == before) else None


def _news(step: Await, before: Waiting, now: Waiting) -> Iterable[str]:
    """What to tell: a line for each part that is another than before or done, and the whole last, because it stays on the display."""
    yield from (f"{name}: done" for name in before.parts if name not in now.parts)
    yield from (f"{name}: {how}" for name, how in now.parts.items() if before.parts.get(name) != how)
    if now != before:
        yield f"{step.says}: {now.why}"


async def _failure(cluster: Cluster, step: Await, verdict: Failed) -> str:
    next_step = f". Next: {verdict.next_step}" if verdict.next_step else ""
    return f"{step.of}: will not become {step.until}: {verdict.why}{await _events(cluster, step)}{next_step}"


async def _timeout(cluster: Cluster, step: Await, last: Waiting, trouble: str) -> str:
    seen, parts = last.why or "nothing was seen of it", [f"\n  {name}: {how}" for name, how in last.parts.items()]
    end = f":{''.join(parts)}\n" if parts else ". "
    if trouble not in seen:
        seen = f"{seen}, and before that: {trouble}"
    return (
        f"{step.of}: not {step.until} after {step.seconds:g} s: {seen}{await _events(cluster, step)}{end}"
        f"Next: look at the object in the cluster; `pulumi up` goes on from here; {step.advice or '`timeouts` gives it more time'}"
    )


async def _events(cluster: Cluster, step: Await) -> str:
    """The last events of all that was waited for, as a part of a sentence. An error to read them hides no other error."""
    refs = [want for want in (step.of, *step.wants) if isinstance(want, Ref)]
    places = list(dict.fromkeys((ref.namespace, ref.name) for ref in refs))[:_ASKED]
    listings = [Listing(_EVENTS, namespace, fields=(("involvedObject.name", name),)) for namespace, name in places]
    try:
        answers = await asyncio.gather(*(cluster.list(listing) for listing in listings))
    except HarvesterError:
        return ""
    kinds = {ref.api.kind for ref in refs}
    found = [event for answer in answers for event in answer if dig_str(event, "involvedObject", "kind") in kinds]
    texts = [f"{dig_str(event, 'reason')}: {dig_str(event, 'message')}{_times(event)}" for event in _latest(found)]
    return f" (events: {'; '.join(texts)})" if texts else ""


def _latest(events: Sequence[Object]) -> list[Object]:
    return sorted(events, key=lambda event: dig_str(event, "lastTimestamp") or dig_str(event, "eventTime"))[-_SHOWN:]


def _times(event: Object) -> str:
    count = dig_int(event, "count", default=1)
    return f" ({count} times)" if count > 1 else ""
