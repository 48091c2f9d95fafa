"""What a look at the cluster says about something that is waited for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ready:
    """It is there."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet. `why` is shown as progress and, after the deadline, in the error."""

    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot happen any more. `why` quotes the cluster, `next_step` says what the user can do."""

    why: str
    next_step: str = ""


Verdict = Ready | Waiting | Failed
