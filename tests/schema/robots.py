"""Two made-up kinds with one of everything a model can hold."""

from types import SimpleNamespace
from typing import Any, Literal

from pydantic import Field

from harvester_provider.core.quantity import Quantity
from harvester_provider.resources.model import REPLACE, SECRET, DurationText, Model, NamespacedInputs, Outputs, QuantityText


class Drive(Model):
    """A drive of a robot."""

    name: str
    """Name of the drive."""
    gear_count: int = 4
    """Number of gears."""
    bus: Literal["can", "usb"] = "can"
    """How it is connected."""


class Login(Model):
    """Who may log in."""

    user: str = "root"
    """Name of the user."""
    pass_phrase: str | None = Field(default=None, json_schema_extra=SECRET)
    """What the user types."""


class Report(Model):
    """What a drive reports."""

    turn_count: int = 0
    """Turns so far."""


class RobotInputs(NamespacedInputs):
    """A robot. `drives` move it, `maxSpeed` limits them."""

    max_speed: float
    """Metres per second. See `name` and `firmware_url`; `status.firmware_url` and `not_a_property` are other things."""
    weight: QuantityText = Quantity("4k")
    """Weight in grams."""
    pause: DurationText | None = None
    """How long it waits between two moves."""
    drives: list[Drive] = []
    """Its drives, keyed by name."""
    login: Login | None = None
    """Its login."""
    firmware_url: str = Field(default="https://example.com/", json_schema_extra=REPLACE)
    """Where its firmware comes from."""
    extra: dict[str, Any] = {}
    """Anything else."""


class RobotOutputs(Outputs):
    """What is known of a robot."""

    node_name: str
    """Where it is."""
    serial_number: str = ""
    """Its serial number."""
    reports: dict[str, Report] = {}
    """What the drives report, by their names."""


class DockInputs(NamespacedInputs):
    """A dock, where robots rest."""

    spare: list[Drive] = []
    """Spare drives."""


ROBOTS = {
    "Robot": SimpleNamespace(inputs=RobotInputs, outputs_model=RobotOutputs),
    "Dock": SimpleNamespace(inputs=DockInputs, outputs_model=Outputs),
}
