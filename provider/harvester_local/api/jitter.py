"""Lateness on request: orders of events that only a loaded cluster shows come about on purpose.

What watches deliver, to the plane and to users, the calls of controllers and their writes are held back by random times. Nothing is
lost, and the events of one kind keep their order, as with an informer; between two kinds, and between a change and what a controller
does about it, any order is possible, as upstream.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable


class Jitter:
    """Times between 0 and `seconds`. With the same seed, each who draws them gets the same ones."""

    def __init__(self, seconds: float = 0, seed: int = 0) -> None:
        self.seconds, self._seed = seconds, seed
        self._sources: dict[str, random.Random] = {}

    def draw(self, who: str) -> float:
        """Seconds by which the next step of `who` is late."""
        if not self.seconds:
            return 0.0
        source = self._sources.setdefault(who, random.Random(f"{self._seed} {who}"))  # noqa: S311  not for secrets
        return source.uniform(0, self.seconds)

    async def hold(self, who: str) -> None:
        """Return when the next step of `who` may be taken."""
        if self.seconds:
            await asyncio.sleep(self.draw(who))


class Line:
    """A line in which what is put at its end comes out late, and in order."""

    def __init__(self, jitter: Jitter, who: str) -> None:
        self._jitter, self._who = jitter, who
        self._waiting: deque[Callable[[], None]] = deque()
        self._last = 0.0

    def put(self, deliver: Callable[[], None]) -> None:
        """Call `deliver` when its turn has come: at once where nothing is to be late."""
        if not self._jitter.seconds:
            deliver()
            return
        loop = asyncio.get_running_loop()
        self._last = max(self._last, loop.time() + self._jitter.draw(self._who))
        self._waiting.append(deliver)
        loop.call_at(self._last, self._deliver_first)  # not `deliver`: timers of the same moment have no order

    def _deliver_first(self) -> None:
        self._waiting.popleft()()
