"""What a Rancher holds before anybody uses it: its settings, and a user who may make clusters and nothing else.

Rancher shares the API server of the local Harvester. Its user has rights to Rancher's kinds alone, so that what belongs to
one of the two is not done through the other unnoticed.
"""

import asyncio

from harvester_local.api import kinds
from harvester_local.api.client import Api
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Obj
from harvester_local.model.rancher import CREDENTIALS, SERVER_VERSION

USER = "rancher"
"""The user whose token is among `LocalHarvester.tokens`."""
WORKSPACE = "fleet-default"
_OWNER = "rancher"
_READ = ["get", "list", "watch"]
_GROUP = "rbac.authorization.k8s.io"


async def furnish_rancher(api: Api, url: str, ca: str) -> None:
    """Create all of it."""
    values = {"server-url": url, "cacerts": ca, "server-version": SERVER_VERSION}
    objects: list[tuple[Kind, Obj]] = [(kinds.CLUSTER_ROLE, {"metadata": {"name": "rancher-user"}, "rules": _rules()})]
    objects += [(kinds.RANCHER_SETTING, {"metadata": {"name": name}, "value": value}) for name, value in values.items()]
    objects.append((kinds.CLUSTER_ROLE_BINDING, {"metadata": {"name": "rancher-user"}, **_binding("ClusterRole")}))
    for namespace in (WORKSPACE, CREDENTIALS):
        meta = {"name": "rancher-user", "namespace": namespace}
        objects.append((kinds.ROLE, {"metadata": meta, "rules": [_rule("", ["secrets"], ["*"])]}))
        objects.append((kinds.ROLE_BINDING, {"metadata": meta, **_binding("Role")}))
    async with asyncio.TaskGroup() as group:
        for kind, obj in objects:
            group.create_task(api.plant(kind, obj, _OWNER))


def _rule(group: str, resources: list[str], verbs: list[str]) -> Obj:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _rules() -> list[Obj]:
    return [
        *(_rule(group, ["*"], ["*"]) for group in ("provisioning.cattle.io", "rke-machine-config.cattle.io")),
        *(_rule(group, ["*"], _READ) for group in ("rke-machine.cattle.io", "cluster.x-k8s.io", "management.cattle.io")),
    ]


def _binding(kind: str) -> Obj:
    return {
        "subjects": [{"kind": "User", "apiGroup": _GROUP, "name": USER}],
        "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": "rancher-user"},
    }
