"""Texts that several messages are made of."""

from collections.abc import Sequence


def first_of(names: Sequence[str], shown: int = 5, separator: str = ", ") -> str:
    """The first few of the names, and how many more there are."""
    return separator.join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")
