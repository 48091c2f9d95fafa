"""Reading VirtualMachines and VirtualMachineInstances: templates, volumes, networks, memory, run strategy.

Pure, and true for objects that admission has let in.
"""

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from harvester_local.api.objects import Obj, annotations, items, part
from harvester_local.api.quantities import parse

VOLUME_TEMPLATES = "harvesterhci.io/volumeClaimTemplates"
RUN_STRATEGY = "harvesterhci.io/vmRunStrategy"
MAC_ADDRESSES = "harvesterhci.io/mac-address"
REMOVED_CLAIMS = "harvesterhci.io/removedPersistentVolumeClaims"
IMAGE_ID = "harvesterhci.io/imageId"
WAITING_STORAGE_MIGRATION = "harvesterhci.io/waitingStorageMigration"
HOTPLUG = "harvesterhci.io/enableCPUAndMemoryHotplug"
RESERVED_MEMORY = "harvesterhci.io/reservedMemory"

_BLOCK = 2 << 20
_LEAST_PLUGGABLE = 1 << 30
FINAL_PHASES = ("Succeeded", "Failed")


class TemplateError(ValueError):
    """The annotation with the volume templates cannot be used; the text is upstream's."""


def volume_templates(machine: Obj) -> list[Obj]:
    """The PersistentVolumeClaims that the machine's annotation asks for. Raises TemplateError."""
    text = annotations(machine).get(VOLUME_TEMPLATES)
    if not text:
        return []
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise TemplateError(f"the volumeClaimTemplates annotaion is invalid: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise TemplateError(
            "the volumeClaimTemplates annotaion is invalid: json: cannot unmarshal into Go value of type []util.VolumeClaimTemplateEntry"
        )
    if not all(part(entry, "metadata").get("name") for entry in entries):
        raise TemplateError("the volumeClaimTemplates annotaion is invalid: PVC name is required")
    return entries


def template_spec(machine: Obj) -> Obj:
    """The instance's spec inside a machine."""
    return part(machine, "spec", "template", "spec")


def volumes(spec: Obj) -> list[Obj]:
    """Volumes of an instance spec."""
    return items(spec, "volumes")


def disks(spec: Obj) -> list[Obj]:
    """Disks of an instance spec."""
    return items(spec, "domain", "devices", "disks")


def interfaces(spec: Obj) -> list[Obj]:
    """Interfaces of an instance spec."""
    return items(spec, "domain", "devices", "interfaces")


def networks(spec: Obj) -> list[Obj]:
    """Networks of an instance spec."""
    return items(spec, "networks")


def host_devices(spec: Obj) -> list[Obj]:
    """Devices of the node that an instance spec has passed through."""
    return items(spec, "domain", "devices", "hostDevices")


def device_words(machine: Obj) -> Iterable[str]:
    """Index words: the names of the devices that a machine has passed through."""
    return {str(entry.get("name")) for entry in host_devices(template_spec(machine))}


def claim_of(volume: Obj) -> str:
    """Name of the claim behind a volume, empty for other volumes."""
    claim = part(volume, "persistentVolumeClaim").get("claimName") or part(volume, "dataVolume").get("name")
    return str(claim or "")


def claims(spec: Obj) -> list[str]:
    """Names of the claims that an instance spec uses."""
    return [name for volume in volumes(spec) if (name := claim_of(volume))]


def claim_words(machine: Obj) -> Iterable[str]:
    """Index words: `namespace/claim` for each claim of a machine's template."""
    namespace = machine["metadata"].get("namespace", "")
    return {f"{namespace}/{name}" for name in claims(template_spec(machine))}


LEFT_CLAIMS = "local.harvester/left-claims"
"""Annotation of an instance: the claims of launchers that its guest has left with migrations. Kubernetes keeps them as long as the
launchers are there, which is until the guest's end."""


def instance_claim_words(instance: Obj) -> Iterable[str]:
    """Index words: `namespace/claim` for each claim of an instance."""
    namespace = instance["metadata"].get("namespace", "")
    return {f"{namespace}/{name}" for name in claims(part(instance, "spec"))}


def left_claim_words(instance: Obj) -> Iterable[str]:
    """Index words: `namespace/claim` for each claim of a launcher that the guest has left."""
    namespace = instance["metadata"].get("namespace", "")
    return {f"{namespace}/{name}" for name in annotations(instance).get(LEFT_CLAIMS, "").split(",") if name}


def network_names(spec: Obj, namespace: str) -> list[str]:
    """The `namespace/name` of each NetworkAttachmentDefinition that an instance spec refers to."""
    names = [part(network, "multus").get("networkName") for network in networks(spec)]
    return [name if "/" in name else f"{namespace}/{name}" for name in names if name]


def run_strategy(machine: Obj) -> str:
    """The run strategy; the old `running` counts as Always or Halted."""
    spec = part(machine, "spec")
    if "running" in spec:
        return "Always" if spec["running"] else "Halted"
    return str(spec.get("runStrategy") or "")


def phase(instance: Obj | None) -> str:
    """Phase of an instance, empty for none."""
    return str(part(instance, "status").get("phase") or "")


def amount(spec: Obj, *path: str) -> Decimal | None:
    """The quantity at `path`, None where it is absent or no quantity."""
    value = part(spec, *path[:-1]).get(path[-1])
    try:
        return None if value in {None, ""} else parse(value)
    except (ValueError, InvalidOperation, TypeError):
        return None


def not_pluggable(guest: Decimal | None, most: Decimal, spec: Obj) -> str:
    """Why no memory can be plugged into a guest with so much, up to `most`; empty where it can (pkg/liveupdate/memory/memory.go)."""
    have = guest or Decimal(0)
    in_order = (
        ("Guest memory must be configured when memory hotplug is enabled", guest is None),
        ("Guest memory is greater than the configured maxGuest memory", have > most),
        ("Guest memory must be 2Mi aligned", have % _BLOCK != 0),
        ("MaxGuest must be 2Mi aligned", most % _BLOCK != 0),
        ("Memory hotplug is only available for x86_64 VMs", spec.get("architecture", "amd64") != "amd64"),
        ("Memory hotplug is only available for VMs with at least 1Gi of guest memory", have < _LEAST_PLUGGABLE),
    )
    return next((text for text, holds in in_order if holds), "")


def requests(spec: Obj) -> tuple[Decimal, Decimal]:
    """CPUs and bytes that an instance asks a node for, from its requests, else its limits, else its guest memory."""
    cpu = amount(spec, "domain", "resources", "requests", "cpu") or amount(spec, "domain", "resources", "limits", "cpu")
    memory = (
        amount(spec, "domain", "resources", "requests", "memory")
        or amount(spec, "domain", "resources", "limits", "memory")
        or amount(spec, "domain", "memory", "guest")
    )
    return cpu or Decimal(0), memory or Decimal(0)
