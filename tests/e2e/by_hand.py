"""Objects as people make them with kubectl or in Harvester's UI, without any mark of a program: one of each kind, all called `hand`."""

import base64
import json
from typing import Any

from target import IMAGE, NAD, VM, Api, Target, eventually

KEY_PAIR: Api = ("harvesterhci.io", "v1beta1", "keypairs")
KINDS = ("CloudInit", "Image", "SshKey", "VirtualMachine", "VlanNetwork")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBjYvZz0R7uJaJcbpJnsgD7rSn9o5RMNcPfCnK4y81/k somebody@example.org"
PASSWORD = "correct-horse-battery-staple"
USER_DATA = f"#cloud-config\npassword: {PASSWORD}\n"


def make(target: Target) -> None:
    """Make them, and wait until the cluster has done its part."""
    where = target.namespace

    def create(api: Api, kind: str, body: dict[str, Any], annotations: dict[str, str] | None = None) -> None:
        meta = {"name": "hand", "namespace": where, "annotations": annotations or {}}
        full = {"apiVersion": f"{api[0]}/{api[1]}", "kind": kind, "metadata": meta, **body}
        target.custom.create_namespaced_custom_object(api[0], api[1], where, api[2], full)

    create(KEY_PAIR, "KeyPair", {"spec": {"publicKey": KEY}})
    create(IMAGE, "VirtualMachineImage", {"spec": {"displayName": "hand", "sourceType": "download", "url": target.image_url}})
    data = {"userdata": base64.b64encode(USER_DATA.encode()).decode()}
    target.core.create_namespaced_secret(where, {"metadata": {"name": "hand"}, "type": "Opaque", "data": data})
    create(
        NAD,
        "NetworkAttachmentDefinition",
        {"spec": {"config": json.dumps(network())}},
        {"network.harvesterhci.io/route": json.dumps(ROUTE)},
    )
    eventually(lambda: target.get(IMAGE, "hand").get("status", {}).get("progress") == 100)
    create(VM, "VirtualMachine", {"spec": machine(where)}, {"harvesterhci.io/volumeClaimTemplates": json.dumps(claims(target))})
    eventually(lambda: bool(target.get(VM, "hand").get("status", {}).get("ready")))


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
