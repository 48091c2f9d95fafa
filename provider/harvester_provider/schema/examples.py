"""One example of each kind: the inputs by their names on the wire, as values, from which `usage` writes programs in every language.

Data, and nothing that acts. Each is valid for its kind, which a test sees to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Example:
    """Inputs that make sense together, and the ID of an object that could be imported; empty where none can be."""

    inputs: Mapping[str, Any]
    id: str = ""


_KUBECONFIG = """apiVersion: v1
kind: Config
current-context: harvester
clusters: [{name: harvester, cluster: {server: "https://10.0.0.10/k8s/clusters/local"}}]
users: [{name: admin, user: {token: "kubeconfig-user-abcde:secret"}}]
contexts: [{name: harvester, context: {cluster: harvester, user: admin}}]
"""
_USER_DATA = "#cloud-config\npackages: [qemu-guest-agent]\n"
_NETWORKS = [{"name": "default"}, {"name": "servers", "network": "default/servers"}]
_DISK = {"name": "root", "image": "default/leap", "size": "20Gi", "bootOrder": 1}

EXAMPLES: Mapping[str, Example] = {
    "Addon": Example({"name": "pcidevices-controller", "namespace": "harvester-system", "enabled": True}, "harvester-system/vm-import"),
    "BackupSchedule": Example({"virtualMachine": "default/web", "cron": "0 3 * * *", "retain": 7}, "default/nightly"),
    "BackupTarget": Example({"type": "nfs", "endpoint": "nfs://10.0.0.5:/backups"}, "backup-target"),
    "CloudInit": Example({"userData": _USER_DATA}, "default/agent"),
    "Cluster": Example({"nodes": 3, "settings": {"ntpServers": ["0.pool.ntp.org"], "overcommit": {"memory": 200}}}, "kube-system"),
    "ClusterNetwork": Example({"name": "office"}, "office"),
    "GuestAccess": Example({"namespace": "default", "joinToken": "a-secret-of-16-or-more", "kubernetesVersion": "v1.35.1+rke2r1"},
                           "default/guests"),
    "GuestKubeconfig": Example({"namespace": "default", "machine": "default/server-0"}),
    "GuestNode": Example({"name": "server-0", "cluster": _KUBECONFIG, "machineUid": "5c8f7a0e-8a2f-4a44-9a6c-3f7a6c1d2e3f"}),
    "Image": Example({"url": "https://download.opensuse.org/distribution/leap/16.0/appliances/Leap-16.0-Minimal-VM.x86_64-Cloud.qcow2"},
                     "default/leap"),
    "IpPool": Example({"ranges": [{"subnet": "10.0.0.0/24", "start": "10.0.0.100", "end": "10.0.0.199", "gateway": "10.0.0.1"}]}, "office"),
    "LinkMonitor": Example({"typeRule": "device", "nodeSelector": {"example.org/rack": "r1"}}, "nics"),
    "LoadBalancer": Example(
        {"ipam": "pool", "ipPool": "office", "backendSelector": {"app": ["web"]}, "healthCheck": {"port": 8080},
         "listeners": [{"name": "http", "port": 80, "backendPort": 8080}]},
        "default/web",
    ),
    "Namespace": Example({"name": "team-a", "quota": {"limitsCpu": "16", "limitsMemory": "64Gi"}}, "team-a"),
    "Node": Example({"name": "node1", "labels": {"example.org/rack": "r1"}, "cordoned": False}, "node1"),
    "PciDeviceClaim": Example({"name": "node1-000004000"}, "node1-000004000"),
    "PoorMansCluster": Example({"kubevirt": "1.6.0", "cdi": "1.63.0"}, "kube-system"),
    "RancherCloudCredential": Example({"cluster": "rancher", "kubeconfig": _KUBECONFIG}, "cattle-global-data/cc-abcde"),
    "RancherCluster": Example(
        {"cluster": "rancher", "kubernetesVersion": "v1.35.1+rke2r1", "cloudCredential": "cattle-global-data:cc-abcde",
         "pools": [{"name": "all", "roles": ["etcd", "control-plane", "worker"], "quantity": 3, "sshUser": "opensuse",
                    "disks": [{"image": "default/leap", "size": "40Gi"}], "networks": ["default/servers"]}]},
        "fleet-default/guests",
    ),
    "Setting": Example({"name": "ui-brand", "value": "lab"}, "overcommit-config"),
    "SriovGpuDevice": Example({"name": "node1-000008000"}, "node1-000008000"),
    "SriovNetworkDevice": Example({"name": "node1-eno1", "virtualFunctions": 4}, "node1-eno1"),
    "SshKey": Example({"publicKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBjYvZz0R7uJaJcbpJnsgD7rSn9o5RMNcPfCnK4y81/k me@example"},
                      "default/me"),
    "StorageClass": Example({"name": "two-replicas", "numberOfReplicas": 2, "diskSelector": ["ssd"]}, "two-replicas"),
    "UsbDeviceClaim": Example({"name": "node1-0951-1666-001002"}, "node1-0951-1666-001002"),
    "VGpuDevice": Example({"name": "node1-000008004", "profile": "NVIDIA A2-4Q"}, "node1-000008004"),
    "VirtualMachine": Example(
        {"cpu": 2, "memory": "4Gi", "disks": [_DISK], "networkInterfaces": _NETWORKS, "cloudInit": {"userData": _USER_DATA},
         "waitFor": "address", "tags": {"team": "a"}},
        "default/web",
    ),
    "VirtualMachineBackup": Example({"virtualMachine": "default/web"}, "default/web-before-the-upgrade"),
    "VirtualMachineRestore": Example({"backup": "default/web-before-the-upgrade", "virtualMachine": "web-again"}),
    "VirtualMachineSnapshot": Example({"virtualMachine": "default/web"}, "default/web-now"),
    "VirtualMachineTemplate": Example({"description": "Small Linux machines"}, "default/small"),
    "VirtualMachineTemplateVersion": Example(
        {"template": "default/small", "machine": {"cpu": 1, "memory": "2Gi", "disks": [_DISK], "networkInterfaces": _NETWORKS}},
        "default/small-v1",
    ),
    "VlanConfig": Example({"clusterNetwork": "office", "uplink": {"nics": ["ens7", "ens8"], "bondMode": "active-backup"}}, "office-uplink"),
    "VlanNetwork": Example({"clusterNetwork": "mgmt", "vlanId": 100}, "default/servers"),
    "Volume": Example({"size": "50Gi"}, "default/data"),
    "VolumeSnapshot": Example({"volume": "default/data"}, "default/data-monday"),
}  # fmt: skip
