"""Address pools and load balancers, end to end.

kube-vip, which takes a reserved address into use, is part of the local Harvester. On a control plane without one, the
Services are answered from here.
"""

import threading
import uuid
from collections.abc import Iterator

import pytest
from declared import Entry, Estate, StackOf, declared, estate
from kubernetes.client.rest import ApiException
from target import Target, eventually

GROUP, VERSION = "loadbalancer.harvesterhci.io", "v1beta1"
LB = (GROUP, VERSION, "loadbalancers")


@pytest.fixture
def vip(target: Target) -> Iterator[None]:
    """Takes the addresses of Services into use where the cluster has nobody for it."""
    if target.local is not None:
        yield
        return
    over = threading.Event()

    def serve() -> None:
        while not over.wait(0.5):
            for service in target.core.list_namespaced_service(target.namespace).items:
                wanted, given = service.spec.load_balancer_ip, service.status.load_balancer.ingress
                if service.spec.type == "LoadBalancer" and wanted and (not given or given[0].ip != wanted):
                    body = {"status": {"loadBalancer": {"ingress": [{"ip": wanted}]}}}
                    target.core.patch_namespaced_service_status(service.metadata.name, target.namespace, body)

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def name(target: Target) -> Iterator[str]:
    """Names of pools begin with it: pools are in no namespace. What has it at the end is removed."""
    prefix = f"e2e{uuid.uuid4().hex[:6]}"
    yield prefix
    for pool in (each for each in pools(target) if each.startswith(prefix)):
        eventually(lambda pool=pool: removed(target, pool))


@pytest.fixture
def here(name: str, vip: None, target: Target, stack_of: StackOf) -> Estate:  # noqa: ARG001  stacks are destroyed before they end
    return estate(target, stack_of)


def pools(target: Target) -> list[str]:
    return [item["metadata"]["name"] for item in target.custom.list_cluster_custom_object(GROUP, VERSION, "ippools")["items"]]


def removed(target: Target, pool: str) -> bool:
    try:
        target.custom.delete_cluster_custom_object(GROUP, VERSION, "ippools", pool)
    except ApiException as error:
        return bool(error.status == 404)
    return False


def pool(name: str, subnet: str, last: int = 20) -> Entry:
    """A pool of one subnet that is this test's alone, as its name is."""
    block = f"10.{int(name[3:5], 16)}.{int(name[5:7], 16)}"
    spans = [{"subnet": f"{block}.{subnet}", "start": f"{block}.{int(subnet.split('/', maxsplit=1)[0]) + 2}", "end": f"{block}.{last}"}]
    return declared("IpPool", f"pool{subnet.split('/', maxsplit=1)[0]}", name=f"{name}-{subnet.split('/', maxsplit=1)[0]}", ranges=spans)


def balancer(pool_entry: str, **more: object) -> Entry:
    plain = {
        "ipam": "pool",
        "ip_pool": {"$of": f"{pool_entry}.id"},
        "listeners": [{"name": "web", "port": 80, "backend_port": 8080}],
        "backend_selector": {"app": ["web"]},
    }
    return declared("LoadBalancer", "lb", **{**plain, **more})


def test_a_load_balancer_from_its_pool_to_the_machine_behind_it_and_back(here: Estate, name: str) -> None:
    target = here.target
    one, two = pool(name, "0/25"), pool(name, "128/25", 140)
    machine = here.vm(labels={"app": "web", "tier": "front"})
    here.declare(one, two, balancer("pool0")).stack.up()
    first = target.get(LB, "lb")["status"]
    assert (first["allocatedAddress"]["ipPool"], first["address"]) == (f"{name}-0", first["allocatedAddress"]["ip"])
    here.stack.refresh_shows_no_drift()
    changed = balancer("pool128", health_check={"port": 8080}, backend_selector={"app": ["web", "api"], "tier": ["front"]})
    here.declare(one, two, changed, machine)
    assert "another pool means another address" in here.stack.preview("--diff")
    here.stack.up()
    found = target.get(LB, "lb")
    assert (found["status"]["allocatedAddress"]["ipPool"], found["spec"]["healthCheck"]["failureThreshold"]) == (f"{name}-128", 2)
    assert found["status"]["address"] != first["address"]
    eventually(lambda: len(target.get(LB, "lb")["status"].get("backendServers") or []) == 1)
    target.patch(LB, "lb", {"spec": {"healthCheck": {"periodSeconds": 9}}})
    here.stack.run("refresh", "--yes", "--skip-preview", "--suppress-progress")
    here.stack.up()
    assert target.get(LB, "lb")["spec"]["healthCheck"]["periodSeconds"] == 1
    here.stack.shows_no_change()
    here.stack.destroy()
    assert target.names(LB) == []
    assert not [each for each in pools(target) if each.startswith(name)]
