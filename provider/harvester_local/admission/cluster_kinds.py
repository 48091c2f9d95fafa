"""Rules of what describes the cluster itself: settings, addons, nodes, claims.

Upstream: pkg/webhook/resources/{setting,addon,node} in Harvester, pkg/webhook in harvester/pcidevices.
"""

import json

from harvester_local.admission.review import DELETE, Request, bad_request, conflict, invalid
from harvester_local.admission.world import World
from harvester_local.api.kinds import ADDON, NODE
from harvester_local.api.objects import Obj, annotations, is_true, labels, part

_MAINTENANCE = "harvesterhci.io/maintain-status"
_EXPERIMENTAL = "addon.harvesterhci.io/experimental"
_JSON = ("overcommit-config", "http-proxy", "ntp-servers", "vm-force-reset-policy", "csi-driver-config", "ssl-parameters")


def validate_setting(request: Request, world: World) -> None:  # noqa: ARG001  one signature for all rules
    """Raise DeniedError for a value that the setting cannot have."""
    name, value = request.key.name, request.new.get("value") or ""
    if not value or request.old.get("value") == value:
        return
    if name in _JSON:
        _object(value)
    if name == "overcommit-config":
        low = [key for key, ratio in _object(value).items() if not isinstance(ratio, int) or ratio < 100]
        if low:
            raise invalid(f"Cannot undercommit. Should be greater than or equal to 100 but got {_object(value)[low[0]]}", "value")
    if name == "max-hotplug-ratio" and not (value.isdigit() and 1 <= int(value) <= 20):
        raise invalid(f"the value {value} is not in range [1, 20]", "value")


def _object(value: str) -> Obj:
    try:
        found = json.loads(value)
    except ValueError as error:
        raise invalid(f"failed to parse value: {error}", "value") from error
    return found if isinstance(found, dict) else {}


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
