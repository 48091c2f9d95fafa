"""invoke: asks a cluster a question (`core.function`). The one verb of functions, the same for all front ends."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from harvester_provider.core.cluster import Cluster
from harvester_provider.core.errors import InvalidInputs
from harvester_provider.core.function import Function
from harvester_provider.core.json import Json
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.engine.permissions import naming_roles
from harvester_provider.engine.reader import ROUNDS, look
from harvester_provider.engine.state import problems_of


@naming_roles
async def invoke(function: Function[Any], cluster: Cluster, args: Mapping[str, Any]) -> Any:
    """The answer as the function's result model (`.wire()` gives the names of the wire).

    Raises InvalidInputs for arguments of the wrong shape, and where what was asked for does not exist.
    """
    try:
        parsed = function.args.model_validate(dict(args))
    except ValidationError as error:
        raise InvalidInputs(function.name, problems_of(error)) from error
    called: Json = None
    if (call := function.call(parsed)) is not None:
        called = await cluster.call(call)
    return function.answer(parsed, await _see(function, cluster, parsed), called)


async def _see(function: Function[Any], cluster: Cluster, args: Any) -> Snapshot:
    seen = Snapshot()
    for _ in range(ROUNDS):
        wants = seen.missing(function.reads(args, seen))
        if not wants:
            return seen
        seen = seen.plus(await look(cluster, wants))
    raise AssertionError(f"{function.name}.reads wants ever more: {wants}")
