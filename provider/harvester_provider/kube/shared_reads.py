"""Reads that many resources share: one list and one watch of a kind and namespace instead of a request for each object.

For reads that only look: refresh and preview. What decides about a write is always read from the API server itself.
"""

from collections import Counter
from collections.abc import Callable

from harvester_provider.core.cluster import Reads
from harvester_provider.core.flavour import Flavour
from harvester_provider.core.json import Object
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.kube.informer import Informer

MANY = 4
"""From how many requests for the objects of one kind and namespace on they are listed; fewer are read one by one."""


class SharedReads:
    """Answers from what one stream shows, once many ask for the same kind and namespace.

    What may be read but not listed or watched is read object by object. The stream may be a moment behind.
    """

    def __init__(self, reads: Reads, informer: Callable[[Listing], Informer]) -> None:
        self._reads = reads
        self._informer = informer
        self._asked: Counter[Listing] = Counter()
        self._streams: dict[Listing, Informer] = {}

    async def flavour(self) -> Flavour:
        """What sort of cluster it is."""
        return await self._reads.flavour()

    async def get(self, ref: Ref) -> Object | None:
        """The object, None where it does not exist."""
        stream = await self._stream(Listing(ref.api, ref.namespace), MANY)
        return await self._reads.get(ref) if stream is None else stream.objects.get((ref.namespace, ref.name))

    async def list(self, listing: Listing) -> tuple[Object, ...]:
        """All objects of a listing."""
        stream = await self._stream(listing, 2)
        return await self._reads.list(listing) if stream is None else tuple(stream.objects.values())

    async def _stream(self, listing: Listing, many: int) -> Informer | None:
        """The stream of a listing that is asked for often enough, unless it is broken."""
        self._asked[listing] += 1
        if self._asked[listing] < many:
            return None
        if listing not in self._streams:
            stream = self._streams[listing] = self._informer(listing)
            stream.subscribe(lambda _key: None)  # it stays as long as the cluster is connected
        stream = self._streams[listing]
        await stream.synced.wait()
        return stream if stream.error is None else None
