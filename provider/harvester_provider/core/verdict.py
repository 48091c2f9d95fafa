"""What a look at the cluster says about something that is waited for."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ready:
    """It is there."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet. `why` is shown as progress and, after the deadline, in the error.

    Where many things are waited for, `parts` says how far each unfinished one is, by its name: each has lines of progress of its own.
    `trouble` is what the cluster says of a try that failed. The last one is told after the deadline, also where the next try runs then.
    """

    why: str
    parts: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot happen any more. `why` quotes the cluster, `next_step` says what the user can do.

    Where the cluster tries again by itself, within about `retried` seconds, an error that was there before the wait began may be of a
    cause that is mended: it counts when it is still there after that time. So does what a watch that may be behind shows at first.
    """

    why: str
    next_step: str = ""
    retried: float = 0.0


Verdict = Ready | Waiting | Failed
