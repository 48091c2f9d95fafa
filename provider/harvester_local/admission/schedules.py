"""ScheduleVMBackup: how often, how many, and one for a machine. Upstream: pkg/webhook/resources/schedulevmbackup in Harvester v1.8."""

from datetime import UTC, datetime, timedelta
from itertools import islice

from harvester_local.admission.backups import missing_target
from harvester_local.admission.review import DELETE, Request, invalid
from harvester_local.admission.world import World
from harvester_local.api.kinds import SCHEDULE, SECRET, SETTING
from harvester_local.api.objects import Key, Obj, annotations, deleting, part
from harvester_local.backup_store import StoreError, open_store
from harvester_local.model.backup_targets import SECRET_NAME, SECRET_NAMESPACE, SETTING_NAME, BackupTarget
from harvester_local.model.cron import next_runs

_SKIP = "harvesterhci.io/svmbackupSkipCronCheck"
_LEAST, _APART = timedelta(hours=1), timedelta(minutes=10)


def validate_schedule(request: Request, world: World) -> None:
    """Raise DeniedError for what upstream refuses."""
    if request.operation == DELETE or deleting(request.new):
        return
    new, spec = request.new, request.new["spec"]
    if not request.created and request.old["spec"]["vmbackup"] != spec["vmbackup"]:
        raise invalid("source vm can't be changed", "spec.vmbackup")
    if spec["maxFailure"] >= spec["retain"]:
        raise invalid("max failure should be less than retain", "spec.maxFailure")
    _check_cron(new, world)
    if request.created:
        _check_only_one(new, world)
    resumed = not request.created and request.old["spec"].get("suspend") and not spec.get("suspend")
    if spec["vmbackup"].get("type") != "snapshot" and (request.created or resumed) and (refusal := _sick_target(world)):
        raise invalid(refusal, "spec.suspend")


def _sick_target(world: World) -> str:
    """Why nothing can be saved now, empty where the target answers."""
    if refusal := missing_target(world):
        return refusal
    target = BackupTarget.parse((world.store.get(SETTING, Key("", SETTING_NAME)) or {}).get("value") or "")
    data = part(world.store.get(SECRET, Key(SECRET_NAMESPACE, SECRET_NAME)), "data") if target.type == "s3" else {}
    try:
        open_store(target.with_keys(data)).check()
    except StoreError as error:
        return str(error)
    return ""


def _check_cron(schedule: Obj, world: World) -> None:
    try:
        mine = _two_runs(schedule)
    except (ValueError, IndexError) as error:
        raise invalid("invalid cron format", "spec.cron") from error
    if annotations(schedule).get(_SKIP):
        return
    gap = mine[1] - mine[0]
    if gap < _LEAST:
        raise invalid(f"schedule granularity {gap} less than 1h0m0s", "spec.cron")
    for other in world.store.all(SCHEDULE):
        if other["metadata"]["uid"] == schedule["metadata"].get("uid"):
            continue
        theirs = _two_runs(other)
        if theirs[1] - theirs[0] == gap and abs(theirs[1] - mine[1]) < _APART:
            name = other["metadata"]["name"]
            raise invalid(f"same granularity as schedule {name} and offset less than 10m0s", "spec.cron")


def _two_runs(schedule: Obj) -> list[datetime]:
    found = list(islice(next_runs(schedule["spec"]["cron"], datetime.now(UTC)), 2))
    return [found[0], found[1]]


def _check_only_one(schedule: Obj, world: World) -> None:
    key = Key(schedule["metadata"]["namespace"], schedule["spec"]["vmbackup"]["source"]["name"])
    for other in world.store.all(SCHEDULE, key.namespace):
        theirs = part(other, "spec", "vmbackup")
        if theirs["source"]["name"] == key.name:
            raise invalid(f"VM {key} already has {theirs.get('type', 'backup')} schedule", "spec.vmbackup")
