"""From models to schema.json, on made-up kinds."""

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel
from robots import ROBOTS

from harvester_provider.resources.model import Model, NamespacedInputs, Outputs
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.schema.document import schema, schema_text
from harvester_provider.schema.models import read_package

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    return schema(read_package(ROBOTS, ProviderSettings))


@pytest.fixture(scope="module")
def robot(document: Document) -> Document:
    return document["resources"]["harvester:index:Robot"]


def _kind(inputs: type[BaseModel], outputs: type[BaseModel] = Outputs) -> dict[str, SimpleNamespace]:
    return {"Thing": SimpleNamespace(inputs=inputs, outputs_model=outputs)}


def test_a_field_has_its_name_on_the_wire_its_type_and_its_docstring(robot: Document) -> None:
    assert robot["inputProperties"]["pause"] == {"type": "string", "description": "How long it waits between two moves."}
    assert robot["inputProperties"]["maxSpeed"]["type"] == "number"
    assert robot["inputProperties"]["extra"]["additionalProperties"] == {"$ref": "pulumi.json#/Any"}


def test_a_resource_is_described_by_its_inputs_docstring(robot: Document) -> None:
    assert robot["description"] == "A robot. `drives` move it, `maxSpeed` limits them."


def test_descriptions_spell_properties_as_the_schema_does_and_leave_everything_else_alone(robot: Document) -> None:
    text = robot["inputProperties"]["maxSpeed"]["description"]
    assert text == "Metres per second. See `name` and `firmwareUrl`; `status.firmware_url` and `not_a_property` are other things."


def test_a_quantity_is_a_text_with_its_default_as_written(robot: Document) -> None:
    assert robot["inputProperties"]["weight"] == {"type": "string", "description": "Weight in grams.", "default": "4k"}


def test_lists_and_maps_of_models_refer_to_their_types(robot: Document) -> None:
    assert robot["inputProperties"]["drives"]["items"] == {"$ref": "#/types/harvester:index:Drive"}
    assert robot["properties"]["reports"]["additionalProperties"] == {"$ref": "#/types/harvester:index:Report"}


def test_a_literal_is_an_enumeration_named_after_its_field(document: Document) -> None:
    assert document["types"]["harvester:index:Drive"]["properties"]["bus"]["$ref"] == "#/types/harvester:index:DriveBus"
    assert document["types"]["harvester:index:DriveBus"] == {"type": "string", "enum": [{"value": "can"}, {"value": "usb"}]}


def test_secrets_are_marked_where_they_are(document: Document) -> None:
    assert document["types"]["harvester:index:Login"]["properties"]["passPhrase"]["secret"] is True
    assert "secret" not in document["types"]["harvester:index:Login"]["properties"]["user"]


def test_a_property_that_replaces_says_so(robot: Document) -> None:
    assert robot["inputProperties"]["firmwareUrl"]["replaceOnChanges"] is True
    assert robot["inputProperties"]["name"]["replaceOnChanges"] is True
    assert "replaceOnChanges" not in robot["inputProperties"]["weight"]


def test_a_name_is_optional_to_give_and_always_there(robot: Document) -> None:
    assert robot["requiredInputs"] == ["maxSpeed"]
    assert "name" in robot["required"]


def test_the_owner_is_no_business_of_the_user(robot: Document) -> None:
    assert "owner" not in robot["inputProperties"]
    assert "owner" not in robot["properties"]


def test_only_outputs_that_are_never_empty_are_promised(robot: Document) -> None:
    promised, possible = set(robot["required"]), set(robot["properties"])
    assert {"nodeName", "weight", "adopt", "namespace", "maxSpeed"} <= promised
    assert {"serialNumber", "reports", "drives", "login", "labels", "timeouts"} <= possible - promised


def test_the_configuration_is_that_of_the_settings(document: Document) -> None:
    variables = document["config"]["variables"]
    assert variables == document["provider"]["inputProperties"]
    assert variables["kubeconfig"]["secret"] is True
    assert variables["clusters"]["additionalProperties"] == {"$ref": "#/types/harvester:index:Connection"}
    assert set(document["config"]["defaults"]) == set(variables)


def test_two_runs_give_the_same_text() -> None:
    again = dict(reversed(ROBOTS.items()))
    assert schema_text(read_package(ROBOTS, ProviderSettings)) == schema_text(read_package(again, ProviderSettings))


def test_a_type_without_a_form_in_the_schema_is_refused_with_its_field() -> None:
    class ThingInputs(NamespacedInputs):
        odd_one: int | str

    with pytest.raises(TypeError, match=r"Thing\.odd_one: .* has no form in the schema"):
        read_package(_kind(ThingInputs))


def test_two_models_of_one_name_are_refused() -> None:
    def part() -> type[Model]:
        class Part(Model):
            """A part."""

        return Part

    first, second = part(), part()

    class ThingInputs(NamespacedInputs):
        one: first  # type: ignore[valid-type]  made for this test
        two: second  # type: ignore[valid-type]  made for this test

    with pytest.raises(TypeError, match="have a model of that name"):
        read_package(_kind(ThingInputs))
