"""The list of all kinds: token -> module. A kind is imported when it is first asked for, so that a program pays for what it uses."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from harvester_provider.core.kind import Kind

_MODULES = {
    "Addon": "addon",
    "BackupSchedule": "backup_schedule",
    "BackupTarget": "backup_target",
    "CloudInit": "cloud_init",
    "Cluster": "cluster",
    "ClusterNetwork": "cluster_network",
    "GuestAccess": "guest.access",
    "GuestKubeconfig": "guest.kubeconfig",
    "GuestNode": "guest.node",
    "Image": "image",
    "IpPool": "ip_pool",
    "LoadBalancer": "load_balancer",
    "LinkMonitor": "link_monitor",
    "Namespace": "namespace",
    "Node": "node",
    "PciDeviceClaim": "pci_device_claim",
    "PoorMansCluster": "poor_mans_cluster",
    "RancherCloudCredential": "rancher.credential",
    "RancherCluster": "rancher.cluster",
    "Setting": "setting",
    "SriovGpuDevice": "sriov_gpu_device",
    "SriovNetworkDevice": "sriov_network_device",
    "SshKey": "ssh_key",
    "StorageClass": "storage_class",
    "UsbDeviceClaim": "usb_device_claim",
    "VGpuDevice": "vgpu_device",
    "VirtualMachine": "virtual_machine",
    "VirtualMachineBackup": "virtual_machine_backup",
    "VirtualMachineRestore": "virtual_machine_restore",
    "VirtualMachineSnapshot": "virtual_machine_snapshot",
    "VirtualMachineTemplate": "virtual_machine_template",
    "VirtualMachineTemplateVersion": "virtual_machine.template_version",
    "VlanConfig": "vlan_config",
    "VlanNetwork": "vlan_network",
    "Volume": "volume",
    "VolumeSnapshot": "volume_snapshot",
}


class _Kinds(Mapping[str, Kind[Any]]):
    """Kinds by token. Looking one up imports it; KeyError where there is none of that name."""

    def __getitem__(self, name: str) -> Kind[Any]:
        kind: Kind[Any] = import_module(f"harvester_provider.resources.{_MODULES[name]}").KIND
        return kind

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


KINDS: Mapping[str, Kind[Any]] = _Kinds()
