"""Address pools and load balancers of the simulated control plane: who gets which address, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plane_objects import creating, obj, removing, updating, world

from harvester_local.admission.load_balancers import mutate_ip_pool, mutate_load_balancer, validate_ip_pool, validate_load_balancer
from harvester_local.admission.review import DeniedError, Request
from harvester_local.admission.world import World
from harvester_local.api import kinds
from harvester_local.api.objects import Obj
from harvester_local.model.addresses import ALL, next_address, pool_for, spans

EVERYBODY = {"scope": [{"project": ALL, "namespace": ALL, "guestCluster": ALL}]}


def pool(name: str = "pool", *, last: int = 12, first: int = 10, selector: Obj | None = None, status: Obj | None = None) -> Obj:
    ranges = [{"subnet": "10.0.0.0/24", "rangeStart": f"10.0.0.{first}", "rangeEnd": f"10.0.0.{last}", "gateway": "10.0.0.11"}]
    return obj(kinds.IP_POOL, name, spec={"ranges": ranges, "selector": selector or {}}, status=status or {})


def balancer(**spec: Any) -> Obj:
    listener = {"name": "web", "port": 80, "backendPort": 8080, "protocol": "TCP"}
    whole = {"ipam": "pool", "workloadType": "vm", "listeners": [listener], "backendServerSelector": {"a": ["b"]}, **spec}
    return obj(kinds.LOAD_BALANCER, "lb", spec=whole)


def refusal(check: Any, request: Request, where: World) -> str:
    with pytest.raises(DeniedError) as found:
        check(request, where)
    return found.value.message


def test_the_gateway_is_counted_out_and_never_given() -> None:
    found = pool()
    assert sum(span.total for span in spans(found)) == 2
    assert next_address(found, "a/b") is not None
    full = pool(status={"allocated": {"10.0.0.10": "a/x", "10.0.0.12": "a/y"}})
    assert next_address(full, "a/b") is None


def test_who_had_an_address_gets_it_again_and_others_get_the_next_after_the_last() -> None:
    found = pool(last=20, status={"lastAllocated": "10.0.0.12", "allocatedHistory": {"10.0.0.15": "a/b"}})
    assert next_address(found, "a/b")[0] == "10.0.0.15"  # type: ignore[index]  # there are free ones
    assert next_address(found, "a/c")[0] == "10.0.0.13"  # type: ignore[index]


@given(st.integers(2, 200), st.integers(1, 40))
def test_addresses_are_given_out_once_each_until_none_is_left(first: int, count: int) -> None:
    found, given_out = pool(first=first, last=first + count - 1), set()
    while (taken := next_address(found, f"a/{len(given_out)}")) is not None:
        assert taken[0] not in given_out
        given_out.add(taken[0])
        found["status"] = {"allocated": dict.fromkeys(given_out, "x"), "lastAllocated": taken[0]}
    assert len(given_out) == sum(span.total for span in spans(found))


def test_the_pool_with_the_highest_priority_that_matches_is_taken_and_the_global_one_last() -> None:
    where = {"scope": [{"namespace": "default"}]}
    low, high = pool("low", selector={**where, "priority": 1}), pool("high", selector={**where, "priority": 2})
    all_of_us = mutate_ip_pool(creating(pool("all", selector=EVERYBODY)), world())
    assert pool_for(balancer(), [low, all_of_us, high]) == high
    assert pool_for(balancer(), [pool("other", selector={"scope": [{"namespace": "x"}]}), all_of_us]) == all_of_us
    assert pool_for(balancer(), []) is None


def test_pools_that_overlap_are_refused() -> None:
    assert "overlap with other pools" in refusal(validate_ip_pool, creating(pool("b", first=12, last=14)), world(pool("a")))
    validate_ip_pool(creating(pool("b", first=13, last=14)), world(pool("a")))


def test_a_second_global_pool_is_refused() -> None:
    one = mutate_ip_pool(creating(pool("one", selector=EVERYBODY)), world())
    two = creating(pool("two", first=30, last=40, selector=EVERYBODY))
    assert "already a global IP pool: one" in refusal(validate_ip_pool, two, world(one))


@pytest.mark.parametrize(
    ("scope", "shown"),
    [
        (
            [{"namespace": "a"}, {"namespace": "b"}, {"namespace": "a"}],
            "{Project: Namespace:b GuestCluster:} {Project: Namespace:a GuestCluster:}",
        ),
        ([{"project": "p", "namespace": "a"}, {"project": ALL, "namespace": "a"}], "[{Project:p Namespace:a GuestCluster:} {Project:*"),
        ([*EVERYBODY["scope"], *EVERYBODY["scope"]], "[{Project:* Namespace:* GuestCluster:*} {"),
    ],
)
def test_a_pool_that_names_somebody_twice_is_refused(scope: list[Obj], shown: str) -> None:
    said = refusal(validate_ip_pool, creating(pool(selector={"priority": 5, "scope": scope})), world())
    assert said.startswith("Internal error occurred: can't create IP pool pool because selector {Priority:5 Network: Scope:[{")
    assert said.endswith("}]} is invalid: scope overlaps")
    assert shown in said


@pytest.mark.parametrize("scope", [[], [{"namespace": ALL}], [{"namespace": "a"}, {"namespace": "b"}, {"namespace": "a", "project": "p"}]])
def test_a_pool_whose_users_differ_is_taken(scope: list[Obj]) -> None:
    validate_ip_pool(creating(pool(selector={"scope": scope})), world())


@pytest.mark.parametrize(
    ("network", "why"),
    [
        ("lan", "invalid network lan"),
        ("a/b/c", "invalid network a/b/c"),
        ("default/gone", 'network-attachment-definitions.k8s.cni.cncf.io "gone" not found'),
    ],
)
def test_the_network_of_a_pool_is_one_that_exists(network: str, why: str) -> None:
    wanted = updating(pool(), pool(selector={"network": network}))
    assert refusal(mutate_ip_pool, wanted, world()) == f"Internal error occurred: can't update IP pool pool because {why}"


def test_a_pool_whose_addresses_are_in_use_is_neither_deleted_nor_cut_short() -> None:
    used = pool(status={"allocated": {"10.0.0.12": "a/b"}})
    assert "before releasing all" in refusal(validate_ip_pool, removing(used), world(used))
    shorter = {**pool(last=11), "status": used["status"]}
    assert "10.0.0.12 is excluded" in refusal(validate_ip_pool, updating(used, shorter), world(used))


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"listeners": []}, "at least one listener"),
        ({"healthCheck": {"port": 1}}, "not in listener backend port list"),
    ],
)
def test_a_load_balancer_that_upstream_refuses_is_refused(spec: Obj, text: str) -> None:
    assert text in refusal(validate_load_balancer, creating(balancer(**spec)), world())


def test_the_way_to_an_address_is_fixed() -> None:
    assert "can't change the IPAM" in refusal(validate_load_balancer, updating(balancer(), balancer(ipam="dhcp")), world())


def test_a_health_check_gets_its_defaults() -> None:
    stored = mutate_load_balancer(creating(balancer(healthCheck={"port": 8080, "periodSeconds": 7})), world())
    assert stored["spec"]["healthCheck"] == {
        "port": 8080, "periodSeconds": 7, "successThreshold": 2, "failureThreshold": 2, "timeoutSeconds": 1,
    }  # fmt: skip
