"""What is known about a local Harvester between two commands: one JSON file in its folder, replaced in one step.

Whoever changes it holds the folder's lock. It records facts and decides nothing.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from harvester_local.errors import LocalError
from harvester_local.files import write_private
from harvester_local.processes import Handle
from harvester_local.settings import Settings

PORT_NAMES = ("etcd", "etcd-peer", "apiserver", "front", "images", "webhook", "controllers")


@dataclass(frozen=True, kw_only=True)
class State:
    """One local Harvester."""

    instance: str
    """Mark in the environment of its processes."""
    ports: dict[str, int]
    """Loopback ports by name, see `PORT_NAMES`."""
    settings: Settings
    crds: str | None = None
    """Folder of CustomResourceDefinitions to use in place of the built-in ones."""
    processes: dict[str, Handle] = field(default_factory=dict)
    """Started programs by name, in the order of their start."""
    ready: bool = False
    """Whether the last start went through to its end."""

    def with_process(self, name: str, handle: Handle) -> Self:
        """The same state with one more process."""
        return replace(self, processes={**self.processes, name: handle})

    def dead(self) -> list[str]:
        """Names of recorded processes that no longer run."""
        return [name for name, handle in self.processes.items() if handle.process() is None]

    def is_running(self) -> bool:
        """Whether it came up and every process of it still runs."""
        return self.ready and bool(self.processes) and not self.dead()

    def write(self, path: Path) -> None:
        """Replace the file (mode 0600)."""
        write_private(path, json.dumps(asdict(self), indent=2).encode())

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The recorded state, None when there is none. Raises LocalError when the file is not one of ours."""
        try:
            data: dict[str, Any] = json.loads(path.read_text())
            data["settings"] = Settings.from_json(data["settings"])
            data["processes"] = {name: Handle(**handle) for name, handle in data["processes"].items()}
            return cls(**data)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise LocalError(
                f"local Harvester in {path.parent}: {path.name} cannot be read ({error}): "
                f"end its processes by hand if there are any, then delete that file"
            ) from error
