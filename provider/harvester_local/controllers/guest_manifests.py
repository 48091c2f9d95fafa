"""What the servers of a guest cluster do besides running it: they apply the manifests in their folder, and Helm's kinds are there.

A manifest that the API refuses is told as an event and left, as RKE2 and K3s do. Charts are not installed: their objects are what a user
sees of them here. Upstream: pkg/deploy/controller.go in K3s.
"""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import yaml

from harvester_local.api.client import APPLY, Api, ApiError
from harvester_local.api.kinds import CRD, EVENT
from harvester_local.api.objects import Obj, now

_DEFINITIONS = Path(__file__).parent.parent / "crds" / "guest" / "helm.yaml"
_WHERE = "kube-system"


class Manifests:
    """The manifests of one guest cluster."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._told: dict[tuple[str, str, str], str] = {}
        self._paths: dict[tuple[str, str], str] = {}
        self._defined = False

    async def apply(self, objects: Iterable[Obj]) -> bool:
        """Apply what has changed, and say whether all kinds are served by now."""
        if not self._defined:
            await self._define()
        for each in objects:
            meta, content = each["metadata"], json.dumps(each, sort_keys=True)
            key = (each["kind"], meta.get("namespace", ""), meta["name"])
            if self._told.get(key) == content:
                continue
            try:
                path = await self._path(each)
                query = "?fieldManager=deploy&force=true&fieldValidation=Strict"
                await self._api.call("PATCH", f"{path}/{meta['name']}{query}", each, content_type=APPLY)
            except ApiError as error:
                if error.status == 404:
                    return False
                await self._refused(each, error.message)
            self._told[key] = content
        return True

    async def _define(self) -> None:
        """Make Helm's kinds."""
        text = await asyncio.to_thread(_DEFINITIONS.read_text)
        for definition in yaml.safe_load_all(text):
            await self._api.ensure(CRD, definition)
        self._defined = True

    async def _path(self, each: Obj) -> str:
        """The collection that an object belongs to. Raises ApiError 404 while its kind is not served."""
        version, kind = each["apiVersion"], each["kind"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._paths:
            served = (await self._api.call("GET", root))["resources"]
            found = next((entry for entry in served if entry["kind"] == kind and "/" not in entry["name"]), None)
            if found is None:
                raise ApiError(404, "NotFound", f"{version} has no kind {kind}")
            scope = "/namespaces/{}" if found["namespaced"] else ""
            self._paths[(version, kind)] = f"{root}{scope}/{found['name']}"
        return self._paths[(version, kind)].format(each["metadata"].get("namespace", "default"))

    async def _refused(self, each: Obj, why: str) -> None:
        meta = each["metadata"]
        about = {"apiVersion": each["apiVersion"], "kind": each["kind"], "name": meta["name"], "namespace": _WHERE}
        event = {"metadata": {"generateName": f"{meta['name']}-", "namespace": _WHERE}, "involvedObject": about}
        told = {"type": "Warning", "reason": "ApplyManifestFailed", "message": why, "firstTimestamp": now(), "lastTimestamp": now()}
        await self._api.create(EVENT, {**event, **told})
