"""An import as the engine does it, below the CLI: Read with an ID alone, and the preview of a program with what came back."""

from collections.abc import Mapping
from typing import Any

import grpc.aio
from pulumi.runtime.proto import provider_pb2
from small_engine import plugin

from harvester_provider.frontends.calls import Calls
from harvester_provider.resources.provider import ProviderSettings


async def imported(settings: ProviderSettings, kind: str, identity: str) -> tuple[Mapping[str, Any], str]:
    """The inputs of an import, and what the user is told of it and of the preview after it; an empty text where there is nothing to tell."""
    async with plugin(Calls(settings), kind) as one:
        try:
            found, state, inputs = await one.read(identity, {})
            if found != identity:
                return {}, f"{identity} was not found"
            again, failures = await one.check(inputs.values, inputs.values)
            if failures:
                return inputs.values, "; ".join(f"{name}: {why}" for name, why in sorted(failures.items()))
            difference = await one.diff(identity, state.values, again.values)
        except grpc.aio.AioRpcError as error:
            return {}, str(error.details())
        nothing = difference.changes == provider_pb2.DiffResponse.DIFF_NONE
        return inputs.values, "" if nothing else f"changes of {', '.join(difference.diffs)}"
