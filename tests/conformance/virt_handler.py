"""What a node's virt-handler reports of a running guest and the control plane's stand-in for it does not.

- A SELinux context, `none` where a node has no SELinux (pkg/virt-handler/vm.go, updateSELinuxContext). Without one KubeVirt migrates
  nothing and plugs in no disk (migration.go, setTargetPodSELinuxLevel; services/template.go).
- When the guest came to run (status.phaseTransitionTimestamps).
- That CPUs and memory which KubeVirt plugged in with a migration are in the guest, and volumes that moved with it are where they should be
  (migration-target.go, hotplugCPU, hotplugMemory and after).
- That a disk which was taken out of the machine is unmounted (vm.go, updateHotplugVolumeStatus).

And it ends the launcher that a guest has left with a migration, as that does itself (virt-launcher ends with its domain). As long as it
runs KubeVirt begins no other migration of the machine (migration.go, handleTargetPodCreation).

Nothing here decides what a change means.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.rest import ApiException
from urllib3.exceptions import HTTPError

from tests.conformance.beside import beside

INSTANCES = ("kubevirt.io", "v1")
PLURAL = "virtualmachineinstances"
_PAUSE = 0.3
_PLUGGED, _UNMOUNTED = ("AttachedToNode", "MountedToPod", "Ready"), "UnMountedFromPod"
_LATER = (404, 409, 422)
"""Answers to a report on an instance that has gone or has changed meanwhile."""


@contextmanager
def reporting(work: Path) -> Iterator[None]:
    """Report until the end of the block, as the account that the control plane in the folder `work` has for virt-handler."""
    with config.new_client_from_config(str(work / "kubeconfig-handler")) as api, beside("virt-handler", lambda stop: _report(api, stop)):
        yield


def _report(api: client.ApiClient, stop: threading.Event) -> None:
    custom, core, ended = client.CustomObjectsApi(api), client.CoreV1Api(api), set[str]()
    while not stop.wait(_PAUSE):
        try:
            for instance in custom.list_cluster_custom_object(*INSTANCES, PLURAL)["items"]:
                if found := lacking(instance):
                    _write(custom, instance["metadata"], found)
                if (launcher := left(instance)) and launcher not in ended:
                    _end(core, instance["metadata"]["namespace"], launcher)
                    ended.add(launcher)
        except (ApiException, HTTPError) as error:
            print(f"virt-handler: {error}", file=sys.stderr)


def _write(custom: client.CustomObjectsApi, meta: dict[str, Any], found: dict[str, Any]) -> None:
    """By a JSON patch: a merge patch would drop null fields from lists, and KubeVirt compares its conditions to the letter."""
    seen = {"op": "test", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]}
    changes = [
        {"op": "remove", "path": f"/status/{name}"} if value is None else {"op": "add", "path": f"/status/{name}", "value": value}
        for name, value in found.items()
    ]
    try:
        custom.patch_namespaced_custom_object(
            *INSTANCES, meta["namespace"], PLURAL, meta["name"], [seen, *changes], _content_type="application/json-patch+json"
        )
    except ApiException as error:
        if error.status not in _LATER:
            raise


def _end(core: client.CoreV1Api, namespace: str, pod: str) -> None:
    try:
        core.patch_namespaced_pod_status(pod, namespace, {"status": {"phase": "Succeeded"}})
    except ApiException as error:
        if error.status not in _LATER:
            raise


def left(instance: dict[str, Any]) -> str:
    """The launcher without a guest after a migration: the one that it moved away from, or should have moved to. Empty for none."""
    status = instance.get("status", {})
    migration = status.get("migrationState") or {}
    ended = migration.get("targetPod" if migration.get("failed") else "sourcePod")
    return str(ended) if ended and migration.get("completed") else ""


def lacking(instance: dict[str, Any]) -> dict[str, Any]:
    """What the status of a guest that runs must have besides; None for what must go."""
    status = instance.get("status", {})
    if status.get("phase") != "Running":
        return {}
    conditions = [entry for entry in status.get("conditions") or [] if not _brought(entry, instance)]
    complete = {
        "selinuxContext": status.get("selinuxContext") or "none",
        "phaseTransitionTimestamps": _times(status),
        "conditions": conditions,
        "volumeStatus": _volumes(instance),
    }
    found = {name: value for name, value in complete.items() if value and value != status.get(name)}
    moved = "conditions" in found and not any(entry["type"] == "VolumesChange" for entry in conditions)
    return {**found, "migratedVolumes": None} if moved and status.get("migratedVolumes") else found


def _times(status: dict[str, Any]) -> list[dict[str, Any]]:
    times: list[dict[str, Any]] = status.get("phaseTransitionTimestamps") or []
    if any(entry["phase"] == "Running" for entry in times):
        return times
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [*times, {"phase": "Running", "phaseTransitionTimestamp": now}]


def _brought(entry: dict[str, Any], instance: dict[str, Any]) -> bool:
    """Whether a condition asks for what a migration has brought."""
    status, domain = instance["status"], instance["spec"]["domain"]
    migration = status.get("migrationState") or {}
    if not migration.get("completed"):
        return False
    match entry["type"]:
        case "HotVCPUChange":
            return bool(status.get("currentCPUTopology", {}).get("sockets") == domain.get("cpu", {}).get("sockets"))
        case "HotMemoryChange":
            return bool(status.get("memory", {}).get("guestCurrent") == domain.get("memory", {}).get("guest"))
        case "VolumesChange":
            return bool(entry["status"] == "True" and migration.get("startTimestamp", "") >= entry["lastTransitionTime"])
        case _:
            return False


def _volumes(instance: dict[str, Any]) -> list[dict[str, Any]]:
    declared = {volume["name"] for volume in instance["spec"].get("volumes") or []}
    return [
        {**volume, "phase": _UNMOUNTED}
        if "hotplugVolume" in volume and volume["name"] not in declared and volume.get("phase") in _PLUGGED
        else volume
        for volume in instance["status"].get("volumeStatus") or []
    ]
