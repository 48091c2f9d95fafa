"""Inputs -> the VM object and the cloud-init Secret, with Harvester's conventions (upstream pkg/builder/vm.go, the UI's defaults).

Only what is declared or needed is sent: requests, guest memory, affinity and MAC addresses are the webhook's to fill in.
"""

import json
from collections.abc import Callable, Mapping, Sequence

from harvester_provider.core.errors import PlanRefused
from harvester_provider.core.json import Json, Object, condition, dig_str, is_true
from harvester_provider.core.ownership import mark, uid
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import CREATOR, IMAGE, KEY_PAIR, SECRET, VIRTUAL_MACHINE
from harvester_provider.resources.kind import TAG, manifest, metadata
from harvester_provider.resources.secret import encoded
from harvester_provider.resources.virtual_machine import cloud_init, disks, nics, parts, sizing, sysprep, words
from harvester_provider.resources.virtual_machine.devices import CloudInitDrive, Disk
from harvester_provider.resources.virtual_machine.guest import probe
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs

Suffix = Callable[[], str]
"""Makes five characters that keep the names of new volumes apart from those of older volumes."""
NO_DRIVE = CloudInitDrive()
"""A drive with nothing on it."""


def virtual_machine(inputs: VirtualMachineInputs, seen: Snapshot, suffix: Suffix) -> Object:
    """The VM object of a new machine. Raises PlanRefused where an image or a key cannot be used."""
    claims = {disk.name: claim_name(inputs.name, disk, suffix) for disk in inputs.disks if disks.needs_claim(disk)}
    templates = [claim_template(inputs, disk, claims[disk.name], seen) for disk in inputs.disks if disks.needs_claim(disk)]
    annotations = {words.VOLUME_CLAIM_TEMPLATES: json.dumps(templates), **sizing.annotations(inputs)}
    if inputs.run_strategy != "Halted":
        annotations[words.LAST_STRATEGY] = inputs.run_strategy
    if inputs.restart_trigger:
        annotations[words.RESTARTED_FOR] = inputs.restart_trigger
    meta = metadata(inputs, labels={CREATOR: words.CREATOR_NAME}, annotations=annotations)
    spec = {"runStrategy": inputs.run_strategy, "template": {"metadata": _template_metadata(inputs), "spec": _spec(inputs, claims, seen)}}
    return parts.fill(manifest(VIRTUAL_MACHINE, meta, spec=spec), inputs)


def template_labels(inputs: VirtualMachineInputs) -> dict[str, str]:
    """Labels of the running instance, by which load balancers find it: those of the machine, and Harvester's own."""
    own = {words.VM_NAME: inputs.name, CREATOR: words.CREATOR_NAME}
    return {**{TAG + key: value for key, value in inputs.tags.items()}, **inputs.labels, **own}


def _template_metadata(inputs: VirtualMachineInputs) -> Object:
    names = {words.SSH_NAMES: json.dumps(key_ids(inputs))} if inputs.ssh_keys else {}
    return {"labels": template_labels(inputs), **({"annotations": names} if names else {})}


def _spec(inputs: VirtualMachineInputs, claims: Mapping[str, str], seen: Snapshot) -> Object:
    drive = cloud_init_volume(inputs, seen)
    optional: dict[str, Json] = {
        "nodeSelector": inputs.node_selector or None,
        "terminationGracePeriodSeconds": inputs.termination_grace_period_seconds,
        "readinessProbe": probe(inputs),
    }
    volumes = [disks.volume(disk, claims.get(disk.name, "")) for disk in inputs.disks]
    return {
        "domain": _domain(inputs, with_drive=drive is not None),
        "evictionStrategy": inputs.eviction_strategy,
        "hostname": inputs.hostname or inputs.name,
        "networks": [nics.network(nic, inputs.namespace) for nic in inputs.network_interfaces],
        "volumes": [each for each in (*volumes, drive) if each is not None],
        **{key: value for key, value in optional.items() if value is not None},
    }


def _domain(inputs: VirtualMachineInputs, *, with_drive: bool) -> Object:
    devices: dict[str, Json] = {
        "disks": [*(disks.device(disk) for disk in inputs.disks), *([cloud_init.device(inputs.cloud_init)] if with_drive else [])],
        "interfaces": [nics.interface(nic) for nic in inputs.network_interfaces],
    }
    if not inputs.network_interfaces:
        devices["autoattachPodInterface"] = False
    if inputs.tpm:
        devices["tpm"] = {"persistent": True} if inputs.persistent_tpm else {}
    return {
        **sizing.domain(inputs),
        "devices": devices,
        "features": {"acpi": {"enabled": True}, **({"smm": {"enabled": True}} if inputs.secure_boot else {})},
        "machine": {"type": inputs.machine_type or ""},
        **({"firmware": firmware(inputs)} if inputs.efi else {}),
    }


def firmware(inputs: VirtualMachineInputs) -> Object:
    """The firmware of a machine with EFI."""
    persistent: dict[str, Json] = {"persistent": True} if inputs.persistent_efi else {}
    return {"bootloader": {"efi": {"secureBoot": inputs.secure_boot, **persistent}}}


def claim_name(machine: str, disk: Disk, suffix: Suffix) -> str:
    """The name of a new volume: never that of an older one, whose data would silently be used again."""
    return f"{machine}-{disk.name}-{suffix()}"


def claim_template(inputs: VirtualMachineInputs, disk: Disk, claim: str, seen: Snapshot) -> dict[str, Json]:
    """The template of a new volume. Raises PlanRefused where its image cannot be used."""
    image = usable_image(disk, inputs.namespace, seen) if disk.image else {}
    return disks.claim_template(disk, claim, image, mark(inputs.owner))


def usable_image(disk: Disk, namespace: str, seen: Snapshot) -> Object:
    """The image of a disk. Raises PlanRefused where it is missing, not imported, or larger than the disk."""
    ref = Ref.named(IMAGE, disk.image or "", namespace)
    image = seen.get(ref)
    who = f"disk {disk.name}: image {ref.id}"
    if not image:
        raise PlanRefused(f"{who} does not exist: check the name, or make it with an Image resource first")
    if is_true(image, "RetryLimitExceeded"):
        raise PlanRefused(f"{who} cannot be used, its import failed: {dig_str(condition(image, 'RetryLimitExceeded'), 'message')}")
    if not is_true(image, "Imported") or not dig_str(image, "status", "storageClassName"):
        raise PlanRefused(f"{who} is not imported yet: try again when Harvester shows it as active")
    need = Quantity(disks.image_bytes(image))
    if disk.size is not None and disk.size < need:
        raise PlanRefused(f"disk {disk.name}: size {disk.size} is smaller than the image {ref.id}, which needs {need} bytes")
    return image


def key_ids(inputs: VirtualMachineInputs) -> list[str]:
    """The SSH keys as `namespace/name`."""
    return [Ref.named(KEY_PAIR, key, inputs.namespace).id for key in inputs.ssh_keys]


def public_keys(inputs: VirtualMachineInputs, seen: Snapshot) -> list[str]:
    """The public keys of the declared SSH keys. Raises PlanRefused where one is missing."""
    found = []
    for key in inputs.ssh_keys:
        ref = Ref.named(KEY_PAIR, key, inputs.namespace)
        text = dig_str(seen.get(ref), "spec", "publicKey").strip()
        if not text:
            raise PlanRefused(f"SSH key {ref.id} does not exist or has no public key: check the name, or make it with an SshKey resource")
        found.append(text)
    return found


def cloud_init_texts(inputs: VirtualMachineInputs, seen: Snapshot) -> dict[str, str]:
    """What the machine's own Secret holds; nothing where it needs none."""
    return cloud_init.texts(inputs.cloud_init, public_keys(inputs, seen))


def named_secret(inputs: VirtualMachineInputs) -> Ref | None:
    """The Secret that `cloud_init` names."""
    drive = inputs.cloud_init
    return Ref.named(SECRET, drive.secret_name, inputs.namespace) if drive and drive.secret_name else None


def own_texts(inputs: VirtualMachineInputs, seen: Snapshot) -> dict[Ref, dict[str, str]]:
    """What the machine's own Secrets hold: that with its cloud-init data, and that with its answer files. Nothing in one it needs not."""
    ref = Ref(VIRTUAL_MACHINE, inputs.name, inputs.namespace)
    return {own_secret(ref): cloud_init_texts(inputs, seen), answers_secret(ref): sysprep.texts(inputs.sysprep)}


def own_secret(ref: Ref) -> Ref:
    """The machine's own cloud-init Secret."""
    return Ref(SECRET, words.cloud_init_secret(ref.name), ref.namespace)


def answers_secret(ref: Ref) -> Ref:
    """The machine's own Secret with answer files."""
    return Ref(SECRET, words.sysprep_secret(ref.name), ref.namespace)


def cloud_init_volume(inputs: VirtualMachineInputs, seen: Snapshot) -> dict[str, Json] | None:
    """The cloud-init drive among the volumes, or None without cloud-init."""
    named = named_secret(inputs)
    texts = cloud_init_texts(inputs, seen)
    return cloud_init.volume(inputs.cloud_init, texts, words.cloud_init_secret(inputs.name), seen.get(named) if named else {})


def secret(ref: Ref, inputs: VirtualMachineInputs, texts: Mapping[str, str], machine: Object) -> Object:
    """A Secret of the machine's own. The cluster's garbage collection removes it with the machine, whoever deletes that."""
    owner = {"apiVersion": VIRTUAL_MACHINE.api_version, "kind": VIRTUAL_MACHINE.kind, "name": inputs.name, "uid": uid(machine)}
    owners: Sequence[Json] = [owner] if uid(machine) else []
    meta: dict[str, Json] = {
        "name": ref.name,
        "namespace": ref.namespace,
        "labels": {CREATOR: words.CREATOR_NAME},
        "annotations": mark(inputs.owner),
        "ownerReferences": owners,
    }
    return manifest(SECRET, meta, type="Opaque", data=encoded(texts))
