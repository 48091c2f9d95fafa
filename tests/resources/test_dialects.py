"""Which kind speaks on which cluster."""

import pytest

from harvester_provider.core.errors import NotHarvester
from harvester_provider.core.flavour import Flavour
from harvester_provider.resources.dialects import ANYWHERE, HARVESTERS, PLAIN, speaks
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
