"""Objects as people make them with kubectl or in Harvester's UI, without any mark of a program: one of each kind that a program can adopt."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from target import IMAGE, NAD, VM, VOLUME_SNAPSHOT, Api, Target, eventually

KEY_PAIR: Api = ("harvesterhci.io", "v1beta1", "keypairs")
TEMPLATE: Api = ("harvesterhci.io", "v1beta1", "virtualmachinetemplates")
TEMPLATE_VERSION: Api = ("harvesterhci.io", "v1beta1", "virtualmachinetemplateversions")
IP_POOL: Api = ("loadbalancer.harvesterhci.io", "v1beta1", "ippools")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBjYvZz0R7uJaJcbpJnsgD7rSn9o5RMNcPfCnK4y81/k somebody@example.org"
PASSWORD = "correct-horse-battery-staple"
USER_DATA = f"#cloud-config\npassword: {PASSWORD}\n"


@contextmanager
def made(target: Target) -> Iterator[Mapping[str, str]]:
    """Make them, wait until the cluster has done its part, and say the ID of each by its kind. What is in no namespace is removed at the end."""
    _small(target)
    _storage(target)
    _machine(target)
    wide = f"hand-{target.namespace}"
    pool = {"ranges": [{"subnet": "10.77.0.0/24", "rangeStart": "10.77.0.10", "rangeEnd": "10.77.0.20"}], "selector": {}}
    group, version, plural = IP_POOL
    body = {"apiVersion": f"{group}/{version}", "kind": "IPPool", "metadata": {"name": wide}, "spec": pool}
    target.custom.create_cluster_custom_object(group, version, plural, body)
    try:
        target.storage.create_storage_class(_storage_class(wide))
        try:
            kinds = ("CloudInit", "Image", "SshKey", "VirtualMachine", "VirtualMachineTemplate", "VlanNetwork", "Volume", "VolumeSnapshot")
            yield {
                **dict.fromkeys(kinds, f"{target.namespace}/hand"),
                "VirtualMachineTemplateVersion": f"{target.namespace}/hand-1", "IpPool": wide, "StorageClass": wide,
            }  # fmt: skip
        finally:
            target.storage.delete_storage_class(wide)
    finally:
        target.custom.delete_cluster_custom_object(group, version, plural, wide)


def _create(target: Target, api: Api, kind: str, spec: dict[str, Any], name: str = "hand", **annotations: str) -> None:
    meta = {"name": name, "namespace": target.namespace, "annotations": annotations}
    body = {"apiVersion": f"{api[0]}/{api[1]}", "kind": kind, "metadata": meta, "spec": spec}
    target.custom.create_namespaced_custom_object(api[0], api[1], target.namespace, api[2], body)


def _small(target: Target) -> None:
    _create(target, KEY_PAIR, "KeyPair", {"publicKey": KEY})
    data = {"userdata": base64.b64encode(USER_DATA.encode()).decode()}
    target.core.create_namespaced_secret(target.namespace, {"metadata": {"name": "hand"}, "type": "Opaque", "data": data})
    route = {"network.harvesterhci.io/route": json.dumps(ROUTE)}
    _create(target, NAD, "NetworkAttachmentDefinition", {"config": json.dumps(network())}, **route)


def _storage(target: Target) -> None:
    """An image, a volume and a snapshot of it."""
    _create(target, IMAGE, "VirtualMachineImage", {"displayName": "hand", "sourceType": "download", "url": target.image_url})
    claim = {"accessModes": ["ReadWriteMany"], "volumeMode": "Block", "resources": {"requests": {"storage": "1Gi"}}}
    target.core.create_namespaced_persistent_volume_claim(target.namespace, {"metadata": {"name": "hand"}, "spec": claim})
    eventually(lambda: target.get(IMAGE, "hand").get("status", {}).get("progress") == 100)
    eventually(lambda: target.core.read_namespaced_persistent_volume_claim("hand", target.namespace).status.phase == "Bound")
    source = {"volumeSnapshotClassName": "longhorn-snapshot", "source": {"persistentVolumeClaimName": "hand"}}
    _create(target, VOLUME_SNAPSHOT, "VolumeSnapshot", source)
    eventually(lambda: bool(target.get(VOLUME_SNAPSHOT, "hand").get("status", {}).get("readyToUse")))


def _machine(target: Target) -> None:
    """A machine, and a template with a version that describes one."""
    where, templates = target.namespace, {"harvesterhci.io/volumeClaimTemplates": json.dumps(claims(target))}
    _create(target, TEMPLATE, "VirtualMachineTemplate", {"description": "made by hand"})
    described = {"metadata": {"annotations": templates}, "spec": machine(where)}
    _create(target, TEMPLATE_VERSION, "VirtualMachineTemplateVersion", {"templateId": f"{where}/hand", "vm": described}, "hand-1")
    _create(target, VM, "VirtualMachine", machine(where), **templates)
    eventually(lambda: bool(target.get(VM, "hand").get("status", {}).get("ready")))
    eventually(lambda: target.get(TEMPLATE_VERSION, "hand-1").get("status", {}).get("version") == 1)


def _storage_class(name: str) -> dict[str, Any]:
    parameters = {"numberOfReplicas": "2", "staleReplicaTimeout": "30", "migratable": "true"}
    return {
        "metadata": {"name": name}, "provisioner": "driver.longhorn.io", "parameters": parameters, "allowVolumeExpansion": True,
        "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
    }  # fmt: skip


ROUTE = {"mode": "auto", "serverIPAddr": "", "cidr": "", "gateway": ""}


def network() -> dict[str, Any]:
    return {"cniVersion": "0.3.1", "name": "hand", "type": "bridge", "bridge": "mgmt-br", "promiscMode": True, "vlan": 42, "ipam": {}}


def claims(target: Target) -> list[dict[str, Any]]:
    """The volume of the machine's disk, as the UI asks for it: made from the image, in the image's own storage class."""
    storage_class = target.get(IMAGE, "hand")["status"]["storageClassName"]
    spec = {
        "accessModes": ["ReadWriteMany"], "volumeMode": "Block", "storageClassName": storage_class,
        "resources": {"requests": {"storage": "1Gi"}},
    }  # fmt: skip
    return [{"metadata": {"name": "hand-root-1a2b3", "annotations": {"harvesterhci.io/imageId": f"{target.namespace}/hand"}}, "spec": spec}]


def machine(where: str) -> dict[str, Any]:
    volumes = [
        {"name": "root", "persistentVolumeClaim": {"claimName": "hand-root-1a2b3"}},
        {"name": "cloudinitdisk", "cloudInitNoCloud": {"secretRef": {"name": "hand"}}},
    ]
    disks = [{"name": "root", "bootOrder": 1, "disk": {"bus": "virtio"}}, {"name": "cloudinitdisk", "disk": {"bus": "virtio"}}]
    nics = [{"name": "default", "model": "virtio", "masquerade": {}}, {"name": "lan", "model": "virtio", "bridge": {}}]
    domain = {
        "cpu": {"cores": 1, "sockets": 1, "threads": 1},
        "devices": {"disks": disks, "interfaces": nics},
        "resources": {"limits": {"cpu": "1", "memory": "256Mi"}},
    }
    networks = [{"name": "default", "pod": {}}, {"name": "lan", "multus": {"networkName": f"{where}/hand"}}]
    template = {
        "metadata": {"labels": {"harvesterhci.io/vmName": "hand"}},
        "spec": {"domain": domain, "networks": networks, "volumes": volumes, "evictionStrategy": "LiveMigrateIfPossible"},
    }
    return {"runStrategy": "RerunOnFailure", "template": template}
