"""What all functions share: the arguments every one has, and the way to say that something is not there."""

from collections.abc import Iterable
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

from harvester_provider.core.errors import InvalidInputs
from harvester_provider.core.json import Json
from harvester_provider.core.plan import Call
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.model import Model, Name


class Args(Model):
    """The arguments of every function."""

    cluster: str | None = None
    """Which of the clusters in `harvester:clusters` to ask. Default: the one of the provider's own settings."""


class NamedArgs(Args):
    """The arguments of a function that looks up one object in a namespace."""

    name: str
    """Name of the object."""
    namespace: Name = "default"
    """Namespace of the object."""


A = TypeVar("A", bound=Args)


class BaseFunction(Generic[A]):
    """The half of a function that is the same for all."""

    name: ClassVar[str]
    args: ClassVar[type[Any]]
    result: ClassVar[type[Any]]

    def reads(self, args: A, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  a function that needs no look
        """Nothing."""
        return ()

    def call(self, args: A) -> Call | None:  # noqa: ARG002  most functions only read
        """Nothing."""
        return None

    def answer(self, args: A, seen: Snapshot, called: Json) -> Any:
        """What each function adds."""
        raise NotImplementedError

    def missing(self, what: str, hint: str, argument: str = "name") -> NoReturn:
        """Say that what was asked for is not there."""
        raise InvalidInputs(self.name, [Problem(argument, f"{what} does not exist: {hint}")])
