"""What a guest and its node report of a running instance: interfaces, volumes, whether it can be migrated.

Pure. Addresses follow from the instance's uid and the interface's name, so that they are stable while it runs.
"""

import hashlib
from collections.abc import Callable

from harvester_local.api.objects import Obj, items, part
from harvester_local.controllers.conditions import virt
from harvester_local.model.machines import claim_of, interfaces, networks, volumes

GUEST_OS = {
    "id": "ubuntu",
    "name": "Ubuntu",
    "prettyName": "Ubuntu 24.04 LTS",
    "version": "24.04 LTS (Noble Numbat)",
    "versionId": "24.04",
    "kernelRelease": "6.8.0-31-generic",
    "machine": "x86_64",
}


def address_of(instance: Obj, nic: str) -> str:
    """The interface's IPv4 address."""
    digest = hashlib.sha256(f"{instance['metadata']['uid']}{nic}".encode()).digest()
    return f"10.{digest[0]}.{digest[1]}.{digest[2] % 253 + 1}"


def mac_of(instance: Obj, nic: str) -> str:
    """The MAC address of an interface whose spec has none; locally administered."""
    digest = hashlib.sha256(f"{instance['metadata']['uid']}{nic}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[3:8]))


def reported_interfaces(instance: Obj, nics: list[Obj] | None = None, *, addresses: bool) -> list[Obj]:
    """Status of the interfaces, in the spec's order. `nics` defaults to those not about to leave."""
    present = nics if nics is not None else [n for n in interfaces(part(instance, "spec")) if n.get("state") != "absent"]
    pods = {n["name"] for n in networks(part(instance, "spec")) if "pod" in n}
    return [_interface(instance, nic, addresses=addresses, pod=nic["name"] in pods) for nic in present]


def _interface(instance: Obj, nic: Obj, *, addresses: bool, pod: bool) -> Obj:
    name = nic["name"]
    inside = "eth0" if pod else f"pod{hashlib.sha256(name.encode()).hexdigest()[:11]}"
    result = {
        "name": name,
        "mac": nic.get("macAddress") or mac_of(instance, name),
        "infoSource": "domain",
        "podInterfaceName": inside,
        "queueCount": 1,
    }
    if not addresses:
        return result
    address = address_of(instance, name)
    index = [n["name"] for n in interfaces(part(instance, "spec"))].index(name)
    source = "domain, guest-agent" if pod else "domain, guest-agent, multus-status"
    return {**result, "infoSource": source, "interfaceName": f"enp{index + 1}s0", "ipAddress": address, "ipAddresses": [address]}


def volume_status(instance: Obj, claim: Callable[[str], Obj | None]) -> list[Obj]:
    """Status of the volumes, sorted by name. `claim` finds a PersistentVolumeClaim of the instance's namespace."""
    known = {v["name"]: v for v in items(instance, "status", "volumeStatus")}
    result = []
    for number, volume in enumerate(volumes(part(instance, "spec"))):
        entry: Obj = {"name": volume["name"], "target": f"vd{chr(ord('a') + number % 26)}"}
        found = claim(name) if (name := claim_of(volume)) else None
        if found is not None:
            entry["persistentVolumeClaimInfo"] = {
                "claimName": found["metadata"]["name"],
                "accessModes": found["spec"]["accessModes"],
                "volumeMode": found["spec"].get("volumeMode", "Filesystem"),
                "requests": part(found, "spec", "resources", "requests"),
                "capacity": part(found, "status", "capacity"),
                "filesystemOverhead": "0.055",
            }
        if (part(volume, "persistentVolumeClaim") or part(volume, "dataVolume")).get("hotpluggable"):
            entry |= {"hotplugVolume": {"attachPodName": f"hp-volume-{volume['name']}"}, "phase": "Ready", "reason": "VolumeReady"}
        result.append({**entry, **({"target": known[volume["name"]]["target"]} if volume["name"] in known else {})})
    return sorted(result, key=lambda entry: str(entry["name"]))


def migratable(conditions: list[Obj], instance: Obj, claim: Callable[[str], Obj | None]) -> list[Obj]:
    """The conditions with LiveMigratable, False with its reason where something holds the instance to its node."""
    reason, message = _obstacle(part(instance, "spec"), claim)
    return virt(conditions, "LiveMigratable", "False" if reason else "True", reason=reason, message=message)


def _obstacle(spec: Obj, claim: Callable[[str], Obj | None]) -> tuple[str, str]:
    for volume in volumes(spec):
        found = claim(claim_of(volume))
        if found is not None and "ReadWriteMany" not in found["spec"].get("accessModes", []):
            return "DisksNotLiveMigratable", (
                f"cannot migrate VMI: PVC {found['metadata']['name']} is not shared, "
                "live migration requires that all PVCs must be shared (using ReadWriteMany access mode)"
            )
    pods = {n["name"] for n in networks(spec) if "pod" in n}
    if any(nic["name"] in pods and "bridge" in nic for nic in interfaces(spec)):
        return (
            "InterfaceNotLiveMigratable",
            "cannot migrate VMI which does not use masquerade, bridge with kubevirt.io/allow-pod-bridge-network-live-migration "
            "VM annotation or a migratable plugin to connect to the pod network",
        )
    devices = part(spec, "domain", "devices")
    if devices.get("hostDevices") or devices.get("gpus"):
        return "HostDeviceNotLiveMigratable", "VMI uses a PCI host devices"
    return "", ""
