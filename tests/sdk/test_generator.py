"""The generator of the Python SDK, on made-up kinds."""

import ast
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from robots import ROBOTS

from harvester_provider.resources.model import Model, NamespacedInputs, Outputs
from harvester_provider.schema.models import read_package
from harvester_provider.sdkgen import source
from harvester_provider.sdkgen.modules import PythonSdk


@pytest.fixture(scope="module")
def modules() -> dict[str, str]:
    return PythonSdk(read_package(ROBOTS)).modules()


def _classes(text: str) -> set[str]:
    return {node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}


def test_a_type_is_in_the_module_of_the_kind_that_uses_it_or_in_the_shared_one(modules: dict[str, str]) -> None:
    assert {"Robot", "RobotArgs", "Login", "LoginArgs", "LoginArgsDict"} <= _classes(modules["robot"])
    assert {"Drive", "DriveArgs", "DriveArgsDict"} <= _classes(modules["shared"])
    assert not {"Drive", "DriveArgs"} & (_classes(modules["robot"]) | _classes(modules["dock"]))


def test_what_is_only_read_has_no_arguments(modules: dict[str, str]) -> None:
    assert "Report" in _classes(modules["robot"])
    assert "ReportArgs" not in _classes(modules["robot"])


def test_everything_is_imported_by_name_from_the_package(modules: dict[str, str]) -> None:
    exported = next(
        ast.literal_eval(node.value)
        for node in ast.parse(modules["__init__"]).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"
    )
    assert {"Robot", "RobotArgs", "Dock", "Drive", "DriveArgs", "DriveArgsDict", "DriveBus", "TimeoutsArgs", "cloudinit"} <= set(exported)


def test_documentation_gives_defaults_and_replacements_and_spells_names_as_python_does(modules: dict[str, str]) -> None:
    assert '"""Number of gears. Default: `4`."""' in modules["shared"]
    assert '"""Where its firmware comes from. Default: `https://example.com/`. A change replaces the resource."""' in modules["robot"]
    assert '"""A robot. `drives` move it, `max_speed` limits them."""' in modules["robot"]


def test_secrets_are_named_with_the_way_to_them(modules: dict[str, str]) -> None:
    assert "secrets=(('login', 'pass_phrase'),)" in modules["robot"]


@pytest.mark.parametrize("field", ["id", "urn", "opts"])
def test_a_field_that_would_hide_a_member_of_every_resource_is_refused(field: str) -> None:
    inputs = type("ThingInputs", (NamespacedInputs,), {"__annotations__": {field: str}})
    package = read_package({"Thing": SimpleNamespace(inputs=inputs, outputs_model=Outputs)})
    with pytest.raises(ValueError, match=f"Thing: {field}: .*rename the field"):
        PythonSdk(package).modules()


def test_a_type_with_the_name_of_a_resource_is_refused() -> None:
    class Dock(Model):
        """A part that is called like the kind Dock."""

    class DockInputs(NamespacedInputs):
        part: Dock

    package = read_package({"Dock": SimpleNamespace(inputs=DockInputs, outputs_model=Outputs)})
    with pytest.raises(ValueError, match="Dock, DockArgs: two things of the SDK would have that name"):
        PythonSdk(package).modules()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r")))
def test_a_docstring_says_what_it_is_given_whatever_that_is(text: str) -> None:
    assert ast.literal_eval(source.docstring(text)).split() == text.split()
