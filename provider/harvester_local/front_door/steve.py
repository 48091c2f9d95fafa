"""`/v1/harvester/<type>/...`: Harvester's own view of the API, as far as there is use for it.

Objects are read and written with the caller's credentials; each gets its `id`, `type` and `actions`. What an action does
is in actions.py.
"""

import json

from aiohttp import web

from harvester_local.api import kinds
from harvester_local.api.client import MERGE, Api, ApiError
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Key, Obj
from harvester_local.front_door.answers import rancher_error

PREFIX = "/v1/harvester/"

_KINDS = {
    _type: kind
    for kind in (
        *(kinds.IMAGE, kinds.KEY_PAIR, kinds.SETTING, kinds.TEMPLATE, kinds.TEMPLATE_VERSION),
        *(kinds.MACHINE, kinds.INSTANCE, kinds.MIGRATION, kinds.NETWORK),
        *(kinds.CLUSTER_NETWORK, kinds.VLAN_CONFIG, kinds.VLAN_STATUS, kinds.LINK_MONITOR),
        *(kinds.NODE, kinds.NAMESPACE, kinds.VOLUME_CLAIM, kinds.VOLUME, kinds.EVENT, kinds.CONFIG_MAP, kinds.SECRET, kinds.STORAGE_CLASS),
        *(kinds.SNAPSHOT, kinds.SNAPSHOT_CLASS, kinds.SNAPSHOT_CONTENT),
    )
    for _type in ([f"{kind.group}.{kind.plural}", f"{kind.group}.{kind.kind.lower()}"] if kind.group else [kind.plural, kind.kind.lower()])
}


class Target:
    """A type and perhaps an object, from the path of a request."""

    def __init__(self, path: str) -> None:
        steps = [step for step in path.removeprefix(PREFIX).split("/") if step]
        self.kind: Kind | None = _KINDS.get(steps[0]) if steps else None
        rest = steps[1:]
        if self.kind is not None and not self.kind.namespaced:
            self.namespace, self.name = "", rest[0] if rest else ""
        else:
            self.namespace, self.name = (rest[0] if rest else ""), (rest[1] if len(rest) > 1 else "")

    @property
    def key(self) -> Key:
        """The object's key."""
        return Key(self.namespace, self.name)


def credentials(request: web.Request) -> dict[str, str]:
    """The caller's own credentials, as headers."""
    given = request.headers.get("Authorization") or ""
    if not given and (token := request.cookies.get("R_SESS")):
        given = f"Bearer {token}"
    return {"Authorization": given}


class Steve:
    """Reads and writes for callers."""

    def __init__(self, callers: Api, actions: dict[Kind, tuple[str, ...]]) -> None:
        self._callers, self._actions = callers, actions

    async def handle(self, request: web.Request, target: Target) -> web.StreamResponse:
        """One GET, POST, PUT, PATCH or DELETE without an action."""
        kind = target.kind
        if kind is None:
            return rancher_error(404, f"schema not found: {request.path}")
        headers = credentials(request)
        try:
            if request.method == "GET" and not target.name:
                return await self._collection(request, kind, target.namespace, headers)
            if request.method == "GET":
                return web.json_response(
                    self._shown(request, kind, await self._callers.call("GET", kind.path(*target.key), headers=headers))
                )
            return await self._write(request, kind, target, headers)
        except ApiError as error:
            return rancher_error(error.status, error.message)
        except ValueError as error:
            return rancher_error(422, f"the body is no JSON object: {error}")

    async def _collection(self, request: web.Request, kind: Kind, namespace: str, headers: dict[str, str]) -> web.Response:
        answer = await self._callers.call("GET", kind.path(namespace), headers=headers)
        listed = [self._shown(request, kind, {"apiVersion": kind.api_version, "kind": kind.kind, **item}) for item in answer["items"]]
        body = {
            "type": "collection",
            "resourceType": _type_of(kind),
            "revision": answer["metadata"].get("resourceVersion"),
            "count": len(listed),
            "data": listed,
        }
        return web.json_response(body)

    async def _write(self, request: web.Request, kind: Kind, target: Target, headers: dict[str, str]) -> web.Response:
        if request.method == "DELETE":
            options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"}
            await self._remember_disks(request, kind, target, headers)
            answer = await self._callers.call("DELETE", kind.path(*target.key), options, headers=headers)
            return web.json_response(answer)
        body = json.loads(await request.read())
        if not isinstance(body, dict):
            raise TypeError("it is a list or a word")
        body = {k: v for k, v in body.items() if k not in {"id", "type", "links", "actions"}}
        whole = {"apiVersion": kind.api_version, "kind": kind.kind, **body}
        if request.method == "POST":
            namespace = target.namespace or (body.get("metadata") or {}).get("namespace", "")
            answer = await self._callers.call("POST", kind.path(namespace), whole, headers=headers)
            return web.json_response(self._shown(request, kind, answer), status=201)
        method, content = ("PATCH", MERGE) if request.method == "PATCH" else ("PUT", "application/json")
        answer = await self._callers.call(
            method, kind.path(*target.key), body if method == "PATCH" else whole, content_type=content, headers=headers
        )
        return web.json_response(self._shown(request, kind, answer))

    async def _remember_disks(self, request: web.Request, kind: Kind, target: Target, headers: dict[str, str]) -> None:
        """`?removedDisks=` of a machine's deletion: the claims behind these volumes go with it."""
        names = request.query.getall("removedDisks", [])
        if kind != kinds.MACHINE or not names:
            return
        machine = await self._callers.call("GET", kind.path(*target.key), headers=headers)
        found = {
            v["name"]: (v.get("persistentVolumeClaim") or {}).get("claimName")
            for v in machine["spec"]["template"]["spec"].get("volumes", [])
        }
        claims = ",".join(str(found[name]) for name in names if found.get(name))
        patch = {"metadata": {"annotations": {"harvesterhci.io/removedPersistentVolumeClaims": claims}}}
        await self._callers.call("PATCH", kind.path(*target.key), patch, content_type=MERGE, headers=headers)

    def _shown(self, request: web.Request, kind: Kind, obj: Obj) -> Obj:
        meta = obj["metadata"]
        own = f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else meta["name"]
        url = f"{request.url.origin()}{PREFIX}{_type_of(kind)}s/{own}"
        actions = {name: f"{url}?action={name}" for name in self._actions.get(kind, ())}
        return {
            "id": own,
            "type": _type_of(kind),
            "links": {"self": url, "view": f"{request.url.origin()}{kind.path(*Key(meta.get('namespace', ''), meta['name']))}"},
            "actions": actions,
            **obj,
        }


def _type_of(kind: Kind) -> str:
    return f"{kind.group}.{kind.kind.lower()}" if kind.group else kind.kind.lower()
