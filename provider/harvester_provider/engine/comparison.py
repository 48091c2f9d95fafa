"""Old inputs against new ones: what changed, what is not known before the update, and which replacements are certain all the same. Pure."""

from typing import Any

from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.resources.kind import LOCAL_ONLY
from harvester_provider.resources.model import Model

_STEERING = LOCAL_ONLY - {"cluster"}
"""Inputs that only steer the provider."""


def changed(old: Any, new: Any) -> list[str]:
    """The property names of the wire whose values differ, those that only steer the provider left out."""
    names = type(new).wire_names().items()
    return [key for name, key in names if name not in _STEERING and getattr(old, name) != getattr(new, name)]


def unknown(value: object, path: str = "") -> list[str]:
    """Paths of the values that are not known before the update."""
    if value is UNKNOWN:
        return [path]
    if isinstance(value, list):
        return [found for number, item in enumerate(value) for found in unknown(item, f"{path}[{number}]")]
    if isinstance(value, Model):
        names = type(value).wire_names().items()
        return [found for name, key in names for found in unknown(getattr(value, name), f"{path}.{key}" if path else key)]
    return []


def certain_replacements(old: Any, new: Any) -> list[str]:
    """The property names of the wire that force a replacement, whatever the values become that are not known yet."""
    replaces = []
    for name, spec in type(new).model_fields.items():
        extra = spec.json_schema_extra
        if not isinstance(extra, dict) or not extra.get("replaceOnChanges") or getattr(old, name) == getattr(new, name):
            continue
        if getattr(new, name) is not UNKNOWN or extra.get("replaceWhenUnknown"):
            replaces.append(spec.alias or name)
    return replaces
