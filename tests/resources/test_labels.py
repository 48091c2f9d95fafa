"""Labels, tags and annotations of any kind, and the selectors that ask for labels, as Kubernetes takes them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester_provider.engine import verbs
from harvester_provider.resources.registry import KINDS

LONG = "a" * 64
SOUND: dict[str, Any] = {"name": "one", "memory": "1Gi", "disks": [{"name": "root", "size": "1Gi"}]}


def problems(**inputs: Any) -> dict[str, str]:
    """What is wrong with a machine, by property."""
    return {problem.property: problem.reason for problem in verbs.check(KINDS["VirtualMachine"], {**SOUND, **inputs}).problems}


@pytest.mark.parametrize(
    "inputs",
    [
        {"labels": {"app": "", "example.org/team.a": "A_b.c-1", "a" * 63: "b" * 63}},
        {"tags": {"tier": "web"}},
        {"annotations": {"Example.ORG/note": "any text, of any length" * 9}},
        {"nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"operator": "Exists"}]},
    ],
)
def test_sound_ones_are_taken(inputs: dict[str, Any]) -> None:
    assert problems(**inputs) == {}


@pytest.mark.parametrize(
    ("inputs", "where"),
    [
        ({"labels": {"team": "a b"}}, "labels.team"),
        ({"labels": {"team": LONG}}, "labels.team"),
        ({"labels": {"a b": "x"}}, "labels.a b"),
        ({"labels": {"Example.org/team": "x"}}, "labels.Example.org/team"),
        ({"labels": {"/team": "x"}}, "labels./team"),
        ({"labels": {"": "x"}}, "labels."),
        ({"tags": {"example.org/tier": "web"}}, "tags.example.org/tier"),
        ({"tags": {"tier": "-web"}}, "tags.tier"),
        ({"annotations": {"my note": "x"}}, "annotations.my note"),
        ({"nodeSelector": {"zone": "a/b"}}, "nodeSelector.zone"),
        ({"nodeAffinity": [{"match": [{"key": "a b", "values": ["x"]}]}]}, "nodeAffinity[0].match[0].key"),
        ({"nodeAffinity": [{"match": [{"key": "a", "values": ["x", "y z"]}]}]}, "nodeAffinity[0].match[0].values[1]"),
        ({"vmAffinity": [{"matchLabels": {"app": "é"}}]}, "vmAffinity[0].matchLabels.app"),
        ({"vmAntiAffinity": [{"matchLabels": {"app": "x"}, "topologyKey": ""}]}, "vmAntiAffinity[0].topologyKey"),
        ({"vmAntiAffinity": [{"matchLabels": {"app": "x"}, "namespaces": ["a.b"]}]}, "vmAntiAffinity[0].namespaces[0]"),
        ({"tolerations": [{"key": "a b", "operator": "Exists"}]}, "tolerations[0].key"),
        ({"tolerations": [{"key": "a", "value": "x y"}]}, "tolerations[0].value"),
    ],
)
def test_others_are_refused_by_their_property_with_what_may_be_used(inputs: dict[str, Any], where: str) -> None:
    ((path, reason),) = problems(**inputs).items()
    assert path == where
    assert "letters, digits" in reason


@given(st.text(), st.text())
def test_any_text_is_taken_or_told(name: str, value: str) -> None:
    given = {"labels": {name: value}}
    told = problems(**given)
    assert told or verbs.check(KINDS["VirtualMachine"], {**SOUND, **given}).inputs["labels"] == {name: value}
    assert all(path.startswith("labels.") and len(reason) < 300 for path, reason in told.items())
