"""JSON as Go's encoding/json reads it into a struct: names in any case, unknown ones left out, and every type as declared.

A shape says what is expected: a type (`str`, `int`, `bool`; `object` for anything), `[shape]` for a list, `{name: shape}` for a struct and
`{"*": shape}` for a map.
"""

import json
from typing import Any

_SAID = {str: "string", int: "number", float: "number", bool: "bool", list: "array", dict: "object"}
_BEYOND = 2**63
"""The first number that is no int64."""


def unmarshal(text: str, shape: Any) -> Any:
    """What the text says. Of a struct, members that are absent or null are left out; elsewhere, null is an empty value.

    Raises ValueError for what is no JSON, or has another shape.
    """
    return _read(json.loads(text, parse_constant=_no_number), shape, "")


def _no_number(word: str) -> None:
    raise ValueError(f"invalid value {word}")


def _read(value: Any, shape: Any, path: str) -> Any:
    if value is None:
        return shape() if isinstance(shape, type) else type(shape)()
    match shape, value:
        case [each], list():
            return [_read(item, each, path) for item in value]
        case {"*": each}, dict():
            return {name: _read(item, each, path) for name, item in value.items()}
        case dict(), dict():
            names = {name.lower(): name for name in shape}
            given = [(names[key.lower()], item) for key, item in value.items() if key.lower() in names and item is not None]
            return {name: _read(item, shape[name], f"{path}.{name}") for name, item in given}
        case _ if (shape is object or type(value) is shape) and not (isinstance(value, int) and abs(value) >= _BEYOND):
            return value
    place = f"Go struct field {path[1:]}" if path else "Go value"
    raise ValueError(f"json: cannot unmarshal {_SAID[type(value)]} into {place}")
