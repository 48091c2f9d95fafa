"""Inputs and outputs of RancherCluster."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from harvester_provider.core.quantity import Quantity
from harvester_provider.resources.labels import Labels
from harvester_provider.resources.model import REPLACE, SECRET, DurationText, Model, Name, NamespacedInputs, Outputs, QuantityText


def _amount(value: str) -> str:
    if not value.removesuffix("%").isdigit():
        raise ValueError(f"{value!r} is neither a number nor a percentage: write for example 1 or 25%")
    return value


Amount = Annotated[str, AfterValidator(_amount)]
"""A number of machines, or a percentage of them."""


class RancherDisk(Model):
    """A disk of each machine of a pool."""

    image: str | None = None
    """Image that it is a copy of, as `namespace/name`. It needs cloud-init and the QEMU guest agent."""
    storage_class: str | None = None
    """StorageClass of an empty disk, instead of an image."""
    size: QuantityText = Quantity("40Gi")
    """Size, in whole GiB."""
    bus: Literal["virtio", "scsi", "sata"] = "virtio"
    """How the guest sees it."""


class RancherRollingUpdate(Model):
    """How the machines of a pool are exchanged when their shape changes."""

    max_surge: Amount = "1"
    """How many more machines than wanted there may be meanwhile: a number, or a percentage."""
    max_unavailable: Amount = "0"
    """How many fewer than wanted may run meanwhile: a number, or a percentage."""


class RancherMachinePool(Model):
    """Machines of one shape."""

    name: Name
    """Name of the pool, unlike all others of the cluster."""
    roles: list[Literal["control-plane", "etcd", "worker"]] = ["control-plane", "etcd", "worker"]
    """What its nodes are."""
    quantity: int = Field(default=1, ge=0)
    """How many machines. With `autoscalingMax` it is the number to begin with, and the autoscaler's afterwards."""
    autoscaling_min: int | None = Field(default=None, ge=0)
    """The fewest machines that Rancher's autoscaler leaves."""
    autoscaling_max: int | None = Field(default=None, ge=1)
    """The most machines that Rancher's autoscaler makes. Default: the pool is not scaled by itself."""
    cpu: int = Field(default=2, ge=1)
    """Virtual CPUs of each machine."""
    memory: QuantityText = Quantity("4Gi")
    """Memory of each machine, in whole GiB."""
    reserved_memory: QuantityText | None = None
    """Of that, what KubeVirt keeps for itself, in whole MiB. Default: the cluster's overhead ratio."""
    disks: list[RancherDisk]
    """Disks of each machine, in boot order."""
    networks: list[str]
    """VLAN networks as `namespace/name`, a NIC for each. Rancher has to be reached from there."""
    ssh_user: str
    """The image's user, as which Rancher logs in to install its agent."""
    user_data: str | None = Field(default=None, json_schema_extra=SECRET)
    """Cloud-init user data that Rancher adds its own to."""
    network_data: str | None = Field(default=None, json_schema_extra=SECRET)
    """Cloud-init network data. Default: DHCP."""
    affinity: dict[str, Any] = {}
    """Where in Harvester the machines run, as the `affinity` of a Kubernetes pod."""
    efi: bool = False
    """Whether the machines boot by UEFI."""
    secure_boot: bool = False
    """Whether they boot signed systems alone. Needs `efi`."""
    tpm: bool = False
    """Whether they have a TPM."""
    cpu_model: str | None = None
    """CPU model of KubeVirt. Default: the cluster's."""
    cpu_pinning: bool = False
    """Whether each virtual CPU has a CPU of its node to itself."""
    labels: Labels = {}
    """Labels of the nodes, given when they join."""
    taints: list[str] = []
    """Taints of the nodes, as `key=value:Effect`, given when they join."""
    rolling_update: RancherRollingUpdate = RancherRollingUpdate()
    """How machines are exchanged when their shape changes."""
    drain_before_delete: bool = False
    """Whether a node is emptied before its machine goes."""
    unhealthy_node_timeout: DurationText | None = None
    """After how long without a sign of life a machine is replaced. Default: never."""


class RancherDrain(Model):
    """How a node is emptied before its Kubernetes is upgraded."""

    enabled: bool = True
    """Whether it is emptied at all."""
    delete_empty_dir_data: bool = False
    """Whether pods with emptyDir volumes go too; their data is lost."""
    ignore_daemon_sets: bool = True
    """Whether pods of DaemonSets may stay."""
    force: bool = False
    """Whether pods without a controller go too; nobody makes them again."""
    timeout: DurationText | None = None
    """How long it may take. Default: for ever."""


class RancherUpgradeStrategy(Model):
    """How Kubernetes is upgraded, and its configuration changed, node by node."""

    control_plane_concurrency: Amount = "1"
    """How many nodes of the control plane at once: a number, or a percentage."""
    worker_concurrency: Amount = "1"
    """How many workers at once: a number, or a percentage."""
    control_plane_drain: RancherDrain | None = None
    """How nodes of the control plane are emptied before. Default: they are not."""
    worker_drain: RancherDrain | None = None
    """How workers are emptied before. Default: they are not."""


class RancherClusterInputs(NamespacedInputs):
    """A guest cluster of RKE2 or K3s that Rancher makes on machines of Harvester. `cluster` is the Rancher, a name in `harvester:clusters`.

    The machines are Rancher's: they are neither resources of the program nor touched by it. Another shape of a pool is rolled by its
    `rollingUpdate`, another `kubernetesVersion` node by node by `upgradeStrategy`.
    """

    namespace: Name = Field(default="fleet-default", json_schema_extra=REPLACE)
    """Rancher's workspace."""
    kubernetes_version: str
    """Such as `v1.34.2+rke2r1` or `v1.34.2+k3s1`; one that this Rancher offers. It goes up one minor at a time, and never back."""
    cloud_credential: str
    """The `credential` of a RancherCloudCredential: `cattle-global-data:NAME`."""
    cloud_config: str | None = Field(default=None, json_schema_extra=SECRET)
    """Kubeconfig for Harvester of the cloud provider and the CSI driver in the cluster: the `cloudConfig` of a GuestAccess.
    Default: neither is set up. RKE2 brings both; K3s installs their charts from charts.harvesterhci.io, which its nodes have to reach."""
    machine_namespace: Name = Field(default="default", json_schema_extra=REPLACE)
    """Namespace of the machines in Harvester."""
    pools: list[RancherMachinePool]
    """The machines. Together they need the roles `control-plane`, `etcd` and `worker`."""
    upgrade_strategy: RancherUpgradeStrategy = RancherUpgradeStrategy()
    """How Kubernetes is upgraded."""
    registries: dict[str, Any] = {}
    """Registries as Rancher's `registries`: `mirrors` and `configs`."""
    chart_values: dict[str, Any] = {}
    """Values of the charts that come with RKE2, by the chart's name."""
    config: dict[str, Any] = {}
    """Entries of the configuration file of RKE2 or K3s, for all nodes (`machineGlobalConfig`), such as `cni`."""
    network_policy: bool = False
    """Whether Rancher isolates projects from each other."""
    authorized_endpoint: bool = False
    """Whether the nodes answer with Rancher's users without Rancher in between (Rancher's authorized cluster endpoint)."""


class RancherClusterOutputs(Outputs):
    """The way into the cluster."""

    kubeconfig: str = Field(default="", json_schema_extra=SECRET)
    """Kubeconfig of an owner of the cluster, through Rancher: for example for `pulumi_kubernetes.Provider`."""
    server: str = ""
    """URL of the cluster's API, through Rancher."""
    cluster_id: str = ""
    """The cluster's ID in Rancher (`c-m-...`)."""
