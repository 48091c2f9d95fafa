"""The one place that joins engine and kube: settings to clusters, verbs to the event loop.

A process has one event loop, in a thread of its own; front ends call from their own threads and wait. Clusters are
connected when they are first used, once each.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from harvester_provider.core.errors import BadConnection
from harvester_provider.kube.client import Client
from harvester_provider.kube.cluster import KubeCluster
from harvester_provider.kube.connection import connect
from harvester_provider.resources.provider import ProviderSettings

T = TypeVar("T")


class Clusters:
    """The clusters of one provider configuration, each connected at its first use."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._connected: dict[str, asyncio.Task[KubeCluster]] = {}

    async def get(self, name: str | None) -> KubeCluster:
        """The cluster of that name in `harvester:clusters`, or the default one. Raises BadConnection."""
        key = name or ""
        task = self._connected.get(key)
        if task is None or (task.done() and task.exception() is not None):
            task = self._connected[key] = asyncio.create_task(self._connect(name))
        return await asyncio.shield(task)

    async def _connect(self, name: str | None) -> KubeCluster:
        try:
            connection = self._settings.connection(name)
        except KeyError as error:
            known = ", ".join(self._settings.clusters) or "none"
            raise BadConnection(f"cluster: {name!r} is not in harvester:clusters (there: {known})") from error
        target = await connect(connection)
        return KubeCluster(Client(lambda: connect(connection), target, max_requests=self._settings.max_requests))

    async def close(self) -> None:
        """Close what was connected."""
        tasks, self._connected = self._connected, {}
        for task in tasks.values():
            if task.done() and not task.cancelled() and task.exception() is None:
                await task.result().close()
            task.cancel()


class Loop:
    """The event loop of the process, in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="harvester", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the loop and wait for it, from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def stop(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
