"""What Rancher answers by itself: releases of Kubernetes, kubeconfigs of its clusters, and the way into them.

A request to `/k8s/clusters/c-m-...` goes to the guest cluster's own API server, as the administrator there, when it bears
the token of the cluster's kubeconfig or the administrator's. Upstream: pkg/channelserver, pkg/provisioningv2/kubeconfig.
"""

import base64
import hmac
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

from harvester_local.api.client import client_tls
from harvester_local.api.kinds import CLUSTER_MACHINE, RANCHER_CLUSTER, SECRET
from harvester_local.api.objects import Key, Obj, key_of, labels, part
from harvester_local.api.store import Store
from harvester_local.controllers.guest_clusters import GuestClusters
from harvester_local.front_door.answers import rancher_error, status
from harvester_local.front_door.proxy import Proxy
from harvester_local.guests import GuestApi
from harvester_local.model.guests import decoded
from harvester_local.model.rancher import CLUSTER_NAME, releases

CLUSTERS = "/k8s/clusters/c-m-"
API = "/v3/clusters/"


@dataclass(frozen=True)
class Estate:
    """Where guest clusters are found: as objects, and as running API servers."""

    store: Store
    guests: GuestClusters


class Rancher:
    """The answers. `url` is where Rancher is reached, `admin` the administrator's token."""

    def __init__(self, estate: Estate, session: aiohttp.ClientSession, url: str, admin: str, ca: Path) -> None:
        self._estate, self._session, self._url, self._admin, self._ca = estate, session, url, admin, ca
        self._proxies: dict[str, Proxy] = {}

    async def releases(self, request: web.Request) -> web.Response:
        """`GET /v1-rke2-release/releases`, or k3s."""
        return web.json_response(releases("k3s" if "k3s" in request.path else "rke2"))

    async def cluster_action(self, request: web.Request) -> web.StreamResponse:
        """`POST /v3/clusters/<id>?action=generateKubeconfig`."""
        name = request.path.removeprefix(API).strip("/")
        if self._cluster(name) is None or request.query.get("action") != "generateKubeconfig":
            return rancher_error(404, f"{request.path_qs}: no such cluster or action")
        if not self._bears(request, self._admin):
            return rancher_error(401, "must authenticate")
        cluster = {"server": f"{self._url}/k8s/clusters/{name}", "certificate-authority-data": self._authority()}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"token": self._admin}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
        body = {"type": "generateKubeconfigOutput", "baseType": "generateKubeconfigOutput", "config": yaml.safe_dump(document)}
        return web.json_response(body)

    async def guest(self, request: web.Request, cut: str) -> web.StreamResponse:
        """A request to the API of a guest cluster."""
        name = request.path.split("/")[3]
        cluster = self._cluster(name)
        if cluster is None:
            return status(404, f"clusters.management.cattle.io {name!r} not found")
        meta = cluster["metadata"]
        secret = self._estate.store.get(SECRET, Key(meta["namespace"], f"{meta['name']}-kubeconfig")) or {}
        if not any(self._bears(request, token) for token in (self._admin, decoded(secret, "token")) if token):
            return status(401, "Unauthorized")
        guest = self._guest(cluster)
        if guest is None:
            return status(503, f"cluster {name} is not connected")
        if guest.name not in self._proxies:
            head = {"Authorization": f"Bearer {guest.pki.tokens()['admin']}"}
            tls = client_tls(guest.pki.ca)
            self._proxies[guest.name] = Proxy(self._session, guest.server, prefix=f"/k8s/clusters/{name}", tls=tls, headers=head)
        return await self._proxies[guest.name].forward(request, cut=cut)

    def _cluster(self, identity: str) -> Obj | None:
        found = self._estate.store.all(RANCHER_CLUSTER)
        return next((cluster for cluster in found if part(cluster, "status").get("clusterName") == identity), None)

    def _guest(self, cluster: Obj) -> GuestApi | None:
        """The API that runs for a cluster: the machines that Rancher made for it say where."""
        names = {
            key_of(machine).name
            for machine in self._estate.store.all(CLUSTER_MACHINE, cluster["metadata"]["namespace"])
            if labels(machine).get(CLUSTER_NAME) == cluster["metadata"]["name"]
        }
        return self._estate.guests.of_machines(names)

    def _bears(self, request: web.Request, token: str) -> bool:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())

    def _authority(self) -> str:
        return base64.b64encode(self._ca.read_bytes()).decode()
