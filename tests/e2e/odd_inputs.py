"""Inputs in which one value is an odd one: what people mistype, paste in the wrong place, or take for allowed.

From sound inputs and the model of a kind: every value is replaced by odd ones of its type, and every field that is absent is given some.
"""

import copy
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from harvester_provider.resources.model import Model, model_in

Inputs = dict[str, Any]
Way = tuple[str | int, ...]

TEXTS = (
    "X y", "x", "a.b", "-a", "a" * 64, "a" * 300, "é", "a/b", "line\nbreak", "7", "0", "-1", "1.5Gi", "30s", "10.0.0.1", "ff:ff:ff:ff:ff:ff",
)  # fmt: skip
NUMBERS = (0, 1, -1, 7, 4096, 2**31, 2**40)
GONE: Any = object()


def edits(model: type[Model], sound: Inputs, beside: frozenset[str]) -> Iterator[tuple[str, Inputs]]:
    """The edited inputs, each with what is odd about them. Fields named in `beside` are left as they are."""
    for way, value in values(sound):
        if not beside.intersection(way):
            for odd in _others(value):
                yield f"{_path(way)}={'(absent)' if odd is GONE else repr(odd)}", with_value(sound, way, odd)
    for inner, way in _models(model, sound):
        for name, field in inner.model_fields.items():
            key = field.alias or name
            if key not in _at(sound, way) and key not in beside:
                for odd in _of_type(field.annotation):
                    yield f"{_path((*way, key))}={odd!r}", with_value(sound, (*way, key), odd)


def _path(way: Way) -> str:
    return ".".join(str(step) for step in way)


def values(value: Any, *way: str | int) -> Iterator[tuple[Way, Any]]:
    """All values in there, with the ways to them."""
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inner:
        yield (*way, step), item
        yield from values(item, *way, step)


def _models(model: type[Model], value: Any, *way: str | int) -> Iterator[tuple[type[Model], Way]]:
    """The models that the inputs hold, with the ways to them."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _models(model, item, *way, number)
    elif isinstance(value, Mapping):
        yield model, way
        for name, field in model.model_fields.items():
            inner = model_in(field.annotation)
            if inner:
                yield from _models(inner, value.get(field.alias or name), *way, field.alias or name)


def _others(value: Any) -> Iterator[Any]:
    yield GONE
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from NUMBERS
    elif isinstance(value, str):
        yield from TEXTS
    elif isinstance(value, list):
        yield from ([], [*value, *value])
    else:
        yield {}


def _of_type(annotation: Any) -> Iterator[Any]:
    """Values for a field: those that it names, or odd ones of its type."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        yield from inner
    elif origin in (typing.Union, types.UnionType):
        for option in inner:
            yield from _of_type(option)
    elif origin is typing.Annotated:
        yield from _of_type(inner[0])
    elif origin is list:
        yield from ([item] for item in _of_type(inner[0]))
    elif origin is dict:
        yield from ({"a": item} for item in _of_type(inner[1]))
        yield from ({item: next(_of_type(inner[1]))} for item in _of_type(inner[0]))
    elif annotation in (bool, int):
        yield from (True,) if annotation is bool else NUMBERS
    elif annotation is str or not isinstance(annotation, type) or not issubclass(annotation, (Model, types.NoneType)):
        yield from TEXTS


def _at(value: Any, way: Way) -> Any:
    for step in way:
        value = value[step]
    return value


def with_value(inputs: Inputs, way: Way, value: Any) -> Inputs:
    """The inputs with another value in that place, or without it where that is GONE."""
    changed = copy.deepcopy(inputs)
    place = _at(changed, way[:-1])
    if value is GONE:
        del place[way[-1]]
    else:
        place[way[-1]] = value
    return changed
