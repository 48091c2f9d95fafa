"""The page that says which test shows what: every test it names is there."""

import ast
import re
from pathlib import Path

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


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", PAGE)
    assert len(named) > 30
    modules = {path: names_in(ROOT / path) for path, _ in named}
    assert [f"{path}::{name}" for path, name in named if name not in modules[path]] == []


def test_each_of_the_twenty_bugs_has_its_line() -> None:
    assert re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE) == [str(number) for number in range(1, 21)]
