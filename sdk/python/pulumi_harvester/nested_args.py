"""What NestedCluster is told: its pools, its version, who makes its nodes. Values, and what cannot be of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi

from harvester_provider.resources.guest.kube_vip import KubeVip
from harvester_provider.resources.guest.words import Distribution
from pulumi_harvester.cloudinit import UserData
from pulumi_harvester.rancher_cluster import RancherRollingUpdateArgs, RancherUpgradeStrategyArgs

SERVERS = "server"
"""The pool of the servers."""


@dataclass(frozen=True, kw_only=True)
class RancherPool:
    """What a Rancher does with the machines of a pool, besides making them."""

    autoscaling_min: int | None = None
    """The fewest machines that Rancher's autoscaler leaves. Default: 0."""
    autoscaling_max: int | None = None
    """The most machines that it makes; `quantity` is the number to begin with then. Default: the pool is not scaled by itself."""
    affinity: Mapping[str, Any] = field(default_factory=dict)
    """Where in Harvester the machines run, as the `affinity` of a Kubernetes pod. Rancher's own wish to spread them is added."""
    rolling_update: RancherRollingUpdateArgs | None = None
    """How machines are exchanged when their shape changes. Default: one more first, then one fewer."""
    drain_before_delete: bool = False
    """Whether a node is emptied before its machine goes."""
    unhealthy_node_timeout: str | None = None
    """After how long without a sign of life a machine is replaced. Default: never."""


@dataclass(frozen=True, kw_only=True)
class NodePool:
    """Machines of one shape. The pool of the servers is called `server`; each further one has a name of its own."""

    quantity: int
    """How many. Servers: 1, 3 or 5."""
    image: pulumi.Input[str]
    """Image with cloud-init, as `namespace/name`."""
    cpu: int = 2
    """Virtual CPUs of each."""
    memory: str = "4Gi"
    """Memory of each."""
    disk_size: str = "40Gi"
    """Size of the disk of each. It goes with its machine."""
    networks: Sequence[pulumi.Input[str]] = ()
    """VLAN networks as `namespace/name`, one NIC for each. Default: one NIC on the management network."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the nodes."""
    taints: Sequence[str] = ()
    """Taints of the nodes when they join, as `key=value:Effect`."""
    user_data: UserData = field(default_factory=UserData)
    """What else the machines do at their first boot: users, keys, packages."""
    machine_annotations: Mapping[str, str] = field(default_factory=dict)
    """Annotations of the machines in Harvester. Not with Rancher."""
    rancher: RancherPool | None = None
    """With Rancher alone: how it scales, places and replaces the machines."""


@dataclass(frozen=True, kw_only=True)
class RancherProvisioner:
    """The Rancher that makes the machines and their nodes."""

    cluster: str
    """Its name in `harvester:clusters`."""
    cloud_credential: pulumi.Input[str]
    """Its way into Harvester: the `credential` of a RancherCloudCredential."""
    ssh_user: str
    """The user of the pools' images, as which Rancher logs in to install its agent."""
    namespace: str = "fleet-default"
    """Its workspace."""
    chart_values: Mapping[str, Any] = field(default_factory=dict)
    """Values of the charts that come with RKE2, by the chart's name."""
    upgrade_strategy: RancherUpgradeStrategyArgs | None = None
    """How Kubernetes is upgraded. Default: one server, then one agent at a time."""


@dataclass(frozen=True, kw_only=True)
class NestedClusterArgs:
    """The inputs of NestedCluster."""

    kubernetes_version: str
    """Such as `v1.34.2+rke2r1` or `v1.34.2+k3s1`. Another one replaces the machines, one at a time; Rancher upgrades them in place."""
    servers: NodePool
    """The machines of control plane and etcd."""
    address: str | None = None
    """The control plane's address: free, in the network of the servers. Required with `cloud-init`; Rancher needs none."""
    pools: Mapping[str, NodePool] = field(default_factory=dict)
    """Further machines, by the name of their pool."""
    namespace: str = "default"
    """Namespace of the machines in Harvester."""
    kube_vip: KubeVip | None = field(default_factory=KubeVip)
    """How the address is announced; None where something else does. Not with Rancher."""
    tls_sans: Sequence[str] = ()
    """Further names and addresses of the API."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Further entries of the configuration file of RKE2 or K3s: lists are continued, other values go before those that are made here."""
    registries: Mapping[str, Any] = field(default_factory=dict)
    """Content of registries.yaml."""
    harvester_server: str | None = None
    """URL of Harvester's Kubernetes API as the machines reach it. Default: `https://VIP:6443`."""
    join_timeout: str | None = None
    """How long a node may take to join, and the first server to publish the kubeconfig; with Rancher, how long a whole change may take.
    Default: 20 minutes; with Rancher one hour."""
    cluster: str | None = None
    """Which of the clusters in `harvester:clusters` the machines are made in."""
    provisioner: Literal["cloud-init", "rancher"] = "cloud-init"
    """Who makes the nodes: `cloud-init`, the machines themselves; or `rancher`, which makes the machines too."""
    rancher: RancherProvisioner | None = None
    """The Rancher, with `provisioner="rancher"`."""

    @property
    def distribution(self) -> Distribution:
        """What the version is one of."""
        return distribution_of(self.kubernetes_version)


def distribution_of(version: str) -> Distribution:
    """`rke2` or `k3s`, from a version such as `v1.34.2+rke2r1`. Raises ValueError."""
    if "+rke2r" in version:
        return "rke2"
    if "+k3s" in version:
        return "k3s"
    raise ValueError(f"kubernetes_version: {version!r} is none of RKE2 or K3s: write for example v1.34.2+rke2r1 or v1.34.2+k3s1")


def check(component: str, args: NestedClusterArgs) -> None:
    """Refuse what cannot be, before anything is registered. Raises ValueError."""
    who = f"NestedCluster {component}"
    distribution_of(args.kubernetes_version)
    if args.servers.quantity not in (1, 3, 5):
        raise ValueError(f"{who}: servers.quantity: {args.servers.quantity} servers: use 1, 3 or 5, so that etcd has a majority")
    if SERVERS in args.pools:
        raise ValueError(f"{who}: pools: `{SERVERS}` is the pool of the servers: call it something else")
    if args.provisioner not in ("cloud-init", "rancher"):
        raise ValueError(f"{who}: provisioner: {args.provisioner!r} is not known: use cloud-init or rancher")
    if args.provisioner == "cloud-init" and not args.address:
        raise ValueError(f"{who}: address: missing: name a free address in the network of the servers")
    for name, pool in {SERVERS: args.servers, **args.pools}.items():
        if args.provisioner == "cloud-init" and pool.rancher is not None:
            raise ValueError(f"{who}: pool {name}: rancher: nobody would act on it: it is for provisioner='rancher'")
        if args.provisioner == "rancher" and pool.machine_annotations:
            raise ValueError(f"{who}: pool {name}: machine_annotations: Rancher's node driver gives its machines none: leave them out")
    if args.provisioner == "rancher" and args.rancher is None:
        raise ValueError(f"{who}: rancher: missing: say which Rancher, with a RancherProvisioner")
