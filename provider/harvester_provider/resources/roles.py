"""The files of docs/rbac with the roles that kinds and functions need: what a refusal (403) names, and what the tests run them under."""

from collections.abc import Mapping

from harvester_provider.core.flavour import Flavour

READS = "reads"
"""What everybody needs."""
CLUSTER_ADMIN = "cluster-admin"
"""Kubernetes' own role, where no smaller one is enough."""
ROLES: Mapping[str, str] = {
    "Addon": "addons",
    "BackupSchedule": "backups",
    "BackupTarget": "backup-target",
    "CloudInit": "machines",
    "Cluster": "cluster",
    "ClusterNetwork": "cluster-networks",
    "GuestAccess": "guest-clusters",
    "GuestKubeconfig": "guest-clusters",
    "GuestNode": "guest-nodes",
    "Image": "images",
    "IpPool": "ip-pools",
    "LinkMonitor": "cluster-networks",
    "LoadBalancer": "load-balancers",
    "Namespace": "namespaces",
    "Node": "nodes",
    "PciDeviceClaim": "devices",
    "PoorMansCluster": CLUSTER_ADMIN,
    "RancherCloudCredential": "rancher",
    "RancherCluster": "rancher",
    "Setting": "settings",
    "SriovGpuDevice": "devices",
    "SriovNetworkDevice": "devices",
    "SshKey": "machines",
    "StorageClass": "storage-classes",
    "UsbDeviceClaim": "devices",
    "VGpuDevice": "devices",
    "VirtualMachine": "machines",
    "VirtualMachineBackup": "backups",
    "VirtualMachineRestore": "backups",
    "VirtualMachineSnapshot": "backups",
    "VirtualMachineTemplate": "templates",
    "VirtualMachineTemplateVersion": "templates",
    "VlanConfig": "cluster-networks",
    "VlanNetwork": "networks",
    "Volume": "volumes",
    "VolumeSnapshot": "volumes",
}
"""File of each kind. What it uses of other kinds is only read, and is part of it."""
WITHOUT_HARVESTER = "without-harvester"
PLAIN = frozenset(("CloudInit", "Image", "SshKey", "VirtualMachine", "VlanNetwork", "Volume"))
"""Kinds that need that one on a cluster without Harvester, where other objects stand for them."""


def roles(name: str, flavour: Flavour) -> tuple[str, ...]:
    """The files for a kind or a function on such a cluster, without their `.yaml`; CLUSTER_ADMIN alone is none of them."""
    if name in PLAIN and flavour is not Flavour.HARVESTER:
        return READS, WITHOUT_HARVESTER
    own = ROLES.get(name) or ("kubeconfigs" if name == "getKubeconfig" else "functions")
    return (own,) if own == CLUSTER_ADMIN else (READS, own)


def needs(name: str, flavour: Flavour) -> str:
    """Which roles it needs, as a sentence's end."""
    found = roles(name, flavour)
    if found == (CLUSTER_ADMIN,):
        return f"{name} needs the role {CLUSTER_ADMIN}"
    return f"{name} needs the roles in {' and '.join(f'docs/rbac/{file}.yaml' for file in found)}"
