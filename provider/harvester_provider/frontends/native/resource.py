"""One resource as the protocol speaks of it: its kind, its URN, whose objects it makes, how it is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harvester_provider.core.errors import HarvesterError
from harvester_provider.resources.registry import KINDS
from harvester_provider.schema.document import NAME, token

if TYPE_CHECKING:
    from harvester_provider.engine.verbs import Found

UNFINISHED = "__unfinished"
"""In the state of a resource that exists and whose create or update was not finished."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What a URN says: `urn:pulumi:STACK::PROJECT::TYPES::NAME`."""

    urn: str
    kind: str
    owner: str
    name: str

    @classmethod
    def of(cls, urn: str) -> Resource:
        """Raises HarvesterError for a type that is none of ours."""
        head, project, types, name = urn.split("::", 3)
        asked = types.rsplit("$", 1)[-1]
        kind = asked.rsplit(":", 1)[-1]
        if kind not in KINDS or asked != token(kind):
            raise HarvesterError(f"{urn}: {NAME} has no resource {asked}: there are {', '.join(KINDS)}")
        return cls(urn, kind, f"{project}/{head.rsplit(':', 1)[-1]}/{name}", name)


@dataclass(frozen=True, slots=True)
class Naming:
    """The engine's settings for resources that the program gives no name (`pulumi:autonaming`)."""

    proposed: str = ""
    enforced: bool = False
    disabled: bool = False

    def fill(self, resource: Resource, olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs with a name: the program's, the one it has, the engine's, or the resource's own name in the program."""
        if news.get("name") is not None:
            return dict(news)
        if self.disabled:
            return {key: value for key, value in news.items() if key != "name"}
        kept = "" if self.enforced else olds.get("name")
        return {**news, "name": kept or self.proposed or resource.name}


class HalfMade(HarvesterError):
    """The resource exists, and what was to be done with it is not finished. `found` is what is there."""

    def __init__(self, found: Found, reason: str) -> None:
        super().__init__(reason)
        self.found = found
        self.state = {**found.state, UNFINISHED: True}
