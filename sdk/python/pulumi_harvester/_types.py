"""How the SDK's classes tell Pulumi their names on the wire, and type checkers their constructors."""

from typing import Any, TypeVar, dataclass_transform

import pulumi

C = TypeVar("C")


def prop(*, name: str, default: Any = pulumi.MISSING) -> Any:
    """A property with its name on the wire; without a default it is required."""
    return pulumi.property(name, default=default)


@dataclass_transform(kw_only_default=True, field_specifiers=(prop,))
def input_type(cls: type[C]) -> type[C]:
    """Make a class of arguments: a constructor with keywords only, values that may be outputs, names that are translated."""
    return pulumi.input_type(cls)
