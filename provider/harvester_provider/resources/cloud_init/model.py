"""The inputs of a CloudInit. Rules across them are in `check`."""

from pydantic import Field

from harvester_provider.resources.model import SECRET, NamespacedInputs


class CloudInitInputs(NamespacedInputs):
    """User data and network data that machines of the same namespace can share. Kept in a Secret."""

    user_data: str | None = Field(default=None, json_schema_extra=SECRET)
    """What cloud-init does at the first boot: `#cloud-config` and YAML, a script, or any other text that the image understands."""
    network_data: str | None = Field(default=None, json_schema_extra=SECRET)
    """Network configuration: YAML of version 1 or 2, with or without `network:` around it."""
