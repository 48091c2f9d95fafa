"""What a local Harvester is asked to be: its version, its size and how long things take.

Every part of `harvester_local` takes its figures from here and from nowhere else.
"""

import os
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self

from harvester_local.api.jitter import Jitter

VERSIONS = ("1.6.1", "1.7.1", "1.8.0", "1.9.0")
VARIABLE = "variable"
"""Of a field's metadata: the environment variable that is its default."""


def _given_by(variable: str, kind: type[int] | type[float]) -> Any:
    """A field whose default is a number in the environment, else 0."""

    def default() -> float:
        text = os.environ.get(variable) or "0"
        try:
            return kind(text)
        except ValueError as error:
            raise ValueError(f"{variable}: {text!r} is not a number") from error

    return field(default_factory=default, metadata={VARIABLE: variable})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the local Harvester behaves. Durations are in seconds; the defaults are short on purpose."""

    version: str = "1.8.0"
    """Harvester release whose rules apply, one of `VERSIONS`."""
    flavor: Literal["harvester", "kubevirt"] = "harvester"
    """What it is: a Harvester, or a plain Kubernetes that has neither Harvester's kinds nor its rules."""
    nodes: int = 3
    """How many nodes, each with 32 CPUs and 128 GiB."""
    boot_seconds: float = 0.5
    """From a scheduled machine to a running one."""
    address_seconds: float = 0.3
    """From a running machine to the guest agent's first report of addresses."""
    shutdown_seconds: float = 0.4
    """How long a guest takes to obey a graceful stop."""
    import_seconds: float = 0.5
    """The least time an image import takes, whatever its size."""
    migrate_seconds: float = 0.5
    """How long a live migration takes."""
    uplink_seconds: float = 0.2
    """From a VlanConfig to a ready VlanStatus on each matched node."""
    upgrade_seconds: float = 0.3
    """How long each part of an upgrade takes, and each node."""
    addon_seconds: float = 0.3
    """How long an operation on an addon takes."""
    backup_seconds: float = 0.5
    """How long a backup, a snapshot or the restore of one takes at least, whatever its size."""
    retry_seconds: float = 0.3
    """Pause between two attempts of a failed image import (10 on a real Harvester)."""
    jitter_seconds: float = _given_by("HARVESTER_LOCAL_JITTER_SECONDS", float)
    """The longest time by which watches and controllers are late, at random, to show what relies on their order."""
    jitter_seed: int = _given_by("HARVESTER_LOCAL_JITTER_SEED", int)
    """Another seed, another order of what is late."""

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ValueError(f"version: {self.version!r} is not simulated; choose one of {', '.join(VERSIONS)}")
        if self.flavor not in {"harvester", "kubevirt"}:
            raise ValueError(f"flavor: {self.flavor!r} is not simulated; choose harvester or kubevirt")
        if not 1 <= self.nodes <= 100:
            raise ValueError(f"nodes: {self.nodes} is out of range; choose 1 to 100")
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name.endswith("_seconds") and value < 0:
                raise ValueError(f"{each.name}: {value} is negative; choose 0 or more seconds")

    def jitter(self) -> Jitter:
        """How late things are; each call begins with the first of the seed's times."""
        return Jitter(self.jitter_seconds, self.jitter_seed)

    def to_json(self) -> dict[str, Any]:
        """The settings as a JSON-ready mapping, the reverse of `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Settings from `to_json`'s mapping. Unknown keys raise TypeError."""
        return cls(**data)

    @property
    def minor(self) -> tuple[int, int]:
        """Major and minor version, for comparisons such as `settings.minor >= (1, 7)`."""
        major, minor, *_ = self.version.split(".")
        return int(major), int(minor)
