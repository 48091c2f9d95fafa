"""VirtualMachineRestore: what can be restored, onto which machine, and that a restore stays as long as its machine.

Upstream: pkg/webhook/resources/virtualmachinerestore in Harvester v1.8. Quotas are not simulated.
"""

from harvester_local.admission.backups import missing_target
from harvester_local.admission.review import DELETE, Request, failed, invalid
from harvester_local.admission.world import World
from harvester_local.api.kinds import BACKUP, MACHINE, RESTORE, SCHEDULE, SETTING
from harvester_local.api.objects import Key, Obj, annotations, deleting, items, key_of, part
from harvester_local.model.backup_targets import SETTING_NAME, BackupTarget
from harvester_local.model.machines import network_names, template_spec
from harvester_local.model.saved import SCHEDULE_ID, is_ready

_BACKUP, _TARGET = "spec.virtualMachineBackupName", "spec.target.name"


def validate_restore(request: Request, world: World) -> None:
    """Raise DeniedError for what upstream refuses."""
    if request.operation == DELETE:
        machine = world.store.get(MACHINE, Key(request.key.namespace, request.old["spec"]["target"]["name"]))
        if machine is not None and not deleting(machine):
            raise invalid(f"The restore can't be removed because the restored VM {machine['metadata']['name']} exists", _TARGET)
    elif request.created:
        _check_create(request.new, world)
    elif request.old["spec"] != request.new["spec"]:
        raise invalid("VirtualMachineRestore spec is immutable", "spec")


def _check_create(restore: Obj, world: World) -> None:
    backup = _backup(restore, world)
    schedule = world.store.get(SCHEDULE, Key.parse(annotations(backup).get(SCHEDULE_ID, ""), ""))
    if schedule is not None and not schedule["spec"].get("suspend"):
        raise failed(f"Source schedule {key_of(schedule)} is running")
    source = {"spec": part(backup, "status", "source", "spec")}
    for network in network_names(template_spec(source), backup["metadata"]["namespace"]):
        if world.network(Key.parse(network)) is None:
            name = Key.parse(network).name
            missing = f'network-attachment-definitions.k8s.cni.cncf.io "{name}" not found'
            text = f"failed to get network attachment definition {network}, err: {missing}"
            raise invalid(text, _BACKUP)
    _check_kind(restore, backup, world)
    machine = world.store.get(MACHINE, Key(restore["metadata"]["namespace"], restore["spec"]["target"]["name"]))
    if restore["spec"].get("newVM"):
        _check_new(restore, backup, machine, world)
    else:
        _check_existing(restore, machine, world)


def _backup(restore: Obj, world: World) -> Obj:
    spec = restore["spec"]
    key = Key(spec["virtualMachineBackupNamespace"], spec["virtualMachineBackupName"])
    backup = world.store.get(BACKUP, key)
    if backup is None:
        raise invalid(f'can\'t get vmbackup {key}, err: virtualmachinebackup.harvesterhci.io "{key.name}" not found', _BACKUP)
    if deleting(backup):
        raise invalid(f"vmbackup {key} is deleted", _BACKUP)
    if not is_ready(backup):
        raise invalid(f"VMBackup {key} is not ready", _BACKUP)
    return backup


def _check_kind(restore: Obj, backup: Obj, world: World) -> None:
    spec, key = restore["spec"], key_of(backup)
    retains = spec.get("newVM") or spec.get("deletionPolicy") == "retain"
    if backup["spec"]["type"] == "snapshot":
        if restore["metadata"]["namespace"] != key.namespace:
            raise invalid("restore to other namespace with backup type snapshot is not supported", _BACKUP)
        if not retains:
            raise invalid("delete policy with backup type snapshot for replacing VM is not supported", _BACKUP)
        return
    if refusal := missing_target(world):
        raise invalid(refusal, _BACKUP)
    target = BackupTarget.parse((world.store.get(SETTING, Key("", SETTING_NAME)) or {}).get("value") or "")
    if part(backup, "status").get("backupTarget") != target.reference:
        raise invalid(f"backup target {target.reference} is not matched in vmBackup {key}", _BACKUP)
    if not retains:
        _check_snapshots(backup, world)


def _check_snapshots(backup: Obj, world: World) -> None:
    """Volumes with snapshots cannot go."""
    mine = {entry["persistentVolumeClaim"]["metadata"]["name"] for entry in items(backup, "status", "volumeBackups")}
    for other in world.store.all(BACKUP, backup["metadata"]["namespace"]):
        if other["spec"]["type"] != "snapshot":
            continue
        for entry in items(other, "status", "volumeBackups"):
            name = entry["persistentVolumeClaim"]["metadata"]["name"]
            if name in mine:
                where = f"{other['metadata']['namespace']}/{name}"
                text = f'can\'t use delete policy, the volume "{where}" is used by the VM Snapshot(s) {other["metadata"]["name"]}'
                raise invalid(text, _BACKUP)


def _check_existing(restore: Obj, machine: Obj | None, world: World) -> None:
    name, namespace = restore["spec"]["target"]["name"], restore["metadata"]["namespace"]
    if machine is None:
        raise invalid(f"can't replace nonexistent vm {name}", _TARGET)
    if part(machine, "status").get("ready"):
        raise invalid(f'Please stop the VM "{name}" before doing a restore', _TARGET)
    for other in world.store.all(RESTORE, namespace):
        if other["spec"]["target"]["name"] == name and part(other, "status").get("complete") is not True:
            raise invalid(f"Please wait for the previous VM restore on the {namespace}/{name} to be complete first.", _TARGET)


def _check_new(restore: Obj, backup: Obj, machine: Obj | None, world: World) -> None:
    if machine is not None:
        raise invalid(f"VM {machine['metadata']['name']} is already exists", "spec.newVM")
    if not restore["spec"].get("keepMacAddress"):
        return
    spec = restore["spec"]
    for other in world.store.all(RESTORE):
        there = other["spec"]
        same = all(there[name] == spec[name] for name in ("virtualMachineBackupName", "virtualMachineBackupNamespace"))
        if same and there.get("newVM") and there.get("keepMacAddress"):
            raise invalid(f"can't restore the new vm with the same macaddress as the vmrestore {key_of(other)}", "spec.keepMacAddress")
    source = world.store.get(MACHINE, Key(backup["metadata"]["namespace"], backup["spec"]["source"]["name"]))
    if source is not None and source["metadata"]["uid"] == part(backup, "status").get("sourceUID"):
        text = "can't restore the new vm with the same macaddress because the source vm is still existent"
        raise invalid(text, "spec.keepMacAddress")
