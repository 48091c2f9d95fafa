"""The pages that say which test shows what: every test they name is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "peer-cases.md").read_text()


def names_in(module: Path) -> set[str]:
    """The tests of a module, as pytest names them: `test_a`, `TestB::test_c`."""
    found = set()
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return found


@pytest.mark.parametrize(("page", "least"), [("peer-cases.md", 30), ("backups.md", 7)])
def test_every_named_test_exists(page: str, least: int) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", (ROOT / "docs" / page).read_text())
    assert len(named) > least
    modules = {path: names_in(ROOT / path) for path, _ in named}
    assert [f"{path}::{name}" for path, name in named if name not in modules[path]] == []


def test_each_of_the_twenty_bugs_has_its_line() -> None:
    assert re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE) == [str(number) for number in range(1, 21)]
