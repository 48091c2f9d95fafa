"""JSON as types, and the few ways in which the provider walks it.

Objects of the API are read-only mappings here: nobody changes what was read, new values are built instead.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, cast

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Object: TypeAlias = Mapping[str, Json]
"""A Kubernetes object, as the API serves it."""

_MAPPING, _LIST = (dict, Mapping), (list, tuple)
"""For `isinstance`: the plain type first, because asking an abstract class takes long."""


def parsed(text: Json) -> Json:
    """The value in a JSON text, such as annotations and settings keep; None where there is none, or it is no JSON."""
    try:
        return cast("Json", json.loads(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def dig(value: Json, *path: str | int) -> Json:
    """The value at `path`, or None where any part of the way is missing: `dig(vm, "status", "conditions", 0)`."""
    for step in path:
        if value is None:
            return None
        if isinstance(step, str) and isinstance(value, _MAPPING):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, _LIST) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def dig_str(value: Json, *path: str | int) -> str:
    """The text at `path`, or an empty one where it is missing or no text."""
    found = dig(value, *path)
    return found if isinstance(found, str) else ""


def dig_int(value: Json, *path: str | int, default: int = 0) -> int:
    """The whole number at `path`, or `default`. A boolean is no number."""
    found = dig(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def dig_map(value: Json, *path: str | int) -> Object:
    """The mapping at `path`, or an empty one."""
    found = dig(value, *path)
    return found if found is not None and isinstance(found, _MAPPING) else {}


def dig_list(value: Json, *path: str | int) -> Sequence[Json]:
    """The list at `path`, or an empty one."""
    found = dig(value, *path)
    return found if isinstance(found, _LIST) else ()


def dig_objects(value: Json, *path: str | int) -> list[Object]:
    """The mappings of the list at `path`; entries of other types are left out."""
    return [item for item in dig_list(value, *path) if isinstance(item, _MAPPING)]


def dig_strings(value: Json, *path: str | int) -> dict[str, str]:
    """The mapping of texts at `path`, such as labels; other values are left out."""
    return {key: item for key, item in dig_map(value, *path).items() if isinstance(item, str)}


def by_name(items: Iterable[Object]) -> dict[str, Object]:
    """Entries keyed by their `name`, in order. Lists of the API are compared by name, never by index."""
    return {cast("str", item["name"]): item for item in items if isinstance(item.get("name"), str)}


def id_of(found: Object) -> str:
    """`namespace/name` of an object."""
    return f"{dig_str(found, 'metadata', 'namespace')}/{dig_str(found, 'metadata', 'name')}"


def holds(found: Json, patch: Json) -> bool:
    """Whether a JSON merge patch (RFC 7386) would change nothing."""
    if not isinstance(patch, Mapping):
        return found == patch
    return isinstance(found, Mapping) and all(holds(found.get(key), value) for key, value in patch.items())


def condition(value: Object, kind: str) -> Object:
    """The condition of type `kind` in `status.conditions`, or an empty mapping."""
    return next((c for c in dig_objects(value, "status", "conditions") if c.get("type") == kind), {})


def is_true(value: Object, kind: str) -> bool:
    """Whether the condition of type `kind` has the status "True"."""
    return condition(value, kind).get("status") == "True"


def merged(base: Json, extra: Json) -> Json:
    """`base` with `extra`: mappings entry by entry, lists one after the other, and of two other values that of `extra`."""
    if isinstance(base, Mapping) and isinstance(extra, Mapping):
        return {**base, **{key: merged(base[key], value) if key in base else value for key, value in extra.items()}}
    if isinstance(base, list) and isinstance(extra, list):
        return [*base, *extra]
    return extra
