"""A user of the whole local Harvester in tests: requests through the front door, and waits that follow a watch."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import requests

from harvester_local.api import kinds
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Obj
from harvester_local.cluster import LocalHarvester

T = TypeVar("T")

WAIT_SECONDS = 30
PROXY = "/k8s/clusters/local"
MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"


class Answered(Exception):
    """The server said no: `code` and `message` are its own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class User:
    """One user with a token, in one namespace."""

    def __init__(self, local: LocalHarvester, namespace: str, token: str = "") -> None:
        self.local, self.namespace = local, namespace
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(local.ca)
        self.session.headers["Authorization"] = f"Bearer {token or local.tokens['admin']}"

    def call(self, method: str, path: str, body: object = None, content: str = "application/json", **more: Any) -> requests.Response:
        """Any request to the front door."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content} if body is not None else {}
        return self.session.request(method, self.local.endpoint + path, data=data, headers=headers, timeout=60, **more)

    def api(self, method: str, path: str, body: object = None, content: str = "application/json", **more: Any) -> Obj:
        """A request to the API server; raises Answered for an error."""
        answer = self.call(method, PROXY + path, body, content, **more)
        found: Obj = answer.json() if answer.content else {}
        if answer.status_code >= 400:
            raise Answered(answer.status_code, found.get("message", ""))
        return found

    def path(self, kind: Kind, name: str = "", subresource: str = "") -> str:
        return kind.path(self.namespace if kind.namespaced else "", name, subresource)

    def create(self, kind: Kind, name: str, **parts: Any) -> Obj:
        meta = {"name": name, **parts.pop("metadata", {})}
        return self.api("POST", self.path(kind), {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, **parts})

    def get(self, kind: Kind, name: str) -> Obj:
        return self.api("GET", self.path(kind, name))

    def names(self, kind: Kind) -> list[str]:
        return [item["metadata"]["name"] for item in self.api("GET", self.path(kind))["items"]]

    def patch(self, kind: Kind, name: str, body: Obj | list[Obj]) -> Obj:
        return self.api("PATCH", self.path(kind, name), body, JSON_PATCH if isinstance(body, list) else MERGE)

    def delete(self, kind: Kind, name: str, **options: Any) -> None:
        self.api("DELETE", self.path(kind, name), {"apiVersion": "v1", "kind": "DeleteOptions", **options})

    def delete_when_let(self, kind: Kind, name: str) -> None:
        """Delete an object that webhooks may think in use for a moment longer, since they look at caches."""
        self._when_let(kind, name, "still", lambda: self.delete(kind, name))

    def create_when_let(self, kind: Kind, name: str, **parts: Any) -> Obj:
        """Create an object that names another one, of which webhooks may not have heard yet."""
        return self._when_let(kind, name, "not found", lambda: self.create(kind, name, **parts))

    def _when_let(self, kind: Kind, name: str, words: str, act: Callable[[], T]) -> T:
        """Do it as soon as it is not refused with these words any more."""
        for _ in range(WAIT_SECONDS):
            try:
                return act()
            except Answered as error:
                if words not in error.message:
                    raise
            query = {"watch": "true", "fieldSelector": f"metadata.name={name}", "timeoutSeconds": "1"}
            self.call("GET", PROXY + self.path(kind), params=query)
        raise AssertionError(f"{kind.kind} {name}: refused for ever, since something is {words}")

    @contextmanager
    def controllers_away(self) -> Iterator[None]:
        """Within the block no controller of the plane takes a step."""
        self.call("POST", "/local/controllers/pause").raise_for_status()
        try:
            yield
        finally:
            self.call("POST", "/local/controllers/resume").raise_for_status()

    def wait(self, kind: Kind, name: str, test: Callable[[Obj], object]) -> Obj:
        """The object once `test` holds of it, followed by a watch."""
        last: Obj = {}
        for event in self._events(kind, name):
            last = event["object"]
            if event["type"] != "DELETED" and test(last):
                return last
        raise AssertionError(f"{kind.kind} {name} never got there: {json.dumps(last.get('status', last))}")

    def wait_gone(self, kind: Kind, name: str) -> None:
        """Return once the object does not exist."""
        answer = self.call("GET", PROXY + self.path(kind, name))
        if answer.status_code == 404:
            return
        version = answer.json()["metadata"]["resourceVersion"]
        for event in self._events(kind, name, version):
            if event["type"] == "DELETED":
                return
        raise AssertionError(f"{kind.kind} {name} is still there")

    def _events(self, kind: Kind, name: str, version: str = "") -> Iterator[Obj]:
        query: Mapping[str, str] = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "timeoutSeconds": str(WAIT_SECONDS),
            **({"resourceVersion": version} if version else {}),
        }
        with self.call("GET", PROXY + self.path(kind), params=query, stream=True) as answer:
            for line in answer.iter_lines():
                yield json.loads(line)

    # What most tests need -------------------------------------------------------------------------------------------

    def image(self, name: str = "ubuntu", file: str = "ubuntu.qcow2", **spec: Any) -> Obj:
        """An imported image."""
        whole = {"displayName": name, "sourceType": "download", "url": f"{self.local.images_url}/{file}", **spec}
        self.create(kinds.IMAGE, name, spec=whole)
        return self.wait(kinds.IMAGE, name, lambda o: o.get("status", {}).get("progress") == 100)

    def machine(
        self, name: str, strategy: str = "RerunOnFailure", *, annotations: Obj | None = None, image: Obj | None = None, **spec: Any
    ) -> Obj:
        """A small machine, with a disk when an image is given; `spec` replaces keys of the instance spec."""
        marks, disks, volumes = dict(annotations or {}), [], []
        if image is not None:
            claim = {"accessModes": ["ReadWriteMany"], "volumeMode": "Block", "storageClassName": image["status"]["storageClassName"]}
            entry = {
                "metadata": {
                    "name": f"{name}-root",
                    "annotations": {"harvesterhci.io/imageId": f"{self.namespace}/{image['metadata']['name']}"},
                },
                "spec": {**claim, "resources": {"requests": {"storage": "1Gi"}}},
            }
            marks["harvesterhci.io/volumeClaimTemplates"] = json.dumps([entry])
            disks = [{"name": "root", "disk": {"bus": "virtio"}}]
            volumes = [{"name": "root", "persistentVolumeClaim": {"claimName": f"{name}-root"}}]
        instance = {
            "domain": {
                "cpu": {"cores": 1, "sockets": 1, "threads": 1},
                "resources": {"limits": {"cpu": "1", "memory": "256Mi"}},
                "devices": {"disks": disks, "interfaces": [{"name": "default", "masquerade": {}, "model": "virtio"}]},
            },
            "networks": [{"name": "default", "pod": {}}],
            "volumes": volumes,
            **spec,
        }
        template = {"metadata": {"labels": {"harvesterhci.io/vmName": name}}, "spec": instance}
        return self.create(kinds.MACHINE, name, metadata={"annotations": marks}, spec={"runStrategy": strategy, "template": template})

    def wait_for(self, name: str, word: str) -> Obj:
        """The machine once its printableStatus is that word."""
        return self.wait(kinds.MACHINE, name, lambda o: o.get("status", {}).get("printableStatus") == word)

    def wait_running(self, name: str) -> Obj:
        """The instance once its guest has reported an address."""
        return self.wait(kinds.INSTANCE, name, lambda o: any(n.get("ipAddress") for n in o.get("status", {}).get("interfaces", [])))

    def subresource(self, name: str, verb: str, body: Obj | None = None, plural: str = "virtualmachines") -> None:
        self.api("PUT", f"/apis/subresources.kubevirt.io/v1/namespaces/{self.namespace}/{plural}/{name}/{verb}", body or {})
