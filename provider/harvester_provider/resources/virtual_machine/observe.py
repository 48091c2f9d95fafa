"""The live machine -> its inputs: what is declared and differs is drift; what webhooks, controllers and others add is not.

With prior inputs each declared field gets its present value, in the notation of the prior where both mean the same.
Without (import), everything that is modelled is read. Nothing here fails on an object of another shape.
"""

from collections.abc import Mapping
from typing import Any

from harvester_provider.core.json import Object, dig, dig_list, dig_map, dig_str, dig_strings, parsed
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import IMAGE_ID
from harvester_provider.resources.virtual_machine import cloud_init, disks, manifest, nics, parts, sizing, sysprep, words
from harvester_provider.resources.virtual_machine.devices import Disk, NetworkInterface
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.observe_drive import observe_drive


def observe(live: Live, prior: VirtualMachineInputs | None, seen: Snapshot) -> dict[str, object]:
    """The values of the machine's own fields (Python names), metadata left out."""
    values: dict[str, object] = {
        "cpu": sizing.cpu_of(live) or (prior.cpu if prior else 1),
        "memory": sizing.memory_of(live, prior),
        "hot_plug": sizing.room_of(live, prior),
        "run_strategy": _strategy(live, prior),
        "paused": live.paused if live.guest_runs else bool(prior and prior.paused),
        "efi": bool(_efi(live)) or "efi" in dig_map(live.domain, "firmware", "bootloader"),
        "secure_boot": _secure_boot(live),
        "persistent_efi": _efi(live).get("persistent") is True,
        "persistent_tpm": dig(live.domain, "devices", "tpm", "persistent") is True,
        "tpm": isinstance(dig(live.domain, "devices", "tpm"), Mapping),
        "node_selector": dig_strings(live.spec, "nodeSelector"),
        "eviction_strategy": dig_str(live.spec, "evictionStrategy") or (prior.eviction_strategy if prior else "None"),
        "ssh_keys": _ssh_keys(live, prior, seen),
        "cloud_init": observe_drive(live, prior, seen),
        "disks": _disks(live, prior),
        "network_interfaces": _nics(live, prior),
    }
    own = seen.get(manifest.answers_secret(live.ref))
    answers = {"sysprep": sysprep.of_secret(own)} if sysprep.names_own(live) and cloud_init.is_own(own) else {}
    found = parts.observe(live, prior)
    return values | _optional(live, prior) | found | {name: value for name, value in answers.items() if found.get(name)}


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


def _ssh_keys(live: Live, prior: VirtualMachineInputs | None, seen: Snapshot) -> list[str]:
    """The keys that Harvester's annotation names, in the notation of the prior; keys that others added are left out.

    On import only those of a machine with a cloud-init Secret of our making: in the data of others they are part of the text.
    """
    text = dig_strings(live.vm, "spec", "template", "metadata", "annotations").get(words.SSH_NAMES)
    names = [name for name in dig_list(parsed(text)) if isinstance(name, str)]
    if prior is None:
        return names if cloud_init.is_own(seen.get(manifest.own_secret(live.ref))) else []
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
        found_claim = live.claim(prior.name)
        kept["existing_volume"] = prior.existing_volume if live.stands_for(found_claim, prior.existing_volume) else found_claim or None
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
        "image": live.image(claim) or None,
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
    return IMAGE_ID in dig_strings(template, "metadata", "annotations")


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
