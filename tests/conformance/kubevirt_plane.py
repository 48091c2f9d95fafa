"""KubeVirt alone, as on a cluster of RKE2 or K3s: its own controller and admission on a real API server, and nothing of Harvester.

The programs are those of Harvester's control plane, started by its script's own steps. Nodes, kubelet and virt-handler are its
stand-ins, too; CDI and the provisioner of local volumes are in `cdi.py`. KubeVirt is set up as its release is: no feature gate.
"""

import argparse
import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config

from tests.conformance.accounts import token_volumes
from tests.conformance.cdi import storing
from tests.conformance.virt_handler import reporting

_SYSTEM = "kubevirt"
_GROUPS = ("kubevirt.io", "k8s.cni.cncf.io", "snapshot.storage.k8s.io")
"""What the groups of the kinds end with that such a cluster has."""
_VERSION = "v1.7.0"
_STAND_INS = ("heartbeats", "pods", "machines", "migrations")
"""The parts of the script's stand-ins that are not Longhorn's or Harvester's."""


@contextmanager
def kubevirt_plane(real: Path, work: Path, seconds: float) -> Iterator[Path]:
    """Start it in the folder `work`, and stop it after the block; its kubeconfig. Guests boot, stop and move within `seconds`."""
    sys.path.insert(0, str(real))
    script: Any = importlib.import_module("real_harvester")
    script.SYSTEM = _SYSTEM
    plane = script.Plane(work, script.free_port(), argparse.Namespace())
    try:
        plane.bare_cluster()
        with (
            config.new_client_from_config(str(plane.kubeconfig)) as api,
            config.new_client_from_config(str(work / "kubeconfig-handler")) as handler,
        ):
            _furnish(plane, api, [*sorted((real.parent / "crds").glob("*.yaml")), *sorted((real / "crds").glob("*.yaml"))])
            hollow = importlib.import_module("hollow").Hollow(handler, boot=seconds, shutdown=seconds, migrate=seconds)
            hollow.make_nodes()
            _programs(script, plane, api)
            with storing(api.configuration.host, work / "certs" / "apiserver.crt", "real", work), reporting(work), _running(hollow):
                yield plane.kubeconfig
    finally:
        plane.stop()


def _furnish(plane: Any, api: client.ApiClient, definitions: list[Path]) -> None:
    core, kinds, custom = client.CoreV1Api(api), client.ApiextensionsV1Api(api), client.CustomObjectsApi(api)
    for path in definitions:
        for found in yaml.safe_load_all(path.read_text()):
            if found and found["spec"]["group"].endswith(_GROUPS):
                found.pop("status", None)
                kinds.create_custom_resource_definition(found, _preload_content=False)
    core.create_namespace({"metadata": {"name": _SYSTEM}})
    where = ("kubevirt.io", "v1", _SYSTEM, "kubevirts")
    plane.until("KubeVirt's kinds", lambda: custom.list_namespaced_custom_object(*where)["items"] == [])
    body = {"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": {"name": "kubevirt"}, "spec": {}}
    plane.until("a KubeVirt", lambda: custom.create_namespaced_custom_object(*where, body))
    versions = {f"{word}KubeVirtVersion": _VERSION for word in ("observed", "target", "operator")}
    status = {"status": {"phase": "Deployed", "defaultArchitecture": "amd64", **versions}}
    custom.patch_namespaced_custom_object_status(*where, "kubevirt", status, _content_type="application/merge-patch+json")
    token_volumes(custom)


def _programs(script: Any, plane: Any, api: client.ApiClient) -> None:
    """KubeVirt's own: they find their namespace where a pod would have it."""
    account = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    account.mkdir(parents=True, exist_ok=True)
    (account / "namespace").write_text(_SYSTEM)
    plane.virt_api(api)
    mine = ("--kubeconfig", plane.work / "kubeconfig-controller", "--listen", "127.0.0.1", "--port", script.free_port())
    plane.spawn("virt-controller", plane.unpack("virt-controller"), *mine)


@contextmanager
def _running(hollow: Any) -> Iterator[None]:
    for name in _STAND_INS:
        threading.Thread(target=hollow.loop, args=(getattr(hollow, name),), daemon=True, name=name).start()
    try:
        yield
    finally:
        hollow.stop.set()
