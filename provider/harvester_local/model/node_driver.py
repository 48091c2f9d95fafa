"""The VirtualMachine that Rancher's node driver makes of a HarvesterConfig. Pure.

Upstream: harvester/create.go in docker-machine-driver-harvester.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harvester_local.api.objects import Key, Obj
from harvester_local.model.guests import CLUSTER_LABEL
from harvester_local.model.machines import IMAGE_ID, RESERVED_MEMORY, VOLUME_TEMPLATES

CREATOR = "docker-machine-driver-harvester"


@dataclass(frozen=True)
class Order:
    """What to make: a machine's name, the guest cluster it is for, and the fields of its HarvesterConfig."""

    name: str
    cluster: str
    config: Obj

    @property
    def key(self) -> Key:
        """Where the machine is made."""
        return Key(str(self.config.get("vmNamespace") or "default"), self.name)

    @property
    def images(self) -> list[Key]:
        """The images of its disks."""
        return [Key.parse(disk["imageName"], self.key.namespace) for disk in _disks(self.config) if disk.get("imageName")]

    @property
    def user_data(self) -> str:
        """Its user data, as given or in base64."""
        return _decoded(str(self.config.get("userData") or "#cloud-config\n{}\n"))

    def machine(self, classes: Mapping[Key, str]) -> Obj:
        """The VirtualMachine. `classes` are the storage classes of the images."""
        config = self.config
        limits = {"cpu": config.get("cpuCount") or "2", "memory": f"{config.get('memorySize') or '4'}Gi"}
        volumes, disks, claims = self._volumes(classes)
        nics = _nics(config)
        marks = {VOLUME_TEMPLATES: json.dumps(claims)}
        if reserved := config.get("reservedMemorySize"):
            marks[RESERVED_MEMORY] = f"{reserved}Mi"
        domain = {
            "cpu": {"cores": int(limits["cpu"]), "sockets": 1, "threads": 1},
            "memory": {},
            "resources": {"limits": limits},
            "machine": {"type": "q35"},
            "devices": {"disks": disks, "interfaces": [{"name": name, "model": "virtio", **kind} for name, kind, _ in nics]},
        }
        spec = {
            "domain": domain,
            "hostname": self.name,
            "evictionStrategy": "LiveMigrateIfPossible",
            "networks": [{"name": name, **network} for name, _, network in nics],
            "volumes": volumes,
        }
        if affinity := config.get("vmAffinity"):
            spec["affinity"] = json.loads(_decoded(affinity))
        labels = {"harvesterhci.io/vmName": self.name, "harvesterhci.io/creator": CREATOR, **self._labels()}
        return {
            "metadata": {"name": self.name, "namespace": self.key.namespace, "labels": self._labels(), "annotations": marks},
            "spec": {"runStrategy": "RerunOnFailure", "template": {"metadata": {"labels": labels}, "spec": spec}},
        }

    def _labels(self) -> dict[str, str]:
        """Upstream's: the pool's name is read from the machine's, whose last word is made up."""
        words = self.name.split("-")
        pool = self.name.rpartition("-")[0].removeprefix(self.cluster).lstrip("-")
        return {
            "harvesterhci.io/creator": CREATOR,
            "harvesterhci.io/machineSetName": "-".join([self.key.namespace, *words[:-2]]),
            CLUSTER_LABEL: self.cluster,
            "nodepool.harvesterhci.io/name": pool,
        }

    def _volumes(self, classes: Mapping[Key, str]) -> tuple[list[Obj], list[Obj], list[Obj]]:
        volumes, disks, claims = [], [], []
        for number, disk in enumerate(_disks(self.config)):
            name, claim = f"disk-{number}", f"{self.name}-disk-{number}-{self.name[-5:]}"
            image = Key.parse(disk["imageName"], self.key.namespace) if disk.get("imageName") else None
            spec = {
                "accessModes": ["ReadWriteMany"],
                "volumeMode": "Block",
                "storageClassName": classes[image] if image else disk.get("storageClassName") or "harvester-longhorn",
                "resources": {"requests": {"storage": f"{disk.get('size') or 40}Gi"}},
            }
            marks = {"annotations": {IMAGE_ID: str(image)}} if image else {}
            claims.append({"metadata": {"name": claim, **marks}, "spec": spec})
            disks.append({"name": name, "bootOrder": disk.get("bootOrder") or number + 1, "disk": {"bus": disk.get("bus") or "virtio"}})
            volumes.append({"name": name, "persistentVolumeClaim": {"claimName": claim}})
        volumes.append({"name": "cloudinitdisk", "cloudInitNoCloud": {"secretRef": {"name": f"{self.name}-cloudinit"}}})
        return volumes, [*disks, {"name": "cloudinitdisk", "disk": {"bus": "virtio"}}], claims


def _disks(config: Obj) -> list[Obj]:
    if text := config.get("diskInfo"):
        found: list[Obj] = json.loads(text)["disks"]
        return found
    return [{"imageName": config.get("imageName"), "size": config.get("diskSize"), "bus": config.get("diskBus"), "bootOrder": 1}]


def _nics(config: Obj) -> list[tuple[str, Obj, Obj]]:
    """Name, binding and network of each NIC."""
    found: list[Any] = json.loads(config["networkInfo"])["interfaces"] if config.get("networkInfo") else []
    names = [nic["networkName"] for nic in found] or [config.get("networkName")]
    return [
        (f"nic-{n}", {"bridge": {}}, {"multus": {"networkName": name}}) if name else (f"nic-{n}", {"masquerade": {}}, {"pod": {}})
        for n, name in enumerate(names)
    ]


def _decoded(text: str) -> str:
    """What was given in base64 or as it is."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text
