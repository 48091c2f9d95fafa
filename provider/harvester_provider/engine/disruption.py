"""Disruption groups: how many of a group may be down at once, within this process. Between the verbs and the runner.

An update that takes its object down waits for its turn, and keeps it until the object is back. One that does not come back keeps
its place for good, so that a mistake does not go through the whole group; who waits for that place is told, and nobody waits for ever.
"""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from weakref import WeakKeyDictionary

from harvester_provider.core.cluster import Cluster
from harvester_provider.core.errors import HarvesterError, WaitFailed
from harvester_provider.core.plan import Disruption
from harvester_provider.core.ref import Ref
from harvester_provider.core.verdict import Ready
from harvester_provider.engine.reader import look
from harvester_provider.engine.reporter import Reporter


@dataclass
class _Group:
    """Who is down, with how many each of them allows; `lost` are those that did not come back."""

    down: dict[Ref, int] = field(default_factory=dict)
    lost: dict[Ref, int] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def has_room(self, wanted: Disruption) -> bool:
        """Whether one more may go down: the smallest number of all that are concerned counts. Raises WaitFailed where it never will."""
        others = {ref: most for ref, most in {**self.down, **self.lost}.items() if ref != wanted.of}
        most = min(wanted.most, *others.values()) if others else wanted.most
        lost = [str(ref) for ref in self.lost if ref != wanted.of]
        if len(lost) >= most:
            raise WaitFailed(
                f"{wanted.of}: left as it is: {', '.join(lost)} of disruption group {wanted.group} did not come back, and at most {most} "
                f"may be down at a time. Next: mend it, then run `pulumi up` again"
            )
        return len(others) < most


_groups: WeakKeyDictionary[Cluster, dict[str, _Group]] = WeakKeyDictionary()
"""The groups of each cluster, for as long as the process uses it: all updates of the process must meet here."""


class Turn:
    """The turn of one update in its group, if it has one. Entered around all tries of the update."""

    def __init__(self, cluster: Cluster, reporter: Reporter) -> None:
        self._cluster, self._reporter = cluster, reporter
        self._taken: Disruption | None = None

    async def take(self, wanted: Disruption | None) -> bool:
        """Wait until the object may go down; at once where it is held already. True where it took time, and the object may have changed."""
        if wanted is None or self._taken is not None:
            return False
        group = _groups.setdefault(self._cluster, {}).setdefault(wanted.group, _Group())
        async with group.changed:
            waits = not wanted.already and not group.has_room(wanted)
            if waits:
                self._reporter.progress(f"waiting for its turn: {wanted}")
                await group.changed.wait_for(lambda: group.has_room(wanted))
            group.lost.pop(wanted.of, None)
            group.down[wanted.of] = wanted.most
        self._taken = wanted
        return waits

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Let the next one have its turn."""
        if self._taken is None:
            return
        back = error is None or (isinstance(error, HarvesterError) and await self._is_back(self._taken))
        group = _groups[self._cluster][self._taken.group]
        async with group.changed:
            most = group.down.pop(self._taken.of)
            if not back:
                group.lost[self._taken.of] = most
            group.changed.notify_all()

    async def _is_back(self, taken: Disruption) -> bool:
        try:
            return isinstance(taken.back(await look(self._cluster, taken.wants)), Ready)
        except HarvesterError:
            return False
