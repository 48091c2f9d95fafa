"""What runs inside the dynamic provider's host process: its event loop, its clusters, its log, its threads.

It turns the host's values into those of the verbs and back: unknown values, configuration keys, log messages. One
`Host` serves all kinds of a program.
"""

import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pulumi.output import Unknown as HostUnknown
from pulumi.runtime.rpc import UNKNOWN as HOST_UNKNOWN
from pulumi.runtime.rpc import wrap_rpc_secret

from harvester_provider.core.errors import HarvesterError
from harvester_provider.core.problem import Problem
from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.engine import verbs
from harvester_provider.frontends.calls import Calls
from harvester_provider.frontends.log import EngineLog
from harvester_provider.frontends.loop import Loop
from harvester_provider.frontends.settings import settings_of
from harvester_provider.frontends.start import keep_what_is_loaded
from harvester_provider.resources.model import conceal
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS

WORKERS = 256
"""Calls the host answers at once. Its own limit is 4, and most of a call is waiting."""
_HIDDEN = ("__provider",)

_lock = threading.Lock()
_current: "Host | None" = None


def start(config: Callable[[str], Any]) -> None:
    """Start the process's host, once. `config` gives the program's configuration by key, None where it is not set."""
    global _current  # noqa: PLW0603  the host process calls a pickled class: there is no other place to keep it
    with _lock:
        if _current is None:
            messages = EngineLog()
            if not lift_worker_limit(WORKERS):
                messages.warn("this Pulumi SDK keeps its limit of 4 resources at a time: larger programs take longer")
            _quiet_grpc()
            _current = Host(settings_of(config), messages)
            keep_what_is_loaded()


def current() -> "Host":
    """The host that `start` made."""
    if _current is None:
        raise AssertionError("the provider was called before it was configured")
    return _current


class Host:
    """The verbs, for calls from the host's threads."""

    def __init__(self, settings: ProviderSettings, log: EngineLog) -> None:
        self._log = log
        self._loop = Loop()
        self._calls = Calls(settings)

    def check(self, kind: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[Problem]]:
        """Inputs with defaults, and what is wrong with them."""
        before, given = _to_core(olds), _to_core(news)
        checked = self._calls.at_once(kind, before, given, self._log) or self._loop.run(self._calls.check(kind, before, given, self._log))
        return _to_host(checked.inputs), checked.problems

    def diff(self, kind: str, identity: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> verbs.Difference:
        """What an update would do."""
        before, given = _to_core(olds), _to_core(news)
        if verbs.is_same(KINDS[kind], before, given):  # nearly always, and then the way to the event loop is what takes the time
            return verbs.Difference()
        return self._loop.run(self._calls.diff(kind, identity, before, given, self._log))

    def create(self, kind: str, props: Mapping[str, Any]) -> verbs.Found:
        """Make the resource."""
        return concealed(kind, self._loop.run(self._calls.create(kind, _to_core(props), self._log)))

    def read(self, kind: str, identity: str, props: Mapping[str, Any]) -> verbs.Found | None:
        """The resource as it is."""
        found = self._loop.run(self._calls.read(kind, identity, _to_core(props)))
        return concealed(kind, found) if found else None

    def update(self, kind: str, identity: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> verbs.Found:
        """Bring the resource to the new inputs."""
        return concealed(kind, self._loop.run(self._calls.update(kind, identity, _to_core(olds), _to_core(news), self._log)))

    def delete(self, kind: str, identity: str, props: Mapping[str, Any]) -> None:
        """Remove the resource."""
        self._loop.run(self._calls.delete(kind, identity, _to_core(props), self._log))


def _to_core(values: Mapping[str, Any]) -> dict[str, Any]:
    """The host's values: its marker for unknown ones becomes UNKNOWN, its own keys are left out."""
    return {key: _swap(value, _known_to_core) for key, value in values.items() if key not in _HIDDEN}


def _to_host(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _swap(value, _known_to_host) for key, value in values.items()}


def _known_to_core(value: Any) -> Any:
    """The host marks an unknown value by a text or, inside of others, by an object."""
    return UNKNOWN if isinstance(value, HostUnknown) or value == HOST_UNKNOWN else value


def _known_to_host(value: Any) -> Any:
    return HOST_UNKNOWN if value is UNKNOWN else value


def _swap(value: Any, leaf: Callable[[Any], Any]) -> Any:
    """The value with `leaf` of each value in it that holds no others."""
    if isinstance(value, dict):
        return {key: _swap(item, leaf) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_swap(item, leaf) for item in value]
    return leaf(value)


def concealed(kind: str, found: verbs.Found) -> verbs.Found:
    """The answer with its secrets marked: for a resource that is only read, the engine has no inputs to take the marks from."""
    model, outputs = KINDS[kind].inputs, KINDS[kind].outputs_model
    state = conceal(outputs, conceal(model, found.state, wrap_rpc_secret), wrap_rpc_secret)
    return verbs.Found(found.id, conceal(model, found.inputs, wrap_rpc_secret), state)


def lift_worker_limit(workers: int) -> bool:
    """Let the host answer more than 4 calls at once. Only works on one of its worker threads; False where it cannot.

    The executor is reachable from the frame of `concurrent.futures.thread._worker`; its limit is a private attribute,
    so anything unexpected leaves it as it is.
    """
    frame = sys._getframe()  # noqa: SLF001  the only way to the executor that runs us
    while frame.f_back is not None:
        frame = frame.f_back
        reference = frame.f_locals.get("executor_reference")
        executor = reference() if callable(reference) else None
        if isinstance(executor, ThreadPoolExecutor) and isinstance(getattr(executor, "_max_workers", None), int):
            executor._max_workers = max(workers, executor._max_workers)  # noqa: SLF001  see above
            return True
    return False


def _quiet_grpc() -> None:
    """Errors of ours are told by the engine; a traceback beside them helps nobody. All others keep theirs."""

    def keep(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HarvesterError))

    logging.getLogger("grpc._server").addFilter(keep)
