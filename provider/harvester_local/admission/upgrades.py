"""What keeps a cluster from an upgrade. Upstream: pkg/webhook/resources/upgrade/validator.go in Harvester v1.8; images, disks, charts,
certificates and machines of Cluster API are not looked at here."""

from harvester_local.admission.review import Request, bad_request, conflict, invalid
from harvester_local.admission.world import World
from harvester_local.api.kinds import BACKUP, INSTANCE, NODE, SCHEDULE, UPGRADE
from harvester_local.api.objects import condition, is_true, items, key_of, part


def validate_upgrade(request: Request, world: World) -> None:  # noqa: ARG001  one signature for all rules
    """Raise DeniedError for the first thing in the way of a new upgrade."""
    for other in world.store.all(UPGRADE):
        if (condition(other, "Completed") or {}).get("status") not in {"True", "False"}:
            raise conflict(f'cannot proceed until previous upgrade "{other["metadata"]["name"]}" completes')
    for backup in world.store.all(BACKUP):
        if part(backup, "status").get("readyToUse") is not True and not part(backup, "status", "error"):
            raise bad_request(f"please wait until all vmbackups are stopped, for example {key_of(backup)} is under processing")
    for schedule in world.store.all(SCHEDULE):
        if part(schedule, "status").get("suspended") is not True:
            raise bad_request(f"please suspend all backup/snapshot schedule, for example {key_of(schedule)} is running")
    nodes = list(world.store.all(NODE))
    for node in nodes:
        name = node["metadata"]["name"]
        if not is_true(node, "Ready"):
            raise bad_request(f"node {name} is not ready, please wait for it to be ready")
        if part(node, "spec").get("unschedulable"):
            raise bad_request(f"node {name} is unschedulable, please wait for it to be schedulable")
    fixed = sorted(str(key_of(guest)) for guest in world.store.all(INSTANCE) if items(guest, "spec", "domain", "devices", "hostDevices"))
    if len(nodes) > 1 and fixed:
        names = ", ".join(fixed)
        raise invalid(f"There are non-live migratable VMs that need to be shut off before initiating the upgrade: {names}")
