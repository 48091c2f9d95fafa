"""The one place that joins engine and kube: settings to clusters, which are connected when they are first used, once each."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping
from typing import Any

from harvester_provider.core.errors import BadConnection
from harvester_provider.core.json import Object
from harvester_provider.core.kind import Kind
from harvester_provider.core.ref import Ref
from harvester_provider.kube.client import Client, Patience
from harvester_provider.kube.cluster import KubeCluster
from harvester_provider.kube.connection import Target, connect, is_kubeconfig
from harvester_provider.kube.login import Login, log_in
from harvester_provider.resources.apis import CREDENTIALS
from harvester_provider.resources.provider import Connection, ProviderSettings


class Clusters:
    """The clusters of one provider configuration, each connected at its first use and waited for with the same `patience`."""

    def __init__(self, settings: ProviderSettings, patience: Patience | None = None) -> None:
        self._settings = settings
        self._patience = patience
        self._connected: dict[Hashable, asyncio.Task[KubeCluster]] = {}

    async def get(self, name: str | None) -> KubeCluster:
        """The cluster of that name in `harvester:clusters`, or the default one; a kubeconfig's text is the one it leads to.

        Raises BadConnection.
        """
        return await self._once(name or "", lambda: self._connect(name))

    async def _once(self, way: Hashable, connect: Callable[[], Coroutine[Any, Any, KubeCluster]]) -> KubeCluster:
        """The one connection of that way, made at its first use, and again where that failed."""
        task = self._connected.get(way)
        if task is None or (task.done() and task.exception() is not None):
            task = self._connected[way] = asyncio.create_task(connect())
        return await asyncio.shield(task)

    async def _connect(self, name: str | None) -> KubeCluster:
        try:
            connection = Connection(kubeconfig=name) if name and is_kubeconfig(name) else self._settings.connection(name)
        except KeyError as error:
            known = ", ".join(self._settings.clusters) or "none"
            raise BadConnection(f"cluster: {name!r} is not in harvester:clusters (there: {known})") from error
        target = await connect(connection)
        return KubeCluster(self._client(lambda: connect(connection), target), {CREDENTIALS: None})

    def _client(self, reload: Callable[[], Awaitable[Target]], target: Target) -> Client:
        return Client(reload, target, max_requests=self._settings.max_requests, patience=self._patience)

    async def reach(
        self, kind: Kind[Any], values: Mapping[str, Any], *, before: Mapping[str, Any] | None = None, change: bool = False
    ) -> KubeCluster:
        """The cluster of a resource: of that name, or the one its own inputs lead to.

        A kubeconfig in the state is used as long as the password stays; otherwise the first use logs in, once for those who only look and
        once for those who may change the password. `before` is the last state; with `change` a former
        password of the cluster is replaced by the declared one. Raises BadConnection, Unauthorized, Unreachable.
        """
        if not kind.logs_in or not values.get("endpoint"):
            return await self.get(values.get("cluster") or None)
        last = before if before is not None else values
        known = str(last.get("kubeconfig") or "") if last.get("password") == values.get("password") else ""
        login = Login(
            endpoint=str(values["endpoint"]), password=str(values.get("password") or ""), ca=str(values.get("ca") or ""),
            former=tuple(str(word) for word in (last.get("password"), values.get("initialPassword")) if word),
            fingerprint=str(values.get("fingerprint") or ""),
        )  # fmt: skip
        return await self._once((login, known, change), lambda: self._log_in(login, known, change=change))

    async def _log_in(self, login: Login, known: str, *, change: bool) -> KubeCluster:
        said: dict[Ref, Object | None] = {}

        async def fresh(text: str = "") -> Target:
            text = text or await log_in(login, change=change)
            said[CREDENTIALS] = {"kubeconfig": text}
            return await connect(Connection(kubeconfig=text, endpoint=login.endpoint, endpoint_ca=login.ca or None))

        target = await fresh(known)
        return KubeCluster(self._client(fresh, target), said)

    async def close(self) -> None:
        """Close what was connected."""
        tasks, self._connected = self._connected, {}
        for task in tasks.values():
            if task.done() and not task.cancelled() and task.exception() is None:
                await task.result().close()
            task.cancel()
