"""The provider's settings as defaults of a machine's inputs: what is decided once for all, and what a program says itself."""

from typing import Any

import pytest

from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.engine import verbs
from harvester_provider.frontends.host import settings_of
from harvester_provider.resources.virtual_machine import KIND

ROOT = {"name": "root", "size": "1Gi"}


def checked(settings: dict[str, str], **inputs: Any) -> Any:
    config = {f"harvester:{name}": value for name, value in settings.items()}
    found = verbs.check(KIND, {"name": "vm1", "disks": [ROOT], **inputs}, settings_of(config.get).wire())
    assert not found.problems
    return found.inputs


def test_without_settings_the_kinds_own_defaults_hold() -> None:
    assert checked({})["updatePolicy"] == "auto"


@pytest.mark.parametrize("policy", ["auto", "live", "defer"])
def test_the_update_policy_of_the_provider_holds_for_a_machine_that_says_nothing(policy: str) -> None:
    assert checked({"updatePolicy": policy})["updatePolicy"] == policy


def test_a_machines_own_policy_wins() -> None:
    assert checked({"updatePolicy": "live"}, updatePolicy="defer")["updatePolicy"] == "defer"


def test_the_stop_policy_is_filled_in_part_by_part() -> None:
    settings = {"stopDeadline": "5m", "stopThen": "force"}
    assert checked(settings)["stop"] == {"deadline": "5m", "then": "force"}
    assert checked(settings, stop={"deadline": "10s"})["stop"] == {"deadline": "10s", "then": "force"}


def test_a_value_that_is_not_known_yet_is_left_alone() -> None:
    assert checked({"updatePolicy": "live", "stopThen": "force"}, updatePolicy=UNKNOWN, stop=UNKNOWN)["stop"] is UNKNOWN


def test_the_connection_never_becomes_an_input() -> None:
    assert "token" not in str(checked({"host": "https://h", "token": "token"}))
