"""The table of effects: complete, and read from the top."""

import pytest

from harvester_provider.core.effect import Effect
from harvester_provider.resources.kind import LOCAL_ONLY
from harvester_provider.resources.virtual_machine.edits import STEERING
from harvester_provider.resources.virtual_machine.effects import NEWEST, TABLE, Guest, Row, effect_of, release
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs

LISTS = {"disks": "disks[+]", "networkInterfaces": "networkInterfaces[+]"}


def test_every_input_has_its_row() -> None:
    for name, field in VirtualMachineInputs.model_fields.items():
        if name not in LOCAL_ONLY | {"name", "namespace", *STEERING}:
            alias = field.alias or name
            effect_of(LISTS.get(alias, alias), Guest(runs=True))


def test_every_row_has_its_source() -> None:
    assert not [row.field for row in TABLE if not row.source]


def test_a_row_with_a_release_has_one_for_the_releases_before() -> None:
    for row in TABLE:
        if row.since > (0, 0):
            assert effect_of(row.field, Guest(runs=True, release=(1, 0)))[0] > row.effect


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.field} {row.since}")
def test_a_machine_that_is_off_notices_nothing(row: Row) -> None:
    assert effect_of(row.field, Guest(runs=False))[0] <= Effect.METADATA


def test_a_field_without_a_row_of_its_own_has_that_of_its_list() -> None:
    assert effect_of("disks[].serial", Guest(runs=True))[0] is Effect.STOP_MODIFY_START


@pytest.mark.parametrize(("text", "expected"), [("v1.8.2", (1, 8)), ("1.10.0-rc1", (1, 10)), ("master-abc-head", NEWEST), ("", NEWEST)])
def test_releases_are_read_as_harvester_writes_them(text: str, expected: tuple[int, int]) -> None:
    assert release(text) == expected
