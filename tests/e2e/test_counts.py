"""How many requests, streams and threads work costs: figures that do not depend on the speed of the machine."""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, Self

import aiohttp
from target import Target

from harvester_local.api.client import client_tls
from harvester_provider.engine.reporter import Silent
from harvester_provider.frontends.calls import Calls
from harvester_provider.resources.provider import ProviderSettings

FEW, MANY = 8, 16
Values = dict[str, Any]


class Counted:
    """A provider process of its own on the cluster, whose requests are counted at the front door."""

    def __init__(self, target: Target) -> None:
        assert target.local
        self._local = target.local
        self.calls = Calls(ProviderSettings(kubeconfig=target.kubeconfig, endpoint=target.endpoint))
        self.seen: list[Mapping[str, Any]] = []

    async def __aenter__(self) -> Self:
        await self._recorder("DELETE")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.seen = (await self._recorder("GET"))["requests"]
        await self.calls.close()

    async def _recorder(self, method: str) -> Any:
        head = {"Authorization": f"Bearer {self._local.tokens['admin']}"}
        async with aiohttp.ClientSession(headers=head) as session:
            url = f"{self._local.endpoint}/local/requests"
            async with session.request(method, url, ssl=client_tls(self._local.ca)) as answer:
                return await answer.json()

    @property
    def requests(self) -> int:
        return sum(entry["count"] for entry in self.seen)

    @property
    def streams(self) -> Mapping[str, int]:
        """How many watches of each path."""
        return {entry["path"]: entry["count"] for entry in self.seen if entry["method"] == "WATCH"}


def machine(number: int, namespace: str, **others: object) -> Values:
    disks = [{"name": "root", "size": "1Gi"}]
    return {
        "name": f"vm-{number}",
        "namespace": namespace,
        "owner": f"counts/dev/vm-{number}",
        "memory": "256Mi",
        "runStrategy": "Halted",
        "disks": disks,
        **others,
    }


async def made(target: Target, count: int) -> list[tuple[str, Values]]:
    async with Counted(target) as here:
        checked = [await here.calls.check("VirtualMachine", {}, machine(number, target.namespace), Silent()) for number in range(count)]
        found = await asyncio.gather(*(here.calls.create("VirtualMachine", dict(each.inputs), Silent()) for each in checked))
    return [(each.id, dict(each.state)) for each in found]


async def test_what_is_only_looked_at_costs_the_same_for_few_and_for_many(simulated: Target) -> None:
    machines = await made(simulated, MANY)
    costs = []
    for count in (FEW, MANY):
        async with Counted(simulated) as here:
            threads = threading.active_count()
            await asyncio.gather(*(here.calls.read("VirtualMachine", identity, state) for identity, state in machines[:count]))
            assert threading.active_count() == threads
        costs.append(here)
    few, many = costs
    # a list and a watch more where the server ended a stream, but none for each object
    assert many.requests < few.requests + MANY - FEW, (few.seen, many.seen)


async def test_many_that_boot_are_waited_for_by_the_streams_of_a_few(simulated: Target) -> None:
    costs = []
    for numbers in (range(FEW), range(FEW, FEW + MANY)):
        async with Counted(simulated) as here:
            given = [machine(number, simulated.namespace, runStrategy="Always") for number in numbers]
            checked = [await here.calls.check("VirtualMachine", {}, each, Silent()) for each in given]
            await asyncio.gather(*(here.calls.create("VirtualMachine", dict(each.inputs), Silent()) for each in checked))
        costs.append(here.streams)
    few, many = costs
    assert few
    assert few.keys() == many.keys()
    assert max(*few.values(), *many.values()) < FEW, "one of each path, and another one where the server ended a stream"


async def test_what_does_not_change_costs_no_request(simulated: Target) -> None:
    machines = await made(simulated, 2)
    async with Counted(simulated) as here:
        for number, (identity, state) in enumerate(machines):
            inputs = (await here.calls.check("VirtualMachine", state, machine(number, simulated.namespace), Silent())).inputs
            assert not (await here.calls.diff("VirtualMachine", identity, state, inputs, Silent())).changed
    assert here.seen == []


async def test_what_the_stream_does_not_show_is_gone_only_when_the_server_says_so(simulated: Target) -> None:
    (identity, state), *others = await made(simulated, FEW)
    async with Counted(simulated) as here:
        await asyncio.gather(*(here.calls.read("VirtualMachine", other, its) for other, its in others))
        await here.calls.delete("VirtualMachine", identity, state, Silent())
        assert await here.calls.read("VirtualMachine", identity, state) is None
        (again,) = await made(simulated, 1)
        assert again[0] == identity
        assert await here.calls.read("VirtualMachine", *again) is not None


async def test_one_change_among_many_writes_to_one_object(simulated: Target) -> None:
    machines = await made(simulated, FEW)
    async with Counted(simulated) as here:
        for number, (identity, state) in enumerate(machines):
            news = machine(number, simulated.namespace) | ({"description": "changed"} if number == 3 else {})
            inputs = (await here.calls.check("VirtualMachine", state, news, Silent())).inputs
            if (await here.calls.diff("VirtualMachine", identity, state, inputs, Silent())).changed:
                await here.calls.update("VirtualMachine", identity, state, inputs, Silent())
    writes = [entry for entry in here.seen if entry["method"] not in {"GET", "WATCH"}]
    assert [(entry["method"], entry["path"].rpartition("/")[0].rpartition("/")[2], entry["count"]) for entry in writes] == [
        ("PATCH", "virtualmachines", 1)
    ]
