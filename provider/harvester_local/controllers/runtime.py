"""How controllers are called: a queue of keys, fed by the store's changes and by deadlines.

Level-triggered, as in controller-runtime: a reconciler is given a key, looks at the store, takes the next step and
says when it wants to be called again. One call per key runs at a time; a change meanwhile means one more call. There
are no ticks. Nothing here knows what a controller does.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from harvester_local.api.client import Api, ApiError
from harvester_local.api.jitter import Jitter
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Key, Obj, key_of
from harvester_local.api.store import Store
from harvester_local.api.versions import Rules
from harvester_local.settings import Settings

log = logging.getLogger(__name__)

WORKERS = 48
TASK_SECONDS = 2.0
_FIRST_RETRY, _LAST_RETRY = 0.05, 5.0
_QUIET = {404, 409}

Mapper = Callable[[Obj], Iterable[Key]]
"""From an object that changed to the keys of the controller's own kind that it concerns."""


@dataclass(frozen=True)
class Context:
    """What every controller works with."""

    api: Api
    store: Store
    settings: Settings
    rules: Rules


class Controller(Protocol):
    """One reconciler. `watches` says which changes concern which of its keys."""

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Watched kinds, and whom a change of theirs concerns."""

    async def reconcile(self, key: Key) -> float | None:
        """Take the next step for `key`; seconds until the next call, or None to wait for a change."""


def own_key(obj: Obj) -> Iterable[Key]:
    """Mapper for a controller's own kind."""
    return (key_of(obj),)


class Deadlines:
    """Named moments in time. The first question starts the clock; answers are seconds that remain."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], float] = {}

    def remaining(self, uid: str, name: str, seconds: float) -> float:
        """Seconds until `seconds` have passed since the first call with this uid and name; 0 when they have."""
        now = asyncio.get_running_loop().time()
        return max(0.0, self._ends.setdefault((uid, name), now + seconds) - now)

    def clear(self, uid: str, *names: str) -> None:
        """Forget the named moments of an object, or all of them."""
        for known in [k for k in self._ends if k[0] == uid and (not names or k[1] in names)]:
            del self._ends[known]


class Tasks:
    """Work that goes on beside the reconciling, at most one task of a name at a time."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> float:
        """Begin `work`, unless a task of that name runs; seconds after which to see whether it came to its end, or has to begin again."""
        if name not in self._running:
            task = self._running[name] = asyncio.create_task(work())
            task.add_done_callback(lambda _: self._running.pop(name, None))
        return TASK_SECONDS

    def cancel(self, name: str) -> None:
        """End the task of that name."""
        if task := self._running.pop(name, None):
            task.cancel()

    async def close(self) -> None:
        """End every task."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class _Entry:
    """Where one key of one controller stands."""

    running: bool = False
    again: bool = False
    failures: int = 0
    timer: asyncio.TimerHandle | None = None


@dataclass
class Runner:
    """Calls the controllers. Attach it to a store with `listen`; `stop` ends all that runs. `jitter` holds the calls back."""

    controllers: list[Controller]
    jitter: Jitter = field(default_factory=Jitter)
    _entries: dict[tuple[int, Key], _Entry] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WORKERS))
    _stopped: bool = False
    _at_work: asyncio.Event = field(default_factory=asyncio.Event)
    _watching: defaultdict[Kind, list[tuple[int, Mapper]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._at_work.set()
        for number, controller in enumerate(self.controllers):
            for kind, mapper in controller.watches.items():
                self._watching[kind].append((number, mapper))

    def pause(self) -> None:
        """Take no further step, as if the controllers' pods were gone. What is called meanwhile waits for `resume`."""
        self._at_work.clear()

    def resume(self) -> None:
        """Go on."""
        self._at_work.set()

    def listen(self, kind: Kind, before: Obj | None, after: Obj | None) -> None:
        """A store listener: call whom the change concerns."""
        for number, mapper in self._watching[kind]:
            keys = {key for obj in (before, after) if obj is not None for key in mapper(obj)}
            for key in keys:
                self._add(number, key)

    async def stop(self) -> None:
        """Cancel every call and deadline."""
        self._stopped = True
        for entry in self._entries.values():
            if entry.timer:
                entry.timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _add(self, number: int, key: Key) -> None:
        entry = self._entries.setdefault((number, key), _Entry())
        if entry.timer:
            entry.timer.cancel()
            entry.timer = None
        if entry.running:
            entry.again = True
        elif not self._stopped:
            entry.running = True
            task = asyncio.create_task(self._run(number, key, entry))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, number: int, key: Key, entry: _Entry) -> None:
        while True:
            await self.jitter.hold(f"calls of {type(self.controllers[number]).__name__}")
            entry.again = False
            await self._at_work.wait()
            async with self._slots:
                wait = await self._call(self.controllers[number], key, entry)
            if not entry.again:
                break
        entry.running = False
        if wait is not None and not self._stopped:
            entry.timer = asyncio.get_running_loop().call_later(wait, self._add, number, key)
        elif wait is None:
            self._entries.pop((number, key), None)

    async def _call(self, controller: Controller, key: Key, entry: _Entry) -> float | None:
        try:
            wait = await controller.reconcile(key)
        except ApiError as error:
            if error.status not in _QUIET:
                log.warning("%s: %s: %s", type(controller).__name__, key, error)
        except Exception:
            log.exception("%s: %s: reconciling failed", type(controller).__name__, key)
        else:
            entry.failures = 0
            return wait
        entry.failures += 1
        return min(_LAST_RETRY, _FIRST_RETRY * 2.0 ** (entry.failures - 1))
