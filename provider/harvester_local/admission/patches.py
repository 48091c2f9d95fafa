"""The JSON patch from one object to another (RFC 6902). Pure."""

from typing import Any

from harvester_local.api.objects import Obj


def json_patch(before: Obj, after: Obj, path: str = "") -> list[Obj]:
    """Operations that turn `before` into `after`; lists are replaced as a whole."""
    operations: list[Obj] = [{"op": "remove", "path": f"{path}/{_escape(name)}"} for name in before if name not in after]
    for name, value in after.items():
        where = f"{path}/{_escape(name)}"
        known: Any = before.get(name)
        if name not in before:
            operations.append({"op": "add", "path": where, "value": value})
        elif isinstance(known, dict) and isinstance(value, dict):
            operations += json_patch(known, value, where)
        elif known != value or type(known) is not type(value):
            operations.append({"op": "replace", "path": where, "value": value})
    return operations


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
