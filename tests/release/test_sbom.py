"""The SBOM names everything that is locked, with its hashes, and is the same each time."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sbom() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "sbom.py"))


def test_every_locked_package_is_in_it_with_all_its_hashes(sbom: dict[str, Any]) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    components = sbom["document"]()["components"]
    assert len(components) == sum(1 for line in lock.splitlines() if line and not line.startswith(" "))
    assert sum(len(component["hashes"]) for component in components) == lock.count("--hash=sha256:")
    assert all(component["hashes"] for component in components)


def test_what_users_get_is_told_from_what_only_tests_use(sbom: dict[str, Any]) -> None:
    scopes = {component["name"]: component["scope"] for component in sbom["document"]()["components"]}
    assert (scopes["pulumi"], scopes["grpcio"], scopes["kopf"], scopes["pytest"]) == ("required", "required", "optional", "excluded")


def test_it_is_the_same_each_time(sbom: dict[str, Any]) -> None:
    assert json.dumps(sbom["document"]()) == json.dumps(sbom["document"]())


def test_a_line_that_is_no_locked_package_is_an_error(sbom: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is no locked package"):
        list(sbom["locked"]("requests>=2\n"))
