"""What `check` accepts it accepts again, as it is: the engine passes the checked inputs on to all other calls."""

from typing import Any

import pytest
from odd_inputs import values, with_value
from rows import ROWS, Row

from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.engine import verbs
from harvester_provider.resources.registry import KINDS

ODD: tuple[Any, ...] = ("", " ", [], {}, None, 0, False, UNKNOWN)
"""What a program may give in the place of any value: mostly what is easily taken for nothing."""


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_checked_inputs_are_accepted_again_and_stay_as_they_are(row: Row) -> None:
    kind, whole = KINDS[row.kind], {"name": "one", "owner": "shop/dev/one", **row.inputs, **row.change}
    assert not verbs.check(kind, whole).problems
    accepted = 0
    for way, _ in values(whole):
        for value in ODD:
            checked = verbs.check(kind, with_value(whole, way, value))
            if not checked.problems:
                accepted += 1
                assert verbs.check(kind, checked.inputs) == verbs.Checked(checked.inputs, ()), (way, value)
    assert accepted


@pytest.mark.parametrize(
    ("kind", "name"),
    [("VirtualMachineBackup", "virtualMachine"), ("VlanConfig", "clusterNetwork"), ("VGpuDevice", "profile")],
)
def test_an_empty_text_in_the_place_of_a_required_one_is_told_with_its_name(kind: str, name: str) -> None:
    row = ROWS[kind]
    (problem,) = verbs.check(KINDS[kind], {"name": "one", **row.inputs, name: ""}).problems
    assert (problem.property, problem.reason) == (name, "empty: this input is required")


def test_an_empty_text_in_a_list_is_told_with_its_place() -> None:
    pool = {**ROWS["RancherCluster"].inputs["pools"][0], "sshUser": ""}
    problems = verbs.check(KINDS["RancherCluster"], {**ROWS["RancherCluster"].inputs, "name": "one", "pools": [pool]}).problems
    assert [problem.property for problem in problems] == ["pools[0].sshUser"]
