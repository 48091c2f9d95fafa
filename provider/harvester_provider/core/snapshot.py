"""What was seen of the cluster at one moment, as a value.

Kinds say what they want to see (`Want`), the engine looks, and plans, verdicts and outputs are computed from the
snapshot alone. An object that was looked for and is not there is None; one that nobody looked for is a KeyError,
because a plan must not be made on what was never seen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harvester_provider.core.json import Object
from harvester_provider.core.ref import Listing, Ref, Want


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Objects by reference (None: not there) and listings, as seen."""

    objects: Mapping[Ref, Object | None] = field(default_factory=dict)
    listings: Mapping[Listing, tuple[Object, ...]] = field(default_factory=dict)

    def __contains__(self, want: Want) -> bool:
        return want in (self.objects if isinstance(want, Ref) else self.listings)

    def __getitem__(self, ref: Ref) -> Object | None:
        return self.objects[ref]

    def get(self, ref: Ref) -> Object:
        """The object, or an empty mapping where it is not there (or was not looked for)."""
        return self.objects.get(ref) or {}

    def listed(self, listing: Listing) -> tuple[Object, ...]:
        """The objects of a listing that was looked for."""
        return self.listings[listing]

    def missing(self, wants: Iterable[Want]) -> list[Want]:
        """Those of `wants` that nobody looked for yet, each once, in order."""
        return [want for want in dict.fromkeys(wants) if want not in self]

    def plus(self, other: "Snapshot") -> "Snapshot":
        """Both; where both saw something, what `other` saw."""
        return Snapshot({**self.objects, **other.objects}, {**self.listings, **other.listings})
