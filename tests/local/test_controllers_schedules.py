"""Schedules through all simulated controllers."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from backup_plane import Plane

from harvester_local.api import kinds
from harvester_local.api.objects import Key, Obj, condition, is_true, part
from harvester_local.controllers.schedules import Schedules

DAILY = Key("default", "daily")


async def test_a_schedule_runs_keeps_the_newest_and_stands_still_after_failures(plane: Plane) -> None:
    await plane.machine()
    spec = {
        "cron": "0 2 * * *",
        "retain": 2,
        "maxFailure": 1,
        "vmbackup": {"type": "snapshot", "source": {"kind": "VirtualMachine", "name": "vm"}},
    }
    await plane.create(kinds.SCHEDULE, {"metadata": {"name": "daily", "namespace": "default"}, "spec": spec})

    async def run(moment: str, until: Callable[[Obj], object], **marks: str) -> None:
        await plane.api.patch(
            kinds.SCHEDULE, Key("default", "daily"), {"metadata": {"annotations": {"local.harvester/run": moment, **marks}}}
        )
        await plane.until(kinds.SCHEDULE, "daily", until)

    def ready(count: int, moment: str) -> Callable[[Obj], object]:
        def holds(found: Obj) -> bool:
            info = part(found, "status").get("vmbackupInfo") or []
            return len(info) == count and all(each["readyToUse"] for each in info) and info[-1]["name"].endswith(moment)

        return holds

    await run("20260101.0200", ready(1, "0200"))
    await run("20260102.0200", ready(2, "0200"))
    await run("20260103.0200", ready(2, "20260103.0200"))
    await run("20260104.0200", lambda found: part(found, "status").get("failure") == 1, **{"local.harvester/fault": "disk-full"})
    await run("20260105.0200", lambda found: found["spec"].get("suspend") and is_true(found, "BackupSuspend"))


async def scheduled(plane: Plane, kind: str, **more: object) -> None:
    await plane.machine()
    spec = {
        "cron": "0 2 * * *",
        "retain": 3,
        "maxFailure": 2,
        "vmbackup": {"type": kind, "source": {"kind": "VirtualMachine", "name": "vm"}},
    }
    await plane.create(kinds.SCHEDULE, {"metadata": {"name": "daily", "namespace": "default"}, "spec": {**spec, **more}})


async def test_a_schedule_runs_when_its_time_comes_and_once_each_time(plane: Plane) -> None:
    clock = [datetime(2026, 3, 1, 1, 59, 30, tzinfo=UTC)]
    schedules = Schedules(plane.context, lambda: clock[0])
    await scheduled(plane, "snapshot")
    assert await schedules.reconcile(DAILY) == 30

    made: list[str] = []
    for day in (1, 2):
        clock[0] = datetime(2026, 3, day, 2, 0, tzinfo=UTC)
        assert await schedules.reconcile(DAILY) == 24 * 3600
        made.append(f"2026030{day}.0200")
        await plane.until(kinds.SCHEDULE, "daily", lambda found: [name[-13:] for name in ready(found)] == made)
        await schedules.reconcile(DAILY)
        assert len(list(plane.store.all(kinds.BACKUP))) == day


async def test_what_a_suspended_schedule_misses_is_not_made_up_for(plane: Plane) -> None:
    clock = [datetime(2026, 3, 1, 1, 59, 30, tzinfo=UTC)]
    schedules = Schedules(plane.context, lambda: clock[0])
    await scheduled(plane, "snapshot", suspend=True)
    await plane.until(kinds.SCHEDULE, "daily", lambda found: part(found, "status").get("suspended"))
    assert await schedules.reconcile(DAILY) == 30
    clock[0] = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
    assert await schedules.reconcile(DAILY) == 23.5 * 3600
    await plane.api.patch(kinds.SCHEDULE, DAILY, {"spec": {"suspend": False}})
    await plane.until(kinds.SCHEDULE, "daily", lambda found: not part(found, "status").get("suspended"))
    await schedules.reconcile(DAILY)
    assert not list(plane.store.all(kinds.BACKUP))


async def test_a_schedule_stands_still_while_the_target_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    async with Plane(tmp_path / "share").running(tmp_path / "work", interval=1) as plane:
        await scheduled(plane, "backup")
        plane.share.rename(tmp_path / "elsewhere")
        await plane.api.patch(kinds.SCHEDULE, DAILY, {"metadata": {"annotations": {"local.harvester/run": "20260101.0200"}}})
        found = await plane.until(kinds.SCHEDULE, "daily", lambda found: found["spec"].get("suspend"))
    said = condition(found, "BackupSuspend") or {}
    assert said["reason"] == "Longhorn Backup Not Synced"
    assert "usually caused by backup target not reachable" in said["message"]


def ready(schedule: Obj) -> list[str]:
    return [each["name"] for each in part(schedule, "status").get("vmbackupInfo") or [] if each.get("readyToUse")]
