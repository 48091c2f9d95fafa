"""Which kind speaks for a name on which flavour of cluster: the one place where that is decided.

With Harvester it is the kind of the registry. Without, some kinds are the same, some have a dialect, and the others there are with
Harvester only, which is said with the reason before anything is changed.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from harvester_provider.core.errors import NotHarvester
from harvester_provider.core.flavour import Flavour
from harvester_provider.core.function import Function
from harvester_provider.core.kind import Kind
from harvester_provider.resources.registry import KINDS

ANYWHERE = frozenset((
    *("CloudInit", "GuestKubeconfig", "GuestNode"),
    *("PoorMansCluster", "RancherCloudCredential", "RancherCluster"),
))  # fmt: skip
"""Kinds that speak to every cluster alike."""
PLAIN: Mapping[str, str] = {
    "Image": "image.plain",
    "Namespace": "namespace.plain",
    "Node": "node.plain",
    "SshKey": "ssh_key.plain",
    "StorageClass": "storage_class.plain",
    "VirtualMachine": "virtual_machine.plain",
    "VlanNetwork": "vlan_network.plain",
    "Volume": "volume.plain",
}
"""Kinds with a dialect for clusters without Harvester, and its module."""
_BACKUPS = "backups and snapshots of machines are Harvester's: copy what matters from within the guest"
_NETWORKS = "the nodes' NICs are set up by Harvester: without it, bridges are part of their own set-up (bare_metal.Rke2Site)"
_BALANCERS = "Harvester's load balancer makes it: install one of your own, such as kube-vip or MetalLB"
_TEMPLATES = "templates are Harvester's: a function of your program does the same"
_DEVICES = "Harvester prepares the devices: set permittedHostDevices in the KubeVirt object, and name them in host_devices"
_SETTINGS = "it is a part of Harvester"
HARVESTERS: Mapping[str, str] = {
    "Addon": _SETTINGS,
    "BackupSchedule": _BACKUPS,
    "BackupTarget": _BACKUPS,
    "Cluster": "use PoorMansCluster",
    "ClusterNetwork": _NETWORKS,
    "GuestAccess": "its rights are those of Harvester's cloud provider and CSI driver: make an account with kubectl",
    "IpPool": _BALANCERS,
    "LinkMonitor": _NETWORKS,
    "LoadBalancer": _BALANCERS,
    "PciDeviceClaim": _DEVICES,
    "Setting": _SETTINGS,
    "SriovGpuDevice": _DEVICES,
    "SriovNetworkDevice": _DEVICES,
    "UsbDeviceClaim": _DEVICES,
    "VGpuDevice": _DEVICES,
    "VirtualMachineBackup": _BACKUPS,
    "VirtualMachineRestore": _BACKUPS,
    "VirtualMachineSnapshot": _BACKUPS,
    "VirtualMachineTemplate": _TEMPLATES,
    "VirtualMachineTemplateVersion": _TEMPLATES,
    "VlanConfig": _NETWORKS,
    "VolumeSnapshot": "Harvester says which driver takes snapshots, and local volumes have none: copy the volume instead (source_volume)",
}
"""Kinds that there are with Harvester only, and what to do without."""


FUNCTIONS_ANYWHERE = frozenset(("getStorageClass", "getVirtualMachine", "getVirtualMachines"))
"""Functions that ask every cluster the same."""
HARVESTERS_FUNCTIONS: Mapping[str, str] = {"getKubeconfig": "Harvester makes the account and its rights: make them with kubectl"}
"""Functions that there are with Harvester only, and what to do without."""


def comes_with_kubevirt(name: str, flavour: Flavour) -> bool:
    """Whether the cluster lacks the kind only until it has KubeVirt and CDI, which another resource of the program may install."""
    return flavour is Flavour.KUBERNETES and name in PLAIN


def speaks(name: str, flavour: Flavour) -> Kind[Any]:
    """The kind as the cluster understands it. NotHarvester, with the reason, where it has nothing of the sort."""
    if flavour is Flavour.HARVESTER or name in ANYWHERE:
        return KINDS[name]
    if name not in PLAIN:
        raise NotHarvester(f"{name}: this is {flavour.value}: {HARVESTERS[name]}")
    dialect: Kind[Any] = import_module(f"harvester_provider.resources.{PLAIN[name]}").KIND
    return dialect


def spoken(flavour: Flavour) -> Mapping[str, Kind[Any]]:
    """All kinds that there are on such a cluster, each as the cluster understands it."""
    return {name: speaks(name, flavour) for name in KINDS if flavour is Flavour.HARVESTER or name not in HARVESTERS}


def asks(name: str, flavour: Flavour) -> Function[Any]:
    """The function as it asks such a cluster. NotHarvester, with the reason, where there is nothing to ask for."""
    if name in HARVESTERS_FUNCTIONS and flavour is not Flavour.HARVESTER:
        raise NotHarvester(f"{name}: this is {flavour.value}: {HARVESTERS_FUNCTIONS[name]}")
    same = flavour is Flavour.HARVESTER or name in FUNCTIONS_ANYWHERE
    module = import_module("harvester_provider.resources.functions" if same else "harvester_provider.resources.functions.plain")
    function: Function[Any] = module.FUNCTIONS[name]
    return function
