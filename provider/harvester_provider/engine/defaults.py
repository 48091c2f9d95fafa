"""The provider's settings as defaults of inputs: filled in at `check`, so that the state says what was decided.

What the program gives always wins. Nothing here knows a kind.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from harvester_provider.resources.model import Model, model_in
from harvester_provider.resources.policies import setting_of

Wire = Mapping[str, Any]


def filled(model: type[Model], values: Wire, settings: Wire) -> dict[str, Any]:
    """`values` with the settings (both by their names on the wire) that inputs name as their default, nested ones too."""
    out = dict(values)
    for key, (setting, inner) in _marked(model).items():
        if settings.get(setting) is not None and out.get(key) is None:
            out[key] = settings[setting]
        given = out.get(key, {})
        if inner and isinstance(given, Mapping) and (nested := filled(inner, given, settings)):
            out[key] = nested
    return out


@cache
def _marked(model: type[Model]) -> Mapping[str, tuple[str, type[Model] | None]]:
    """By their names on the wire: the inputs with the setting that is their default, and those that hold a model with such inputs."""
    out = {}
    for name, field in model.model_fields.items():
        setting, inner = setting_of(field.json_schema_extra), model_in(field.annotation)
        marked = inner if inner and _marked(inner) else None
        if setting or marked:
            out[field.alias or name] = setting, marked
    return out
