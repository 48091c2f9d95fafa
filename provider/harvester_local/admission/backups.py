"""VirtualMachineBackup: of which machines backups and snapshots can be made, and when one can go.

Upstream: pkg/webhook/resources/virtualmachinebackup in Harvester v1.8.
"""

from harvester_local.admission.claims import provisioner_of
from harvester_local.admission.review import DELETE, Request, bad_request, invalid
from harvester_local.admission.world import World
from harvester_local.api.kinds import BACKUP, MACHINE, MIGRATION, RESTORE, SETTING, VOLUME_CLAIM
from harvester_local.api.objects import Key, Obj, annotations, deleting, is_true, key_of, part
from harvester_local.model.backup_targets import SETTING_NAME, BackupTarget
from harvester_local.model.machines import claims, phase, template_spec
from harvester_local.model.saved import SCHEDULE_ID, is_new

_SOURCE, _TYPE = "spec.source.name", "spec.type"
_ENDED = ("Succeeded", "Failed", "")


def mutate_backup(request: Request, world: World) -> Obj:
    """The backup as it is; refused here, before the API server looks, where the name is taken."""
    known = world.store.get(BACKUP, request.key)
    if known is None:
        return request.new
    text = f"The {request.key.name} {known['spec']['type']} is already existent. Please use another name for it."
    same = known["spec"]["type"] == request.new["spec"].get("type", "backup")
    raise bad_request(text if same else f"VM Backup and Snapshot use same CRD - VirtualMachineBackup. {text}")


def validate_backup(request: Request, world: World) -> None:
    """Raise DeniedError for what upstream refuses."""
    if request.operation == DELETE:
        _check_delete(request.key, world)
    elif request.created:
        _check_create(request.new, world)
    elif annotations(request.old).get(SCHEDULE_ID) != annotations(request.new).get(SCHEDULE_ID):
        raise bad_request(f"annotation {SCHEDULE_ID} isn't allowed for updating")


def _check_create(backup: Obj, world: World) -> None:
    if not part(backup, "spec", "source").get("name"):
        raise invalid("source VM name is empty", _SOURCE)
    if is_new(backup):
        _check_source(backup, world)
    if backup["spec"].get("type") != "snapshot" and (refusal := missing_target(world)):
        raise invalid(refusal, _TYPE)


def missing_target(world: World) -> str:
    """Why no backup can be made, empty where there is a target."""
    setting = world.store.get(SETTING, Key("", SETTING_NAME)) or {}
    try:
        return "backup target is not set" if BackupTarget.parse(setting.get("value") or "").is_default else ""
    except ValueError as error:
        return str(error)


def _check_source(backup: Obj, world: World) -> None:
    key = Key(backup["metadata"]["namespace"], backup["spec"]["source"]["name"])
    machine = world.store.get(MACHINE, key)
    if machine is None:
        raise invalid(f'virtualmachine.kubevirt.io "{key.name}" not found', _SOURCE)
    moving = (each for each in world.store.all(MIGRATION, key.namespace) if each["spec"].get("vmiName") == key.name)
    if any(phase(each) not in _ENDED for each in moving):
        raise invalid(f"vm {key} is in migration", _SOURCE)
    known = world.setting_json("csi-driver-config")
    for name in claims(template_spec(machine)):
        claim = world.store.get(VOLUME_CLAIM, Key(key.namespace, name))
        if claim is None:
            text = f'failed to get PVC {key.namespace}/{name}: persistentvolumeclaims "{name}" not found'
            raise invalid(text, _SOURCE)
        _check_driver(provisioner_of(claim, world), backup["spec"].get("type", "backup"), known)


def _check_driver(driver: str, kind: str, known: Obj) -> None:
    wanted = "volumeSnapshotClassName" if kind == "snapshot" else "backupVolumeSnapshotClassName"
    if not part(known, driver).get(wanted):
        raise invalid(f"{wanted} is not configured for provisioner {driver}", _SOURCE)


def _check_delete(key: Key, world: World) -> None:
    for restore in world.store.all(RESTORE):
        spec = restore["spec"]
        if (spec["virtualMachineBackupNamespace"], spec["virtualMachineBackupName"]) != key or deleting(restore):
            continue
        if is_true(restore, "InProgress"):
            raise bad_request(f"vmrestore {key_of(restore)} is in progress")
