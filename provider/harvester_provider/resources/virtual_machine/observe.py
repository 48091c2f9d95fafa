"""The live machine -> its inputs: what is declared and differs is drift; what webhooks, controllers and others add is not.

With prior inputs each declared field gets its present value, in the notation of the prior where both mean the same.
Without (import), everything that is modelled is read. Nothing here fails on an object of another shape.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harvester_provider.core.errors import HarvesterError
from harvester_provider.core.json import Object, dig, dig_map, dig_str, dig_strings
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import SECRET
from harvester_provider.resources.virtual_machine import cloud_init, disks, manifest, nics, sizing, words
from harvester_provider.resources.virtual_machine.devices import CloudInitDrive, Disk, NetworkInterface
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs


def observe(live: Live, prior: VirtualMachineInputs | None, seen: Snapshot) -> dict[str, object]:
    """The values of the machine's own fields (Python names), metadata left out."""
    values: dict[str, object] = {
        "cpu": sizing.cpu_of(live) or (prior.cpu if prior else 1),
        "memory": sizing.memory_of(live, prior),
        "hot_plug": sizing.room_of(live, prior),
        "run_strategy": _strategy(live, prior),
        "efi": bool(_efi(live)) or "efi" in dig_map(live.domain, "firmware", "bootloader"),
        "secure_boot": _secure_boot(live),
        "tpm": isinstance(dig(live.domain, "devices", "tpm"), Mapping),
        "node_selector": dig_strings(live.spec, "nodeSelector"),
        "eviction_strategy": dig_str(live.spec, "evictionStrategy") or (prior.eviction_strategy if prior else "None"),
        "ssh_keys": _ssh_keys(live, prior),
        "cloud_init": _cloud_init(live, prior, seen),
        "disks": _disks(live, prior),
        "network_interfaces": _nics(live, prior),
    }
    return values | _optional(live, prior)


def _optional(live: Live, prior: VirtualMachineInputs | None) -> dict[str, object]:
    """Fields that the cluster fills in where they are not declared."""
    found: dict[str, object] = {
        "hostname": dig_str(live.spec, "hostname") or None,
        "machine_type": dig_str(live.domain, "machine", "type") or None,
        "termination_grace_period_seconds": dig(live.spec, "terminationGracePeriodSeconds"),
    }
    if prior is None:
        found["restart_trigger"] = live.annotations.get(words.RESTARTED_FOR)
        found["hostname"] = None if found["hostname"] == live.ref.name else found["hostname"]
        return found
    return {name: value for name, value in found.items() if getattr(prior, name) is not None}


def _strategy(live: Live, prior: VirtualMachineInputs | None) -> str:
    """The run strategy. A machine that Harvester halted for want of quota is meant to run still: `status_reason` tells."""
    if prior is not None and live.halted_by_quota:
        return prior.run_strategy
    return live.strategy or "RerunOnFailure"


def _efi(live: Live) -> Object:
    return dig_map(live.domain, "firmware", "bootloader", "efi")


def _secure_boot(live: Live) -> bool:
    """KubeVirt's default with EFI is secure boot."""
    return "efi" in dig_map(live.domain, "firmware", "bootloader") and _efi(live).get("secureBoot") is not False


def _ssh_keys(live: Live, prior: VirtualMachineInputs | None) -> list[str]:
    """The keys that Harvester's annotation names, in the notation of the prior; keys that others added are left out."""
    text = dig_strings(live.vm, "spec", "template", "metadata", "annotations").get(words.SSH_NAMES, "[]")
    try:
        found = json.loads(text)
    except ValueError:
        found = []
    names = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
    if prior is None:
        return names
    return [key for key, identity in zip(prior.ssh_keys, manifest.key_ids(prior), strict=True) if identity in names]


def _disks(live: Live, prior: VirtualMachineInputs | None) -> list[Disk]:
    if prior is not None:
        return [_known_disk(live, disk) for disk in prior.disks if disk.name in live.disks]
    names = [name for name in live.disks if not cloud_init.source_of(live.volumes.get(name, {}))[0]]
    return [Disk.model_construct(name=name, **_disk(live, name)) for name in names]


def _known_disk(live: Live, prior: Disk) -> Disk:
    """A declared disk as it is now. What was left open stays open."""
    found = _disk(live, prior.name)
    kept: dict[str, Any] = {name: value for name, value in found.items() if name == "type" or getattr(prior, name) is not None}
    if not live.claim_template(live.claim(prior.name)):
        for name in ("access_mode", "volume_mode", "storage_class"):
            kept.pop(name, None)
    if prior.name not in live.volumes:
        kept.pop("hot_plug", None)
    if prior.existing_volume is not None:
        kept["existing_volume"] = live.claim(prior.name) or None
    if prior.size is not None and found["size"] in (None, prior.size):
        kept["size"] = prior.size
    if prior.image is not None and found["image"] == _qualified(prior.image, live):
        kept["image"] = prior.image
    return prior.updated(**kept)


def _disk(live: Live, name: str) -> dict[str, Any]:
    """All that is modelled of a disk."""
    device, volume, claim = live.disks[name], live.volumes.get(name, {}), live.claim(name)
    template = live.claim_template(claim)
    modes = dig(template, "spec", "accessModes", 0)
    return {
        "type": disks.kind_of(device),
        "bus": disks.bus_of(device) or None,
        "size": sizing.quantity(dig(template, "spec", "resources", "requests", "storage")),
        "image": dig_strings(template, "metadata", "annotations").get(words.IMAGE_ID),
        "existing_volume": claim if claim and not template else None,
        "container_image": disks.container_of(volume) or None,
        "storage_class": None if _from_image(template) else dig_str(template, "spec", "storageClassName") or None,
        "access_mode": modes if isinstance(modes, str) else "ReadWriteMany",
        "volume_mode": dig_str(template, "spec", "volumeMode") or "Block",
        "hot_plug": dig(volume, "persistentVolumeClaim", "hotpluggable") is True,
        "boot_order": dig(device, "bootOrder"),
        "cache_mode": device.get("cache"),
        "serial": device.get("serial"),
    }


def _from_image(template: Object) -> bool:
    return words.IMAGE_ID in dig_strings(template, "metadata", "annotations")


def _qualified(identity: str, live: Live) -> str:
    return identity if "/" in identity else f"{live.ref.namespace}/{identity}"


def _nics(live: Live, prior: VirtualMachineInputs | None) -> list[NetworkInterface]:
    if prior is not None:
        return [_known_nic(live, nic) for nic in prior.network_interfaces if nic.name in live.interfaces]
    return [NetworkInterface.model_construct(name=name, **_nic(live, name)) for name in live.interfaces]


def _known_nic(live: Live, prior: NetworkInterface) -> NetworkInterface:
    """A declared NIC as it is now. What was left open stays open; a MAC address in another notation is the same."""
    found = _nic(live, prior.name)
    kept = {name: value for name, value in found.items() if getattr(prior, name) is not None}
    if prior.mac_address and nics.same_mac(prior.mac_address, found["mac_address"] or ""):
        kept["mac_address"] = prior.mac_address
    if prior.network and _qualified(prior.network, live) == found["network"]:
        kept["network"] = prior.network
    return prior.updated(**kept)


def _nic(live: Live, name: str) -> dict[str, Any]:
    """All that is modelled of a NIC."""
    entry = live.interfaces[name]
    return {
        "network": nics.network_of(live.networks.get(name, {})),
        "type": nics.binding_of(entry) or None,
        "model": dig_str(entry, "model") or "virtio",
        "mac_address": dig_str(entry, "macAddress") or None,
        "boot_order": dig(entry, "bootOrder"),
    }


def _cloud_init(live: Live, prior: VirtualMachineInputs | None, seen: Snapshot) -> CloudInitDrive | None:
    """The drive as it is. One that is not declared is somebody else's, or holds nothing but the SSH keys."""
    before = prior.cloud_init if prior else None
    if prior is not None and before is None:
        return None
    kind, source = _drive(live)
    if not kind:
        return None
    named = {
        "secret_name": dig_str(source, "secretRef", "name") or None,
        "network_data_secret_name": dig_str(source, "networkDataSecretRef", "name") or None,
    }
    if before is None or prior is None:
        return _imported_drive(live, kind, source, named, seen)
    if before.secret_name:
        network = before.network_data_secret_name and named["network_data_secret_name"]
        return before.updated(
            type=kind,
            secret_name=_same_name(before.secret_name, named["secret_name"]),
            network_data_secret_name=_same_name(before.network_data_secret_name, network),
        )
    return before.updated(type=kind, **_own_texts(live, prior, before, source, seen))


def _drive(live: Live) -> tuple[str, Object]:
    return next((found for entry in live.volumes.values() if (found := cloud_init.source_of(entry))[0]), ("", {}))


def _same_name(prior: str | None, found: str | None) -> str | None:
    return prior if prior and prior.split("/")[-1] == found else found


def _own_texts(live: Live, prior: VirtualMachineInputs, before: CloudInitDrive, source: Object, seen: Snapshot) -> dict[str, object]:
    """User and network data in the machine's own Secret. Equal to what we would write: the prior text; otherwise what is there."""
    have = cloud_init.decoded(seen.get(manifest.own_secret(live.ref)))
    try:
        want = manifest.cloud_init_texts(prior, seen)
    except HarvesterError:
        want = have
    pairs = {"user_data": (words.USER_DATA, before.user_data), "network_data": (words.NETWORK_DATA, before.network_data)}
    out: dict[str, object] = {
        name: text if have.get(key) == want.get(key) else have.get(key) for name, (key, text) in pairs.items() if text is not None
    }
    if before.network_data_secret_name:
        found = dig_str(source, "networkDataSecretRef", "name") or None
        out["network_data_secret_name"] = _same_name(before.network_data_secret_name, found)
    return out


def _imported_drive(live: Live, kind: str, source: Object, named: Mapping[str, str | None], seen: Snapshot) -> CloudInitDrive:
    """On import: the texts where they are the machine's own, the Secrets' names otherwise."""
    own = manifest.own_secret(live.ref)
    inline = {"user_data": dig_str(source, "userData") or None, "network_data": dig_str(source, "networkData") or None}
    if named["secret_name"] == own.name and seen.get(own):
        texts = cloud_init.decoded(seen.get(own))
        inline = {"user_data": texts.get(words.USER_DATA), "network_data": texts.get(words.NETWORK_DATA)}
        named = {}
    elif named.get("network_data_secret_name") == named.get("secret_name"):
        named = {"secret_name": named.get("secret_name")}
    values: dict[str, Any] = {"type": kind, **{key: value for key, value in (inline | dict(named)).items() if value}}
    return CloudInitDrive.model_construct(**values)


def secrets_of(live: Live) -> Sequence[Ref]:
    """The Secrets that the machine's cloud-init drive names."""
    _, source = _drive(live)
    names = [dig_str(source, key, "name") for key in ("secretRef", "networkDataSecretRef")]
    return [Ref(SECRET, name, live.ref.namespace) for name in dict.fromkeys(names) if name]
