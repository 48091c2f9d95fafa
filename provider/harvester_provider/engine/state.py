"""Between the state of a resource (property names of the wire) and a kind's models.

The state holds the inputs and the outputs side by side. Inputs are validated here; problems come back with the
property paths that Pulumi shows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from harvester_provider.core.errors import InvalidInputs
from harvester_provider.core.kind import Kind
from harvester_provider.core.problem import Problem

Wire = Mapping[str, Any]
"""Property values by their names on the wire."""


def parse(kind: Kind[Any], values: Wire) -> Any:
    """The inputs of a kind. Raises InvalidInputs with every problem of shape, type and unit at once."""
    try:
        return kind.inputs.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidInputs(kind.name, problems_of(error)) from error


def inputs_of_state(kind: Kind[Any], state: Wire) -> Any | None:
    """The inputs in a state, or None where they are not complete (a state that `get` made, or of an older version)."""
    try:
        return kind.inputs.model_validate(declared(kind, state))
    except ValidationError:
        return None


def declared(kind: Kind[Any], state: Wire) -> dict[str, Any]:
    """The values of a state that are inputs, as they stand there."""
    names = set(kind.inputs.wire_names().values())
    return {key: value for key, value in state.items() if key in names}


def problems_of(error: ValidationError) -> list[Problem]:
    """What pydantic found wrong, with the property paths that Pulumi shows."""
    return [Problem(_path(found["loc"]), _reason(found)) for found in error.errors(include_url=False)]


def _path(steps: Sequence[str | int]) -> str:
    path = ""
    for step in steps:
        if step == "[key]":  # what is wrong is the key itself, which is on the path already
            continue
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def _reason(found: Mapping[str, Any]) -> str:
    match found["type"]:
        case "missing":
            return "missing: this input is required"
        case "extra_forbidden":
            return "there is no input of this name: check the spelling"
        case "value_error":
            return str(found["msg"]).removeprefix("Value error, ")
        case _:
            shown = repr(found["input"])
            return f"{found['msg']}" + (f" (got {shown})" if len(shown) < 80 else "")
