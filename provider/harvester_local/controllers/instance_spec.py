"""The VirtualMachineInstance that a machine is started as.

Pure: the template with the defaults that KubeVirt and Harvester's mutator of instances add.
"""

import copy
import json
from decimal import Decimal

from harvester_local.api.objects import Obj, annotations, now, owner_reference, part
from harvester_local.api.quantities import binary
from harvester_local.model.machines import MAC_ADDRESSES, amount, interfaces, not_pluggable, template_spec

FINALIZERS = (
    "kubevirt.io/virtualMachineControllerFinalize",
    "kubevirt.io/foregroundDeleteVirtualMachine",
    "wrangler.cattle.io/VMController.BackfillObservedNetworkMacAddress",
    "wrangler.cattle.io/harvester-lb-vmi-controller",
)
GENERATION = "kubevirt.io/vm-generation"
NOT_READY = {"reason": "ContainersNotReady", "message": "containers with unready status: [compute]"}
"""While a readiness probe has not passed."""
NOT_RUNNING = {"reason": "GuestNotRunning", "message": "Guest VM is not reported as running"}


def revision_name(machine: Obj) -> str:
    """Name of the ControllerRevision that keeps what the machine was started with."""
    meta = machine["metadata"]
    return f"revision-start-vm-{meta['uid']}-{meta['generation']}"


def build_instance(machine: Obj, hotplug_ratio: int) -> Obj:
    """The instance to create. `hotplug_ratio`: most memory and sockets, as a multiple of those at boot."""
    meta, template = machine["metadata"], part(machine, "spec", "template", "metadata")
    spec = copy.deepcopy(template_spec(machine))
    _defaults(spec, hotplug_ratio)
    known_macs = json.loads(annotations(machine).get(MAC_ADDRESSES) or "{}")
    for nic in interfaces(spec):
        if not nic.get("macAddress") and nic["name"] in known_macs:
            nic["macAddress"] = known_macs[nic["name"]]
    guest = part(spec, "domain", "memory").get("guest")
    topology = {name: part(spec, "domain", "cpu").get(name, 1) for name in ("cores", "sockets", "threads")}
    memory = {"guestAtBoot": guest, "guestCurrent": guest, "guestRequested": guest} if guest else None
    observed = {"kubevirt.io/latest-observed-api-version": "v1", "kubevirt.io/storage-observed-api-version": "v1"}
    return {
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": dict(template.get("labels") or {}),
            "annotations": {**(template.get("annotations") or {}), **observed, GENERATION: str(meta["generation"])},
            "finalizers": list(FINALIZERS),
            "ownerReferences": [owner_reference(machine)],
        },
        "spec": spec,
        "status": {
            "phase": "Pending",
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": now(), **NOT_RUNNING}],
            "phaseTransitionTimestamps": [{"phase": "Pending", "phaseTransitionTimestamp": now()}],
            "virtualMachineRevisionName": revision_name(machine),
            "currentCPUTopology": topology,
            "guestOSInfo": {},
            "runtimeUser": 107,
            **({"memory": memory} if memory else {}),
        },
    }


def _defaults(spec: Obj, ratio: int) -> None:
    domain = spec["domain"]
    cpu = domain.setdefault("cpu", {})
    cpu.setdefault("model", "host-model")
    cpu.setdefault("maxSockets", cpu.get("sockets", 1) * ratio)
    if "acpi" in part(domain, "features"):
        domain["features"]["acpi"] = {"enabled": True, **(domain["features"]["acpi"] or {})}
    guest = amount(spec, "domain", "memory", "guest") or amount(spec, "domain", "resources", "limits", "memory")
    if guest:
        memory = domain.setdefault("memory", {})
        memory.setdefault("guest", binary(guest))
        most = guest * Decimal(ratio)
        if not not_pluggable(guest, most, spec):
            memory.setdefault("maxGuest", binary(most))
