"""What runs inside the dynamic provider's host process: its event loop, its clusters, its log, its threads.

It turns the host's values into those of the verbs and back: unknown values, configuration keys, log messages. One
`Host` serves all kinds of a program.
"""

import json
import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pulumi.output import Unknown as HostUnknown
from pulumi.runtime.rpc import UNKNOWN as HOST_UNKNOWN
from pulumi.runtime.rpc import wrap_rpc_secret

from harvester_provider.core.errors import BadConnection, HarvesterError, InvalidInputs, PlanRefused
from harvester_provider.core.problem import Problem
from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.engine import verbs
from harvester_provider.frontends.log import EngineLog
from harvester_provider.resources.model import conceal
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS
from harvester_provider.wiring import Clusters, Loop

PREFIX = "harvester:"
WORKERS = 256
"""Calls the host answers at once. Its own limit is 4, and most of a call is waiting."""
_HIDDEN = ("__provider",)
_WAYS = ("cluster", "endpoint", "password", "ca", "fingerprint")
"""Inputs that say how a cluster is reached: as long as one is not known, it cannot be asked."""

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


def current() -> "Host":
    """The host that `start` made."""
    if _current is None:
        raise AssertionError("the provider was called before it was configured")
    return _current


def settings_of(config: Callable[[str], Any]) -> ProviderSettings:
    """The provider's settings from the program's configuration (`harvester:kubeconfig` ...). Raises BadConnection."""
    values: dict[str, Any] = {}
    for name in (field.alias or name for name, field in ProviderSettings.model_fields.items()):
        value = config(PREFIX + name)
        if value is not None:
            values[name] = _structured(name, value) if name == "clusters" else value
    try:
        return ProviderSettings.model_validate(values)
    except ValueError as error:
        raise BadConnection(f"the configuration {PREFIX}* is not valid: {error}") from error


def _structured(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise BadConnection(
            f"{PREFIX}{name}: {error}: write it as `pulumi config set --path {PREFIX}{name}.NAME.kubeconfig ...`"
        ) from error


class Host:
    """The verbs, for calls from the host's threads."""

    def __init__(self, settings: ProviderSettings, log: EngineLog) -> None:
        self._log = log
        self._settings = settings.wire()
        self._loop = Loop()
        self._clusters = Clusters(settings)

    def check(self, kind: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[Problem]]:
        """Inputs with defaults, and what is wrong with them; before a create also what is wrong with the cluster."""
        inputs = _to_core(news)
        try:
            inputs = dict(self._loop.run(self._inherited(kind, _to_core(olds), inputs)))
        except InvalidInputs as error:
            return _to_host(inputs), error.problems
        except HarvesterError as error:
            return _to_host(inputs), [Problem("", str(error))]
        checked = verbs.check(KINDS[kind], inputs, self._settings, _to_core(olds), self._log)
        problems = list(checked.problems)
        if not problems and not _to_core(olds):
            problems = self._first_look(kind, checked.inputs)
        return _to_host(checked.inputs), problems

    async def _inherited(self, kind: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Mapping[str, Any]:
        if any(news.get(name) is UNKNOWN for name in _WAYS):
            return news
        return await verbs.inherit(KINDS[kind], lambda: self._clusters.reach(KINDS[kind], news), olds, news)

    def _first_look(self, kind: str, inputs: Mapping[str, Any]) -> list[Problem]:
        """What is wrong with the cluster for a create. What does not exist yet is a warning: the program may make it first."""
        try:
            found = self._loop.run(self._foreseen(kind, inputs))
        except HarvesterError as error:
            return [Problem("", str(error))]
        for problem in found.missing:
            self._log.warn(f"{kind} {inputs['name']}: {problem}. Until that is there it cannot be made")
        return list(found.problems)

    async def _foreseen(self, kind: str, inputs: Mapping[str, Any]) -> verbs.Foreseen:
        if any(inputs.get(name) is UNKNOWN for name in _WAYS):
            return verbs.Foreseen()
        return await verbs.foresee(KINDS[kind], await self._clusters.reach(KINDS[kind], inputs), inputs)

    def diff(self, kind: str, identity: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> verbs.Difference:
        """What an update would do; says it to the user, and refuses here what must not be done."""
        inputs = _to_core(news)

        async def work() -> verbs.Difference:
            cluster = await self._clusters.reach(KINDS[kind], _to_core(olds))
            return await verbs.diff(KINDS[kind], cluster, identity, _to_core(olds), inputs)

        found = self._loop.run(work())
        if found.plan.refused:
            raise PlanRefused(f"{kind} {identity}: " + "; ".join(f"{change.property}: {change.why}" for change in found.plan.refused))
        if found.lines:
            self._log.info(f"{kind} {identity}:\n" + "\n".join(f"  {line}" for line in found.lines))
        return found

    def create(self, kind: str, props: Mapping[str, Any]) -> verbs.Found:
        """Make the resource."""
        values = _to_core(props)

        async def work() -> verbs.Found:
            cluster = await self._clusters.reach(KINDS[kind], values, change=True)
            return await verbs.create(KINDS[kind], cluster, values, self._log)

        return concealed(kind, self._loop.run(work()))

    def read(self, kind: str, identity: str, props: Mapping[str, Any]) -> verbs.Found | None:
        """The resource as it is."""
        values = _to_core(props)

        async def work() -> verbs.Found | None:
            return await verbs.read(KINDS[kind], await self._clusters.reach(KINDS[kind], values), identity, values)

        found = self._loop.run(work())
        return concealed(kind, found) if found else None

    def update(self, kind: str, identity: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> verbs.Found:
        """Bring the resource to the new inputs."""
        before, values = _to_core(olds), _to_core(news)

        async def work() -> verbs.Found:
            cluster = await self._clusters.reach(KINDS[kind], values, before=before, change=True)
            return await verbs.update(KINDS[kind], cluster, identity, before, values, self._log)

        return concealed(kind, self._loop.run(work()))

    def delete(self, kind: str, identity: str, props: Mapping[str, Any]) -> None:
        """Remove the resource."""
        values = _to_core(props)

        async def work() -> None:
            await verbs.delete(KINDS[kind], await self._clusters.reach(KINDS[kind], values), identity, values, self._log)

        self._loop.run(work())


def _to_core(values: Mapping[str, Any]) -> dict[str, Any]:
    """The host's values: its marker for unknown ones becomes UNKNOWN, its own keys are left out."""
    return {key: _swap(value, _is_host_unknown, UNKNOWN) for key, value in values.items() if key not in _HIDDEN}


def _to_host(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _swap(value, lambda item: item is UNKNOWN, HOST_UNKNOWN) for key, value in values.items()}


def _is_host_unknown(value: Any) -> bool:
    """The host marks an unknown value by a text or, inside of others, by an object."""
    return isinstance(value, HostUnknown) or (isinstance(value, str) and value == HOST_UNKNOWN)


def _swap(value: Any, found: Callable[[Any], bool], by: object) -> Any:
    if found(value):
        return by
    if isinstance(value, Mapping):
        return {key: _swap(item, found, by) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_swap(item, found, by) for item in value]
    return value


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
