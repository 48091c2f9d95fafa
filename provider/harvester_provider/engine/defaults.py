"""The provider's settings as defaults of inputs: filled in at `check`, so that the state says what was decided.

What the program gives always wins. Nothing here knows a kind.
"""

from collections.abc import Mapping
from typing import Any

from harvester_provider.resources.model import Model, model_in
from harvester_provider.resources.policies import setting_of

Wire = Mapping[str, Any]


def filled(model: type[Model], values: Wire, settings: Wire) -> dict[str, Any]:
    """`values` with the settings (both by their names on the wire) that inputs name as their default, nested ones too."""
    out = dict(values)
    for name, field in model.model_fields.items():
        key = field.alias or name
        setting = settings.get(setting_of(field.json_schema_extra))
        if setting is not None and out.get(key) is None:
            out[key] = setting
        inner, given = model_in(field.annotation), out.get(key, {})
        if inner and isinstance(given, Mapping) and (nested := filled(inner, given, settings)):
            out[key] = nested
    return out
