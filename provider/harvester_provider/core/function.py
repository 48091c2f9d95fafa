"""What a function is to the engine: a question to a cluster, answered from what was seen. Nothing here does I/O.

A function only reads, but for one request that it may ask for (`call`), such as a kubeconfig that the cluster makes.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Protocol, TypeVar

from harvester_provider.core.json import Json
from harvester_provider.core.plan import Call
from harvester_provider.core.ref import Want
from harvester_provider.core.snapshot import Snapshot

A_contra = TypeVar("A_contra", contravariant=True)


class Function(Protocol[A_contra]):
    """One function, such as getImage."""

    name: ClassVar[str]
    """The token in Pulumi, for example `getImage`."""
    args: ClassVar[type[Any]]
    """The pydantic model of the arguments."""
    result: ClassVar[type[Any]]
    """The pydantic model of the answer."""

    def reads(self, args: A_contra, seen: Snapshot) -> Iterable[Want]:
        """What must be seen. Asked again with what was seen, until nothing new is wanted."""
        ...

    def call(self, args: A_contra) -> Call | None:
        """A request beyond that, or None."""
        ...

    def answer(self, args: A_contra, seen: Snapshot, called: Json) -> Any:
        """The answer, a `result`. Raises InvalidInputs where what was asked for is not there."""
        ...
