"""How controllers are called, and what they see: the queue, its deadlines, the store. Time passes only as it is told to."""

import asyncio
import functools
from collections.abc import Iterable, Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plane_objects import obj

from harvester_local.api import kinds
from harvester_local.api.client import ApiError
from harvester_local.api.jitter import Jitter, Line
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Key, Obj, key_of
from harvester_local.api.store import Store
from harvester_local.controllers.runtime import Deadlines, Mapper, Runner, own_key

KEY = Key("default", "a")
pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]


class Notes:
    """A controller that notes when it is called; `answers` are what it returns or raises, in order."""

    def __init__(self, *answers: float | Exception | None) -> None:
        self.answers, self.calls = list(answers), list[float]()
        self.entered, self.gate = 0, asyncio.Event()
        self.gate.set()

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        return {kinds.MACHINE: own_key, kinds.VOLUME_CLAIM: lambda _: (KEY,)}

    async def reconcile(self, key: Key) -> float | None:
        assert key == KEY
        self.entered += 1
        await self.gate.wait()
        self.calls.append(asyncio.get_running_loop().time())
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


def started(controller: Notes, jitter: Jitter | None = None) -> tuple[Runner, Store]:
    runner, store = Runner([controller], jitter or Jitter()), Store()
    store.listen(runner.listen)
    return runner, store


def gaps(times: Iterable[float]) -> list[float]:
    return [round(later - earlier, 3) for earlier, later in pairwise(times)]


async def test_a_change_of_the_object_or_of_what_it_watches_is_one_call() -> None:
    controller = Notes()
    runner, store = started(controller)
    store.observe(kinds.MACHINE, obj(kinds.MACHINE, "a"))
    await asyncio.sleep(1)
    store.observe(kinds.VOLUME_CLAIM, obj(kinds.VOLUME_CLAIM, "disk"))
    await asyncio.sleep(1)
    store.observe(kinds.NODE, obj(kinds.NODE, "n"))
    await asyncio.sleep(1)
    assert len(controller.calls) == 2
    await runner.stop()


async def test_changes_during_a_call_are_one_more_call() -> None:
    controller = Notes()
    runner, store = started(controller)
    controller.gate.clear()
    for _ in range(5):
        store.observe(kinds.MACHINE, obj(kinds.MACHINE, "a"))
        await asyncio.sleep(0.1)
    assert controller.entered == 1
    controller.gate.set()
    await asyncio.sleep(1)
    assert controller.entered == 2
    await runner.stop()


async def test_a_controller_is_called_again_when_it_asked_to_be() -> None:
    controller = Notes(30.0, 5.0, None)
    runner, store = started(controller)
    store.observe(kinds.MACHINE, obj(kinds.MACHINE, "a"))
    await asyncio.sleep(100)
    assert gaps(controller.calls) == [30.0, 5.0]
    await runner.stop()


async def test_a_change_comes_before_a_deadline() -> None:
    controller = Notes(30.0, None)
    runner, store = started(controller)
    store.observe(kinds.MACHINE, obj(kinds.MACHINE, "a"))
    await asyncio.sleep(1)
    store.observe(kinds.MACHINE, obj(kinds.MACHINE, "a"))
    await asyncio.sleep(100)
    assert gaps(controller.calls) == [1.0]
    await runner.stop()


async def test_failures_are_tried_again_with_growing_pauses() -> None:
    conflict = ApiError(409, "Conflict", "the object has been modified")
    controller = Notes(conflict, RuntimeError("a bug"), conflict, None)
    runner, store = started(controller)
    store.observe(kinds.MACHINE, obj(kinds.MACHINE, "a"))
    await asyncio.sleep(100)
    assert gaps(controller.calls) == [0.05, 0.1, 0.2]
    await runner.stop()


async def test_nothing_is_called_after_the_end() -> None:
    controller = Notes(5.0, None)
    runner, store = started(controller)
    store.observe(kinds.MACHINE, obj(kinds.MACHINE, "a"))
    await asyncio.sleep(1)
    await runner.stop()
    store.observe(kinds.MACHINE, obj(kinds.MACHINE, "a"))
    await asyncio.sleep(100)
    assert len(controller.calls) == 1


async def test_a_deadline_starts_with_the_first_question() -> None:
    deadlines = Deadlines()
    assert deadlines.remaining("uid", "boot", 10) == 10
    await asyncio.sleep(4)
    assert deadlines.remaining("uid", "boot", 10) == pytest.approx(6)
    await asyncio.sleep(7)
    assert deadlines.remaining("uid", "boot", 10) == 0
    deadlines.clear("uid")
    assert deadlines.remaining("uid", "boot", 10) == 10


async def test_with_jitter_a_controller_is_called_late_and_once_for_what_happens_meanwhile() -> None:
    controller = Notes()
    runner, store = started(controller, Jitter(10, seed=1))
    began = asyncio.get_running_loop().time()
    for _ in range(3):
        store.observe(kinds.MACHINE, obj(kinds.MACHINE, "a"))
    await asyncio.sleep(10)
    (called,) = controller.calls
    assert began < called < began + 10
    await runner.stop()


async def test_with_jitter_the_changes_of_one_kind_keep_their_order_and_those_of_two_mix() -> None:
    orders = []
    for seed in (1, 1, 2):
        jitter, came = Jitter(10, seed), list[str]()
        lines = {kind: Line(jitter, kind) for kind in "ab"}
        for number in range(20):
            for kind, line in lines.items():
                line.put(functools.partial(came.append, f"{kind}{number}"))
        await asyncio.sleep(10)
        for kind in "ab":
            assert [each for each in came if each[0] == kind] == [f"{kind}{number}" for number in range(20)]
        orders.append(came)
    assert orders[0] == orders[1] != orders[2]


async def test_without_jitter_nothing_waits() -> None:
    came = list[str]()
    Line(Jitter(), "a").put(lambda: came.append("at once"))
    assert came == ["at once"]


# The store ----------------------------------------------------------------------------------------------------------


def version(number: int, uid: str = "u", **meta: object) -> Obj:
    return obj(kinds.MACHINE, "a", metadata={"uid": uid, "resourceVersion": str(number), **meta})


async def test_an_older_version_never_replaces_a_newer_one() -> None:
    store = Store()
    store.observe(kinds.MACHINE, version(5))
    store.observe(kinds.MACHINE, version(4))
    found = store.get(kinds.MACHINE, KEY)
    assert found is not None
    assert found["metadata"]["resourceVersion"] == "5"


async def test_a_deleted_object_does_not_come_back_by_a_late_answer() -> None:
    store = Store()
    store.observe(kinds.MACHINE, version(5))
    store.forget(kinds.MACHINE, version(6))
    store.observe(kinds.MACHINE, version(7))
    assert store.get(kinds.MACHINE, KEY) is None
    store.observe(kinds.MACHINE, version(8, uid="new"))
    assert store.get(kinds.MACHINE, KEY) is not None


async def test_an_object_without_its_last_finalizer_is_gone() -> None:
    store = Store()
    store.observe(kinds.MACHINE, version(5, deletionTimestamp="now", finalizers=["x"]))
    assert store.get(kinds.MACHINE, KEY) is not None
    store.observe(kinds.MACHINE, version(6, deletionTimestamp="now"))
    assert store.get(kinds.MACHINE, KEY) is None


async def test_what_a_list_does_not_hold_has_gone() -> None:
    store = Store()
    store.observe(kinds.MACHINE, version(5))
    store.settle(kinds.MACHINE, [obj(kinds.MACHINE, "b")])
    assert [key_of(o).name for o in store.all(kinds.MACHINE)] == ["b"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", None]))))
async def test_an_index_is_what_a_search_would_find(steps: list[tuple[str, str | None]]) -> None:
    store = Store()
    index = store.index(kinds.MACHINE, lambda o: (o["spec"]["word"],))
    for name, word in steps:
        known = store.get(kinds.MACHINE, Key("default", name))
        if word is not None:
            uid = known["metadata"]["uid"] if known else f"{name}-{len(steps)}-{id(store)}"
            fresh = obj(kinds.MACHINE, name, spec={"word": word})
            fresh["metadata"]["uid"] = uid if known else fresh["metadata"]["uid"]
            store.observe(kinds.MACHINE, fresh)
        elif known is not None:
            store.forget(kinds.MACHINE, known)
        for wanted in "xy":
            assert store.find(index, wanted) == sorted((o for o in store.all(kinds.MACHINE) if o["spec"]["word"] == wanted), key=key_of)
