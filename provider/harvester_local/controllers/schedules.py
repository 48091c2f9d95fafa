"""ScheduleVMBackup: backups when their time comes, the list of them, the oldest going, and standing still after failures.

Nobody has to wait for hours: the annotation `local.harvester/run`, each time it has another value, is a moment at which it
runs, too. Upstream: pkg/controller/master/schedulevmbackup in Harvester v1.8.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from harvester_local.api.kinds import BACKUP, LONGHORN_TARGET, SCHEDULE, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, items, key_of, labels, part
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.cron import next_runs
from harvester_local.model.saved import SCHEDULE_ID, SCHEDULE_TIME, SCHEDULE_UID, error_of, is_ready

RUN = "local.harvester/run"
TOO_MANY, BY_HAND, NO_TARGET = "Reach Max Failure", "Proactive Schedule Suspend", "Longhorn Backup Not Synced"
_TIME = "%Y%m%d.%H%M"


class Schedules:
    """The controller."""

    def __init__(self, context: Context, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._context, self._clock = context, clock
        self._next: dict[tuple[str, str], datetime] = {}

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Schedules, what they have made, and whether the target answers."""
        return {SCHEDULE: own_key, BACKUP: _schedule_of, LONGHORN_TARGET: self._all}

    async def reconcile(self, key: Key) -> float | None:
        """Suspend or resume, run when it is time, tidy up, report; seconds until it runs again."""
        schedule = self._context.store.get(SCHEDULE, key)
        if schedule is None or deleting(schedule):
            return None
        made = self._made(schedule)
        failures = _failures(made)
        if bool(schedule["spec"].get("suspend")) != bool(part(schedule, "status").get("suspended")):
            await self._follow(schedule, made, failures)
            return 0.0
        if schedule["spec"].get("suspend"):
            self._next.pop(_identity(schedule), None)  # what is missed meanwhile is not made up for
        else:
            if stuck := self._stuck(made):
                await self._suspend(schedule, NO_TARGET, stuck)
                return 0.0
            if moment := self._moment(schedule, made):
                if failures >= schedule["spec"]["maxFailure"]:
                    text = f"failure backups {failures} reach max tolerance {schedule['spec']['maxFailure']}"
                    await self._suspend(schedule, TOO_MANY, text)
                    return 0.0
                await self._run(schedule, moment)
        await self._tidy(schedule, made)
        listed = [
            {"name": each["metadata"]["name"], "readyToUse": is_ready(each), "error": part(each, "status").get("error")} for each in made
        ]
        status = {
            "vmbackupInfo": [{name: value for name, value in each.items() if value is not None} for each in listed],
            "failure": failures,
        }
        if any(part(schedule, "status").get(name) != value for name, value in status.items()):
            await self._context.api.patch_status(SCHEDULE, key, status)
        left = (self._following(schedule) - self._clock()).total_seconds()
        return left if left > 0 else None  # one that is due waits for the end of the last one, which is a change

    def _all(self, _: Obj) -> Iterable[Key]:
        return [key_of(each) for each in self._context.store.all(SCHEDULE)]

    def _made(self, schedule: Obj) -> list[Obj]:
        """What it has made, the oldest first."""
        found = self._context.store.all(BACKUP, schedule["metadata"]["namespace"])
        mine = [each for each in found if labels(each).get(SCHEDULE_UID) == schedule["metadata"]["uid"] and not deleting(each)]
        return sorted(mine, key=lambda each: str(labels(each).get(SCHEDULE_TIME, "")))

    def _moment(self, schedule: Obj, made: list[Obj]) -> str:
        """The moment for a further one, asked for or by the clock; empty before it, and while the last one is not finished."""
        asked, following = annotations(schedule).get(RUN, ""), self._following(schedule)
        due = following.strftime(_TIME) if following <= self._clock() else ""
        busy = not all(is_ready(each) or error_of(each) for each in made)
        done = {labels(each).get(SCHEDULE_TIME) for each in made}
        moment = "" if busy else next((each for each in (asked, due) if each and each not in done), "")
        if due and (moment == due or due in done):
            self._next.pop(_identity(schedule))
        return moment

    def _following(self, schedule: Obj) -> datetime:
        """When the cron expression comes next, as seen from when it was looked at first or ran last."""
        identity = _identity(schedule)
        if identity not in self._next:
            self._next[identity] = next(next_runs(schedule["spec"]["cron"], self._clock()), datetime.max.replace(tzinfo=UTC))
        return self._next[identity]

    def _stuck(self, made: list[Obj]) -> str:
        """Why the last one failed where that is because the target does not answer, which holds up all that follow."""
        target = self._context.store.get(LONGHORN_TARGET, Key("longhorn-system", "default"))
        if not made or part(target, "status").get("available") is not False or made[-1]["spec"].get("type") == "snapshot":
            return ""
        started = next((each for each in items(made[-1], "status", "volumeBackups") if each.get("longhornBackupName")), None)
        if not error_of(made[-1]) or started is None:
            return ""
        return (
            f"vmbackup {key_of(made[-1])} vb {started['name']} in error state but lhbackup {started['longhornBackupName']} still in "
            "processing, usually caused by backup target not reachable"
        )

    async def _run(self, schedule: Obj, moment: str) -> None:
        meta = schedule["metadata"]
        marks = {name: text for name, text in annotations(schedule).items() if name == "local.harvester/fault"}
        backup = {
            "name": f"svmb-{meta['uid']}-{moment}",
            "namespace": meta["namespace"],
            "annotations": {SCHEDULE_ID: f"{meta['namespace']}/{meta['name']}", **marks},
            "labels": {SCHEDULE_UID: meta["uid"], SCHEDULE_TIME: moment},
        }
        await self._context.api.ensure(BACKUP, {"metadata": backup, "spec": schedule["spec"]["vmbackup"]})

    async def _tidy(self, schedule: Obj, made: list[Obj]) -> None:
        """Delete what is too much once the last one has succeeded: those that failed first, then the oldest."""
        if not made or not is_ready(made[-1]):
            return
        failed = [each for each in made if error_of(each)]
        doomed = [*failed, *(each for each in made if each not in failed)][: max(0, len(made) - schedule["spec"]["retain"])]
        for each in doomed:
            await self._context.api.delete(BACKUP, Key(each["metadata"]["namespace"], each["metadata"]["name"]))

    async def _follow(self, schedule: Obj, made: list[Obj], failures: int) -> None:
        """A person has suspended or resumed it. What failed goes before it runs again."""
        if schedule["spec"].get("suspend"):
            await self._suspend(schedule, BY_HAND, BY_HAND)
            return
        if failures >= schedule["spec"]["maxFailure"]:
            for each in (each for each in made if error_of(each)):
                await self._context.api.delete(BACKUP, Key(each["metadata"]["namespace"], each["metadata"]["name"]))
        status = {"suspended": False, "conditions": rancher(schedule, "BackupSuspend", "False")}
        await self._context.api.patch_version(SCHEDULE, schedule, {"status": status})

    async def _suspend(self, schedule: Obj, reason: str, message: str) -> None:
        status = {"suspended": True, "conditions": rancher(schedule, "BackupSuspend", "True", reason=reason, message=message)}
        await self._context.api.patch_version(SCHEDULE, schedule, {"spec": {"suspend": True}, "status": status})


def _identity(schedule: Obj) -> tuple[str, str]:
    """Another expression begins anew."""
    return schedule["metadata"]["uid"], schedule["spec"]["cron"]


def _failures(made: list[Obj]) -> int:
    count = 0
    for each in made:
        count = 0 if is_ready(each) else count + bool(error_of(each))
    return count


def _schedule_of(backup: Obj) -> Iterable[Key]:
    name = annotations(backup).get(SCHEDULE_ID)
    return (Key.parse(name),) if name else ()
