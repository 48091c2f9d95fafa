"""What Pulumi offers against mistakes is honoured: `--target`, `retain_on_delete` and `protect`."""

import base64
from typing import Any

import pytest
from declared import Entry, Estate, StackOf, declared, estate
from target import Target


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


def data(name: str, package: str, **options: Any) -> Entry:
    return {**declared("CloudInit", name, user_data=f"#cloud-config\npackages: [{package}]\n"), "options": options}


def packages(here: Estate) -> dict[str, str]:
    """What each Secret installs."""
    found = here.target.core.list_namespaced_secret(here.target.namespace).items
    texts = {item.metadata.name: base64.b64decode(item.data["userdata"]).decode() for item in found if "userdata" in (item.data or {})}
    return {name: text.partition("[")[2].partition("]")[0] for name, text in texts.items()}


def test_a_target_is_changed_alone_and_what_is_retained_or_protected_stays(here: Estate) -> None:
    here.declare(data("one", "git"), data("two", "git"), data("kept", "git", retain_on_delete=True)).stack.up()
    here.declare(data("one", "vim"), data("two", "vim"), data("kept", "git", retain_on_delete=True)).stack.up("--target", "**::one")
    assert packages(here) == {"one": "vim", "two": "git", "kept": "git"}
    here.stack.destroy()
    assert packages(here) == {"kept": "git"}
    here.declare(data("kept", "nano", protect=True)).stack.up()  # it is found again by its mark
    assert packages(here) == {"kept": "nano"}
    assert "protected" in here.stack.fails("destroy", "--yes", "--skip-preview")
    here.declare(data("kept", "nano")).stack.up()
    here.stack.destroy()
    assert here.target.leftovers() == []
