"""Load balancers: what can be balanced, which address is waited for, and that drift is seen in every field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_kinds import OWNER, applied, made, only_patch, reasons, snapshot, with_unknowns

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json
from harvester_provider.core.plan import Await, Patch
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready, Waiting
from harvester_provider.resources.load_balancer import KIND, LoadBalancerInputs

WEB = {"name": "web", "port": 80, "backend_port": 8080}
DNS = {"name": "dns", "port": 53, "backend_port": 53, "protocol": "UDP"}
PLACEHOLDER = "0.0.0.0"  # noqa: S104  what upstream writes while DHCP is asked, no address to listen on
WRITTEN: Json = {"metadata": {"annotations": {"loadbalancer.harvesterhci.io/namespace": "default"}}}
NO_BACKEND = {"type": "Ready", "status": "False", "message": "the load balancer has no running backend server"}


def balancer(**values: Any) -> LoadBalancerInputs:
    whole = {"name": "lb", "listeners": [WEB], "backend_selector": {"app": ["web"]}, "owner": OWNER, **values}
    return LoadBalancerInputs.model_validate(whole)


def addressed(pool: str, ip: str, address: str = "", **more: Json) -> Json:
    return {"status": {"allocatedAddress": {"ipPool": pool, "ip": ip, "gateway": "10.0.0.1"}, "address": address or ip, **more}}


def verdict(inputs: LoadBalancerInputs, *write_backs: Json) -> Any:
    seen = snapshot(KIND, inputs, made(KIND, inputs, *write_backs))
    waits = [step for step in KIND.settle(inputs, seen) if isinstance(step, Await)]
    return waits[0].judge(seen) if waits else Ready()


def test_the_defaults_of_a_health_check_are_those_of_harvester() -> None:
    inputs = balancer(health_check={"port": 8080})
    spec = made(KIND, inputs)["spec"]
    assert isinstance(spec, dict)
    assert spec["healthCheck"] == {"port": 8080, "successThreshold": 2, "failureThreshold": 2, "periodSeconds": 1, "timeoutSeconds": 1}


@pytest.mark.parametrize(
    ("values", "where", "text"),
    [
        ({"listeners": []}, "listeners", "at least one"),
        ({"backend_selector": {}}, "backendSelector", "which machines"),
        ({"backend_selector": {"app": []}}, "backendSelector", "which machines"),
        ({"ip_pool": "a"}, "ipPool", 'with ipam="pool" only'),
        ({"listeners": [WEB, {**WEB, "port": 81, "backend_port": 81}]}, "listeners", "the name web"),
        ({"listeners": [WEB, {**WEB, "name": "b", "backend_port": 81}]}, "listeners", "the port TCP 80"),
        ({"listeners": [WEB, {**WEB, "name": "b", "port": 81}]}, "listeners", "the backendPort TCP 8080"),
        ({"listeners": [{**WEB, "port": 70000}]}, "listeners[0].port", "70000 is no port"),
        ({"listeners": [{**WEB, "name": "Web_1"}]}, "listeners[0].name", "lower-case"),
        ({"health_check": {"port": 80}}, "healthCheck.port", "choose one of 8080"),
        ({"listeners": [DNS], "health_check": {"port": 53}}, "healthCheck.port", "TCP"),
    ],
)
def test_what_harvester_would_refuse_is_said_before(values: dict[str, Any], where: str, text: str) -> None:
    assert text in reasons(KIND, balancer(**values))[where]


def test_the_one_of_a_guest_cluster_needs_neither_listeners_nor_machines() -> None:
    assert reasons(KIND, balancer(workload_type="cluster", listeners=[], backend_selector={})) == {}


def test_values_that_are_not_known_yet_break_no_rule() -> None:
    for inputs in with_unknowns({"name": "lb", "listeners": [WEB], "backend_selector": {"app": ["web"]}}, LoadBalancerInputs):
        assert not KIND.check(inputs)


def test_it_is_ready_with_its_address_although_no_machine_runs_yet() -> None:
    inputs = balancer(ipam="pool", ip_pool="lab")
    assert isinstance(verdict(inputs), Waiting)
    assert verdict(inputs, addressed("lab", "10.0.0.5", conditions=[NO_BACKEND])) == Ready()


def test_the_address_of_another_pool_or_the_former_address_is_not_the_one_waited_for() -> None:
    inputs = balancer(ipam="pool", ip_pool="lab")
    assert isinstance(verdict(inputs, addressed("other", "10.0.0.5")), Waiting)
    assert verdict(inputs, addressed("lab", "10.0.0.9", "10.0.0.5")) == Waiting(
        "10.0.0.9 is reserved; kube-vip has not taken it into use yet"
    )


def test_an_exhausted_pool_is_named_while_waiting() -> None:
    said: Json = {"status": {"conditions": [{"type": "Ready", "status": "False", "message": "no IP addresses available"}]}}
    assert verdict(balancer(ipam="pool", ip_pool="lab"), said) == Waiting("it has no address of the pool lab: no IP addresses available")


def test_with_dhcp_the_placeholder_is_no_address() -> None:
    assert isinstance(verdict(balancer(), {"status": {"allocatedAddress": {"ip": PLACEHOLDER}, "address": ""}}), Waiting)
    assert verdict(balancer(), {"status": {"allocatedAddress": {"ip": PLACEHOLDER}, "address": "10.9.9.9"}}) == Ready()


def test_a_guest_clusters_address_is_the_one_that_is_reserved() -> None:
    inputs = balancer(ipam="pool", workload_type="cluster", listeners=[], backend_selector={})
    reserved: Json = {"status": {"allocatedAddress": {"ipPool": "lab", "ip": "10.0.0.7"}}}
    assert verdict(inputs, reserved) == Ready()
    assert KIND.outputs(inputs, snapshot(KIND, inputs, made(KIND, inputs, reserved)))["address"] == "10.0.0.7"


def test_the_outputs_say_who_is_behind_it_and_why_nobody_is() -> None:
    inputs = balancer(ipam="pool", ip_pool="lab")
    seen = snapshot(KIND, inputs, made(KIND, inputs, addressed("lab", "10.0.0.5", conditions=[NO_BACKEND])))
    assert KIND.outputs(inputs, seen) == {
        "address": "10.0.0.5", "allocatedFrom": "lab", "gateway": "10.0.0.1", "ready": False, "message": NO_BACKEND["message"],
    }  # fmt: skip


def test_another_pool_is_waited_for_and_another_health_check_is_not() -> None:
    old = balancer(ipam="pool", ip_pool="lab")
    seen = snapshot(KIND, old, made(KIND, old, addressed("lab", "10.0.0.5")))
    moved = KIND.update(old, balancer(ipam="pool", ip_pool="other"), seen)
    assert [type(step) for step in moved.steps] == [Patch, Await]
    assert moved.effect is Effect.LIVE
    probed = KIND.update(old, balancer(ipam="pool", ip_pool="lab", health_check={"port": 8080}), seen)
    assert [type(step) for step in probed.steps] == [Patch]


def test_where_the_address_comes_from_cannot_be_changed_in_place() -> None:
    plan = KIND.update(balancer(), balancer(ipam="pool"), snapshot(KIND, balancer(), made(KIND, balancer())))
    assert plan.replaces == ("ipam",)


def test_a_label_that_is_no_longer_selected_is_taken_out() -> None:
    old = balancer(backend_selector={"app": ["web"], "tier": ["a"]})
    plan = KIND.update(old, balancer(backend_selector={"app": ["web", "api"]}), snapshot(KIND, old, made(KIND, old)))
    assert only_patch(plan) == {"spec": {"backendServerSelector": {"tier": None, "app": ["web", "api"]}}}


DRIFT: list[tuple[str, Json, object]] = [
    ("listeners", {"listeners": []}, []),
    ("backend_selector", {"backendServerSelector": {"x": ["y"]}}, {"app": ["web"], "x": ["y"]}),
    ("health_check", {"healthCheck": None}, None),
    ("ip_pool", {"ipPool": "other"}, "other"),
    ("description", {"description": "changed"}, "changed"),
    ("ipam", {"ipam": "dhcp"}, "dhcp"),
    ("workload_type", {"workloadType": "cluster"}, "cluster"),
]


@pytest.mark.parametrize(("field", "change", "value"), DRIFT, ids=[name for name, _, _ in DRIFT])
def test_a_change_by_others_is_seen_in_every_field(field: str, change: Json, value: object) -> None:
    inputs = balancer(ipam="pool", ip_pool="lab", description="mine", health_check={"port": 8080})
    seen = snapshot(KIND, inputs, made(KIND, inputs, WRITTEN, {"spec": change}))
    assert getattr(KIND.observe(KIND.ref(inputs), inputs, seen), field) == value


checks = st.sampled_from([None, {"port": 8080}, {"port": 8080, "period_seconds": 9, "failure_threshold": 4}])
balancers = st.builds(
    balancer,
    listeners=st.sampled_from([[WEB], [WEB, DNS]]),
    backend_selector=st.dictionaries(st.sampled_from("ab"), st.lists(st.sampled_from("xy"), min_size=1), min_size=1, max_size=2),
    health_check=checks,
    description=st.sampled_from(["", "one"]),
    ip_pool=st.sampled_from(["lab", "other"]),
    ipam=st.just("pool"),
)


@given(balancers)
def test_what_was_made_shows_no_drift(inputs: LoadBalancerInputs) -> None:
    seen = snapshot(KIND, inputs, made(KIND, inputs, WRITTEN, addressed("lab", "10.0.0.5")))
    observed = KIND.observe(KIND.ref(inputs), inputs, seen)
    assert observed == inputs
    assert not KIND.update(observed, inputs, seen).steps


@given(balancers, balancers)
def test_an_update_brings_any_load_balancer_to_the_new_inputs(old: LoadBalancerInputs, new: LoadBalancerInputs) -> None:
    found = made(KIND, old, WRITTEN)
    plan = KIND.update(old, new, snapshot(KIND, old, found))
    assert KIND.observe(KIND.ref(new), new, snapshot(KIND, new, applied(found, plan))) == new


@pytest.mark.parametrize("broken", [{}, {"spec": None}, {"spec": {"listeners": 3, "healthCheck": []}, "status": [], "metadata": 1}])
def test_an_object_of_unknown_shape_breaks_nothing(broken: dict[str, Json]) -> None:
    ref = Ref(KIND.api, "lb", "default")
    assert KIND.observe(ref, None, Snapshot({ref: broken})).listeners == []
