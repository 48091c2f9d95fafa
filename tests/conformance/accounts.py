"""Who is who on the control plane: Harvester's own programs, which its admission lets pass, and the user of the cases.

All programs there use one account. In a cluster Harvester's server has one of its own, by which its admission knows it
(pkg/webhook/types/request.go: IsFromController, IsGarbageCollection); the cases must not have that one. And pods there get
no volume with the token of an account, which KubeVirt counts on (volume-hotplug.go, podVolumesMatchesReadyVolumes).

Besides, the host device of the cases is permitted, which Harvester's PCI devices controller would do, and KubeVirt migrates guests for
what is plugged into them, as Harvester's chart sets it up (deploy/charts/harvester/values.yaml, workloadUpdateMethods).
"""

from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config

_PROGRAMS = "admin"
"""The account's name, as the control plane's list of tokens has it."""
HARVESTER = {"HARVESTER_CONTROLLER_USER_NAME": _PROGRAMS, "GARBAGE_COLLECTION_USER_NAME": _PROGRAMS}
"""What tells Harvester's admission who its server and the garbage collector are."""
_USER = "conformance"
_KUBEVIRT = {
    "configuration": {"permittedHostDevices": {"pciHostDevices": [{"pciVendorSelector": "10DE:1EB8", "resourceName": "example.org/card"}]}},
    "workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]},
}
_SECONDS = 24 * 3600
_POLICY = "service-account-tokens"
_WANTS_TOKEN = "!has(object.spec.automountServiceAccountToken) || object.spec.automountServiceAccountToken"
_VOLUME = 'Object{spec: Object.spec{volumes: [Object.spec.volumes{name: "kube-api-access", emptyDir: Object.spec.volumes.emptyDir{}}]}}'


def prepare(kubeconfig: Path) -> str:
    """Make up for what is missing, and return a kubeconfig of a new account that may do everything and is none of Harvester's."""
    with config.new_client_from_config(str(kubeconfig)) as api:
        custom = client.CustomObjectsApi(api)
        token_volumes(custom)
        kubevirt = ("kubevirt.io", "v1", "harvester-system", "kubevirts", "kubevirt")
        custom.patch_namespaced_custom_object(*kubevirt, {"spec": _KUBEVIRT}, _content_type="application/merge-patch+json")
        token = _administrator(api)
    found = yaml.safe_load(kubeconfig.read_text())
    for user in found["users"]:
        user["user"] = {"token": token}
    return str(yaml.safe_dump(found))


def authority(kubeconfig: Path) -> str:
    """The certificate authority of Harvester's own API (PEM text in base64), which it made for itself and keeps in the cluster."""
    with config.new_client_from_config(str(kubeconfig)) as api:
        secret = client.CoreV1Api(api).read_namespaced_secret("serving-ca", "kube-system")
    return str(secret.data["tls.crt"])


def _administrator(api: client.ApiClient) -> str:
    """A new account's token. Harvester's server writes to instances in the name of KubeVirt's controller, which may do so, too."""
    core, rbac = client.CoreV1Api(api), client.RbacAuthorizationV1Api(api)
    core.create_namespaced_service_account("default", {"metadata": {"name": _USER}})
    accounts = (("default", _USER), ("harvester-system", "kubevirt-controller"))
    subjects = [{"kind": "ServiceAccount", "namespace": namespace, "name": name} for namespace, name in accounts]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    rbac.create_cluster_role_binding({"metadata": {"name": _USER}, "roleRef": role, "subjects": subjects})
    asked = {"spec": {"expirationSeconds": _SECONDS, "audiences": None}}
    return str(core.create_namespaced_service_account_token(_USER, "default", asked).status.token)


def token_volumes(custom: client.CustomObjectsApi) -> None:
    """Add the volume that Kubernetes' ServiceAccount admission would, without a token in it."""
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    policy = {
        "matchConstraints": {"resourceRules": [pods]},
        "matchConditions": [{"name": "wants-a-token", "expression": _WANTS_TOKEN}],
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": _VOLUME}}],
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
    }
    _create(custom, "MutatingAdmissionPolicy", "mutatingadmissionpolicies", policy)
    _create(custom, "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", {"policyName": _POLICY})


def _create(custom: client.CustomObjectsApi, kind: str, plural: str, spec: dict[str, Any]) -> None:
    group, version = "admissionregistration.k8s.io", "v1"
    body = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": _POLICY}, "spec": spec}
    custom.create_cluster_custom_object(group, version, plural, body)
