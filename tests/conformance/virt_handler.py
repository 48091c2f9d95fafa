"""What a node's virt-handler reports of a running guest and the control plane's stand-in for it does not.

- A SELinux context, `none` where a node has no SELinux (pkg/virt-handler/vm.go, updateSELinuxContext). Without one KubeVirt migrates
  nothing and plugs in no disk (migration.go, setTargetPodSELinuxLevel; services/template.go).
- When the guest came to run (status.phaseTransitionTimestamps).
- That CPUs and memory which KubeVirt plugged in with a migration are in the guest (migration-target.go, hotplugCPU and hotplugMemory).
- That a disk which was taken out of the machine is unmounted (vm.go, updateHotplugVolumeStatus).

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

INSTANCES = ("kubevirt.io", "v1")
PLURAL = "virtualmachineinstances"
_PAUSE = 0.3
_PLUGGED, _UNMOUNTED = ("AttachedToNode", "MountedToPod", "Ready"), "UnMountedFromPod"
_LATER = (404, 409, 422)
"""Answers to a report on an instance that has gone or has changed meanwhile."""


@contextmanager
def reporting(work: Path) -> Iterator[None]:
    """Report until the end of the block, as the account that the control plane in the folder `work` has for virt-handler."""
    stop = threading.Event()
    with config.new_client_from_config(str(work / "kubeconfig-handler")) as api:
        thread = threading.Thread(target=_report, args=(client.CustomObjectsApi(api), stop), name="virt-handler", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _report(custom: client.CustomObjectsApi, stop: threading.Event) -> None:
    while not stop.wait(_PAUSE):
        try:
            for instance in custom.list_cluster_custom_object(*INSTANCES, PLURAL)["items"]:
                if found := lacking(instance):
                    _write(custom, instance["metadata"], found)
        except (ApiException, HTTPError) as error:
            print(f"virt-handler: {error}", file=sys.stderr)


def _write(custom: client.CustomObjectsApi, meta: dict[str, Any], found: dict[str, Any]) -> None:
    """By a JSON patch: a merge patch would drop null fields from lists, and KubeVirt compares its conditions to the letter."""
    seen = {"op": "test", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]}
    patch = [seen, *({"op": "add", "path": f"/status/{name}", "value": value} for name, value in found.items())]
    try:
        custom.patch_namespaced_custom_object(
            *INSTANCES, meta["namespace"], PLURAL, meta["name"], patch, _content_type="application/json-patch+json"
        )
    except ApiException as error:
        if error.status not in _LATER:
            raise


def lacking(instance: dict[str, Any]) -> dict[str, Any]:
    """What the status of a guest that runs must have besides."""
    status = instance.get("status", {})
    if status.get("phase") != "Running":
        return {}
    complete = {
        "selinuxContext": status.get("selinuxContext") or "none",
        "phaseTransitionTimestamps": _times(status),
        "conditions": _conditions(instance),
        "volumeStatus": _volumes(instance),
    }
    return {name: value for name, value in complete.items() if value and value != status.get(name)}


def _times(status: dict[str, Any]) -> list[dict[str, Any]]:
    times: list[dict[str, Any]] = status.get("phaseTransitionTimestamps") or []
    if any(entry["phase"] == "Running" for entry in times):
        return times
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [*times, {"phase": "Running", "phaseTransitionTimestamp": now}]


def _conditions(instance: dict[str, Any]) -> list[dict[str, Any]]:
    """Without those that ask for what a migration has brought."""
    status, domain = instance["status"], instance["spec"]["domain"]
    has = {
        "HotVCPUChange": status.get("currentCPUTopology", {}).get("sockets") == domain.get("cpu", {}).get("sockets"),
        "HotMemoryChange": status.get("memory", {}).get("guestCurrent") == domain.get("memory", {}).get("guest"),
    }
    moved = status.get("migrationState", {}).get("completed")
    return [entry for entry in status.get("conditions") or [] if not (moved and has.get(entry["type"]))]


def _volumes(instance: dict[str, Any]) -> list[dict[str, Any]]:
    declared = {volume["name"] for volume in instance["spec"].get("volumes") or []}
    return [
        {**volume, "phase": _UNMOUNTED}
        if "hotplugVolume" in volume and volume["name"] not in declared and volume.get("phase") in _PLUGGED
        else volume
        for volume in instance["status"].get("volumeStatus") or []
    ]
