"""Runs an Await: check, then watch, under one deadline. Judging is the kind's; watching is done here.

It ends early on a verdict of Failed, and both ends name the object, what was last seen, the last events, and what to
do next.
"""

import asyncio
from collections.abc import Sequence

from harvester_provider.core.cluster import Cluster
from harvester_provider.core.errors import HarvesterError, WaitFailed, WaitTimedOut
from harvester_provider.core.json import Object, dig_int, dig_str
from harvester_provider.core.plan import Await
from harvester_provider.core.ref import Api, Listing, Ref
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.engine.reporter import Reporter

_EVENTS = Api("", "v1", "events", "Event")
_SHOWN = 3


async def wait(cluster: Cluster, step: Await, reporter: Reporter) -> None:
    """Return when the step's judge says Ready. Raises WaitFailed or WaitTimedOut."""
    last = ""
    try:
        async with asyncio.timeout(step.seconds), cluster.follow(step.wants) as snapshots:
            async for seen in snapshots:
                match step.judge(seen):
                    case Ready():
                        return
                    case Waiting(why):
                        if why != last:
                            reporter.progress(f"{step.says}: {why}")
                        last = why
                    case Failed() as verdict:
                        raise WaitFailed(await _failure(cluster, step, verdict))
    except TimeoutError as error:
        raise WaitTimedOut(await _timeout(cluster, step, last)) from error
    raise WaitTimedOut(await _timeout(cluster, step, last))


async def _failure(cluster: Cluster, step: Await, verdict: Failed) -> str:
    next_step = f". Next: {verdict.next_step}" if verdict.next_step else ""
    return f"{step.of}: will not become {step.until}: {verdict.why}{await _events(cluster, step.of)}{next_step}"


async def _timeout(cluster: Cluster, step: Await, last: str) -> str:
    return (
        f"{step.of}: not {step.until} after {step.seconds:g} s: {last or 'nothing was seen of it'}{await _events(cluster, step.of)}. "
        f"Next: look at the object in the cluster; `pulumi up` goes on from here; {step.advice or '`timeouts` gives it more time'}"
    )


async def _events(cluster: Cluster, of: Ref) -> str:
    """The last events of an object, as a part of a sentence. An error to read them hides no other error."""
    fields = (("involvedObject.kind", of.api.kind), ("involvedObject.name", of.name))
    try:
        found = await cluster.list(Listing(_EVENTS, of.namespace, fields=fields))
    except HarvesterError:
        return ""
    texts = [f"{dig_str(event, 'reason')}: {dig_str(event, 'message')}{_times(event)}" for event in _latest(found)]
    return f" (events: {'; '.join(texts)})" if texts else ""


def _latest(events: Sequence[Object]) -> list[Object]:
    return sorted(events, key=lambda event: dig_str(event, "lastTimestamp") or dig_str(event, "eventTime"))[-_SHOWN:]


def _times(event: Object) -> str:
    count = dig_int(event, "count", default=1)
    return f" ({count} times)" if count > 1 else ""
