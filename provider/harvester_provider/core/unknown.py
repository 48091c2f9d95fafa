"""A value that is not known before the update: an output of a resource that preview does not create."""

from typing import Any, Final, Self


class Unknown:
    """The one unknown value. It equals only itself and is false, so that a rule that tests it does not fire."""

    _one: "Self | None" = None

    def __new__(cls) -> Self:
        """Return the only instance."""
        if cls._one is None:
            cls._one = super().__new__(cls)
        return cls._one

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<known after update>"


UNKNOWN: Final[Any] = Unknown()
"""Typed as anything, since it can stand for any input at preview. Ask `is_known` before looking into a value."""


def is_known(*values: object) -> bool:
    """Whether none of the values is unknown (at their top level)."""
    return not any(isinstance(value, Unknown) for value in values)
