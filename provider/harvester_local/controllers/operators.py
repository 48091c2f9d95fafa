"""What comes up after a manifest is applied: Deployments and DaemonSets on all nodes, and KubeVirt and CDI by their operators.

A CR becomes available in the version of its operator's image. The KubeVirt of a Harvester is furnished and left alone.
"""

from collections.abc import Iterable, Mapping

from harvester_local.api.kinds import CDI, DAEMON_SET, DEPLOYMENT, KUBEVIRT, NODE, Kind
from harvester_local.api.objects import Key, Obj, deleting, is_true, items, key_of, part
from harvester_local.controllers.runtime import Context, Mapper, own_key

_FURNISHED = "harvester-system"
_OPERATORS = {Key("kubevirt", "virt-operator"): Key("kubevirt", "kubevirt"), Key("cdi", "cdi-operator"): Key("", "cdi")}


class Workloads:
    """The controller of Deployments and DaemonSets: what is asked for is ready at once. Their keys do not collide in practice."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Both kinds."""
        return {DEPLOYMENT: own_key, DAEMON_SET: own_key}

    async def reconcile(self, key: Key) -> float | None:
        """Say that it is ready."""
        deployment = self._context.store.get(DEPLOYMENT, key)
        if deployment is not None and not deleting(deployment) and not is_true(deployment, "Available"):
            ready = [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": ""}]
            count = part(deployment, "spec").get("replicas", 1)
            numbers = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), count)
            await self._context.api.patch_status(DEPLOYMENT, key, {**numbers, "conditions": ready})
        daemons = self._context.store.get(DAEMON_SET, key)
        if daemons is not None and not deleting(daemons) and not part(daemons, "status").get("numberReady"):
            nodes = sum(1 for _ in self._context.store.all(NODE))
            names = ("currentNumberScheduled", "desiredNumberScheduled", "numberReady", "numberAvailable")
            await self._context.api.patch_status(DAEMON_SET, key, {**dict.fromkeys(names, nodes), "numberMisscheduled": 0})
        return None


class Operators:
    """The operators of KubeVirt and CDI, by the key of what they make available."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """What they make available, and their own Deployments."""
        return {KUBEVIRT: own_key, CDI: own_key, DEPLOYMENT: _made_by}

    async def reconcile(self, key: Key) -> float | None:
        """Bring it to the version of the operator."""
        operator = next((name for name, made in _OPERATORS.items() if made == key), None)
        kind = CDI if not key.namespace else KUBEVIRT
        found = self._context.store.get(kind, key)
        deployment = self._context.store.get(DEPLOYMENT, operator) if operator else None
        if found is None or deployment is None or deleting(found) or key.namespace == _FURNISHED:
            return None
        version = _version(deployment)
        name = "observedVersion" if kind == CDI else "observedKubeVirtVersion"
        if part(found, "status").get(name) != version:
            conditions = [{"type": "Available", "status": "True", "reason": "DeployCompleted", "message": "Deployment Completed"}]
            await self._context.api.patch_status(kind, key, {"phase": "Deployed", name: version, "conditions": conditions})
        return None


def _version(deployment: Obj) -> str:
    images = [str(container.get("image", "")) for container in items(deployment, "spec", "template", "spec", "containers")]
    return images[0].rpartition(":")[2] if images else ""


def _made_by(deployment: Obj) -> Iterable[Key]:
    made = _OPERATORS.get(key_of(deployment))
    return (made,) if made else ()
