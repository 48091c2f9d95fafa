"""Schedules through all simulated controllers."""

from collections.abc import Callable

from backup_plane import Plane

from harvester_local.api import kinds
from harvester_local.api.objects import Key, Obj, is_true, part


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
