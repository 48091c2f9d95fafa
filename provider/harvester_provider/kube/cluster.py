"""The cluster as `core.cluster.Cluster`: requests through one client, waits through shared informers.

A wait follows the informers of its kinds and namespaces. Informers start with their first follower, stay for a while
after the last one (the next wait is usually near), and end with the cluster.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from harvester_provider.core.errors import NotFound, NotHarvester
from harvester_provider.core.flavour import Flavour
from harvester_provider.core.json import Json, Object, dig_objects
from harvester_provider.core.plan import Call, Upload
from harvester_provider.core.ref import Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.kube.client import Client
from harvester_provider.kube.informer import Informer, Key, list_all
from harvester_provider.kube.manifests import apply_manifest
from harvester_provider.kube.shared_reads import SharedReads
from harvester_provider.kube.uploads import send

LINGER = 20.0
"""Seconds an informer stays after its last follower."""
_GROUPS = {"harvesterhci.io": Flavour.HARVESTER, "kubevirt.io": Flavour.KUBEVIRT}
"""Groups of kinds that tell what sort of cluster it is, the first one that is served."""


class KubeCluster:
    """One real cluster. All methods run on the event loop that made the client.

    `known` is answered from here: what is told of the connection itself and is no object of the API.
    """

    def __init__(self, client: Client, known: Mapping[Ref, Object | None] | None = None) -> None:
        self._client = client
        self._known = known or {}
        self._informers: dict[Listing, tuple[Informer, asyncio.Task[None]]] = {}
        self.shared = SharedReads(self, self._informer)
        """Reads for those who only look, and are many."""
        self._flavour = Flavour.KUBERNETES
        self._telling = asyncio.Lock()

    @property
    def address(self) -> str:
        """URL of the Kubernetes API."""
        return self._client.target.host

    async def close(self) -> None:
        """End all streams and connections."""
        tasks = [task for _, task in self._informers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._informers.clear()
        await self._client.close()

    async def flavour(self) -> Flavour:
        """What sort of cluster it is. Raises Forbidden for who may not ask, as all who have logged in may by default."""
        async with self._telling:
            if self._flavour is Flavour.KUBERNETES:
                self._flavour = await self._told()
        return self._flavour

    async def _told(self) -> Flavour:
        answer = await self._client.request("GET", "/apis", asked="ask which kinds the cluster has")
        listed = {group.get("name") for group in dig_objects(answer, "groups")}
        for group, flavour in _GROUPS.items():
            if group in listed or await self._serves(group):
                return flavour
        return Flavour.KUBERNETES

    async def _serves(self, group: str) -> bool:
        """Asked by its name: an API server that starts lists too few groups, and answers 503 for those that it does not know yet."""
        try:
            await self._client.request("GET", f"/apis/{group}", asked=f"ask whether the cluster has {group}")
        except (NotFound, NotHarvester):
            return False
        return True

    async def get(self, ref: Ref) -> Object | None:
        """The object, or None where the API server says that it does not exist."""
        if ref in self._known:
            return self._known[ref]
        try:
            return self._saw(ref, await self._client.request("GET", ref.path, asked=f"read {ref}", surface=ref.api.surface))
        except NotFound:
            return None

    async def list(self, listing: Listing) -> tuple[Object, ...]:
        """All objects of a listing."""
        items, _ = await list_all(self._client, listing)
        return tuple(items)

    async def create(self, ref: Ref, body: Object) -> Object:
        """Create an object. `apiVersion` and `kind` are filled in."""
        full = {"apiVersion": ref.api.api_version, "kind": ref.api.kind, **body}
        path = ref.api.path(ref.namespace)
        try:
            return self._saw(ref, await self._client.request("POST", path, body=full, asked=f"create {ref}"))
        except NotFound as error:
            raise NotHarvester(f"create {ref}: {error}: create the namespace {ref.namespace!r} first") from error

    async def patch(self, ref: Ref, body: Object | Sequence[Object]) -> Object:
        """Merge patch (a mapping) or JSON patch (a list of operations)."""
        return self._saw(ref, await self._client.request("PATCH", ref.path, body=body, asked=f"change {ref}"))

    async def delete(self, ref: Ref, propagation: Literal["Foreground", "Background"], uid: str = "") -> None:
        """Ask for the deletion of the object, or of the very object with `uid`."""
        body: dict[str, Json] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        await self._client.request("DELETE", ref.path, body=body, asked=f"delete {ref}")

    async def call(self, call: Call) -> Json:
        """A subresource of the Kubernetes API, or an action of Harvester's own."""
        return await self._client.request(
            call.method, call.path, body=call.body, asked=call.says or f"call {call.path}", surface=call.surface
        )

    async def upload(self, step: Upload, progress: Callable[[int], None]) -> None:
        """Stream a local file to Harvester's own API."""
        await send(self._client, step, progress)

    async def apply(self, source: str) -> None:
        """Server-side apply of all objects of a manifest."""
        await apply_manifest(self._client, source)

    @asynccontextmanager
    async def follow(self, wants: Sequence[Want]) -> AsyncIterator[AsyncIterator[Snapshot]]:
        """Snapshots of `wants`: the present one, then one after each change of one of them."""
        changed = asyncio.Event()
        keys = {(want.namespace, want.name) for want in wants if isinstance(want, Ref)}
        informers = {want: self._informer(_listing(want)) for want in wants}
        with contextlib.ExitStack() as stack:
            for want, informer in informers.items():
                stack.callback(informer.subscribe(_wake(changed, None if isinstance(want, Listing) else keys)))
            try:
                yield _snapshots(informers, changed)
            finally:
                self._linger()

    def _informer(self, listing: Listing) -> Informer:
        known = self._informers.get(listing)
        if known and not known[1].done():
            return known[0]
        informer = Informer(self._client, listing)
        self._informers[listing] = (informer, asyncio.create_task(informer.run(), name=f"watch {listing}"))
        return informer

    def _linger(self) -> None:
        """Look again after a while, and end the informers that nobody follows then."""
        asyncio.get_running_loop().call_later(LINGER, self._drop_idle)

    def _drop_idle(self) -> None:
        for listing, (informer, task) in list(self._informers.items()):
            if informer.idle:
                task.cancel()
                del self._informers[listing]

    def _saw(self, ref: Ref, answer: Json) -> Object:
        found = _object(answer)
        known = self._informers.get(Listing(ref.api, ref.namespace))
        if known:
            known[0].saw(found)
        return found


def _listing(want: Want) -> Listing:
    return want if isinstance(want, Listing) else Listing(want.api, want.namespace)


def _wake(changed: asyncio.Event, keys: set[Key] | None) -> Any:
    def listener(key: Key) -> None:
        if keys is None or not key[1] or key in keys:
            changed.set()

    return listener


async def _snapshots(informers: Mapping[Want, Informer], changed: asyncio.Event) -> AsyncIterator[Snapshot]:
    for informer in informers.values():
        await informer.synced.wait()
    while True:
        changed.clear()
        for informer in informers.values():
            if informer.error is not None:
                raise informer.error
        yield Snapshot(
            {want: informer.objects.get((want.namespace, want.name)) for want, informer in informers.items() if isinstance(want, Ref)},
            {want: tuple(informer.objects.values()) for want, informer in informers.items() if isinstance(want, Listing)},
        )
        await changed.wait()


def _object(answer: Json) -> Object:
    return answer if isinstance(answer, Mapping) else {}
