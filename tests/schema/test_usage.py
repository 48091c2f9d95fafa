"""The examples in the schema: each is valid, and each language's program says the same."""

import ast
import re
from typing import Any

import pytest
import yaml

import pulumi_harvester as harvester
from harvester_provider.engine import verbs
from harvester_provider.resources.registry import KINDS
from harvester_provider.schema.document import schema
from harvester_provider.schema.examples import EXAMPLES
from harvester_provider.schema.models import read_package

DOCUMENT = schema(read_package(KINDS))
each = pytest.mark.parametrize("kind", sorted(KINDS))


def programs(kind: str) -> dict[str, str]:
    """The example's programs by language."""
    return dict(re.findall(r"```(\w+)\n(.*?)```", DOCUMENT["resources"][f"harvester:index:{kind}"]["description"], re.DOTALL))


def test_every_kind_has_an_example() -> None:
    assert EXAMPLES.keys() == KINDS.keys()


@each
def test_an_example_is_valid_for_its_kind(kind: str) -> None:
    assert not verbs.check(KINDS[kind], {"name": "example", "owner": "shop/dev/example", **EXAMPLES[kind].inputs}).problems


@each
def test_the_yaml_program_has_the_inputs_as_they_are(kind: str) -> None:
    (resource,) = yaml.safe_load(programs(kind)["yaml"])["resources"].values()
    assert resource == {"type": f"harvester:{kind}", "properties": EXAMPLES[kind].inputs}


@each
def test_the_python_program_names_inputs_that_the_sdk_has(kind: str) -> None:
    call: Any = ast.parse(programs(kind)["python"]).body[-1]
    given = {word.arg: ast.literal_eval(word.value) for word in call.value.keywords}
    assert getattr(harvester, f"{kind}Args")(**given)
    assert len(given) == len(EXAMPLES[kind].inputs)


def test_names_inside_of_objects_are_spelled_too_and_the_users_own_keys_are_not() -> None:
    found = programs("LoadBalancer")
    assert '"backend_port": 8080' in found["python"]
    assert "backendPort: 8080" in found["typescript"]
    assert '"example.org/rack": "r1"' in programs("Node")["typescript"]


@each
def test_an_import_names_an_id_of_the_kinds_form(kind: str) -> None:
    if EXAMPLES[kind].id:
        assert ("/" in EXAMPLES[kind].id) == KINDS[kind].api.namespaced
        assert programs(kind)["sh"].endswith(f"pulumi import harvester:index:{kind} example {EXAMPLES[kind].id}\n")
