"""Which kind speaks on which cluster."""

import pytest

from harvester_provider.core.errors import NotHarvester
from harvester_provider.core.flavour import Flavour
from harvester_provider.resources.dialects import (
    ANYWHERE,
    FUNCTIONS_ANYWHERE,
    HARVESTERS,
    HARVESTERS_FUNCTIONS,
    PLAIN,
    asks,
    speaks,
    spoken,
)
from harvester_provider.resources.functions import FUNCTIONS
from harvester_provider.resources.functions.plain import FUNCTIONS as PLAIN_FUNCTIONS
from harvester_provider.resources.registry import KINDS


def test_every_kind_has_its_place() -> None:
    assert sorted([*ANYWHERE, *PLAIN, *HARVESTERS]) == sorted(KINDS)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_harvester_is_spoken_to_by_the_kind_of_the_registry(name: str) -> None:
    assert speaks(name, Flavour.HARVESTER) is KINDS[name]


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_a_dialect_has_the_name_and_the_properties_of_its_kind(name: str) -> None:
    dialect = speaks(name, Flavour.KUBEVIRT)
    assert dialect is not KINDS[name]
    assert (dialect.name, dialect.inputs, dialect.outputs_model) == (name, KINDS[name].inputs, KINDS[name].outputs_model)


@pytest.mark.parametrize("name", sorted(HARVESTERS))
def test_what_there_is_with_harvester_only_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(NotHarvester, match=f"^{name}: this is a cluster with KubeVirt and without Harvester: "):
        speaks(name, Flavour.KUBEVIRT)


def test_every_function_has_its_place() -> None:
    assert sorted([*FUNCTIONS_ANYWHERE, *PLAIN_FUNCTIONS, *HARVESTERS_FUNCTIONS]) == sorted(FUNCTIONS)


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - set(HARVESTERS_FUNCTIONS)))
def test_a_function_answers_in_the_same_words_on_both(name: str) -> None:
    asked = asks(name, Flavour.KUBEVIRT)
    assert asks(name, Flavour.HARVESTER) is FUNCTIONS[name]
    assert (asked.name, asked.args, asked.result) == (name, FUNCTIONS[name].args, FUNCTIONS[name].result)


def test_a_function_that_harvester_alone_can_answer_says_what_to_do_instead() -> None:
    with pytest.raises(NotHarvester, match="getKubeconfig: this is a cluster with KubeVirt and without Harvester: .* with kubectl"):
        asks("getKubeconfig", Flavour.KUBEVIRT)


def test_all_kinds_of_a_cluster_are_those_it_has() -> None:
    assert spoken(Flavour.HARVESTER).keys() == set(KINDS)
    assert spoken(Flavour.KUBEVIRT).keys() == {*ANYWHERE, *PLAIN}
