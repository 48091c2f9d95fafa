"""What goes wrong, through both front ends: the same problems of inputs, refusals, failures, time-outs and answers, word for word."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import grpc.aio
import pytest
from fake_cluster import FakeCluster
from machine_room import MachineRoom
from pulumi.runtime.proto import provider_pb2
from rows import COMMON, MACHINE, ROWS, THINGS, Row, room
from small_engine import CallsOn, Dynamic, InitFailed, Plugin, plugin, shown
from test_small_kinds_lifecycle import FAILED, imported

from harvester_provider.core.errors import HarvesterError, InvalidInputs
from harvester_provider.frontends import functions
from harvester_provider.frontends.loop import Loop
from harvester_provider.frontends.native.values import decode, encode
from harvester_provider.resources.functions import FUNCTIONS
from harvester_provider.resources.virtual_machine import KIND as MACHINES

Begin = Callable[[FakeCluster, Row], Dynamic]


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Starts the dynamic provider of a row; its host ends with the test."""
    begun: list[Dynamic] = []

    def start(cluster: FakeCluster, row: Row) -> Dynamic:
        begun.append(Dynamic(cluster, row.kind, monkeypatch))
        return begun[-1]

    monkeypatch.setattr(MACHINES, "_suffix", lambda: "xxxxx")  # of the names of volumes: made up anew for each machine
    yield start
    for one in begun:
        one.host._loop.stop()


def given(row: Row, **change: Any) -> dict[str, Any]:
    """What the SDK hands to the dynamic provider."""
    return {"name": row.name, "owner": f"shop/dev/{row.name}", **row.inputs, **change}


@pytest.mark.parametrize("row", [row for name, row in ROWS.items() if name == row.kind], ids=lambda row: row.kind)
async def test_problems_of_inputs_are_the_same_for_each_kind(row: Row, begin: Begin) -> None:
    wrong = {"nonsense": 1, "labels": 5, "timeouts": {"create": "soon"}}
    dynamic = await asyncio.to_thread(begin(row.cluster(), row).provider.check, {}, given(row, **wrong))
    async with plugin(row.cluster(), row.kind, row.name) as one:
        _, failures = await one.check({}, {**row.inputs, **wrong})
    assert {failure.property: failure.reason for failure in dynamic.failures} == failures
    assert failures.keys() >= {"nonsense", "labels"}


@pytest.mark.parametrize(("kind", "inputs"), [("LinkMonitor", {"typeRule": ""}), ("PoorMansCluster", {"localPath": "", "multus": ""})])
async def test_an_empty_text_in_the_place_of_a_default_is_kept(kind: str, inputs: dict[str, str], begin: Begin) -> None:
    row = ROWS[kind]
    dynamic = await asyncio.to_thread(begin(row.cluster(), row).provider.check, {}, given(row, **inputs))
    async with plugin(row.cluster(), kind, row.name) as one:
        checked, _ = await one.check({}, {**row.inputs, **inputs})
        identity, state = await one.create(checked.values)
        assert (await one.diff(identity, state.values, checked.values)).changes == provider_pb2.DiffResponse.DIFF_NONE
    for values in (dynamic.inputs, checked.values, state.values):
        assert {name: values[name] for name in inputs} == inputs


REFUSED = {
    "a machine that must not stop": (
        Row("VirtualMachine", {**MACHINE, "updatePolicy": "live"}, {"cpu": 4}, MachineRoom, "vm1"), "cpu: ",
    ),
    "a template's version": (
        Row("VirtualMachineTemplateVersion", ROWS["VirtualMachineTemplateVersion"].inputs, {"description": "x"},
            ROWS["VirtualMachineTemplateVersion"].cluster), "a version never changes",
    ),
    "a guest cluster that would jump": (
        Row("GuestAccess", {"kubernetesVersion": "v1.33.1+rke2r1"}, {"kubernetesVersion": "v1.36.1+rke2r1"}, room()), "one minor",
    ),
    "a volume that would shrink": (Row("Volume", {"size": "2Gi"}, {"size": "1Gi"}, ROWS["Volume"].cluster), "size: "),
}  # fmt: skip
"""Changes that are refused at preview, and a part of the reason."""


@pytest.mark.parametrize(("row", "reason"), REFUSED.values(), ids=REFUSED)
async def test_a_refused_change_is_refused_with_the_same_words_and_touches_nothing(row: Row, reason: str, begin: Begin) -> None:
    cluster = row.cluster()
    one = begin(cluster, row)
    checked = await asyncio.to_thread(one.provider.check, {}, given(row))
    made = await asyncio.to_thread(one.provider.create, checked.inputs)
    news = (await asyncio.to_thread(one.provider.check, checked.inputs, given(row, **row.change))).inputs
    before = cluster.writes()
    assert made.id is not None
    with pytest.raises(HarvesterError, match=reason) as told:
        await asyncio.to_thread(one.provider.diff, made.id, one.state(made.outs), news)
    assert cluster.writes() == before
    async with plugin(row.cluster(), row.kind, row.name) as other:
        inputs, _ = await other.check({}, row.inputs)
        identity, state = await other.create(inputs.values)
        again, _ = await other.check(inputs.values, {**row.inputs, **row.change})
        with pytest.raises(grpc.aio.AioRpcError) as said:
            await other.diff(identity, state.values, again.values)
    assert said.value.details() == str(told.value)


class Importer(FakeCluster):
    """A cluster whose imports of images end as it is told."""

    def __init__(self, *statuses: dict[str, Any]) -> None:
        super().__init__()
        answers = list(statuses)
        self.on_write.append(lambda ref, body: self.place(ref, {**body, "status": answers.pop(0) if len(answers) > 1 else answers[0]}))

    def finish(self) -> None:
        for ref, body in list(self.objects.items()):
            self.place(ref, {**body, "status": imported()})


BROKEN = {"failed": 4, "conditions": [{"type": "RetryLimitExceeded", "status": "True", "message": FAILED}]}
UNFINISHED = {
    "failed": (lambda: Importer(BROKEN, imported()), {}, "404 status code"),
    "took too long": (lambda: Importer({"progress": 40}), {"timeouts": {"create": "0.3s"}}, "not imported after"),
}
"""Creates that end half-way, the patience of the first one, and a part of the reason."""


@pytest.mark.parametrize(("make", "patience", "reason"), UNFINISHED.values(), ids=UNFINISHED)
async def test_a_create_that_ended_half_way_is_told_and_finished_in_the_same_way(
    make: Callable[[], Importer], patience: dict[str, Any], reason: str, begin: Begin
) -> None:
    """The plugin keeps it in the state, the dynamic provider finds it by its mark: both write the same, and end in the same state."""
    row = Row("Image", {"url": "http://x/y.qcow2"}, {}, make)
    here, there = make(), make()
    one = begin(here, row)
    hasty, patient = [(await asyncio.to_thread(one.provider.check, {}, given(row, **more))).inputs for more in (patience, {})]
    with pytest.raises(HarvesterError, match=reason) as told:
        await asyncio.to_thread(one.provider.create, hasty)
    if patience:
        here.finish()
    made = await asyncio.to_thread(one.provider.create, patient)
    async with plugin(there, row.kind, row.name) as other:
        (first, _), (then, _) = [await other.check({}, {**row.inputs, **more}) for more in (patience, {})]
        with pytest.raises(InitFailed) as left:
            await other.create(first.values)
        if patience:
            there.finish()
        state = await other.update(left.value.id, left.value.state.values, then.values)
    assert str(left.value) == str(told.value)
    assert (left.value.id, state.values) == (made.id, shown(made.outs))
    assert here.writes() == there.writes()


QUESTIONS: dict[str, dict[str, Any]] = {
    "getCluster": {},
    "getImage": {"displayName": "leap"},
    "getKubeconfig": {"serviceAccount": "nobody"},
    "getNetwork": {"name": "vlan100"},
    "getNodes": {},
    "getStorageClass": {},
    "getVirtualMachine": {"name": "nobody"},
    "getVirtualMachines": {"labels": {"app": "web"}},
}


Outcome = tuple[str, Any]
"""What became of a question: its answer, the problems with it, or the words of an error."""


def by_program(name: str, args: dict[str, Any]) -> Outcome:
    """The question of a Python program, in its own process."""
    try:
        return "answer", functions.call(name, **args).wire()
    except InvalidInputs as error:
        return "problems", {problem.property: problem.reason for problem in error.problems}
    except HarvesterError as error:
        return "error", str(error)


async def by_engine(one: Plugin, name: str, args: dict[str, Any]) -> Outcome:
    """The question of a program in any language, by way of the engine."""
    try:
        found = await one.stub.Invoke(provider_pb2.InvokeRequest(tok=f"harvester:index:{name}", args=encode(args)))
    except grpc.aio.AioRpcError as error:
        return "error", error.details()
    if found.failures:
        return "problems", {failure.property: failure.reason for failure in found.failures}
    return "answer", decode(getattr(found, "return")).values


@pytest.mark.parametrize("name", FUNCTIONS)
async def test_a_function_gives_the_same_answer_and_the_same_problems(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, loop = MachineRoom(), Loop()
    cluster.place(THINGS["node"], COMMON["node"])
    monkeypatch.setattr(functions, "_running", (loop, CallsOn(cluster)))
    async with plugin(cluster, "Image") as one:
        for args, ends in ((QUESTIONS[name], {"answer", "problems"}), ({**QUESTIONS[name], "nonsense": 1}, {"problems"})):
            outcome = await by_engine(one, name, args)
            assert outcome == await asyncio.to_thread(by_program, name, args)
            assert outcome[0] in ends
    loop.stop()
