"""Filling the store: kopf's watches bring each change of the watched kinds to it.

kopf is used for what it is best at: list, watch, reconnect and backoff per kind, in this event loop. Only raw event
handlers are registered, so that it never writes an annotation or a finalizer which a real Harvester would not have.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import kopf

from harvester_local.api.client import Api
from harvester_local.api.jitter import Line
from harvester_local.api.kinds import Kind
from harvester_local.api.store import Store
from harvester_local.plane.config import PlaneConfig

STOP_SECONDS = 0.3


class _NoDifferences(kopf.DiffBaseStorage):  # type: ignore[misc]  # kopf is not typed for us
    """In place of kopf's memory of what objects looked like: raw events need none, and it copies each object twice."""

    def build(self, **_: object) -> dict[str, object]:
        return {}

    def fetch(self, **_: object) -> None:
        return None

    def store(self, **_: object) -> None:
        """Nothing is ever stored."""


class _NoProgress(kopf.ProgressStorage):  # type: ignore[misc]  # kopf is not typed for us
    """In place of kopf's notes of which handler got how far: raw event handlers run once."""

    def fetch(self, **_: object) -> None:
        return None

    def store(self, **_: object) -> None:
        """Nothing is ever stored."""

    def purge(self, **_: object) -> None:
        """Nothing is ever stored."""

    def touch(self, **_: object) -> None:
        """Nothing is ever stored."""

    def clear(self, *, essence: dict[str, object]) -> dict[str, object]:
        return essence


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = _NoDifferences()
    settings.persistence.progress_storage = _NoProgress()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = 0.5
    settings.queueing.exit_timeout = 0.1
    settings.networking.error_backoffs = (0.1, 0.2, 0.5, 1, 1, 2)
    settings.watching.server_timeout = 600
    return settings


def _registry(kinds: Iterable[Kind], store: Store, config: PlaneConfig) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    jitter = config.settings.jitter()

    def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(
            server=config.apiserver,
            ca_path=str(config.ca),
            certificate_path=str(config.client_cert),
            private_key_path=str(config.client_key),
        )

    kopf.on.login(registry=registry)(login)
    for kind in kinds:
        _follow(kind, store, registry, Line(jitter, f"watch of {kind}"))
    return registry


def _follow(kind: Kind, store: Store, registry: kopf.OperatorRegistry, line: Line) -> None:
    async def seen(event: kopf.RawEvent, **_: Any) -> None:
        obj = {"apiVersion": kind.api_version, "kind": kind.kind, **event["object"]}
        take = store.forget if event["type"] == "DELETED" else store.observe
        line.put(lambda: take(kind, obj))

    kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=str(kind))(seen)


@asynccontextmanager
async def watching(kinds: tuple[Kind, ...], api: Api, store: Store, config: PlaneConfig, ended: Callable[[], None]) -> AsyncIterator[None]:
    """Within the block the store follows the cluster; it holds all objects of these kinds on entry.

    On entry kopf has taken over the handlers of SIGTERM and SIGINT. `ended` is called when the watches end, for
    whatever reason; the block's end raises what ended them, should that have been an error.
    """
    logging.getLogger("kopf").setLevel(logging.WARNING)
    for kind, listed in zip(kinds, await asyncio.gather(*(api.list_all(kind) for kind in kinds)), strict=True):
        store.settle(kind, listed)
    up, stop = asyncio.Event(), asyncio.Event()
    operator = asyncio.create_task(
        kopf.operator(
            registry=_registry(kinds, store, config),
            settings=_settings(),
            ready_flag=up,
            stop_flag=stop,
            clusterwide=True,
            standalone=True,
        )
    )
    operator.add_done_callback(lambda _task: up.set())
    operator.add_done_callback(lambda _task: ended())
    await up.wait()
    try:
        yield
    finally:
        stop.set()
        # By then the watches are closed; kopf would go on to wait for all other tasks of this loop.
        await asyncio.wait({operator}, timeout=STOP_SECONDS)
        operator.cancel()
        with suppress(asyncio.CancelledError):
            await operator
