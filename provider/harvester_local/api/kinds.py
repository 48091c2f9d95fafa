"""The kinds that the plane reads, writes or guards, and their paths in the API.

A table and one function; whether a kind has a status subresource follows the upstream CustomResourceDefinitions.
"""

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of the API. `status` tells whether its status is written through a subresource."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    status: bool = False

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """`group/version`, or `version` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """URL path of the collection, of one object, or of its subresource. An empty namespace means all of them."""
        steps = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace:
            steps += ["namespaces", namespace]
        return "/" + "/".join([*steps, self.plural, *filter(None, (name, subresource))])


_HCI, _KUBEVIRT, _NETWORK = ("harvesterhci.io", "v1beta1"), ("kubevirt.io", "v1"), ("network.harvesterhci.io", "v1beta1")
_BALANCING = ("loadbalancer.harvesterhci.io", "v1beta1")

IMAGE = Kind(*_HCI, "virtualmachineimages", "VirtualMachineImage")
KEY_PAIR = Kind(*_HCI, "keypairs", "KeyPair")
SETTING = Kind(*_HCI, "settings", "Setting", namespaced=False)
TEMPLATE = Kind(*_HCI, "virtualmachinetemplates", "VirtualMachineTemplate", status=True)
TEMPLATE_VERSION = Kind(*_HCI, "virtualmachinetemplateversions", "VirtualMachineTemplateVersion")
BACKUP = Kind(*_HCI, "virtualmachinebackups", "VirtualMachineBackup")
ADDON = Kind(*_HCI, "addons", "Addon", status=True)
VERSION = Kind(*_HCI, "versions", "Version")
UPGRADE = Kind(*_HCI, "upgrades", "Upgrade")
SUPPORT_BUNDLE = Kind(*_HCI, "supportbundles", "SupportBundle")
BLOCK_DEVICE = Kind(*_HCI, "blockdevices", "BlockDevice")
PCI_DEVICE = Kind("devices.harvesterhci.io", "v1beta1", "pcidevices", "PCIDevice", namespaced=False, status=True)
PCI_DEVICE_CLAIM = Kind("devices.harvesterhci.io", "v1beta1", "pcideviceclaims", "PCIDeviceClaim", namespaced=False, status=True)
SRIOV_GPU_DEVICE = Kind("devices.harvesterhci.io", "v1beta1", "sriovgpudevices", "SRIOVGPUDevice", namespaced=False, status=True)
VGPU_DEVICE = Kind("devices.harvesterhci.io", "v1beta1", "vgpudevices", "VGPUDevice", namespaced=False, status=True)
USB_DEVICE = Kind("devices.harvesterhci.io", "v1beta1", "usbdevices", "USBDevice", namespaced=False, status=True)
USB_DEVICE_CLAIM = Kind("devices.harvesterhci.io", "v1beta1", "usbdeviceclaims", "USBDeviceClaim", namespaced=False, status=True)
SRIOV_NETWORK_DEVICE = Kind(
    "devices.harvesterhci.io", "v1beta1", "sriovnetworkdevices", "SRIOVNetworkDevice", namespaced=False, status=True
)
INVENTORY = Kind("metal.harvesterhci.io", "v1alpha1", "inventories", "Inventory", status=True)
RESTORE = Kind(*_HCI, "virtualmachinerestores", "VirtualMachineRestore")
SCHEDULE = Kind(*_HCI, "schedulevmbackups", "ScheduleVMBackup")
LONGHORN_TARGET = Kind("longhorn.io", "v1beta2", "backuptargets", "BackupTarget", status=True)

MACHINE = Kind(*_KUBEVIRT, "virtualmachines", "VirtualMachine", status=True)
INSTANCE = Kind(*_KUBEVIRT, "virtualmachineinstances", "VirtualMachineInstance")
MIGRATION = Kind(*_KUBEVIRT, "virtualmachineinstancemigrations", "VirtualMachineInstanceMigration", status=True)
KUBEVIRT = Kind(*_KUBEVIRT, "kubevirts", "KubeVirt", status=True)

CLUSTER_NETWORK = Kind(*_NETWORK, "clusternetworks", "ClusterNetwork", namespaced=False)
VLAN_CONFIG = Kind(*_NETWORK, "vlanconfigs", "VlanConfig", namespaced=False)
VLAN_STATUS = Kind(*_NETWORK, "vlanstatuses", "VlanStatus", namespaced=False)
LINK_MONITOR = Kind(*_NETWORK, "linkmonitors", "LinkMonitor", namespaced=False)
NETWORK = Kind("k8s.cni.cncf.io", "v1", "network-attachment-definitions", "NetworkAttachmentDefinition")

IP_POOL = Kind(*_BALANCING, "ippools", "IPPool", namespaced=False)
LOAD_BALANCER = Kind(*_BALANCING, "loadbalancers", "LoadBalancer")

RANCHER_CLUSTER = Kind("provisioning.cattle.io", "v1", "clusters", "Cluster", status=True)
HARVESTER_CONFIG = Kind("rke-machine-config.cattle.io", "v1", "harvesterconfigs", "HarvesterConfig")
MACHINE_TEMPLATE = Kind("rke-machine.cattle.io", "v1", "harvestermachinetemplates", "HarvesterMachineTemplate")
MACHINE_DEPLOYMENT = Kind("cluster.x-k8s.io", "v1beta1", "machinedeployments", "MachineDeployment", status=True)
CLUSTER_MACHINE = Kind("cluster.x-k8s.io", "v1beta1", "machines", "Machine", status=True)
RANCHER_SETTING = Kind("management.cattle.io", "v3", "settings", "Setting", namespaced=False)

NODE = Kind("", "v1", "nodes", "Node", namespaced=False, status=True)
NAMESPACE = Kind("", "v1", "namespaces", "Namespace", namespaced=False, status=True)
SERVICE = Kind("", "v1", "services", "Service", status=True)
POD = Kind("", "v1", "pods", "Pod", status=True)
VOLUME_CLAIM = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", status=True)
VOLUME = Kind("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False, status=True)
EVENT = Kind("", "v1", "events", "Event")
CONFIG_MAP = Kind("", "v1", "configmaps", "ConfigMap")
SECRET = Kind("", "v1", "secrets", "Secret")
SERVICE_ACCOUNT = Kind("", "v1", "serviceaccounts", "ServiceAccount")
DEPLOYMENT = Kind("apps", "v1", "deployments", "Deployment", status=True)
DAEMON_SET = Kind("apps", "v1", "daemonsets", "DaemonSet", status=True)
CDI = Kind("cdi.kubevirt.io", "v1beta1", "cdis", "CDI", namespaced=False)
CDI_CONFIG = Kind("cdi.kubevirt.io", "v1beta1", "cdiconfigs", "CDIConfig", namespaced=False)
DATA_VOLUME = Kind("cdi.kubevirt.io", "v1beta1", "datavolumes", "DataVolume", status=True)
STORAGE_CLASS = Kind("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False)
SNAPSHOT = Kind("snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot", status=True)
SNAPSHOT_CONTENT = Kind("snapshot.storage.k8s.io", "v1", "volumesnapshotcontents", "VolumeSnapshotContent", namespaced=False, status=True)
SNAPSHOT_CLASS = Kind("snapshot.storage.k8s.io", "v1", "volumesnapshotclasses", "VolumeSnapshotClass", namespaced=False)
BACKING_IMAGE = Kind("longhorn.io", "v1beta2", "backingimages", "BackingImage", status=True)
LONGHORN_NODE = Kind("longhorn.io", "v1beta2", "nodes", "Node", status=True)
LONGHORN_VOLUME = Kind("longhorn.io", "v1beta2", "volumes", "Volume", status=True)
REVISION = Kind("apps", "v1", "controllerrevisions", "ControllerRevision")
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDING = Kind("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
ROLE = Kind("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDING = Kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
CRD = Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False, status=True)
VALIDATING_WEBHOOKS = Kind(
    "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", namespaced=False
)
MUTATING_WEBHOOKS = Kind(
    "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", namespaced=False
)
ACCESS_REVIEW = Kind("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False)

WATCHED = (
    *(IMAGE, KEY_PAIR, SETTING, TEMPLATE, TEMPLATE_VERSION),
    *(MACHINE, INSTANCE, MIGRATION),
    *(BACKUP, RESTORE, SCHEDULE, LONGHORN_TARGET, LONGHORN_NODE, LONGHORN_VOLUME),
    *(CLUSTER_NETWORK, VLAN_CONFIG, VLAN_STATUS, NETWORK),
    *(IP_POOL, LOAD_BALANCER),
    *(RANCHER_CLUSTER, HARVESTER_CONFIG, MACHINE_DEPLOYMENT, CLUSTER_MACHINE),
    *(NODE, VOLUME_CLAIM, STORAGE_CLASS, SNAPSHOT, SNAPSHOT_CLASS, SECRET, REVISION),
    *(ADDON, UPGRADE, SUPPORT_BUNDLE, LINK_MONITOR, PCI_DEVICE, PCI_DEVICE_CLAIM, INVENTORY),
    *(SRIOV_GPU_DEVICE, VGPU_DEVICE, USB_DEVICE, USB_DEVICE_CLAIM),
    *(DEPLOYMENT, DAEMON_SET, KUBEVIRT, CDI, DATA_VOLUME),
)
"""The kinds that are kept in the store."""


_NOT_IN_PLAIN = ("harvesterhci.io", "cattle.io", "cluster.x-k8s.io")


def in_plain(group: str) -> bool:
    """Whether a Kubernetes with KubeVirt, and without Harvester and Rancher, has the kinds of an API group."""
    return not group.endswith(_NOT_IN_PLAIN)


WATCHED_IN_PLAIN = tuple(kind for kind in WATCHED if in_plain(kind.group))
"""The kinds that are kept in the store of such a Kubernetes."""
