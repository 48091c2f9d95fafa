"""An API server in memory for tests of the simulated controllers: objects, versions, merge patches, finalizers. No admission, no watch.

It takes the place of the network alone: everything above `Api.call` is the plane's own.
"""

import copy
import itertools
import ssl
import uuid
from typing import Any
from urllib.parse import urlsplit

from harvester_local.api import kinds
from harvester_local.api.client import MERGE, Api, ApiError
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Key, Obj, key_of, merged, now
from harvester_local.api.store import Store

ALL = {(kind.group, kind.plural): kind for kind in vars(kinds).values() if isinstance(kind, Kind)}


class MemoryApi(Api):
    """Feeds `store` with the watched kinds, as the watches of a plane do."""

    def __init__(self, store: Store) -> None:
        super().__init__("", ssl.create_default_context())
        self._store = store
        self.objects: dict[tuple[Kind, Key], Obj] = {}
        self._versions = itertools.count(1)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,  # noqa: ARG002  nobody is impersonated here
    ) -> Obj:
        kind, key, _ = _address(urlsplit(path).path)
        known = self.objects.get((kind, key))
        if method == "POST":
            return self._write(
                kind, {**body, "metadata": {"uid": str(uuid.uuid4()), "creationTimestamp": now(), **body["metadata"]}}, new=True
            )
        if known is None:
            raise ApiError(404, "NotFound", f"{kind} {key} not found")
        if method == "GET":
            return copy.deepcopy(known)
        if method == "DELETE":
            return self._delete(kind, known)
        version = body.get("metadata", {}).get("resourceVersion") if isinstance(body, dict) else None
        if version not in {None, known["metadata"]["resourceVersion"]}:
            raise ApiError(409, "Conflict", "the object has been modified")
        assert method == "PUT" or content_type == MERGE
        return self._write(kind, body if method == "PUT" else merged(known, body))

    def _write(self, kind: Kind, obj: Obj, *, new: bool = False) -> Obj:
        whole = copy.deepcopy({"apiVersion": kind.api_version, "kind": kind.kind, **obj})
        key = key_of(whole)
        if new and (kind, key) in self.objects:
            raise ApiError(409, "AlreadyExists", f"{kind} {key} already exists")
        before = self.objects.get((kind, key), {})
        generation = before.get("metadata", {}).get("generation", 0) + (before.get("spec") != whole.get("spec"))
        whole["metadata"] |= {"resourceVersion": str(next(self._versions)), "generation": generation}
        if whole["metadata"].get("deletionTimestamp") and not whole["metadata"].get("finalizers"):
            return self._forget(kind, whole)
        self.objects[kind, key] = whole
        if kind in kinds.WATCHED:
            self._store.observe(kind, copy.deepcopy(whole))
        return copy.deepcopy(whole)

    def _delete(self, kind: Kind, known: Obj) -> Obj:
        marked = {**known, "metadata": {**known["metadata"], "deletionTimestamp": known["metadata"].get("deletionTimestamp") or now()}}
        return self._write(kind, marked)

    def _forget(self, kind: Kind, obj: Obj) -> Obj:
        self.objects.pop((kind, key_of(obj)), None)
        if kind in kinds.WATCHED:
            self._store.forget(kind, obj)
        return obj


def _address(path: str) -> tuple[Kind, Key, str]:
    """Kind, key and subresource of a path such as /apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/status."""
    steps = path.strip("/").split("/")
    group, steps = (steps[1], steps[3:]) if steps[0] == "apis" else ("", steps[2:])
    namespace = ""
    if steps[0] == "namespaces" and len(steps) > 2:
        namespace, steps = steps[1], steps[2:]
    plural, name, sub = (*steps, "", "")[:3]
    return ALL[group, plural], Key(namespace, name), sub
