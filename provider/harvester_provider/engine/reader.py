"""From what a kind wants to see to a snapshot: asks, reads side by side, and asks again until nothing new is wanted."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from harvester_provider.core.cluster import Reads
from harvester_provider.core.errors import Forbidden
from harvester_provider.core.json import Object
from harvester_provider.core.kind import Kind
from harvester_provider.core.ref import Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot

ROUNDS = 10
"""More rounds than any kind needs: a kind that wants ever more is broken."""


async def look(cluster: Reads, wants: Sequence[Want]) -> Snapshot:
    """Read all `wants` side by side."""
    found: Sequence[Any] = await asyncio.gather(*(cluster.get(want) if isinstance(want, Ref) else cluster.list(want) for want in wants))
    pairs = list(zip(wants, found, strict=True))
    return Snapshot(
        {want: answer for want, answer in pairs if isinstance(want, Ref)},
        {want: answer for want, answer in pairs if not isinstance(want, Ref)},
    )


async def bystanders(cluster: Reads, kind: Kind[Any], inputs: Any) -> Snapshot:
    """What a removal may take along besides, as far as it may be read."""
    listings: dict[Listing, tuple[Object, ...]] = {}
    for listing in kind.bystanders(inputs):
        with suppress(Forbidden):
            listings[listing] = await cluster.list(listing)
    return Snapshot({}, listings)


async def see(cluster: Reads, kind: Kind[Any], ref: Ref, inputs: Any) -> Snapshot:
    """What `kind` needs to see for `inputs` (None on import)."""
    seen = Snapshot()
    for _ in range(ROUNDS):
        wants = seen.missing([ref, *kind.reads(ref, inputs, seen)])
        if not wants:
            return seen
        seen = seen.plus(await look(cluster, wants))
    raise AssertionError(f"{kind.name}.reads wants ever more: {wants}")
