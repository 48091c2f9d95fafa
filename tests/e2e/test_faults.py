"""A cluster that falters: what passes by itself is waited out, what does not is an error, and never is a resource forgotten.

Faults are asked of the local Harvester's front door, so that these cases run on it alone.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from declared import Estate, StackOf, declared, disk, estate
from fault_injection import settings
from fault_matrix import connecting
from fault_rows import HASTY
from target import VM, Target

from harvester_provider.core.errors import HarvesterError
from harvester_provider.engine.reporter import Silent
from harvester_provider.frontends.calls import Calls
from harvester_provider.kube.client import Patience

WEBHOOK_DOWN = 'Internal error occurred: failed calling webhook "validator.harvesterhci.io": connect: connection refused'
PASSING: dict[str, dict[str, Any]] = {
    "too many requests": {"answer": 429},
    "a webhook that restarts": {"answer": 500, "message": WEBHOOK_DOWN},
    "an API server that restarts": {"answer": 503},
    "a gateway that finds nobody": {"answer": 502},
    "connection reset": {"answer": "reset"},
    "answer cut off": {"answer": "truncate"},
    "answer lost": {"answer": "lost"},
    "credentials that are renewed": {"answer": 401, "times": 1},
}
LASTING: dict[str, tuple[dict[str, Any], str]] = {
    "forbidden": ({"answer": 403, "message": "the user may not do this"}, "ask for the permission, or use other credentials"),
    "something else that says not found": ({"answer": 404}, "is it a Harvester"),
    "no credentials": ({"answer": 401}, "get a new kubeconfig or token"),
}
WAITED_FOR: dict[str, tuple[dict[str, Any], str]] = {
    "error of the server": ({"answer": 500}, "an error on the server has prevented the request from succeeding"),
    "no JSON": ({"answer": "truncate"}, "no answer from"),
}
BRIEF = Patience(later=1.0)
"""A program waits a minute and a half for a cluster that answered before."""


@pytest.fixture
def here(simulated: Target, stack_of: StackOf) -> Estate:
    return estate(simulated, stack_of)


@contextmanager
def faltering(target: Target, method: str, **fault: Any) -> Iterator[None]:
    """The next two calls of that method to the test's namespace fail, or as `fault` says."""
    with target.fault(**{"method": method, "path": f"/namespaces/{target.namespace}/", "times": 2, **fault}):
        yield


@asynccontextmanager
async def calling(target: Target, patience: Patience) -> AsyncIterator[Calls]:
    """The verbs as a front end calls them, below the CLI."""
    calls = connecting(settings(target))(patience)
    try:
        yield calls
    finally:
        await calls.close()


def data(target: Target) -> dict[str, Any]:
    """The inputs of a CloudInit."""
    return {"name": "data", "namespace": target.namespace, "owner": "faults/dev/data", "userData": "#cloud-config\npackages: [git]\n"}


def program(here: Estate, vlan: int) -> Estate:
    """A machine with a NIC; another VLAN stops, changes and starts it."""
    nets = [declared("VlanNetwork", f"vlan{number}", cluster_network="mgmt", vlan_id=number) for number in (7, 8)]
    nics = [{"name": "nic", "network": {"$of": f"vlan{vlan}.id"}}]
    cloud_init = {"user_data": "#cloud-config\npackages: [git]\n"}
    return here.declare(*nets, here.vm(disks=[disk("root", on_delete="delete")], network_interfaces=nics, cloud_init=cloud_init))


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_what_passes_is_waited_out_by_every_command(here: Estate, fault: dict[str, Any]) -> None:
    with faltering(here.target, "POST", **fault):
        program(here, 7).stack.up()
    macs, claims = here.macs(), here.claims()
    with faltering(here.target, "PATCH", **fault):
        program(here, 8).stack.up()
    assert (here.macs(), here.claims(), here.target.names(VM)) == (macs, claims, ["vm"])
    assert here.object()["spec"]["template"]["spec"]["networks"][0]["multus"]["networkName"].endswith("/vlan8")
    with faltering(here.target, "GET", **fault):
        here.stack.refresh_shows_no_drift()
    with faltering(here.target, "DELETE", **fault):
        here.stack.destroy()
    assert here.target.leftovers() == []


def test_a_lost_lock_is_taken_again(here: Estate) -> None:
    program(here, 7).stack.up()
    with faltering(here.target, "PATCH", answer=409):
        program(here, 8).stack.up()
    assert here.object()["spec"]["template"]["spec"]["networks"][0]["multus"]["networkName"].endswith("/vlan8")
    with faltering(here.target, "DELETE", answer=409):
        here.stack.destroy()
    assert here.target.leftovers() == []


async def test_a_call_that_is_never_answered_is_made_again(simulated: Target) -> None:
    async with calling(simulated, HASTY) as calls:
        with faltering(simulated, "POST", answer="hang", times=1):
            made = await calls.create("CloudInit", data(simulated), Silent())
        found = await calls.read("CloudInit", made.id, made.state)
    assert found is not None
    assert (found.inputs, simulated.secrets()) == (made.inputs, ["data"])


@pytest.mark.parametrize(("fault", "says"), WAITED_FOR.values(), ids=WAITED_FOR.keys())
async def test_a_read_that_does_not_stop_failing_is_an_error_and_never_a_resource_that_is_gone(
    simulated: Target, fault: dict[str, Any], says: str
) -> None:
    async with calling(simulated, BRIEF) as calls:
        made = await calls.create("CloudInit", data(simulated), Silent())
        with faltering(simulated, "GET", **fault, times=0), pytest.raises(HarvesterError, match=says):
            await calls.read("CloudInit", made.id, made.state)
        assert await calls.read("CloudInit", made.id, made.state)


def test_a_read_that_fails_keeps_every_resource_in_the_state(here: Estate) -> None:
    program(here, 7).stack.up()
    before = sorted(here.stack.resources())
    for name, (fault, says) in LASTING.items():
        with faltering(here.target, "GET", **fault, times=0):
            output = here.stack.fails("refresh", "--yes", "--skip-preview", "--suppress-progress")
        assert says in output, name
        assert sorted(here.stack.resources()) == before, name
    here.stack.refresh_shows_no_drift()
    here.stack.shows_no_change()


def test_what_may_not_be_made_is_an_error_and_goes_on_once_it_may(here: Estate) -> None:
    with faltering(here.target, "POST", answer=403, times=0, message="the user may not do this"):
        output = program(here, 7).stack.fails("up", "--yes", "--skip-preview")
    assert "ask for the permission, or use other credentials" in output
    assert here.target.leftovers() == []
    here.stack.up()
    here.stack.shows_no_change()
