"""The provider's real contract: schema.json and the Python SDK, as they are made from all kinds."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester_local.toolchain import ensure
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS
from harvester_provider.schema.document import schema
from harvester_provider.schema.models import read_package

ROOT = Path(__file__).parents[2]
GENERATORS = {"schema": Path("schema.json"), "sdkgen": Path("sdk/python/pulumi_harvester/virtual_machine.py")}
SECRETIVE = re.compile(r"token|password|passphrase|kubeconfig|userdata|networkdata|secretkey|privatekey", re.IGNORECASE)
HARMLESS = re.compile(r"SecretName$")

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    return schema(read_package(KINDS, ProviderSettings))


def _properties(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Every property in the schema: what it belongs to, its name, and what is said of it."""
    for name, item in document["types"].items():
        yield from ((name, key, value) for key, value in item.get("properties", {}).items())
    for name, item in document["resources"].items():
        yield from ((name, key, value) for part in ("inputProperties", "properties") for key, value in item[part].items())
    yield from (("configuration", key, value) for key, value in document["config"]["variables"].items())


def test_every_kind_is_in_the_schema(document: Document) -> None:
    assert set(document["resources"]) == {f"harvester:index:{name}" for name in KINDS}


def test_every_kind_every_type_and_every_property_is_described(document: Document) -> None:
    silent = [
        name
        for part in ("resources", "types")
        for name, item in document[part].items()
        if not item.get("description") and "enum" not in item
    ]
    silent += [f"{owner}.{name}" for owner, name, item in _properties(document) if not item["description"].endswith((".", "..."))]
    assert not silent


def test_everything_that_sounds_secret_is_marked_secret(document: Document) -> None:
    named = [(owner, name, item) for owner, name, item in _properties(document) if SECRETIVE.search(name) and not HARMLESS.search(name)]
    assert named
    assert not [f"{owner}.{name}" for owner, name, item in named if not item.get("secret")]


def test_every_reference_leads_to_a_type(document: Document) -> None:
    found = set(re.findall(r"#/types/([\w:]+)", str(document)))
    assert found == set(document["types"])


def test_defaults_have_the_type_of_their_property(document: Document) -> None:
    python = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
    for owner, name, item in _properties(document):
        if "default" in item and "type" in item:
            assert isinstance(item["default"], python[item["type"]]), f"{owner}.{name}"
        elif "default" in item:
            values = document["types"][item["$ref"].removeprefix("#/types/")]["enum"]
            assert {"value": item["default"]} in values, f"{owner}.{name}"


def test_required_properties_exist_and_have_no_default(document: Document) -> None:
    for name, item in document["resources"].items():
        for entry in item["requiredInputs"]:
            assert "default" not in item["inputProperties"][entry], f"{name}.{entry}"


def test_pulumi_accepts_the_schema(tmp_path: Path) -> None:
    """By its own rules and those of the languages it generates SDKs for."""
    pulumi = ensure(["pulumi"])["pulumi"]
    environment = {**os.environ, "PULUMI_HOME": str(tmp_path), "PULUMI_SKIP_UPDATE_CHECK": "1"}
    command = [str(pulumi), "schema", "check", str(ROOT / "schema.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@pytest.mark.parametrize("generator", GENERATORS)
def test_what_is_generated_is_up_to_date(generator: str) -> None:
    done = _generate(generator, ROOT, "--check")
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_stale_file_is_named_with_the_verb_that_mends_it(generator: str, tmp_path: Path) -> None:
    """An edited file fails the check, and the generator puts it right."""
    for path in ("schema.json", "pyproject.toml"):
        shutil.copy(ROOT / path, tmp_path / path)
    shutil.copytree(ROOT / "sdk", tmp_path / "sdk", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    edited = tmp_path / GENERATORS[generator]
    edited.write_text(edited.read_text() + "# edited\n")

    stale = _generate(generator, tmp_path, "--check")
    assert stale.returncode == 1
    assert re.fullmatch(rf"{re.escape(str(edited))}: out of date: run `make (schema|sdk)`\n", stale.stdout)

    assert _generate(generator, tmp_path).returncode == 0
    assert edited.read_text() == (ROOT / GENERATORS[generator]).read_text()


def test_the_module_of_a_kind_that_is_gone_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "sdk/python/pulumi_harvester"
    shutil.copytree(ROOT / "sdk", tmp_path / "sdk", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    shutil.copy(folder / "image.py", folder / "gone.py")

    assert "gone.py" in _generate("sdkgen", tmp_path, "--check").stdout
    _generate("sdkgen", tmp_path)
    assert not (folder / "gone.py").exists()
    assert (folder / "_resource.py").exists()


def _generate(generator: str, root: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", f"harvester_provider.{generator}", "--root", str(root), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
