"""The provider's settings from what Pulumi hands over: configuration keys with texts, or an explicit provider's inputs.

Both front ends read them here, so that `harvester:clusters` and its messages are the same for both. No connection is made.
"""

import json
from collections.abc import Callable
from typing import Any

from harvester_provider.core.errors import BadConnection
from harvester_provider.resources.provider import ProviderSettings

PREFIX = "harvester:"


def settings_of(config: Callable[[str], Any]) -> ProviderSettings:
    """The settings. `config` gives a value by its key (`harvester:kubeconfig`), None where it is not set. Raises BadConnection."""
    values: dict[str, Any] = {}
    for name in (field.alias or name for name, field in ProviderSettings.model_fields.items()):
        value = config(PREFIX + name)
        if value is not None:
            values[name] = _structured(name, value) if name == "clusters" else value
    try:
        return ProviderSettings.model_validate(values)
    except ValueError as error:
        raise BadConnection(f"the configuration {PREFIX}* is not valid: {error}") from error


def _structured(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise BadConnection(
            f"{PREFIX}{name}: {error}: write it as `pulumi config set --path {PREFIX}{name}.NAME.kubeconfig ...`"
        ) from error
