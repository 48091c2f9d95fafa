"""A plan: what will be done to the cluster, as a value that can be printed, compared, refused and then run.

Kinds make plans from snapshots, preview prints them, `engine.runner` runs that same value. Nothing else decides what a
change does to a running machine. Steps say what to do, never how often to try: retries and waits are the engine's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object
from harvester_provider.core.ref import Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Verdict

Judge = Callable[[Snapshot], Verdict]
"""Says of a snapshot whether the awaited thing is there.

A frozen dataclass with `__call__`, or a module-level function, so that plans compare.
"""


@dataclass(frozen=True, slots=True)
class Put:
    """Create an object. One that is already there is ours (made by an interrupted run) and is merged with `body`, or it is NotOurs."""

    ref: Ref
    body: Object
    says: str = ""
    effect: Effect = Effect.NONE


@dataclass(frozen=True, slots=True)
class Patch:
    """Change an object: a JSON merge patch (a mapping) or a JSON patch (a list of operations).

    On the way to its removal (`leaving`) one that has gone meanwhile is fine.
    """

    ref: Ref
    body: Object | Sequence[Object]
    says: str = ""
    effect: Effect = Effect.METADATA
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete an object and wait until it is gone. One that is already gone is fine.

    Refusals that end by themselves (a volume that is still being detached) are tried again until `seconds` are over.
    """

    ref: Ref
    says: str = ""
    propagation: Literal["Foreground", "Background"] = "Background"
    seconds: float = 300.0
    effect: Effect = Effect.NONE
    wants: tuple[Want, ...] = ()
    judge: Judge | None = None
    """Says of the object and of `wants` whether all has gone. Default: the object alone has to."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is no object: a subresource or a `/v1/harvester` action. `path` starts with `/`."""

    surface: Literal["kubernetes", "harvester"]
    method: Literal["PUT", "POST"]
    path: str
    body: Json = None
    says: str = ""
    effect: Effect = Effect.LIVE


@dataclass(frozen=True, slots=True)
class Upload:
    """Send a local file to an action of Harvester's own API, `path` (`/v1/harvester/...`), as the content of `ref`; with the surface
    `cdi`, to the upload proxy of CDI.

    The file must have `size` bytes and the SHA-512 `sha512` still; it may take `seconds`, all tries together. An upload
    cannot be resumed, and an object may take one only: where the connection is lost, `again` makes it ready for
    another one from the first byte.
    """

    ref: Ref
    path: str
    file: str
    size: int
    sha512: str
    seconds: float
    again: "tuple[Step, ...]" = ()
    effect: Effect = Effect.NONE
    surface: Literal["harvester", "cdi"] = "harvester"

    @property
    def says(self) -> str:
        """What preview and progress show."""
        return f"upload {self.file} ({self.size} bytes) to {self.ref}"


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until `judge` says Ready of the `wants`, for at most `seconds`. `of` is the object errors are about.

    With `otherwise`, the end of the time is no error: those steps are run then, such as switching off a guest that does
    not shut down.
    """

    of: Ref
    until: str
    wants: tuple[Want, ...]
    judge: Judge
    seconds: float
    effect: Effect = Effect.NONE
    otherwise: "tuple[Step, ...]" = ()
    advice: str = ""
    """What gives it more time, where that is not `timeouts`; for the error after the deadline."""

    @property
    def says(self) -> str:
        """What progress shows."""
        return f"waiting until {self.of} is {self.until}"


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply every object of a manifest, definitions of kinds first, by server-side apply. `source` is a URL or a path of a file."""

    source: str
    says: str = ""
    effect: Effect = Effect.NONE


Step = Put | Patch | Remove | Call | Upload | Apply | Await


@dataclass(frozen=True, slots=True)
class Change:
    """One changed property and what it does. `why` explains the effect in the user's words."""

    property: str
    effect: Effect
    why: str = ""

    def __str__(self) -> str:
        return f"{self.property}: {self.effect.label}" + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True, slots=True)
class Disruption:
    """Says that a plan takes `of` down, one of a group of which at most `most` may be down at once.

    It is down until the plan is done; after a failure until `back` says Ready of the `wants`.
    """

    of: Ref
    group: str
    most: int
    wants: tuple[Want, ...]
    back: Judge
    already: bool = False
    """It is down already, as after an interrupted run: it counts, and waits for nobody."""

    def __str__(self) -> str:
        return f"one of disruption group {self.group}: at most {self.most} of it {'is' if self.most == 1 else 'are'} down at a time"


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order, the changes they make, and `recover`: steps that put things back when the cluster refuses one half-way.

    Once `committed` steps are done, there is no way back any more: a later failure is reported, and nothing is put back.
    """

    steps: tuple[Step, ...] = ()
    changes: tuple[Change, ...] = ()
    recover: tuple[Step, ...] = field(default=())
    notes: tuple[str, ...] = ()
    """Sentences for the user that belong to the plan as a whole, such as which disks a delete keeps."""
    committed: int | None = None
    disruption: Disruption | None = None
    """Whether it takes the object down, and with how many others at once."""

    @property
    def effect(self) -> Effect:
        """The greatest effect of all changes and steps."""
        return max((part.effect for part in (*self.changes, *self.steps)), default=Effect.NONE)

    @property
    def replaces(self) -> tuple[str, ...]:
        """The properties that force a replacement."""
        return tuple(change.property for change in self.changes if change.effect is Effect.REPLACE)

    @property
    def refused(self) -> tuple[Change, ...]:
        """The changes that cannot be done, each with its reason."""
        return tuple(change for change in self.changes if change.effect is Effect.REFUSED)

    def lines(self) -> list[str]:
        """The plan as preview prints it: changes with a noticeable effect, then the steps that say something, then the notes."""
        shown = [str(change) for change in self.changes if change.effect > Effect.METADATA]
        steps = [step.says for step in self.steps if step.says and not isinstance(step, Await)]
        group = [str(self.disruption)] if self.disruption else []
        return [*shown, *(f"{number}. {text}" for number, text in enumerate(steps, 1)), *group, *self.notes]
