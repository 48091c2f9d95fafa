"""The error tree. Every message says who, what, why and what to do next.

`kube` translates what the network and the API answer into these, in one place; front ends print them. An error that
is not in this tree is a bug of the provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harvester_provider.core.problem import Problem


class HarvesterError(Exception):
    """The root: something the user can be told in one message, without a traceback."""


class InvalidId(HarvesterError):
    """An ID of the wrong shape."""


class InvalidInputs(HarvesterError):
    """Inputs that break rules. Carries every problem at once."""

    def __init__(self, who: str, problems: Sequence[Problem]) -> None:
        super().__init__(f"{who}: " + "; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class BadConnection(HarvesterError):
    """The connection settings are missing or broken: no request was sent."""


class NotHarvester(HarvesterError):
    """The API answers, but a kind the resource needs is not served there."""


class ApiError(HarvesterError):
    """The API server answered a request with an error. `status` is the HTTP status, `reason` Kubernetes' reason."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Unreachable(ApiError):
    """No answer: refused, reset, timed out, a TLS error, or a gateway that found nobody behind it."""


class Unauthorized(ApiError):
    """401: the credentials are not valid (any more)."""


class Forbidden(ApiError):
    """403: the credentials are valid, and may not do this."""


class NotFound(ApiError):
    """404 for an object: it is gone. The only error that may remove a resource from the state."""


class AlreadyExists(ApiError):
    """409 on create: an object of that name is there."""


class Conflict(ApiError):
    """409 of the optimistic lock ("the object has been modified"): read again and retry."""


class Changed(Conflict):
    """A patch that was made from what was seen does not fit any more: the object was changed meanwhile. Look and plan again."""


class Refused(ApiError):
    """An admission webhook or a validation refused the request: a rule of the cluster, not a fault of the network.

    `transient` where upstream's refusal ends by itself when another object is gone or settled, such as a volume that
    is still attached to a machine which is being deleted.
    """

    def __init__(self, message: str, *, status: int = 0, reason: str = "", transient: bool = False) -> None:
        super().__init__(message, status=status, reason=reason)
        self.transient = transient


class Overloaded(ApiError):
    """429, 500 of a webhook that is restarting, 503, 504: try again after `retry_after` seconds."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, status=status, reason=reason)
        self.retry_after = retry_after


class BadFile(HarvesterError):
    """A local file is not there, cannot be read, or changed meanwhile."""


class UploadFailed(HarvesterError):
    """A local file did not get to the cluster as a whole."""


class UploadCutOff(UploadFailed):
    """The connection was lost while it was sent: another try may end better."""


class NotOurs(HarvesterError):
    """An object of that name exists and was not made by this resource."""


class PlanRefused(HarvesterError):
    """The plan contains a change that cannot or must not be done. Nothing was changed."""


class WaitFailed(HarvesterError):
    """What was waited for can no more happen."""


class WaitTimedOut(HarvesterError):
    """What was waited for did not happen before the deadline."""


class Cancelled(HarvesterError):
    """The operation was cancelled. What was done so far is found again by the next `pulumi up`."""
