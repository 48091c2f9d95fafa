"""Pools of addresses: which ranges can be, what is waited for, and that what was made shows no drift."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_kinds import OWNER, applied, made, only_patch, reasons, snapshot, with_unknowns

from harvester_provider.core.json import Json
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Waiting
from harvester_provider.resources.ip_pool import KIND, Counted, IpPoolInputs

RANGE = {"subnet": "192.168.5.0/24", "start": "192.168.5.10", "end": "192.168.5.20"}
COUNTED: Json = {
    "metadata": {"labels": {"loadbalancer.harvesterhci.io/vid": "0", "loadbalancer.harvesterhci.io/global-ip-pool": "false"}},
    "status": {"total": 11, "available": 10, "allocated": {"192.168.5.10": "a/b"}, "conditions": [{"type": "Ready", "status": "True"}]},
}


def pool(**values: Any) -> IpPoolInputs:
    return IpPoolInputs.model_validate({"name": "pool", "ranges": [RANGE], "owner": OWNER, **values})


def test_ranges_of_all_forms_are_accepted() -> None:
    for entry in (RANGE, {"subnet": "10.0.0.0/8"}, {"subnet": "10.0.0.7/32"}, {"subnet": "fd00::/64", "start": "fd00::5"}):
        assert reasons(KIND, pool(ranges=[entry])) == {}


@pytest.mark.parametrize(
    ("entry", "where", "text"),
    [
        ({"subnet": "192.168.300.0/24"}, "ranges[0].subnet", "no subnet"),
        ({**RANGE, "start": "here"}, "ranges[0].start", "no IP address"),
        ({**RANGE, "end": "192.168.6.1"}, "ranges[0].end", "not in 192.168.5.0/24"),
        ({**RANGE, "gateway": "192.168.5.255"}, "ranges[0].gateway", "broadcast"),
        ({**RANGE, "start": "192.168.5.30"}, "ranges[0].end", "comes before the start"),
    ],
)
def test_an_impossible_range_is_named_with_its_place(entry: dict[str, str], where: str, text: str) -> None:
    assert text in reasons(KIND, pool(ranges=[entry]))[where]


def test_the_network_of_a_pool_is_named_with_its_namespace() -> None:
    assert "namespace/name" in reasons(KIND, pool(selector={"network": "red"}))["selector.network"]
    assert reasons(KIND, pool(selector={"network": "default/red"})) == {}


@pytest.mark.parametrize(
    ("other", "overlaps"),
    [
        (("p", "n", "g"), True),
        (("p", "n", "*"), True),
        (("*", "*", "*"), True),
        (("p", "n", "h"), False),
        (("", "n", "g"), False),
        (("p", "*", "h"), False),
    ],
)
def test_scopes_that_overlap_are_refused_as_harvester_does(other: tuple[str, str, str], overlaps: bool) -> None:  # noqa: FBT001
    scope = [dict(zip(("project", "namespace", "guestCluster"), names, strict=True)) for names in (("p", "n", "g"), other)]
    assert reasons(KIND, pool(selector={"scope": scope})).keys() == ({"selector.scope[1]"} if overlaps else set())


def test_a_pool_without_ranges_is_refused() -> None:
    assert "at least one range" in reasons(KIND, pool(ranges=[]))["ranges"]


@given(st.integers(2, 250), st.integers(2, 250), st.integers(2, 250), st.integers(2, 250))
def test_two_ranges_are_refused_exactly_when_they_share_an_address(a: int, b: int, c: int, d: int) -> None:
    ends = [sorted(pair) for pair in ((a, b), (c, d))]
    ranges = [{"subnet": "10.1.1.0/24", "start": f"10.1.1.{start}", "end": f"10.1.1.{end}"} for start, end in ends]
    shared = set(range(ends[0][0], ends[0][1] + 1)) & set(range(ends[1][0], ends[1][1] + 1))
    assert bool(reasons(KIND, pool(ranges=ranges))) == bool(shared)


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_breaks_the_check(subnet: str, start: str) -> None:
    found = reasons(KIND, pool(ranges=[{"subnet": subnet, "start": start}]))
    try:
        ipaddress.ip_network(subnet, strict=False)
    except ValueError:
        assert "ranges[0].subnet" in found


def test_values_that_are_not_known_yet_break_no_rule() -> None:
    for inputs in with_unknowns({"name": "pool", "ranges": [RANGE]}, IpPoolInputs):
        assert not KIND.check(inputs)


def test_the_network_of_a_selector_must_exist() -> None:
    (need,) = KIND.requires(pool(selector={"network": "default/lan"}))
    assert (need.property, need.ref.id) == ("selector.network", "default/lan")
    assert not KIND.requires(pool())


def test_it_is_ready_when_its_addresses_are_counted() -> None:
    inputs = pool()
    (wait,) = KIND.settle(inputs, snapshot(KIND, inputs, made(KIND, inputs)))
    assert isinstance(Counted(KIND.ref(inputs))(snapshot(KIND, inputs, made(KIND, inputs))), Waiting)
    assert wait.judge(snapshot(KIND, inputs, made(KIND, inputs, COUNTED))) == Ready()  # type: ignore[union-attr]  # the step is a wait


def test_only_what_changed_is_patched() -> None:
    inputs = pool(selector={"scope": [{"namespace": "a"}]})
    plan = KIND.update(inputs, pool(selector={"scope": [{"namespace": "b"}], "priority": 3}), snapshot(KIND, inputs, made(KIND, inputs)))
    assert only_patch(plan) == {"spec": {"selector": {"network": None, "priority": 3, "scope": [{"namespace": "b"}]}}}


def test_the_numbers_are_outputs() -> None:
    seen = snapshot(KIND, pool(), made(KIND, pool(), COUNTED))
    assert KIND.outputs(pool(), seen) == {"total": 11, "available": 10, "allocated": {"192.168.5.10": "a/b"}}


scopes = st.builds(dict, namespace=st.sampled_from(["*", "a"]), guest_cluster=st.sampled_from(["", "g"]))
selectors = st.builds(
    dict, network=st.sampled_from([None, "a/b"]), priority=st.integers(0, 3), scope=st.lists(scopes, max_size=2)
)  # fmt: skip
pools = st.builds(
    pool,
    ranges=st.lists(st.sampled_from([RANGE, {"subnet": "10.0.0.0/24", "gateway": "10.0.0.1"}]), min_size=1, max_size=1),
    selector=selectors,
    description=st.sampled_from(["", "lab"]),
)


@given(pools)
def test_what_was_made_shows_no_drift(inputs: IpPoolInputs) -> None:
    seen = snapshot(KIND, inputs, made(KIND, inputs, COUNTED))
    assert KIND.observe(KIND.ref(inputs), inputs, seen) == inputs
    imported = KIND.observe(KIND.ref(inputs), None, seen)
    assert (imported.ranges, imported.selector) == (inputs.ranges, inputs.selector)


@given(pools, pools)
def test_an_update_brings_any_pool_to_the_new_inputs(old: IpPoolInputs, new: IpPoolInputs) -> None:
    found = made(KIND, old, COUNTED)
    plan = KIND.update(old, new, snapshot(KIND, old, found))
    assert KIND.observe(KIND.ref(new), new, snapshot(KIND, new, applied(found, plan))) == new
    assert bool(plan.steps) == (old != new)


@pytest.mark.parametrize("broken", [{}, {"spec": None}, {"spec": {"ranges": 3, "selector": []}, "status": [], "metadata": 1}])
def test_an_object_of_unknown_shape_breaks_nothing(broken: dict[str, Json]) -> None:
    ref = Ref(KIND.api, "pool")
    assert KIND.observe(ref, None, Snapshot({ref: broken})).ranges == []
