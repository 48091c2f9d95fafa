"""Settings: the backup target, which the webhook connects to before it lets it in.

Upstream: pkg/webhook/resources/setting/validator.go in Harvester v1.8. The rules of other settings are in `setting_values`
and `cluster_settings`.
"""

from dataclasses import replace

from harvester_local.admission.cluster_settings import validate_by_cluster
from harvester_local.admission.review import Request, bad_request, invalid
from harvester_local.admission.setting_values import validate_value
from harvester_local.admission.world import World
from harvester_local.api.kinds import BACKUP, RESTORE, SETTING
from harvester_local.api.objects import Key, deleting, part
from harvester_local.backup_store import StoreError, open_store
from harvester_local.model.backup_targets import SETTING_NAME, BackupTarget

_FIELD = "value"


def validate_setting(request: Request, world: World) -> None:
    """Raise DeniedError for what upstream refuses."""
    if request.key.name == SETTING_NAME:
        _check_backup_target(request, world)
    else:
        validate_value(request, world)
        validate_by_cluster(request, world)


def _check_backup_target(request: Request, world: World) -> None:
    try:
        target = BackupTarget.parse(request.new.get("value") or request.new.get("default") or "")
    except ValueError as error:
        raise invalid(str(error), _FIELD) from error
    if target.refreshIntervalInSeconds < 0:
        raise invalid("Refresh interval should be greater than or equal to 0", _FIELD)
    if _is_known(target, world):
        return
    if any(deleting(each) or part(each, "status").get("readyToUse") is not True for each in world.store.all(BACKUP)):
        raise bad_request("There is VMBackup in creating or deleting progress")
    if any(deleting(each) or part(each, "status").get("complete") is not True for each in world.store.all(RESTORE)):
        raise bad_request("Can't update the backup target. There is a VM either in the process of creating or deleting")
    if target.is_default:
        return
    _check_fields(target)
    try:
        open_store(replace(target, cert=world.setting("additional-ca"))).check()
    except StoreError as error:
        raise invalid(f"failed to connect to backup target, reason: {error}", _FIELD) from error


def _is_known(target: BackupTarget, world: World) -> bool:
    """Whether it is the present S3 target without its keys, as the controller writes it and users do who change nothing of it."""
    if target.type != "s3" or target.has_keys:
        return False
    setting = world.store.get(SETTING, Key("", SETTING_NAME)) or {}
    try:
        return target.same_storage(BackupTarget.parse(setting.get("value") or ""))
    except ValueError:
        return False


def _check_fields(target: BackupTarget) -> None:
    match target.type:
        case "s3":
            if not (target.accessKeyId and target.secretAccessKey):
                raise invalid("S3 backup target should have access key and access key id", _FIELD)
            if not (target.bucketName and target.bucketRegion):
                raise invalid("S3 backup target should have bucket name and region ", _FIELD)
        case "nfs":
            if not target.endpoint:
                raise invalid("NFS backup target should have endpoint", _FIELD)
            if target.has_keys:
                raise invalid("NFS backup target should not have access key or access key id", _FIELD)
            if target.bucketName or target.bucketRegion:
                raise invalid("NFS backup target should not have bucket name or region", _FIELD)
        case _:
            raise invalid("Invalid backup target type", _FIELD)
