"""Core events about objects, as upstream's recorders write them; they are what a user reads first.

One event per object and reason: a repetition raises its count, as the recorders' aggregation does.
"""

import hashlib
import logging

from harvester_local.api.client import Api, ApiError
from harvester_local.api.kinds import EVENT
from harvester_local.api.objects import Key, Obj, now

log = logging.getLogger(__name__)

WARNING, NORMAL = "Warning", "Normal"


class Recorder:
    """Writes events. What it cannot write is logged and forgotten: an event is never worth a failure."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._counts: dict[str, int] = {}

    async def record(
        self, about: Obj, reason: str, message: str, *, kind: str = NORMAL, component: str = "virtualmachine-controller"
    ) -> None:
        """Record that something happened to `about`."""
        meta = about["metadata"]
        namespace = meta.get("namespace") or "default"
        digest = hashlib.sha256(f"{meta['uid']}{reason}{message}{kind}".encode()).hexdigest()[:16]
        name = f"{meta['name']}.{digest}"
        count = self._counts[name] = self._counts.get(name, 0) + 1
        try:
            if count > 1:
                await self._api.patch(EVENT, Key(namespace, name), {"count": count, "lastTimestamp": now()})
            else:
                await self._api.create(EVENT, _event(about, namespace, name, kind, reason, message, component))
        except ApiError as error:
            if error.status not in {403, 404, 409}:
                log.warning("event %s/%s: %s", namespace, name, error)


def _event(about: Obj, namespace: str, name: str, kind: str, reason: str, message: str, component: str) -> Obj:
    meta = about["metadata"]
    involved = {
        "apiVersion": about["apiVersion"],
        "kind": about["kind"],
        "name": meta["name"],
        "namespace": meta.get("namespace"),
        "uid": meta["uid"],
        "resourceVersion": meta.get("resourceVersion"),
    }
    return {
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {k: v for k, v in involved.items() if v},
        "type": kind,
        "reason": reason,
        "message": message,
        "count": 1,
        "firstTimestamp": now(),
        "lastTimestamp": now(),
        "source": {"component": component},
    }
