"""The cluster that the end-to-end cases run on: the local Harvester, or any other that a kubeconfig leads to."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
import yaml
from kubernetes import client, config
from kubernetes.client.rest import ApiException
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from harvester_local.cluster import LocalHarvester

VM = ("kubevirt.io", "v1", "virtualmachines")
VMI = ("kubevirt.io", "v1", "virtualmachineinstances")
IMAGE = ("harvesterhci.io", "v1beta1", "virtualmachineimages")
NAD = ("k8s.cni.cncf.io", "v1", "network-attachment-definitions")
VOLUME_SNAPSHOT = ("snapshot.storage.k8s.io", "v1", "volumesnapshots")
Api = tuple[str, str, str]


@dataclass
class Target:
    """Where the cases run. `local` is None on a cluster that is not ours."""

    kubeconfig: str
    endpoint: str
    image_url: str
    namespace: str
    api: client.ApiClient
    local: LocalHarvester | None = None
    endpoint_ca: str = ""
    namespaces: list[str] = field(default_factory=list)
    """The namespaces that tests made, for a look at the end whether all of them are gone."""

    @property
    def config(self) -> dict[str, str]:
        """The settings of a program that runs here."""
        found = {"harvester:kubeconfig": self.kubeconfig, "namespace": self.namespace, "imageUrl": self.image_url}
        ways = {"harvester:endpoint": self.endpoint, "harvester:endpointCa": self.endpoint_ca}
        return found | {name: value for name, value in ways.items() if value}

    @property
    def rancher(self) -> dict[str, str]:
        """The connection of the local Harvester's Rancher, as one of `harvester:clusters`."""
        assert self.local is not None, "the local Harvester alone has a Rancher"
        url = f"{self.local.endpoint}/k8s/clusters/local"
        return {"host": url, "token": self.local.tokens["rancher"], "ca": str(self.local.ca)}

    @property
    def custom(self) -> client.CustomObjectsApi:
        return client.CustomObjectsApi(self.api)

    @property
    def core(self) -> client.CoreV1Api:
        return client.CoreV1Api(self.api)

    @property
    def storage(self) -> client.StorageV1Api:
        return client.StorageV1Api(self.api)

    def send(self, method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
        """Any request, with its answer. The body of a patch is a merge patch (a mapping) or a JSON patch (a list)."""
        kind = "application/json-patch+json" if isinstance(body, list) else "application/merge-patch+json"
        headers = {"Content-Type": kind if method == "PATCH" else "application/json", "Accept": "application/json"}
        found: dict[str, Any] = self.api.call_api(
            path, method, query_params=list(query.items()), header_params=headers, body=body, auth_settings=["BearerToken"],
            response_types_map=dict.fromkeys((200, 201, 202), "object"), _return_http_data_only=True,
        )  # fmt: skip
        return found

    def get(self, api: Api, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.custom.get_namespaced_custom_object(api[0], api[1], self.namespace, api[2], name)
        return found

    def names(self, api: Api) -> list[str]:
        items = self.custom.list_namespaced_custom_object(api[0], api[1], self.namespace, api[2])["items"]
        return sorted(item["metadata"]["name"] for item in items)

    def patch(self, api: Api, name: str, body: dict[str, Any]) -> None:
        self.custom.patch_namespaced_custom_object(
            api[0], api[1], self.namespace, api[2], name, body, _content_type="application/merge-patch+json"
        )

    def delete(self, api: Api, name: str) -> None:
        self.custom.delete_namespaced_custom_object(api[0], api[1], self.namespace, api[2], name)

    def claims(self) -> list[str]:
        return sorted(item.metadata.name for item in self.core.list_namespaced_persistent_volume_claim(self.namespace).items)

    def secrets(self) -> list[str]:
        found = self.core.list_namespaced_secret(self.namespace).items
        return sorted(item.metadata.name for item in found if item.type != "kubernetes.io/service-account-token")

    def leftovers(self) -> list[str]:
        """All that a program could have left in the namespace."""
        custom = [f"{api[2]}/{name}" for api in (VM, VMI, IMAGE, NAD, VOLUME_SNAPSHOT) for name in self.names(api)]
        keys = [f"keypairs/{name}" for name in self.names(("harvesterhci.io", "v1beta1", "keypairs"))]
        return [*custom, *keys, *(f"pvc/{name}" for name in self.claims()), *(f"secret/{name}" for name in self.secrets())]

    @contextmanager
    def fault(self, **fault: Any) -> Iterator[Counter[str]]:
        """Make the local Harvester's front door answer some calls with a fault. At the end it says how many of each method it struck."""
        struck: Counter[str] = Counter()
        self._ask("POST", "faults", fault)
        try:
            yield struck
        finally:
            struck.update(self.struck())
            self._ask("DELETE", "faults")

    def struck(self) -> Counter[str]:
        """How many calls of each method were struck so far by the faults that are set."""
        return sum((Counter(found["struck"]) for found in self._ask("GET", "faults")["faults"]), Counter[str]())

    def controllers(self, action: Literal["pause", "resume"]) -> None:
        """Stop the local Harvester's controllers, or let them go on."""
        self._ask("POST", f"controllers/{action}")

    def _ask(self, method: str, what: str, body: object = None) -> dict[str, Any]:
        assert self.local is not None, "faults can be asked for on the local Harvester only"
        head = {"Authorization": f"Bearer {self.local.tokens['admin']}"}
        url, ca = f"{self.local.endpoint}/local/{what}", str(self.local.ca)
        answer = requests.request(method, url, json=body, headers=head, verify=ca, timeout=10)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def connect(kubeconfig: str) -> client.ApiClient:
    return config.new_client_from_config_dict(yaml.safe_load(kubeconfig))


@contextmanager
def namespace(core: client.CoreV1Api, name: str) -> Iterator[str]:
    """A namespace for one test. Its deletion is asked for at the end; `gone` says when it is done."""
    core.create_namespace({"metadata": {"name": name}})
    try:
        yield name
    finally:
        core.delete_namespace(name)


def newcomer(target: Target, where: str, name: str) -> str:
    """A kubeconfig with the token of a new service account in the namespace, which may do nothing yet."""
    target.core.create_namespaced_service_account(where, {"metadata": {"name": name}})
    document = yaml.safe_load(target.kubeconfig)
    asked = {"spec": {"expirationSeconds": 7200}}
    document["users"][0]["user"] = {"token": target.core.create_namespaced_service_account_token(name, where, asked).status.token}
    return yaml.safe_dump(document)


def account(target: Target, where: str, name: str) -> str:
    """The same of one which may do everything."""
    kubeconfig = newcomer(target, where, name)
    subject = {"kind": "ServiceAccount", "name": name, "namespace": where}
    client.RbacAuthorizationV1Api(target.api).create_cluster_role_binding({
        "metadata": {"name": f"{where}-{name}"},
        "subjects": [subject],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    })  # fmt: skip
    until_allowed(target, subject, {"verb": "*", "group": "*", "resource": "*"})
    return kubeconfig


def until_allowed(target: Target, account: dict[str, str], asked: dict[str, str]) -> None:
    """Return once the API server grants a service account what it is asked for: it hears of a new binding a moment after it was made."""
    review = {"spec": {"user": f"system:serviceaccount:{account['namespace']}:{account['name']}", "resourceAttributes": asked}}
    reviews = client.AuthorizationV1Api(target.api)
    eventually(lambda: bool(reviews.create_subject_access_review(review).status.allowed))


def gone(core: client.CoreV1Api, name: str) -> bool:
    try:
        core.read_namespace(name)
    except ApiException as error:
        return bool(error.status == 404)
    return False


def eventually(holds: Callable[[], bool], seconds: float = 120) -> None:
    """Return as soon as something holds that another program is at work on; fail when it does not come to hold."""

    @retry(stop=stop_after_delay(seconds), wait=wait_fixed(0.2), retry=retry_if_exception_type(AssertionError), reraise=True)
    def look() -> None:
        assert holds()

    look()


def endpoint(options: pytest.Config) -> dict[str, str]:
    """Where the given cluster's Harvester API is, and who vouches for it."""
    return {name: options.getoption(f"--{name.replace('_', '-')}") for name in ("endpoint", "endpoint_ca")}


@contextmanager
def given_cluster(kubeconfig: Path, image_url: str, *, endpoint: str, endpoint_ca: str) -> Iterator[Target]:
    """The cluster of a kubeconfig. At the end, the namespaces of the tests are gone."""
    text = kubeconfig_text(kubeconfig)
    with connect(text) as api:
        found = Target(text, endpoint, image_url, "", api, endpoint_ca=endpoint_ca)
        yield found
        for name in found.namespaces:
            eventually(lambda name=name: gone(found.core, name))


def kubeconfig_text(path: Path) -> str:
    """A kubeconfig with all files it names put into it, so that it can go into a program's settings."""
    found = yaml.safe_load(path.read_text())
    for entry in found["clusters"]:
        _embed(entry["cluster"], "certificate-authority", "certificate-authority-data")
    for entry in found["users"]:
        user = entry["user"]
        _embed(user, "client-certificate", "client-certificate-data")
        _embed(user, "client-key", "client-key-data")
        if token := user.pop("tokenFile", None):
            user["token"] = Path(token).read_text().strip()
    return json.dumps(found)


def _embed(where: dict[str, str], name: str, data: str) -> None:
    if path := where.pop(name, None):
        where[data] = base64.b64encode(Path(path).read_bytes()).decode()
