"""One row for each kind: the least inputs it is made with, and an edit. A kind of the registry without one fails a test.

`{here}` stands for the namespace of the test; it is in front of the names of what is in none. The other words in braces are what only
the test knows, such as the address of an image.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Inputs = Mapping[str, Any]
_LABELLED: Inputs = {"labels": {"example.org/team": "a"}}
_ROOT = {"name": "root", "image": "{here}/image", "size": "1Gi", "bootOrder": 1, "onDelete": "delete"}
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBjYvZz0R7uJaJcbpJnsgD7rSn9o5RMNcPfCnK4y81/k somebody@example.org"
_RANCHER: Inputs = {"cluster": "rancher"}
NODE_OF_A_GUEST = "{here}-guest"
"""A node that the test adds to the cluster itself, which stands for a guest's own API there."""


@dataclass(frozen=True)
class Row:
    """A resource. `needs` are the rows that must be there first."""

    kind: str
    inputs: Inputs = field(default_factory=dict)
    edit: Inputs = field(default_factory=lambda: _LABELLED)
    needs: tuple[str, ...] = ()
    name: str = ""
    """Name of the object. Default: that of the row."""


ROWS: Mapping[str, Row] = {
    "red": Row("VlanNetwork", {"clusterNetwork": "mgmt", "vlanId": 11}),
    "blue": Row("VlanNetwork", {"clusterNetwork": "mgmt", "vlanId": 12}),
    "image": Row("Image", {"url": "{image_url}"}, {"description": "small"}),
    "key": Row("SshKey", {"publicKey": _KEY}),
    "data": Row("CloudInit", {"userData": "#cloud-config\n{}\n"}, {"userData": "#cloud-config\npackages: [vim]\n"}),
    "class": Row("StorageClass", {"numberOfReplicas": 1}, name="{here}-class"),
    "disk": Row("Volume", {"size": "1Gi"}, {"size": "2Gi"}),
    "frozen": Row("VolumeSnapshot", {"volume": "{here}/disk"}, needs=("disk",)),
    "vm": Row(
        "VirtualMachine",
        {"memory": "256Mi", "disks": [_ROOT], "networkInterfaces": [{"name": "first", "network": "{here}/red"}], "sshKeys": ["{here}/key"],
         "cloudInit": {"userData": "#cloud-config\n{}\n"}},
        {"networkInterfaces": [{"name": "first", "network": "{here}/blue"}]},
        needs=("red", "blue", "image", "key"),
        name="{here}-vm",  # its snapshots go with any machine of its name
    ),
    "target": Row("BackupTarget", {"endpoint": "{bucket_endpoint}", "type": "s3", "bucketName": "{bucket_name}", "onDelete": "reset",
                                   "bucketRegion": "us-east-1", "accessKeyId": "{bucket_user}", "secretAccessKey": "{bucket_key}"},
                  {"refreshIntervalInSeconds": 600}),
    "backup": Row("VirtualMachineBackup", {"virtualMachine": "{here}/{here}-vm"}, needs=("vm", "target")),
    "now": Row("VirtualMachineSnapshot", {"virtualMachine": "{here}/{here}-vm"}, needs=("vm", "backup")),
    "restore": Row("VirtualMachineRestore", {"backup": "{here}/now", "virtualMachine": "phoenix", "onDelete": "delete"}, needs=("now",)),
    "nightly": Row(
        "BackupSchedule",
        {"virtualMachine": "{here}/{here}-vm", "cron": "0 2 * * *", "type": "snapshot",
         "annotations": {"harvesterhci.io/svmbackupSkipCronCheck": "true"}},
        {"retain": 5},
        needs=("vm", "restore", "target"),
    ),
    "template": Row("VirtualMachineTemplate"),
    "version": Row(
        "VirtualMachineTemplateVersion",
        {"template": "{here}/template", "machine": {"cpu": 1, "memory": "1Gi", "disks": [_ROOT],
                                               "networkInterfaces": [{"name": "default"}]}},
        {},
        needs=("template", "image"),
    ),
    "pool": Row("IpPool", {"ranges": [{"subnet": "10.77.0.0/24", "start": "10.77.0.5", "end": "10.77.0.9"}]}, name="{here}-pool"),
    "balancer": Row(
        "LoadBalancer",
        {"ipam": "pool", "ipPool": "{here}-pool", "listeners": [{"name": "web", "port": 80, "backendPort": 8080}],
         "backendSelector": {"app": ["web"]}},
        {"healthCheck": {"port": 8080}},
        needs=("pool",),
    ),
    "team": Row("Namespace", {"quota": {"limitsCpu": "8"}}, {"quota": {"limitsCpu": "4"}}, name="{here}-team"),
    "node": Row("Node", {"labels": {"example.org/rack": "r1"}}, {"labels": {"example.org/rack": "r2"}}, name="node3"),
    "addon": Row("Addon", {"namespace": "harvester-system", "enabled": True}, {"valuesContent": "a: 1\n"}, name="vm-import-controller"),
    "setting": Row("Setting", {"value": "info"}, {"value": "debug"}, name="log-level"),
    "cluster": Row("Cluster", {"settings": {"ntpServers": ["0.pool.ntp.org"]}}, {"settings": {"ntpServers": ["1.pool.ntp.org"]}}),
    "bridge": Row("ClusterNetwork", name="{here}-cn"),
    "uplink": Row("VlanConfig", {"clusterNetwork": "{here}-cn", "uplink": {"nics": ["ens9"]}},
                  {"uplink": {"nics": ["ens9"], "mtu": 9000}}, needs=("bridge",), name="{here}-cn"),
    "gpu": Row("PciDeviceClaim", name="node1-000004000"),
    "nic": Row("SriovNetworkDevice", {"virtualFunctions": 4}, {"virtualFunctions": 2}, name="node1-eth2"),
    "divided": Row("SriovGpuDevice", name="node1-000008000"),
    "part": Row("VGpuDevice", {"profile": "NVIDIA A2-4Q"}, needs=("divided",), name="node1-000008004"),
    "stick": Row("UsbDeviceClaim", name="node1-0951-1666-001002"),
    "links": Row("LinkMonitor", {"nameRule": "^eth[12]$"}, {"nameRule": "^eth1$"}, name="{here}-links"),
    "access": Row("GuestAccess", {"joinToken": "a-secret-of-16-or-more"}),
    "published": Row("GuestKubeconfig", {"machine": "{here}-vm"}, needs=("access", "vm"), name="access-kubeconfig"),
    "guest": Row("GuestNode", {"cluster": "{kubeconfig}", "machineUid": "5c8f7a0e"}, name=NODE_OF_A_GUEST),
    "credential": Row("RancherCloudCredential", {**_RANCHER, "kubeconfig": "{account}"}, name="{here}-cc"),
    "ranch": Row(
        "RancherCluster",
        {**_RANCHER, "namespace": "fleet-default", "kubernetesVersion": "v1.34.2+rke2r1", "machineNamespace": "{here}",
         "cloudCredential": "cattle-global-data:cc-{here}-cc",
         "pools": [{"name": "all", "roles": ["etcd", "control-plane", "worker"], "quantity": 1, "sshUser": "opensuse",
                    "disks": [{"image": "{here}/image", "size": "1Gi"}], "networks": ["{here}/red"]}]},
        needs=("credential", "image", "red"),
        name="{here}-rc",
    ),
}  # fmt: skip
PLAIN_ROWS: Mapping[str, Row] = {
    "poor": Row("PoorMansCluster", {"kubevirt": "{kubevirt}", "folder": "{folder}"}, {"featureGates": ["ExpandDisks"]}),
}
"""Those of a Kubernetes without Harvester."""
DIALECT_ROWS: Mapping[str, Row] = {
    **{name: ROWS[name] for name in ("red", "blue", "image", "key", "data", "class", "node")},
    "vm": replace(ROWS["vm"], inputs={**ROWS["vm"].inputs, "disks": [{**_ROOT, "size": "10Gi"}]}),  # as large as CDI makes the image
    "disk": Row("Volume", {"size": "1Gi"}),  # local volumes do not grow
    "team": Row("Namespace", name="{here}-team"),
}
"""Those of a cluster with KubeVirt and without Harvester, whose kinds speak its dialect."""
