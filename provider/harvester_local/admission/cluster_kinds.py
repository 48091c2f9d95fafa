"""Rules of what describes the cluster itself: addons and nodes.

Upstream: pkg/webhook/resources/{addon,node} in Harvester.
"""

from harvester_local.admission.review import DELETE, Request, bad_request, conflict
from harvester_local.admission.world import World
from harvester_local.api.kinds import ADDON, NODE
from harvester_local.api.objects import Obj, annotations, is_true, labels, part

_MAINTENANCE = "harvesterhci.io/maintain-status"
_EXPERIMENTAL = "addon.harvesterhci.io/experimental"


def validate_addon(request: Request, world: World) -> None:
    """Raise DeniedError for a second addon of a chart, another chart, or a change while an operation runs."""
    spec = part(request.new, "spec")
    if request.operation == DELETE:
        if labels(request.old).get(_EXPERIMENTAL) != "true":
            raise bad_request(f"only the experimental addon can be deleted, {request.key.name} is not")
    elif request.created:
        if any(part(addon, "spec").get("chart") == spec.get("chart") for addon in world.store.all(ADDON)):
            raise conflict(f"addon with Chart {spec.get('chart')} already exists, cannot create a new one")
    elif part(request.old, "spec") != spec:
        if part(request.old, "spec").get("chart") != spec.get("chart"):
            raise bad_request("chart field cannot be changed.")
        if is_true(request.old, "InProgress"):
            raise bad_request("cannot perform operation, as an existing operation is in progress")


def validate_node(request: Request, world: World) -> None:
    """Raise DeniedError where the last node that takes machines would not any more."""
    if not _away(request.new) or _away(request.old):
        return
    others = [node for node in world.store.all(NODE) if node["metadata"]["name"] != request.key.name]
    if all(_away(node) for node in others):
        raise bad_request("can't enable maintenance mode or cordon on the last available node")


def _away(node: Obj) -> bool:
    return bool(part(node, "spec").get("unschedulable")) or _MAINTENANCE in annotations(node)
