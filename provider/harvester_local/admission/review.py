"""One admission request, and the ways to refuse it.

The status codes are the ones of upstream's webhooks: pkg/webhook/error/error.go in Harvester; a plain error becomes
500 there, and 500 with a prefix in the network's webhook.
"""

from dataclasses import dataclass

from harvester_local.api.objects import Key, Obj

CREATE, UPDATE, DELETE = "CREATE", "UPDATE", "DELETE"


@dataclass(frozen=True)
class Request:
    """What somebody wants to do. `old` is empty on create, `new` on delete."""

    operation: str
    key: Key
    old: Obj
    new: Obj
    user: str = ""

    @property
    def created(self) -> bool:
        """Whether the object is new."""
        return self.operation == CREATE


class DeniedError(Exception):
    """The request is refused."""

    def __init__(self, code: int, reason: str, message: str, causes: tuple[Obj, ...] = ()) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.causes = code, reason, message, causes


class BrokenPatchError(Exception):
    """Upstream's mutator answers with a patch that cannot be applied; `path` is what the patch misses."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def invalid(message: str, field: str = "") -> DeniedError:
    """422: a field is wrong."""
    causes: tuple[Obj, ...] = ({"reason": "FieldValueInvalid", "message": message, "field": field},) if field else ()
    return DeniedError(422, "Invalid", message, causes)


def conflict(message: str) -> DeniedError:
    """409: something else is in the way."""
    return DeniedError(409, "Conflict", message)


def bad_request(message: str) -> DeniedError:
    """400."""
    return DeniedError(400, "BadRequest", message)


def not_allowed(message: str) -> DeniedError:
    """405."""
    return DeniedError(405, "MethodNotAllowed", message)


def failed(message: str) -> DeniedError:
    """500: what upstream returns as a plain error."""
    return DeniedError(500, "InternalError", message)


def plain(message: str) -> DeniedError:
    """400 without a reason: what KubeVirt returns as a plain error."""
    return DeniedError(400, "", message)


def network_error(verb: str, kind: str, name: str, why: object) -> DeniedError:
    """500, in the words of the network webhook; `verb` is create, update or delete."""
    return failed(f"Internal error occurred: can't {verb} {kind} {name} because {why}")
