"""What keeps a cluster from an upgrade. Upstream: pkg/webhook/resources/upgrade/validator.go in Harvester v1.8; images, disks, charts,
certificates and machines of Cluster API are not looked at here.

No controller here makes Longhorn's volumes: there are those that tests and people make."""

from harvester_local.admission.review import Request, bad_request, conflict, invalid
from harvester_local.admission.world import World
from harvester_local.api.kinds import BACKUP, INSTANCE, LONGHORN_VOLUME, NODE, SCHEDULE, UPGRADE
from harvester_local.api.objects import condition, is_true, items, key_of, part

_FEW = 3
"""With fewer nodes volumes are always degraded."""


def validate_upgrade(request: Request, world: World) -> None:  # noqa: ARG001  one signature for all rules
    """Raise DeniedError for the first thing in the way of a new upgrade."""
    nodes, volumes = list(world.store.all(NODE)), list(world.store.all(LONGHORN_VOLUME))
    for other in world.store.all(UPGRADE):
        if (condition(other, "Completed") or {}).get("status") not in {"True", "False"}:
            raise conflict(f'cannot proceed until previous upgrade "{other["metadata"]["name"]}" completes')
    if len(nodes) >= _FEW and any(part(volume, "status").get("robustness") == "degraded" for volume in volumes):
        raise bad_request("there are degraded volumes, please check all volumes are healthy")
    for backup in world.store.all(BACKUP):
        if part(backup, "status").get("readyToUse") is not True and not part(backup, "status", "error"):
            raise bad_request(f"please wait until all vmbackups are stopped, for example {key_of(backup)} is under processing")
    for schedule in world.store.all(SCHEDULE):
        if part(schedule, "status").get("suspended") is not True:
            raise bad_request(f"please suspend all backup/snapshot schedule, for example {key_of(schedule)} is running")
    for node in nodes:
        name = node["metadata"]["name"]
        if not is_true(node, "Ready"):
            raise bad_request(f"node {name} is not ready, please wait for it to be ready")
        if part(node, "spec").get("unschedulable"):
            raise bad_request(f"node {name} is unschedulable, please wait for it to be schedulable")
    if len(nodes) > 1 and (single := [volume for volume in volumes if part(volume, "spec").get("numberOfReplicas") == 1]):
        named = (part(volume, "status", "kubernetesStatus") for volume in single)
        names = ", ".join(f"{each.get('namespace', '')}/{each.get('pvcName', '')}" for each in named)
        raise invalid(
            "Following PVCs with single-replica volume, even the volume is detached, upgrade may have potential data integrity concerns: "
            f"{names}"
        )
    fixed = sorted(str(key_of(guest)) for guest in world.store.all(INSTANCE) if items(guest, "spec", "domain", "devices", "hostDevices"))
    if len(nodes) > 1 and fixed:
        names = ", ".join(fixed)
        raise invalid(f"There are non-live migratable VMs that need to be shut off before initiating the upgrade: {names}")
