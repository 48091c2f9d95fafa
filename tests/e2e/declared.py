"""What the end-to-end cases declare, as plain values: the same shapes a user writes, small and with unique names."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack import Stack
from target import VM, VMI, Target

PROGRAM = Path(__file__).parent / "programs" / "declared"
Entry = dict[str, Any]
CLUSTER_WIDE = frozenset((
    *("BackupTarget", "Cluster", "ClusterNetwork", "IpPool", "LinkMonitor", "Namespace", "Node", "PoorMansCluster"),
    *("PciDeviceClaim", "Setting", "SriovGpuDevice", "SriovNetworkDevice", "StorageClass", "UsbDeviceClaim", "VGpuDevice", "VlanConfig"),
))  # fmt: skip
"""The kinds that are in no namespace."""


def declared(kind: str, name: str, /, **inputs: Any) -> Entry:
    return {"kind": kind, "name": name, "inputs": inputs}


def after(entry: Entry, *others: str) -> Entry:
    """The entry, made when the named ones are there."""
    return {**entry, "after": list(others)}


def disk(name: str, size: str = "1Gi", **more: Any) -> dict[str, Any]:
    return {"name": name, "size": size, **more}


@dataclass
class Estate:
    """A stack of the program that declares whatever a test wants, in the test's own namespace."""

    target: Target
    stack: Stack
    entries: list[Entry] = field(default_factory=list)

    def declare(self, *entries: Entry) -> "Estate":
        """The whole program from now on. A namespace is filled in where a kind has one."""
        for entry in entries:
            if entry["kind"] not in CLUSTER_WIDE:
                entry["inputs"].setdefault("namespace", self.target.namespace)
        (self.stack.folder / "resources.json").write_text(json.dumps(entries))
        self.entries = list(entries)
        return self

    def image(self, **more: Any) -> Entry:
        return declared("Image", "image", **{"url": self.target.image_url, **more})

    def vm(self, name: str = "vm", **more: Any) -> Entry:
        """A machine with one blank disk and the management NIC, unless told otherwise."""
        plain = {"memory": "256Mi", "disks": [disk("root", on_delete="delete")], "network_interfaces": [{"name": "default"}]}
        return declared("VirtualMachine", name, **{**plain, **more})

    def object(self, name: str = "vm") -> dict[str, Any]:
        return self.target.get(VM, name)

    def boot(self, name: str = "vm") -> str:
        """Which boot of the guest this is: it changes with each restart and with nothing else."""
        return str(self.target.get(VMI, name)["metadata"]["uid"])

    def wants_restart(self, name: str = "vm") -> bool:
        """Whether the cluster says that the running guest lacks something of what is declared."""
        conditions = self.object(name).get("status", {}).get("conditions", [])
        return any(each["type"] == "RestartRequired" and each["status"] == "True" for each in conditions)

    def plugged(self, name: str = "vm") -> dict[str, str]:
        """The volumes that the running guest has, with their phases; those that were there at its start have none."""
        return {entry["name"]: entry.get("phase", "") for entry in self.target.get(VMI, name)["status"].get("volumeStatus", [])}

    def macs(self, name: str = "vm") -> dict[str, str]:
        """The MAC of each NIC as the running guest has it."""
        found = self.target.get(VMI, name)["spec"]["domain"]["devices"]["interfaces"]
        return {nic["name"]: nic.get("macAddress", "") for nic in found}

    def claims(self, name: str = "vm") -> dict[str, str]:
        """The volume of each disk."""
        volumes = self.object(name)["spec"]["template"]["spec"]["volumes"]
        return {volume["name"]: volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume}


StackOf = Callable[..., Stack]


def estate(target: Target, stack_of: StackOf) -> Estate:
    found = Estate(target, stack_of(PROGRAM))
    return found.declare()
