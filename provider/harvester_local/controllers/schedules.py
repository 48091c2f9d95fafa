"""ScheduleVMBackup: backups when it is told to, the list of them, the oldest going, and standing still after failures.

Nothing waits for hours here: the annotation `local.harvester/run`, each time it has another value, is the moment that the
cron expression means. Upstream: pkg/controller/master/schedulevmbackup in Harvester v1.8.
"""

from collections.abc import Iterable, Mapping

from harvester_local.api.kinds import BACKUP, SCHEDULE, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, labels, part
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.saved import SCHEDULE_ID, SCHEDULE_TIME, SCHEDULE_UID, error_of, is_ready

RUN = "local.harvester/run"
TOO_MANY, BY_HAND = "Reach Max Failure", "Proactive Schedule Suspend"


class Schedules:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Schedules, and what they have made."""
        return {SCHEDULE: own_key, BACKUP: _schedule_of}

    async def reconcile(self, key: Key) -> float | None:
        """Suspend or resume, run when told to, tidy up, report."""
        schedule = self._context.store.get(SCHEDULE, key)
        if schedule is None or deleting(schedule):
            return None
        made = self._made(schedule)
        failures = _failures(made)
        if bool(schedule["spec"].get("suspend")) != bool(part(schedule, "status").get("suspended")):
            await self._follow(schedule, made, failures)
            return 0.0
        if not schedule["spec"].get("suspend") and self._is_told(schedule, made):
            if failures >= schedule["spec"]["maxFailure"]:
                text = f"failure backups {failures} reach max tolerance {schedule['spec']['maxFailure']}"
                await self._suspend(schedule, TOO_MANY, text)
                return 0.0
            await self._run(schedule)
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
        return None

    def _made(self, schedule: Obj) -> list[Obj]:
        """What it has made, the oldest first."""
        found = self._context.store.all(BACKUP, schedule["metadata"]["namespace"])
        mine = [each for each in found if labels(each).get(SCHEDULE_UID) == schedule["metadata"]["uid"] and not deleting(each)]
        return sorted(mine, key=lambda each: str(labels(each).get(SCHEDULE_TIME, "")))

    def _is_told(self, schedule: Obj, made: list[Obj]) -> bool:
        moment = annotations(schedule).get(RUN)
        return (
            bool(moment)
            and moment not in {labels(each).get(SCHEDULE_TIME) for each in made}
            and all(is_ready(e) or error_of(e) for e in made)
        )

    async def _run(self, schedule: Obj) -> None:
        meta, moment = schedule["metadata"], annotations(schedule)[RUN]
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


def _failures(made: list[Obj]) -> int:
    count = 0
    for each in made:
        count = 0 if is_ready(each) else count + bool(error_of(each))
    return count


def _schedule_of(backup: Obj) -> Iterable[Key]:
    name = annotations(backup).get(SCHEDULE_ID)
    return (Key.parse(name),) if name else ()
