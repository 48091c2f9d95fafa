"""The cluster as the engine sees it: a Protocol that `kube` implements for real and tests implement in memory.

All errors are those of `core.errors`. No method retries a business refusal; transport retries are the implementation's.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from harvester_provider.core.flavour import Flavour
from harvester_provider.core.json import Json, Object
from harvester_provider.core.plan import Call, Upload
from harvester_provider.core.ref import Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot


class Reads(Protocol):
    """What can be seen of a cluster. Safe to use from many tasks of one event loop."""

    async def flavour(self) -> Flavour:
        """What sort of cluster it is. Asked once, until it has KubeVirt."""
        ...

    async def get(self, ref: Ref) -> Object | None:
        """The object, None where it does not exist. NotHarvester where its kind is not served."""
        ...

    async def list(self, listing: Listing) -> tuple[Object, ...]:
        """All objects of a listing."""
        ...


class Cluster(Reads, Protocol):
    """One cluster: what can be seen of it, and done to it."""

    async def create(self, ref: Ref, body: Object) -> Object:
        """Create an object. AlreadyExists where one of that name is there."""
        ...

    async def patch(self, ref: Ref, body: Object | Sequence[Object]) -> Object:
        """Merge patch (a mapping) or JSON patch (a list). NotFound where the object is gone."""
        ...

    async def delete(self, ref: Ref, propagation: Literal["Foreground", "Background"], uid: str = "") -> None:
        """Ask for the deletion. NotFound where it is gone already; with `uid`, only that very object."""
        ...

    async def call(self, call: Call) -> Json:
        """A request that is no object, with its answer."""
        ...

    async def upload(self, step: Upload, progress: Callable[[int], None]) -> None:
        """Stream a local file; `progress` is told the bytes so far. UploadFailed (UploadCutOff where the connection was lost), or
        BadFile where the file is not what it was.
        """
        ...

    async def apply(self, source: str) -> None:
        """Server-side apply of all objects of a manifest: a URL, or the path of a file. BadConnection where it cannot be read."""
        ...

    def follow(self, wants: Sequence[Want]) -> AbstractAsyncContextManager[AsyncIterator[Snapshot]]:
        """Snapshots of `wants`: the present one first, then one after each change. Streams are shared between followers."""
        ...
