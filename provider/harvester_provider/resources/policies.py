"""Words that the provider's settings and the kinds share: how machines are changed and stopped.

A setting is the default of the inputs that name it (`default_of`), so that a program says once what holds for all its machines.
"""

from collections.abc import Mapping
from typing import Any, Literal

UpdatePolicy = Literal["auto", "live", "defer"]
"""What becomes of a change that a running guest cannot take: the guest is stopped for it, it is refused, or it waits for the next start."""
AfterDeadline = Literal["give-up", "force", "wait"]
"""What follows where a guest did not shut down in time."""

_KEY = "defaultOf"


def default_of(setting: str) -> dict[str, Any]:
    """`Field(json_schema_extra=default_of("updatePolicy"))` marks an input whose default is that setting of the provider."""
    return {_KEY: setting}


def setting_of(extra: object) -> str:
    """The setting that a field's extra names, empty for none."""
    found = extra.get(_KEY) if isinstance(extra, Mapping) else None
    return found if isinstance(found, str) else ""
