"""The APIs that the kinds read and write, each once. Sources: the CRDs of Harvester 1.8, KubeVirt 1.7 and Multus."""

from harvester_provider.core.ref import Api, Listing, Ref

VIRTUAL_MACHINE = Api("kubevirt.io", "v1", "virtualmachines", "VirtualMachine")
VIRTUAL_MACHINE_INSTANCE = Api("kubevirt.io", "v1", "virtualmachineinstances", "VirtualMachineInstance")
VIRTUAL_MACHINE_INSTANCE_MIGRATION = Api("kubevirt.io", "v1", "virtualmachineinstancemigrations", "VirtualMachineInstanceMigration")
KUBEVIRT = Api("kubevirt.io", "v1", "kubevirts", "KubeVirt")
KUBEVIRTS = Listing(KUBEVIRT)
"""How KubeVirt is set up: one object, in a namespace that depends on who installed it."""

IMAGE = Api("harvesterhci.io", "v1beta1", "virtualmachineimages", "VirtualMachineImage")
TEMPLATE = Api("harvesterhci.io", "v1beta1", "virtualmachinetemplates", "VirtualMachineTemplate")
TEMPLATE_VERSION = Api("harvesterhci.io", "v1beta1", "virtualmachinetemplateversions", "VirtualMachineTemplateVersion")
KEY_PAIR = Api("harvesterhci.io", "v1beta1", "keypairs", "KeyPair")
ADDON = Api("harvesterhci.io", "v1beta1", "addons", "Addon")
HARVESTER_QUOTA = Api("harvesterhci.io", "v1beta1", "resourcequotas", "ResourceQuota")
VERSION = Api("harvesterhci.io", "v1beta1", "versions", "Version")
UPGRADE = Api("harvesterhci.io", "v1beta1", "upgrades", "Upgrade")
SUPPORT_BUNDLE = Api("harvesterhci.io", "v1beta1", "supportbundles", "SupportBundle")
BLOCK_DEVICE = Api("harvesterhci.io", "v1beta1", "blockdevices", "BlockDevice")
LONGHORN_VOLUME = Api("longhorn.io", "v1beta2", "volumes", "Volume")
LONGHORN_NODE = Api("longhorn.io", "v1beta2", "nodes", "Node")
SETTING = Api("harvesterhci.io", "v1beta1", "settings", "Setting", namespaced=False)
BACKUP = Api("harvesterhci.io", "v1beta1", "virtualmachinebackups", "VirtualMachineBackup")
RESTORE = Api("harvesterhci.io", "v1beta1", "virtualmachinerestores", "VirtualMachineRestore")
SCHEDULE = Api("harvesterhci.io", "v1beta1", "schedulevmbackups", "ScheduleVMBackup")
LONGHORN_BACKUP_TARGET = Api("longhorn.io", "v1beta2", "backuptargets", "BackupTarget")

LINK_MONITOR = Api("network.harvesterhci.io", "v1beta1", "linkmonitors", "LinkMonitor", namespaced=False)
CLUSTER_NETWORK = Api("network.harvesterhci.io", "v1beta1", "clusternetworks", "ClusterNetwork", namespaced=False)
VLAN_CONFIG = Api("network.harvesterhci.io", "v1beta1", "vlanconfigs", "VlanConfig", namespaced=False)
VLAN_STATUS = Api("network.harvesterhci.io", "v1beta1", "vlanstatuses", "VlanStatus", namespaced=False)
NETWORK = Api("k8s.cni.cncf.io", "v1", "network-attachment-definitions", "NetworkAttachmentDefinition")

IP_POOL = Api("loadbalancer.harvesterhci.io", "v1beta1", "ippools", "IPPool", namespaced=False)
LOAD_BALANCER = Api("loadbalancer.harvesterhci.io", "v1beta1", "loadbalancers", "LoadBalancer")
_DEVICES = ("devices.harvesterhci.io", "v1beta1")
PCI_DEVICE = Api(*_DEVICES, "pcidevices", "PCIDevice", namespaced=False)
PCI_DEVICE_CLAIM = Api(*_DEVICES, "pcideviceclaims", "PCIDeviceClaim", namespaced=False)
SRIOV_NETWORK_DEVICE = Api(*_DEVICES, "sriovnetworkdevices", "SRIOVNetworkDevice", namespaced=False)
SRIOV_GPU_DEVICE = Api(*_DEVICES, "sriovgpudevices", "SRIOVGPUDevice", namespaced=False)
VGPU_DEVICE = Api(*_DEVICES, "vgpudevices", "VGPUDevice", namespaced=False)
USB_DEVICE = Api(*_DEVICES, "usbdevices", "USBDevice", namespaced=False)
USB_DEVICE_CLAIM = Api(*_DEVICES, "usbdeviceclaims", "USBDeviceClaim", namespaced=False)

NAMESPACE = Api("", "v1", "namespaces", "Namespace", namespaced=False)
NODE = Api("", "v1", "nodes", "Node", namespaced=False)
RESOURCE_QUOTA = Api("", "v1", "resourcequotas", "ResourceQuota")
CONFIG_MAP = Api("", "v1", "configmaps", "ConfigMap")
SECRET = Api("", "v1", "secrets", "Secret")
PRIORITY_CLASS = Api("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False)
SERVICE_ACCOUNT = Api("", "v1", "serviceaccounts", "ServiceAccount")
POD = Api("", "v1", "pods", "Pod")
ROLE = Api("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDING = Api("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
CLUSTER_ROLE_BINDING = Api("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
PERSISTENT_VOLUME_CLAIM = Api("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
DATA_VOLUME = Api("cdi.kubevirt.io", "v1beta1", "datavolumes", "DataVolume")
EVENT = Api("", "v1", "events", "Event")
VOLUME_SNAPSHOT = Api("snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot")
VOLUME_SNAPSHOT_CLASS = Api("snapshot.storage.k8s.io", "v1", "volumesnapshotclasses", "VolumeSnapshotClass", namespaced=False)
DEPLOYMENT = Api("apps", "v1", "deployments", "Deployment")
DAEMON_SET = Api("apps", "v1", "daemonsets", "DaemonSet")
CUSTOM_RESOURCE = Api("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
CDI = Api("cdi.kubevirt.io", "v1beta1", "cdis", "CDI", namespaced=False)
STORAGE_CLASS = Api("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False)

SERVER_VERSION = Ref(SETTING, "server-version")
"""The setting whose top-level `value` is the Harvester release, such as `v1.8.0`."""
BACKUP_TARGET = Ref(SETTING, "backup-target")
"""The one setting that says where backups go."""

ETCD_ROLE = "node-role.kubernetes.io/etcd"
"""Label of the nodes that hold etcd."""
CREATOR = "harvesterhci.io/creator"
"""Label that says by what means a machine was made."""
NODE_DRIVER = "docker-machine-driver-harvester"
"""The creator of machines that are nodes of a guest cluster (pkg/util/constants.go, VirtualMachineCreatorNodeDriver)."""
IMAGE_ID = "harvesterhci.io/imageId"
"""Annotation of a volume, and of a snapshot of it, that is made from an image: `namespace/name` of the image."""

VIP = Ref(CONFIG_MAP, "vip", "harvester-system")
"""The ConfigMap whose `ip` is the cluster's virtual address."""

MANAGEMENT = "mgmt"
"""The cluster network that every cluster has. Its uplink is set up by the installer; it can be used and not be changed."""
NETWORK_NAME_MAX = 12
"""Longest name of a cluster network: its bridge is called `<name>-br`, and Linux takes 15 characters."""

CREDENTIALS = Ref(Api("", "local", "credentials", "Credentials", namespaced=False), "kubeconfig")
"""No object of the cluster: the kubeconfig (`kubeconfig`) of a cluster that was reached by a login. None where it was not."""

RESTORED_VOLUMES = "harvester.pulumi.com/restored-volumes"
"""Our annotation of a machine that a restore replaced: JSON mapping of each volume it had to the one in its place now."""
