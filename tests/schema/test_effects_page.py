"""docs/effects.md: what a reader finds there is what updates are planned by."""

import subprocess
import sys
from pathlib import Path

from harvester_provider.resources.virtual_machine.effects import TABLE
from harvester_provider.schema.effects_page import effects_page


def test_every_row_of_the_table_is_on_the_page_once_with_its_source() -> None:
    lines = [line for line in effects_page().splitlines() if line.startswith("| `")]
    assert len(lines) == len(TABLE)
    for row, line in zip(TABLE, lines, strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert (cells[0], cells[2], cells[5]) == (f"`{row.field}`", row.effect.label, row.source)


def test_conditions_are_named_in_full() -> None:
    (line,) = [line for line in effects_page().splitlines() if line.startswith("| `cpu` ") and "migrate" in line]
    assert "the machine can be migrated; the machine was started with hotPlug" in line


def test_a_page_that_is_out_of_date_is_noticed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harvester_provider.schema", "--root", str(tmp_path)]
    subprocess.run(command, check=True)
    page = tmp_path / "docs" / "effects.md"
    page.write_text(page.read_text() + "x")
    assert subprocess.run([*command, "--check"], check=False).returncode == 1
