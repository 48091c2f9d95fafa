"""Objects as people make them with kubectl or in Harvester's UI, without any mark of a program: one of every kind that a program can adopt."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes.client.rest import ApiException
from target import Target, account, eventually

from harvester_provider.core.json import Object, dig, dig_str
from harvester_provider.core.ref import Api, Ref
from harvester_provider.resources import apis
from harvester_provider.resources.rancher.words import CLUSTER, CONFIG, CREDENTIAL_KUBECONFIG, CREDENTIALS

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBjYvZz0R7uJaJcbpJnsgD7rSn9o5RMNcPfCnK4y81/k somebody@example.org"
PASSWORD = "correct-horse-battery-staple"
USER_DATA = f"#cloud-config\npassword: {PASSWORD}\n"
ROUTE = {"mode": "auto", "serverIPAddr": "", "cidr": "", "gateway": ""}
MONITORING = Ref(apis.ADDON, "rancher-monitoring", "cattle-monitoring-system")
GPU = Ref(apis.SRIOV_GPU_DEVICE, "node2-000008000")

HELD_ONTO = (apis.BACKUP, apis.LOAD_BALANCER)
"""What has to go before the target and the pool it is from, which are in no namespace."""


@dataclass
class Hand:
    """What a person does with kubectl in one namespace. What is in none, or was there before, is put back at the end."""

    target: Target
    share: Path
    """A folder that the local Harvester can take for an NFS share."""
    afterwards: ExitStack

    @property
    def machine(self) -> dict[str, str]:
        """The machine, named as its namespace: Harvester deletes snapshots with any machine of that name, in every namespace."""
        return {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": self.target.namespace}

    def here(self, api: Api, name: str = "hand") -> Ref:
        """An object in the namespace, or one with the namespace's name where the API has no namespaces."""
        return Ref(api, name, self.target.namespace) if api.namespaced else Ref(api, self.target.namespace)

    def make(self, ref: Ref, ready: Callable[[Object], bool] | None = None, notes: Mapping[str, str] | None = None, **parts: Any) -> str:
        """`kubectl create`, and wait until the cluster has done its part."""
        meta = {"name": ref.name, "annotations": dict(notes or {})}
        body = {"apiVersion": ref.api.api_version, "kind": ref.api.kind, "metadata": meta, **parts}
        eventually(lambda: self._taken(ref, body))
        if ref.namespace != self.target.namespace or ref.api in HELD_ONTO:
            self.afterwards.callback(self.remove, ref)
        return self._until(ref, ready)

    def edit(self, ref: Ref, ready: Callable[[Object], bool] | None = None, **patch: Any) -> str:
        """`kubectl patch` of what is there; in the end it is as it was."""
        found = self.find(ref)
        self.target.send("PATCH", ref.path, patch)
        self.afterwards.callback(self.target.send, "PATCH", ref.path, as_it_was(found, patch))
        return self._until(ref, ready)

    def find(self, ref: Ref) -> dict[str, Any]:
        """`kubectl get`."""
        return self.target.send("GET", ref.path)

    def remove(self, ref: Ref) -> None:
        """`kubectl delete`, which waits."""
        eventually(lambda: self._gone(ref))

    def _taken(self, ref: Ref, body: Object) -> bool:
        """Create it; False where a webhook has not heard yet of what was made just before."""
        try:
            self.target.send("POST", ref.api.path(ref.namespace), body)
        except ApiException as error:
            if "not found" not in str(error.body):
                raise
            return False
        return True

    def _gone(self, ref: Ref) -> bool:
        """Delete it; False where it is there still, perhaps because a webhook has not heard yet that nobody uses it any more."""
        try:
            self.target.send("DELETE", ref.path)
        except ApiException as error:
            return bool(error.status == 404)
        return False

    def _until(self, ref: Ref, ready: Callable[[Object], bool] | None) -> str:
        if ready is not None:
            eventually(lambda: ready(self.find(ref)))
        return ref.id


def as_it_was(found: Any, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that takes `patch` back."""
    was = found if isinstance(found, Mapping) else {}
    return {key: as_it_was(was.get(key), part) if isinstance(part, Mapping) else was.get(key) for key, part in patch.items()}


@contextmanager
def made(target: Target, share: Path) -> Iterator[Mapping[str, str]]:
    """Make one of each kind, and say the ID of each by its kind."""
    with ExitStack() as afterwards:
        hand = Hand(target, share, afterwards)
        rows = BY_HAND if target.local is None else BY_HAND | ON_REQUEST
        yield {kind: make(hand) for kind, make in rows.items()}


def says(*path: str) -> Callable[[Object], bool]:
    """Whether the status has something true there."""
    return lambda found: bool(dig(found, "status", *path))


def cloud_init(hand: Hand) -> str:
    data = {"userdata": base64.b64encode(USER_DATA.encode()).decode()}
    return hand.make(hand.here(apis.SECRET), type="Opaque", data=data)


def vlan_network(hand: Hand) -> str:
    """The route is the UI's."""
    config = {"cniVersion": "0.3.1", "name": "hand", "type": "bridge", "bridge": "mgmt-br", "promiscMode": True, "vlan": 42, "ipam": {}}
    notes = {"network.harvesterhci.io/route": json.dumps(ROUTE)}
    return hand.make(hand.here(apis.NETWORK), notes=notes, spec={"config": json.dumps(config)})


def image(hand: Hand) -> str:
    spec = {"displayName": "hand", "sourceType": "download", "url": hand.target.image_url}
    return hand.make(hand.here(apis.IMAGE), lambda found: dig(found, "status", "progress") == 100, spec=spec)


def volume(hand: Hand) -> str:
    spec = {"accessModes": ["ReadWriteMany"], "volumeMode": "Block", "resources": {"requests": {"storage": "1Gi"}}}
    return hand.make(hand.here(apis.PERSISTENT_VOLUME_CLAIM), lambda found: dig(found, "status", "phase") == "Bound", spec=spec)


def volume_snapshot(hand: Hand) -> str:
    spec = {"volumeSnapshotClassName": "longhorn-snapshot", "source": {"persistentVolumeClaimName": "hand"}}
    return hand.make(hand.here(apis.VOLUME_SNAPSHOT), says("readyToUse"), spec=spec)


def claims(hand: Hand) -> dict[str, str]:
    """The volume of the machine's disk, as the UI asks for it: made from the image, in the image's own storage class."""
    spec = {
        "accessModes": ["ReadWriteMany"], "volumeMode": "Block", "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": dig_str(hand.find(hand.here(apis.IMAGE)), "status", "storageClassName"),
    }  # fmt: skip
    meta = {"name": "hand-root-1a2b3", "annotations": {apis.IMAGE_ID: f"{hand.target.namespace}/hand"}}
    return {"harvesterhci.io/volumeClaimTemplates": json.dumps([{"metadata": meta, "spec": spec}])}


def template_version(hand: Hand) -> str:
    described = {"metadata": {"annotations": claims(hand)}, "spec": machine(hand.target.namespace)}
    spec = {"templateId": f"{hand.target.namespace}/hand", "vm": described}
    return hand.make(hand.here(apis.TEMPLATE_VERSION, "hand-1"), says("version"), spec=spec)


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
        "metadata": {"labels": {"harvesterhci.io/vmName": where}},
        "spec": {"domain": domain, "networks": networks, "volumes": volumes, "evictionStrategy": "LiveMigrateIfPossible"},
    }
    return {"runStrategy": "RerunOnFailure", "template": template}


def ip_pool(hand: Hand) -> str:
    """Of a subnet that is this namespace's alone, as its name is."""
    digits = hand.target.namespace[-6:]
    block = f"10.{int(digits[:2], 16)}.{int(digits[2:4], 16)}"
    ranges = [{"subnet": f"{block}.0/24", "rangeStart": f"{block}.10", "rangeEnd": f"{block}.20"}]
    return hand.make(hand.here(apis.IP_POOL), spec={"ranges": ranges, "selector": {}})


def storage_class(hand: Hand) -> str:
    parameters = {"numberOfReplicas": "2", "staleReplicaTimeout": "30", "migratable": "true"}
    return hand.make(
        hand.here(apis.STORAGE_CLASS), provisioner="driver.longhorn.io", parameters=parameters, allowVolumeExpansion=True,
        reclaimPolicy="Delete", volumeBindingMode="Immediate",
    )  # fmt: skip


def namespace(hand: Hand) -> str:
    return hand.make(Ref(apis.NAMESPACE, f"{hand.target.namespace}-too"), notes={"field.cattle.io/description": "made by hand"})


def node(hand: Hand) -> str:
    """A host that somebody has described."""
    name = hand.target.core.list_node().items[0].metadata.name
    return hand.edit(Ref(apis.NODE, name), metadata={"annotations": {"field.cattle.io/description": "the left one"}})


def saved(hand: Hand, kind: str) -> str:
    spec = {"type": kind, "source": hand.machine}
    return hand.make(hand.here(apis.BACKUP, f"hand-{kind}"), says("readyToUse"), spec=spec)


def vlan_config(hand: Hand) -> str:
    """On a NIC that no other network uses."""
    return hand.make(hand.here(apis.VLAN_CONFIG), spec={"clusterNetwork": hand.target.namespace, "uplink": {"nics": ["ens9"]}})


def load_balancer(hand: Hand) -> str:
    listener = {"name": "web", "port": 80, "protocol": "TCP", "backendPort": 8080}
    spec = {
        "workloadType": "vm", "ipam": "pool", "ipPool": hand.target.namespace, "listeners": [listener], "backendServerSelector": {"app": ["web"]},
    }  # fmt: skip
    return hand.make(hand.here(apis.LOAD_BALANCER), says("address"), spec=spec)


def addon(hand: Hand) -> str:
    values = json.dumps({"prometheus": {"retention": "5d"}})
    done = lambda found: dig(found, "status", "status") == "AddonDeploySuccessful"  # noqa: E731  it is one of a pair
    return hand.edit(MONITORING, done, spec={"enabled": True, "valuesContent": values})


def backup_target(hand: Hand) -> str:
    value = {"type": "nfs", "endpoint": f"nfs://127.0.0.1:{hand.share}"}
    found = hand.edit(apis.BACKUP_TARGET, value=json.dumps(value))
    eventually(lambda: bool(dig(hand.find(Ref(apis.LONGHORN_BACKUP_TARGET, "default", "longhorn-system")), "status", "available")))
    return found


def schedule(hand: Hand) -> str:
    """By the UI's numbers."""
    spec = {"cron": "0 2 * * *", "retain": 8, "maxFailure": 4, "suspend": False, "vmbackup": {"type": "snapshot", "source": hand.machine}}
    return hand.make(hand.here(apis.SCHEDULE), spec=spec)


def restore(hand: Hand) -> str:
    """Of the snapshot, as a new machine."""
    spec = {
        "target": {**hand.machine, "name": "again"}, "virtualMachineBackupName": "hand-snapshot",
        "virtualMachineBackupNamespace": hand.target.namespace, "newVM": True,
    }  # fmt: skip
    return hand.make(hand.here(apis.RESTORE), says("complete"), spec=spec)


def pci_device_claim(hand: Hand) -> str:
    device = hand.find(Ref(apis.PCI_DEVICE, "node1-000004000"))
    spec = {"address": device["status"]["address"], "nodeName": "node1", "userName": "admin"}
    return hand.make(Ref(apis.PCI_DEVICE_CLAIM, "node1-000004000"), says("passthroughEnabled"), spec=spec)


def usb_device_claim(hand: Hand) -> str:
    return hand.make(Ref(apis.USB_DEVICE_CLAIM, "node3-0951-1666-001002"), says("nodeName"), spec={"userName": "admin"})


def vgpu_device(hand: Hand) -> str:
    """A part of the divided GPU, which can be made whole again when the part has no profile."""
    name = hand.find(GPU)["status"]["vGPUDevices"][0]
    part = Ref(apis.VGPU_DEVICE, name)
    hand.afterwards.callback(eventually, lambda: not dig(hand.find(part), "status", "configureVGPUTypeName"))
    return hand.edit(part, says("configureVGPUTypeName"), spec={"enabled": True, "vGPUTypeName": "NVIDIA A2-4Q"})


def sriov_network_device(hand: Hand) -> str:
    return hand.edit(Ref(apis.SRIOV_NETWORK_DEVICE, "node1-eth2"), spec={"numVFs": 2})


def rancher_cloud_credential(hand: Hand) -> str:
    """As Rancher's UI makes it. Here it is in the same API as Harvester's objects."""
    kubeconfig = account(hand.target, hand.target.namespace, "rancher")
    values = {CREDENTIAL_KUBECONFIG: kubeconfig, "harvestercredentialConfig-clusterType": "external"}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    notes = {"field.cattle.io/name": hand.target.namespace, "provisioning.cattle.io/driver": "harvester"}
    return hand.make(Ref(apis.SECRET, f"cc-{hand.target.namespace}", CREDENTIALS), notes=notes, type="Opaque", data=data)


def rancher_cluster(hand: Hand) -> str:
    """A cluster of one machine, with what Rancher's UI writes besides."""
    where, name = "fleet-default", hand.target.namespace
    config = Ref(CONFIG, f"nc-{name}-pool1", where)
    disks, nics = {"imageName": f"{name}/hand", "bootOrder": 1, "size": 10}, {"networkName": f"{name}/hand", "macAddress": ""}
    hand.make(
        config, vmNamespace=name, cpuCount="1", memorySize="1", sshUser="opensuse", userData=USER_DATA,
        diskInfo=json.dumps({"disks": [disks]}), networkInfo=json.dumps({"interfaces": [nics]}),
    )  # fmt: skip
    pool = {
        "name": "pool1", "quantity": 1, "etcdRole": True, "controlPlaneRole": True, "workerRole": True, "drainBeforeDelete": True,
        "machineConfigRef": {"kind": CONFIG.kind, "name": config.name}, "unhealthyNodeTimeout": "0m", "machineOS": "linux",
    }  # fmt: skip
    drain = {"deleteEmptyDirData": True, "disableEviction": False, "enabled": False, "force": False, "gracePeriod": -1, "timeout": 120}
    strategy = {
        "controlPlaneConcurrency": "1", "controlPlaneDrainOptions": drain, "workerConcurrency": "1", "workerDrainOptions": drain,
    }  # fmt: skip
    rke = {
        "chartValues": {"rke2-calico": {}}, "etcd": {"disableSnapshots": False, "snapshotRetention": 5}, "machinePools": [pool],
        "machineGlobalConfig": {"cni": "calico", "etcd-expose-metrics": False}, "registries": {"configs": {}, "mirrors": {}},
        "machineSelectorConfig": [{"config": {"protect-kernel-defaults": False}}], "upgradeStrategy": strategy,
    }  # fmt: skip
    spec = {
        "kubernetesVersion": "v1.34.2+rke2r1", "cloudCredentialSecretName": f"{CREDENTIALS}:cc-{name}", "rkeConfig": rke,
        "localClusterAuthEndpoint": {"enabled": False, "caCerts": "", "fqdn": ""}, "enableNetworkPolicy": False,
    }  # fmt: skip
    return hand.make(Ref(CLUSTER, name, where), says("ready"), spec=spec)


BY_HAND: Mapping[str, Callable[[Hand], str]] = {
    "SshKey": lambda hand: hand.make(hand.here(apis.KEY_PAIR), spec={"publicKey": KEY}),
    "CloudInit": cloud_init,
    "VlanNetwork": vlan_network,
    "Image": image,
    "Volume": volume,
    "VolumeSnapshot": volume_snapshot,
    "VirtualMachineTemplate": lambda hand: hand.make(hand.here(apis.TEMPLATE), spec={"description": "made by hand"}),
    "VirtualMachineTemplateVersion": template_version,
    "VirtualMachine": lambda hand: hand.make(
        hand.here(apis.VIRTUAL_MACHINE, hand.machine["name"]), says("ready"), notes=claims(hand), spec=machine(hand.target.namespace)
    ),
    "VirtualMachineSnapshot": lambda hand: saved(hand, "snapshot"),
    "IpPool": ip_pool,
    "StorageClass": storage_class,
    "Namespace": namespace,
    "Node": node,
    "Setting": lambda hand: hand.edit(Ref(apis.SETTING, "support-bundle-timeout"), value="20"),
    "Cluster": lambda _hand: "kube-system",
    "GuestAccess": lambda hand: hand.make(hand.here(apis.SERVICE_ACCOUNT)),
}
"""What there is on every Harvester, in the order in which it is made."""
ON_REQUEST: Mapping[str, Callable[[Hand], str]] = {
    "ClusterNetwork": lambda hand: hand.make(hand.here(apis.CLUSTER_NETWORK)),
    "VlanConfig": vlan_config,
    "LinkMonitor": lambda hand: hand.make(hand.here(apis.LINK_MONITOR), spec={"targetLinkRule": {"typeRule": "device", "nameRule": "^e"}}),
    "LoadBalancer": load_balancer,
    "Addon": addon,
    "BackupTarget": backup_target,
    "VirtualMachineBackup": lambda hand: saved(hand, "backup"),
    "BackupSchedule": schedule,
    "VirtualMachineRestore": restore,
    "PciDeviceClaim": pci_device_claim,
    "SriovNetworkDevice": sriov_network_device,
    "UsbDeviceClaim": usb_device_claim,
    "SriovGpuDevice": lambda hand: hand.edit(GPU, says("vGPUDevices"), spec={"enabled": True}),
    "VGpuDevice": vgpu_device,
    "RancherCloudCredential": rancher_cloud_credential,
    "RancherCluster": rancher_cluster,
    "GuestKubeconfig": lambda hand: hand.make(hand.here(apis.SECRET, "published"), type="Opaque"),
    "GuestNode": lambda _hand: "node1",
}
"""What needs hardware, charts, a share or a Rancher, which the local Harvester has."""
