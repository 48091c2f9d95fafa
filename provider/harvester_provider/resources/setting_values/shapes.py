"""JSON texts as Harvester reads them: which fields there are, and of what type each is.

As Go's encoding/json does: names in any case, unknown ones left out, null as good as missing, whole numbers without a fraction. What is
wrong is named by its place and never quoted, because values of settings are secret.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NoReturn, Protocol

from harvester_provider.core.json import Json, Object
from harvester_provider.core.wording import first_of

INT32, INT64 = 2**31, 2**63
_LONGEST_WHOLE = 20
"""Digits and sign that a 64-bit number has at most."""


class Misfit(ValueError):
    """A value of another shape than Harvester's; its text says where, and what to write instead."""


class Shape(Protocol):
    """What a value must be."""

    @property
    def wanted(self) -> str:
        """What to write."""

    def read(self, value: Json, place: str) -> Json:
        """The value as Harvester has it once it is read. Raises Misfit."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A text or a truth value."""

    of: type[str] | type[bool]
    wanted: str

    def read(self, value: Json, place: str) -> Json:
        """The value itself."""
        return value if isinstance(value, self.of) else _misfit(place, self)


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `least` to `most`."""

    least: int = -INT64
    most: int = INT64 - 1

    @property
    def wanted(self) -> str:
        """With those bounds that say something."""
        upper = f" to {self.most}" if self.most < INT32 else " on"
        return "a whole number, without quotes" + (f", from {self.least}{upper}" if self.least > -INT32 else "")

    def read(self, value: Json, place: str) -> Json:
        """The number."""
        fits = isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most
        return value if fits else _misfit(place, self)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some texts."""

    of: tuple[str, ...]

    @property
    def wanted(self) -> str:
        """All of them."""
        return f"one of {first_of(self.of, shown=len(self.of))}"

    def read(self, value: Json, place: str) -> Json:
        """The text."""
        return value if value in self.of else _misfit(place, self)


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    of: Shape
    wanted: str = "a list in [ ]"

    def read(self, value: Json, place: str) -> Json:
        """Its entries, null left as it is."""
        if not isinstance(value, list):
            return _misfit(place, self)
        return [_read(self.of, item, f"{place}[{number}]") for number, item in enumerate(value)]


@dataclass(frozen=True, slots=True)
class Each:
    """A JSON object with names of the user's own."""

    of: Shape
    wanted: str = "a JSON object in { }"

    def read(self, value: Json, place: str) -> Json:
        """Its values, null left as it is."""
        if not isinstance(value, Mapping):
            return _misfit(place, self)
        return {key: _read(self.of, item, f"{place}.*".lstrip(".")) for key, item in value.items()}


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object with these fields, of which some must be there."""

    of: Mapping[str, Shape]
    needed: Collection[str] = ()
    wanted: str = "a JSON object in { }"

    def read(self, value: Json, place: str) -> Object:
        """The fields that are there, by the names in `of`."""
        if not isinstance(value, Mapping):
            return _misfit(place, self)
        names, inside = {name.lower(): name for name in self.of}, f"{place}." if place else ""
        found: dict[str, Json] = {}
        for key, item in value.items():
            if name := names.get(key.lower()):
                found[name] = _read(self.of[name], item, inside + name)
        for name in self.needed:
            if found.get(name) is None:
                _misfit(inside + name, self.of[name])
        return found


TEXT = Plain(str, "a text in quotes")
FLAG = Plain(bool, "true or false, without quotes")
TEXTS = Many(TEXT)


def read(text: str, shape: Shape) -> Json:
    """What Harvester reads in the text. Raises Misfit."""
    try:
        value = json.loads(text, parse_int=_whole, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise Misfit(f"no JSON from line {error.lineno}, column {error.colno} on: write it with json.dumps(...)") from None
    except RecursionError:
        raise Misfit("nested too deep: write the fields that Harvester knows alone") from None
    return shape.read({} if value is None else value, "")


def _read(shape: Shape, value: Json, place: str) -> Json:
    return None if value is None else shape.read(value, place)


def _misfit(place: str, shape: Shape) -> NoReturn:
    raise Misfit(f"{place}: give {shape.wanted}" if place else f"another sort of JSON: give {shape.wanted}")


def _whole(digits: str) -> int | float:
    """A number too long for Go is no whole one here either."""
    return int(digits) if len(digits) <= _LONGEST_WHOLE else float(digits)


def _no_constant(_: str) -> float:
    raise Misfit("NaN and Infinity are no JSON: give a number")
