"""Reading and building Kubernetes objects as parsed JSON.

Pure helpers without I/O, used by controllers, admission and the front door alike. Nothing here knows a single kind.
"""

import copy
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

Obj = dict[str, Any]
"""A Kubernetes object, or a part of one, as parsed JSON. Its shape is the API server's business, hence `Any`."""
_MAPPING = (dict, Mapping)
"""For `isinstance`: the plain type first, because asking an abstract class takes long."""


class Key(NamedTuple):
    """Namespace (empty for cluster-scoped kinds) and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @classmethod
    def parse(cls, text: str, default_namespace: str = "") -> "Key":
        """From `namespace/name`, or `name` in `default_namespace`."""
        namespace, slash, name = text.partition("/")
        return cls(namespace, name) if slash else cls(default_namespace, namespace)


def key_of(obj: Obj) -> Key:
    """The object's own key."""
    return Key(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


def part(obj: Mapping[str, Any] | None, *path: str) -> Obj:
    """The mapping at `path`, empty where any step is absent or null."""
    value: Any = obj
    for step in path:
        value = value.get(step) if isinstance(value, _MAPPING) else None
    return value if isinstance(value, dict) else {}


def items(obj: Mapping[str, Any] | None, *path: str) -> list[Any]:
    """The list at `path`, empty where any step is absent or null."""
    value = part(obj, *path[:-1]).get(path[-1])
    return value if isinstance(value, list) else []


def labels(obj: Obj) -> dict[str, str]:
    """The object's labels, empty when it has none."""
    return part(obj, "metadata", "labels")


def annotations(obj: Obj) -> dict[str, str]:
    """The object's annotations, empty when it has none."""
    return part(obj, "metadata", "annotations")


def deleting(obj: Obj) -> bool:
    """Whether the object is marked for deletion."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def finalizers(obj: Obj) -> list[str]:
    """The object's finalizers."""
    return items(obj, "metadata", "finalizers")


def with_finalizers(obj: Obj, *names: str) -> list[str]:
    """The object's finalizers, and those of `names` that it lacks at the end."""
    held = finalizers(obj)
    return [*held, *(name for name in names if name not in held)]


def without_finalizers(obj: Obj, *names: str) -> list[str]:
    """The object's finalizers but `names`."""
    return [name for name in finalizers(obj) if name not in names]


def now() -> str:
    """The time in the API's form, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(obj: Obj, kind: str) -> Obj | None:
    """The status condition of that type, or None."""
    return next((c for c in items(obj, "status", "conditions") if c.get("type") == kind), None)


def is_true(obj: Obj, kind: str) -> bool:
    """Whether the status condition of that type is True."""
    found = condition(obj, kind)
    return bool(found) and found is not None and found.get("status") == "True"


def owner_reference(owner: Obj, *, controller: bool = True) -> Obj:
    """A reference that makes the garbage collector delete the holder with `owner`."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        **({"controller": True, "blockOwnerDeletion": True} if controller else {}),
    }


def owned_by(obj: Obj, owner: Obj) -> bool:
    """Whether `owner` is among the object's owners: that very one, not a later one of its name."""
    return any(reference.get("uid") == owner["metadata"]["uid"] for reference in items(obj, "metadata", "ownerReferences"))


def matches_selector(have: Mapping[str, str], wanted: Mapping[str, str] | None) -> bool:
    """Whether all `wanted` labels are in `have`."""
    return all(have.get(name) == value for name, value in (wanted or {}).items())


def matches_expressions(have: Mapping[str, str], expressions: Iterable[Obj]) -> bool:
    """Whether `have` meets every expression of a node selector term or label selector."""
    return all(_meets(have.get(e.get("key", "")), e.get("operator", ""), e.get("values") or []) for e in expressions)


def _meets(value: str | None, operator: str, values: list[str]) -> bool:
    tests = {
        "In": lambda: value in values,
        "NotIn": lambda: value not in values,
        "Exists": lambda: value is not None,
        "DoesNotExist": lambda: value is None,
        "Gt": lambda: _number(value) > _number(values[0]),
        "Lt": lambda: _number(value) < _number(values[0]),
    }
    try:
        return operator in tests and tests[operator]()
    except (ValueError, IndexError):
        return False


def _number(text: str | None) -> int:
    return int(text or "")


def merged(target: Any, patch: Any) -> Any:
    """`target` after the JSON merge patch `patch` (RFC 7396), as a new value."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
