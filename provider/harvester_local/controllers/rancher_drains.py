"""Emptying the nodes of a cluster of Rancher before they are restarted, and taking them back: what the planner asks for by annotations.

Pods are evicted, so that disruption budgets hold; what `kubectl drain` refuses is refused in its words. Upstream:
pkg/controllers/capr/machinedrain in Rancher, k8s.io/kubectl/pkg/drain.
"""

import json
from collections.abc import Iterable, Mapping

from harvester_local.api.client import Api, ApiError
from harvester_local.api.kinds import NODE, POD, SECRET, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, items, key_of, labels, part
from harvester_local.controllers.guest_clusters import GuestClusters
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.rancher import MACHINE_NAME
from harvester_local.model.rancher_plans import DRAIN, DRAIN_ERROR, DRAINED, UNCORDON, drain_error

_AGAIN_SECONDS = 0.3


class RancherDrains:
    """The controller, of the Secrets with the plans of agents."""

    def __init__(self, context: Context, guests: GuestClusters) -> None:
        self._context, self._guests = context, guests

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """The Secrets."""
        return {SECRET: _planned}

    async def reconcile(self, key: Key) -> float | None:
        """Take the next step, and say what holds it."""
        secret = self._context.store.get(SECRET, key)
        if secret is None or deleting(secret):
            return None
        marks, name = annotations(secret), labels(secret)[MACHINE_NAME]
        guest = self._guests.of_machines((name,))
        wish = marks.get(DRAIN, "")
        if not wish:
            return None
        if guest is None:
            return _AGAIN_SECONDS
        if marks.get(UNCORDON):
            await _cordon(guest.api, name, on=False)
            await self._note(secret, dict.fromkeys((DRAIN, DRAINED, DRAIN_ERROR, UNCORDON)))
        elif marks.get(DRAINED) != wish:
            await _cordon(guest.api, name, on=True)
            held, empty = await _evict(guest.api, name, json.loads(wish))
            if empty:
                await self._note(secret, {DRAINED: wish, DRAIN_ERROR: None})
                return None
            if held != drain_error(secret):
                await self._note(secret, {DRAIN_ERROR: held or None})
            return _AGAIN_SECONDS
        return None

    async def _note(self, secret: Obj, marks: Mapping[str, str | None]) -> None:
        await self._context.api.patch(SECRET, key_of(secret), {"metadata": {"annotations": dict(marks)}})


async def _cordon(api: Api, name: str, *, on: bool) -> None:
    await api.patch(NODE, Key("", name), {"spec": {"unschedulable": on or None}})


async def _evict(api: Api, node: str, options: Obj) -> tuple[str, bool]:
    """Evict what may go. What holds the rest, and whether the node is empty."""
    found = (await api.call("GET", f"{POD.path()}?fieldSelector=spec.nodeName%3D{node}"))["items"]
    pods = [pod for pod in found if part(pod, "status").get("phase") not in {"Succeeded", "Failed"} and not _stays(pod, options)]
    if trouble := next((why for pod in pods if (why := _refused(pod, options))), ""):
        return trouble, False
    held = ""
    for pod in pods:
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {k: pod["metadata"][k] for k in ("name", "namespace")}}
        try:
            await api.call("POST", f"{POD.path(*key_of(pod))}/eviction", body)
        except ApiError as error:
            held = "" if error.status == 404 else f"error when evicting pods/{pod['metadata']['name']}: {error.message}"
    return held, not pods


def _owners(pod: Obj) -> set[str]:
    return {owner["kind"] for owner in items(pod, "metadata", "ownerReferences")}


def _stays(pod: Obj, options: Obj) -> bool:
    """Whether a pod goes with the node: the kubelet's own, and those of DaemonSets where they are to be ignored."""
    ignored = {"DaemonSet"} if options.get("ignoreDaemonSets") is not False else set()
    return bool(_owners(pod) & ({"Node"} | ignored))


def _refused(pod: Obj, options: Obj) -> str:
    """Why a pod is not to be evicted, in kubectl's words, or an empty text."""
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    if "DaemonSet" in _owners(pod):
        return f"cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): {name}"
    if not _owners(pod) and not options.get("force"):
        return f"cannot delete Pods that declare no controller (use --force to override): {name}"
    if not options.get("deleteEmptyDirData") and any("emptyDir" in volume for volume in items(pod, "spec", "volumes")):
        return f"cannot delete Pods with local storage (use --delete-emptydir-data to override): {name}"
    return ""


def _planned(secret: Obj) -> Iterable[Key]:
    return own_key(secret) if labels(secret).get(MACHINE_NAME) else ()
