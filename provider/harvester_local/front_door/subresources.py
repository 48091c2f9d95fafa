"""`/apis/subresources.kubevirt.io/...`: the aggregated API that a CustomResourceDefinition cannot serve.

Routing and permission only; the verbs are in machines.py.
"""

import json
import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from harvester_local.api.client import Api, ApiError
from harvester_local.api.kinds import ACCESS_REVIEW, INSTANCE
from harvester_local.api.objects import Key, Obj, part
from harvester_local.front_door.answers import from_error, status
from harvester_local.front_door.machines import MachineVerbs, RefusedError

GROUP = "subresources.kubevirt.io"
PATH = re.compile(
    rf"/apis/{re.escape(GROUP)}/(v1|v1alpha3)/namespaces/([^/]+)/(virtualmachines|virtualmachineinstances)/([^/]+)/([a-z-]+)/?$"
)

Verb = Callable[[Key, Obj], Awaitable[None]]


class Subresources:
    """Answers the calls of the group. `api` acts as the control plane, `callers` as whoever its headers say."""

    def __init__(self, api: Api, callers: Api) -> None:
        verbs = MachineVerbs(api)
        self._api, self._callers = api, callers
        self._verbs: dict[tuple[str, str], Verb] = {
            ("virtualmachines", "start"): verbs.start,
            ("virtualmachines", "stop"): verbs.stop,
            ("virtualmachines", "restart"): verbs.restart,
            ("virtualmachines", "migrate"): verbs.migrate,
            ("virtualmachineinstances", "pause"): verbs.pause,
            ("virtualmachineinstances", "unpause"): verbs.unpause,
            ("virtualmachineinstances", "softreboot"): verbs.softreboot,
        }

    async def handle(self, request: web.Request, path: str) -> web.StreamResponse:
        """Answer one call; `path` begins with /apis."""
        found = PATH.match(path)
        if not found:
            return status(404, "the server could not find the requested resource")
        _, namespace, plural, name, subresource = found.groups()
        key = Key(namespace, name)
        try:
            return await self._refusal(request, plural, subresource, key) or await self._call(request, plural, subresource, key)
        except ApiError as error:
            return from_error(error)
        except RefusedError as error:
            return status(error.code, error.message)
        except (ValueError, TypeError) as error:
            return status(400, f"Can not unmarshal Request body to struct, error: {error}")

    async def _call(self, request: web.Request, plural: str, subresource: str, key: Key) -> web.Response:
        if (plural, subresource) == ("virtualmachineinstances", "guestosinfo"):
            return await self._guest_info(key)
        verb = self._verbs.get((plural, subresource))
        if verb is None or request.method != "PUT":
            return status(404, "the server could not find the requested resource")
        await verb(key, await _options(request))
        return web.Response(status=202)

    async def _guest_info(self, key: Key) -> web.Response:
        info = part(await self._api.get(INSTANCE, key), "status", "guestOSInfo")
        return web.json_response({"guestAgentVersion": "8.2.2", "hostname": key.name, "os": info, "fsInfo": {"disks": []}})

    async def _refusal(self, request: web.Request, plural: str, subresource: str, key: Key) -> web.Response | None:
        """Ask the API server whether the caller may; None when so."""
        verb = "get" if request.method == "GET" else "update"
        asked = {"verb": verb, "group": GROUP, "resource": plural, "subresource": subresource, "namespace": key.namespace, "name": key.name}
        headers = {"Authorization": request.headers.get("Authorization", "")}
        review = {"apiVersion": ACCESS_REVIEW.api_version, "kind": ACCESS_REVIEW.kind, "spec": {"resourceAttributes": asked}}
        answer = await self._callers.call("POST", ACCESS_REVIEW.path(), review, headers=headers)
        if part(answer, "status").get("allowed"):
            return None
        what = f'resource "{plural}/{subresource}" in the namespace "{key.namespace}"'
        return status(403, f'{plural}.{GROUP} "{key.name}" is forbidden: cannot {verb} {what}')


async def _options(request: web.Request) -> Obj:
    text = await request.read()
    data = json.loads(text) if text.strip() else {}
    if not isinstance(data, dict):
        raise TypeError("it is no object")
    return data
