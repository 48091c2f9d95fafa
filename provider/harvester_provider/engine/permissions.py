"""What a refusal for a lack of permissions (403) says besides the verb and the kind of object: the roles to ask for."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from harvester_provider.core.cluster import Reads
from harvester_provider.core.errors import Forbidden
from harvester_provider.resources.roles import needs


class Named(Protocol):
    """A kind or a function."""

    @property
    def name(self) -> str:
        """Its token."""
        ...


N = TypeVar("N", bound=Named)
C = TypeVar("C", bound=Reads)
P = ParamSpec("P")
T = TypeVar("T")
Verb = Callable[Concatenate[N, C, P], Coroutine[Any, Any, T]]


def naming_roles(verb: Verb[N, C, P, T]) -> Verb[N, C, P, T]:
    """The verb, whose refusals name the roles that its kind needs on that cluster."""

    @wraps(verb)
    async def told(who: N, cluster: C, /, *args: P.args, **more: P.kwargs) -> T:
        try:
            return await verb(who, cluster, *args, **more)
        except Forbidden as error:
            hint = needs(who.name, await cluster.flavour())
            if hint in str(error):  # one verb goes on as another one
                raise
            raise Forbidden(f"{error}: {hint}", status=error.status, reason=error.reason) from error

    return told
