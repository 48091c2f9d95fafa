"""What the error of a wait tells: the last events of everything that was waited for."""

import asyncio

import pytest
from fake_cluster import FakeCluster, Heard

from harvester_provider.core.errors import Unreachable, WaitFailed, WaitTimedOut
from harvester_provider.core.json import dig_str, dig_strings
from harvester_provider.core.plan import Await
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.engine.waiter import wait

MACHINE = Ref(Api("example.org", "v1", "machines", "Machine"), "m1", "default")
DISK = Ref(Api("example.org", "v1", "disks", "Disk"), "m1-root", "default")
EVENTS = Api("", "v1", "events", "Event")


def broken(_: Snapshot) -> Verdict:
    return Failed("it is broken", "mend it")


def happened(cluster: FakeCluster, number: int, kind: str, name: str, message: str, count: int = 1) -> None:
    of = {"kind": kind, "name": name}
    body = {"involvedObject": of, "reason": "Oops", "message": message, "count": count, "lastTimestamp": f"2026-01-01T00:00:{number:02}Z"}
    cluster.place(Ref(EVENTS, f"e{number}", "default"), body)


async def message(cluster: FakeCluster) -> str:
    with pytest.raises(WaitFailed) as error:
        await wait(cluster, Await(MACHINE, "running", (MACHINE, DISK), broken, 5), Heard())
    return str(error.value)


async def test_it_tells_the_last_events_of_the_object_and_of_what_it_needs_in_their_order() -> None:
    cluster = FakeCluster()
    for number in range(3):
        happened(cluster, number, "Machine", "m1", f"early {number}")
    happened(cluster, 3, "Disk", "m1-root", "no space", count=7)
    happened(cluster, 4, "Secret", "m1", "of another kind")
    happened(cluster, 5, "Machine", "m2", "of another machine")
    assert await message(cluster) == (
        "Machine default/m1: will not become running: it is broken "
        "(events: Oops: early 1; Oops: early 2; Oops: no space (7 times)). Next: mend it"
    )


async def test_events_that_cannot_be_read_hide_no_error() -> None:
    cluster = FakeCluster()
    cluster.refuse("list", Unreachable("no answer"), times=2)
    assert "it is broken. Next: mend it" in await message(cluster)


def phases(seen: Snapshot) -> Verdict:
    found = dig_strings(seen[MACHINE], "phases")
    return Waiting(f"{len(found)} machines are left", found)


@pytest.mark.looptime
async def test_each_machine_has_a_line_for_each_step_it_takes_and_the_end_names_all_that_are_left() -> None:
    cluster, heard = FakeCluster(), Heard()
    steps: list[dict[str, str]] = [{"a": "Pending", "b": "Pending"}, {"a": "Provisioned", "b": "Pending"}, {"b": "Pending"}]
    cluster.place(MACHINE, {"phases": steps.pop(0)})

    def judge(seen: Snapshot) -> Verdict:
        verdict = phases(seen)
        if steps:
            cluster.place(MACHINE, {"phases": steps.pop(0)})
        return verdict

    with pytest.raises(WaitTimedOut, match="1 machines are left:\n  b: Pending\nNext: "):
        await wait(cluster, Await(MACHINE, "running", (MACHINE,), judge, 5), heard)
    assert heard.steps == [
        "a: Pending", "b: Pending", "waiting until Machine default/m1 is running: 2 machines are left",
        "a: Provisioned", "waiting until Machine default/m1 is running: 2 machines are left",
        "a: done", "waiting until Machine default/m1 is running: 1 machines are left",
    ]  # fmt: skip


def restored(seen: Snapshot) -> Verdict:
    match said := dig_str(seen[MACHINE], "said"):
        case "":
            return Ready()
        case "working":
            return Waiting(said)
    return Failed(said, "mend it", retried=30)


STEP = Await(MACHINE, "restored", (MACHINE,), restored, 100)


@pytest.mark.looptime
async def test_an_error_of_before_is_no_end_while_the_cluster_may_try_again() -> None:
    cluster, heard = FakeCluster(), Heard()
    cluster.place(MACHINE, {"said": "damaged"})
    done = asyncio.create_task(wait(cluster, STEP, heard))
    await asyncio.sleep(29)
    cluster.place(MACHINE, {"said": "working"})
    await asyncio.sleep(60)
    cluster.place(MACHINE, {"said": ""})
    await done
    assert heard.steps[0] == "waiting until Machine default/m1 is restored: damaged (from before; it may pass)"


@pytest.mark.looptime
@pytest.mark.parametrize(("texts", "seconds"), [(["damaged"], 30), (["damaged", "other"], 1), (["working", "damaged"], 1)])
async def test_an_error_that_stays_or_is_new_ends_the_wait(texts: list[str], seconds: float) -> None:
    cluster = FakeCluster()
    done = asyncio.create_task(wait(cluster, STEP, Heard()))
    for text in texts:
        cluster.place(MACHINE, {"said": text})
        await asyncio.sleep(1)
    begin = asyncio.get_running_loop().time() - len(texts)
    with pytest.raises(WaitFailed, match=f"{texts[-1]}. Next: mend it"):
        await done
    assert asyncio.get_running_loop().time() - begin == pytest.approx(max(seconds, len(texts)))


@pytest.mark.looptime
@pytest.mark.parametrize("tries", [["no route", ""], ["no DNS", "no route", ""], ["no route"]])
async def test_the_last_trouble_is_told_at_the_end_also_while_the_next_try_runs(tries: list[str]) -> None:
    cluster = FakeCluster()
    cluster.place(MACHINE, {"trouble": tries.pop(0)})

    def judge(seen: Snapshot) -> Verdict:
        trouble = dig_str(seen.get(MACHINE), "trouble")
        if tries:
            cluster.place(MACHINE, {"trouble": tries.pop(0)})
        return Waiting(f"importing 0 %{', ' if trouble else ''}{trouble}", trouble=trouble)

    with pytest.raises(WaitTimedOut) as error:
        await wait(cluster, Await(MACHINE, "imported", (MACHINE,), judge, 5), Heard())
    assert str(error.value).count("no route") == 1
