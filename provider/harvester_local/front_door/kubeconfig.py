"""`POST /v1/harvester/kubeconfig`: a service account with a role, and the kubeconfig that uses it.

Upstream: pkg/api/kubeconfig/generate_handler.go in Harvester. The objects are made with the caller's credentials.
"""

import base64
import json
from pathlib import Path

import yaml
from aiohttp import web

from harvester_local.api.client import Api, ApiError
from harvester_local.api.kinds import CLUSTER_ROLE_BINDING, ROLE_BINDING, SECRET, SERVICE_ACCOUNT, Kind
from harvester_local.api.objects import Key, Obj, part
from harvester_local.front_door.answers import rancher_error

_CSI_ROLE = "harvesterhci.io:csi-driver"
_TOKEN_WITHIN_SECONDS = 10


class Kubeconfigs:
    """Makes kubeconfigs for programs in guest clusters."""

    def __init__(self, callers: Api, ca: Path, server: str) -> None:
        self._callers, self._ca, self._server = callers, ca, server

    async def handle(self, request: web.Request, headers: dict[str, str]) -> web.Response:
        """The kubeconfig, as a JSON string."""
        try:
            asked = json.loads(await request.read())
            role, key = asked["clusterRoleName"], Key(asked["namespace"], asked["serviceAccountName"])
        except (ValueError, KeyError, TypeError):
            return rancher_error(422, "give clusterRoleName, namespace and serviceAccountName")
        try:
            token = await self._account(role, key, headers)
        except ApiError as error:
            return rancher_error(error.status, error.message)
        return web.json_response(yaml.safe_dump(self._document(key, token), sort_keys=False))

    async def _account(self, role: str, key: Key, headers: dict[str, str]) -> str:
        meta = {"name": key.name, "namespace": key.namespace}
        await self._ensure(SERVICE_ACCOUNT, {"metadata": meta}, headers)
        mark = {"kubernetes.io/service-account.name": key.name}
        name = f"{key.name}-token"
        secret = {"metadata": {**meta, "name": name, "annotations": mark}, "type": "kubernetes.io/service-account-token"}
        await self._ensure(SECRET, secret, headers)
        subject = {"kind": "ServiceAccount", "name": key.name, "namespace": key.namespace}
        bound = {"metadata": meta, "subjects": [subject], "roleRef": _role(role)}
        await self._ensure(ROLE_BINDING, bound, headers)
        wide = {"metadata": {"name": f"{key.namespace}-{key.name}"}, "subjects": [subject], "roleRef": _role(_CSI_ROLE)}
        await self._ensure(CLUSTER_ROLE_BINDING, wide, headers)
        return await self._token(Key(key.namespace, name), headers)

    async def _token(self, key: Key, headers: dict[str, str]) -> str:
        """The token that kube-controller-manager puts into the secret; the watch ends with it or with time."""
        path = f"{SECRET.path(key.namespace)}?fieldSelector=metadata.name={key.name}"
        async for secret in self._callers.watch(path, headers, _TOKEN_WITHIN_SECONDS):
            if text := part(secret, "data").get("token"):
                return base64.b64decode(text).decode()
        raise ApiError(504, "Timeout", f"secret {key}: no token within {_TOKEN_WITHIN_SECONDS} s: is kube-controller-manager running?")

    async def _ensure(self, kind: Kind, obj: Obj, headers: dict[str, str]) -> None:
        whole = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
        try:
            await self._callers.call("POST", kind.path(obj["metadata"].get("namespace", "")), whole, headers=headers)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    def _document(self, key: Key, token: str) -> Obj:
        cluster = {"server": self._server, "certificate-authority-data": base64.b64encode(self._ca.read_bytes()).decode()}
        context = {"cluster": "default", "user": "default", "namespace": key.namespace}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "default", "cluster": cluster}],
            "users": [{"name": "default", "user": {"token": token}}],
            "contexts": [{"name": "default", "context": context}],
            "current-context": "default",
        }


def _role(name: str) -> Obj:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
