"""NestedCluster: a guest Kubernetes cluster on machines of ours, as one component of many resources.

It is a component and no single resource, so that Pulumi's own machinery does what a cluster needs: each machine and
node has its line and its error, an interrupted run goes on where it ended, and the order of dependencies is the order
of changes. Nodes form one chain, so that they join, are replaced and leave one at a time; a node depends on its
machine, so that it leaves etcd before its machine goes; and all nodes are deleted with the access, so that destroying
the whole cluster evicts nobody. No decision about Harvester is made here.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pulumi

from harvester_provider.resources.guest.kube_vip import KubeVip
from harvester_provider.resources.guest.user_data import GuestMachine
from harvester_provider.resources.guest.words import CLUSTER_LABEL, Distribution, Role
from pulumi_harvester.cloudinit import UserData
from pulumi_harvester.guest_access import GuestAccess
from pulumi_harvester.guest_kubeconfig import GuestKubeconfig
from pulumi_harvester.guest_node import GuestNode
from pulumi_harvester.shared import CloudInitDriveArgs, DiskArgs, NetworkInterfaceArgs, TimeoutsArgs
from pulumi_harvester.virtual_machine import VirtualMachine

__all__ = ["KubeVip", "NestedCluster", "NestedClusterArgs", "NodePool"]

_TOKEN_BYTES = 24
_SERVERS = "server"


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
    """Annotations of the machines in Harvester."""


@dataclass(frozen=True, kw_only=True)
class NestedClusterArgs:
    """The inputs of NestedCluster."""

    kubernetes_version: str
    """Such as `v1.34.2+rke2r1` or `v1.34.2+k3s1`. Another one replaces the machines, one at a time."""
    servers: NodePool
    """The machines of control plane and etcd."""
    address: str
    """The control plane's address: free, in the network of the servers."""
    pools: Mapping[str, NodePool] = field(default_factory=dict)
    """Further machines, by the name of their pool."""
    namespace: str = "default"
    """Namespace of the machines in Harvester."""
    kube_vip: KubeVip | None = field(default_factory=KubeVip)
    """How the address is announced; None where something else does."""
    tls_sans: Sequence[str] = ()
    """Further names and addresses of the API."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Further entries of the configuration file of RKE2 or K3s."""
    registries: Mapping[str, Any] = field(default_factory=dict)
    """Content of registries.yaml."""
    harvester_server: str | None = None
    """URL of Harvester's Kubernetes API as the machines reach it. Default: `https://VIP:6443`."""
    join_timeout: str = "20m"
    """How long a node may take to join, and the first server to publish the kubeconfig."""
    cluster: str | None = None
    """Which of the clusters in `harvester:clusters` the machines are made in."""
    provisioner: Literal["cloud-init"] = "cloud-init"
    """Who makes the nodes: `cloud-init`, the machines themselves."""

    @property
    def distribution(self) -> Distribution:
        """What the version is one of."""
        return distribution_of(self.kubernetes_version)


@dataclass(frozen=True)
class _Member:
    """One machine and its node. Their name ends with a digest of what the machine does at its first boot.

    Whatever would have to change there is thus another machine under another name, and the node of the former leaves
    before. Machine and node share the name, by which Harvester's cloud provider finds one from the other.
    """

    cluster: str
    pool_name: str
    number: int
    pool: NodePool
    args: NestedClusterArgs

    @property
    def logical(self) -> str:
        """The name in the program."""
        return f"{self.cluster}-{self.pool_name}-{self.number + 1}"

    @property
    def role(self) -> Role:
        """What the node is."""
        return "server" if self.pool_name == _SERVERS else "agent"

    @property
    def name(self) -> str:
        """The name of machine and node."""
        known = self.text("token", "apiVersion: v1", "secret", with_access=False)
        return f"{self.logical}-{hashlib.sha256(known.encode()).hexdigest()[:5]}"

    def text(self, token: str, cloud_config: str, secret: str, *, with_access: bool = True) -> str:
        """The user data; without access, what of it is known before anything is made."""
        args = self.args
        machine = GuestMachine(
            cluster=self.cluster, namespace=args.namespace, role=self.role, first=self.role == "server" and self.number == 0,
            distribution=args.distribution, version=args.kubernetes_version, address=args.address, token=token,
            cloud_config=cloud_config, secret=secret, tls_sans=tuple(args.tls_sans), kube_vip=args.kube_vip,
            labels=self.pool.labels, taints=self.pool.taints, config=args.config, registries=args.registries,
            extra=self.pool.user_data,
        )  # fmt: skip
        return machine.text() if with_access else json.dumps(asdict(machine), sort_keys=True, default=str)


class NestedCluster(pulumi.ComponentResource):
    """A guest cluster of RKE2 or K3s, whose API answers at `address`."""

    kubeconfig: pulumi.Output[str]
    """Kubeconfig of an administrator, for example for `pulumi_kubernetes.Provider`. It is there when all nodes are."""
    server: pulumi.Output[str]
    """URL of the cluster's API."""

    def __init__(self, resource_name: str, args: NestedClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        _check(resource_name, args)
        super().__init__("harvester:index:NestedCluster", resource_name, None, opts)
        self._args = args
        self._access = self._make_access(resource_name)
        pools = {_SERVERS: args.servers, **args.pools}
        members = [_Member(resource_name, name, number, pool, args) for name, pool in pools.items() for number in range(pool.quantity)]
        first = self._machine(members[0], [])
        published = self._published(resource_name, members[0], first)
        nodes = [self._node(members[0], first, published, [])]
        for member in members[1:]:
            nodes.append(self._node(member, self._machine(member, nodes[-1:]), published, nodes[-1:]))
        joined = pulumi.Output.all(published.kubeconfig, *(node.uid for node in nodes))
        self.kubeconfig = pulumi.Output.secret(joined.apply(lambda found: str(found[0])))
        self.server = published.server.apply(str)
        self.register_outputs({"kubeconfig": self.kubeconfig, "server": self.server})

    def _make_access(self, name: str) -> GuestAccess:
        """The account in Harvester. The token is made once: later runs keep the one in the state."""
        args = self._args
        return GuestAccess(
            name, namespace=args.namespace, join_token=secrets.token_hex(_TOKEN_BYTES), server=args.harvester_server,
            kubernetes_version=args.kubernetes_version,
            cluster=args.cluster, opts=pulumi.ResourceOptions(parent=self, ignore_changes=["joinToken"]),
        )  # fmt: skip

    def _machine(self, member: _Member, after: Sequence[pulumi.Resource]) -> VirtualMachine:
        pool, access = member.pool, self._access
        parts = pulumi.Output.all(access.join_token, access.cloud_config, access.published_in)
        text: pulumi.Output[str] = parts.apply(lambda found: member.text(*found))
        networks = [NetworkInterfaceArgs(name=f"nic{at}", network=network) for at, network in enumerate(pool.networks)]
        root = DiskArgs(name="root", image=pool.image, size=pool.disk_size, boot_order=1, on_delete="delete")
        return VirtualMachine(
            member.logical, name=member.name, namespace=self._args.namespace, cluster=self._args.cluster, cpu=pool.cpu,
            memory=pool.memory, disks=[root], network_interfaces=networks or [NetworkInterfaceArgs(name="default")],
            labels={CLUSTER_LABEL: member.cluster}, annotations=dict(pool.machine_annotations),
            cloud_init=CloudInitDriveArgs(user_data=pulumi.Output.secret(text)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[access, *after]),
        )  # fmt: skip

    def _published(self, name: str, first: _Member, machine: VirtualMachine) -> GuestKubeconfig:
        secret = self._access.published_in.apply(str)
        return GuestKubeconfig(
            f"{name}-kubeconfig", name=secret, namespace=self._args.namespace, cluster=self._args.cluster, machine=first.name,
            timeouts=TimeoutsArgs(create=self._args.join_timeout, update=self._args.join_timeout),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[machine]),
        )  # fmt: skip

    def _node(self, member: _Member, machine: VirtualMachine, published: GuestKubeconfig, after: Sequence[pulumi.Resource]) -> GuestNode:
        return GuestNode(
            member.logical, name=member.name, cluster=published.kubeconfig.apply(str), machine_uid=machine.uid.apply(str),
            role=member.role, distribution=self._args.distribution, kubernetes_version=self._args.kubernetes_version,
            labels=dict(member.pool.labels), timeouts=TimeoutsArgs(create=self._args.join_timeout, update=self._args.join_timeout),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*after], deleted_with=self._access),
        )  # fmt: skip


def distribution_of(version: str) -> Distribution:
    """`rke2` or `k3s`, from a version such as `v1.34.2+rke2r1`. Raises ValueError."""
    if "+rke2r" in version:
        return "rke2"
    if "+k3s" in version:
        return "k3s"
    raise ValueError(f"kubernetes_version: {version!r} is none of RKE2 or K3s: write for example v1.34.2+rke2r1 or v1.34.2+k3s1")


def _check(name: str, args: NestedClusterArgs) -> None:
    """Refuse what cannot be, before anything is registered. Raises ValueError."""
    who = f"NestedCluster {name}"
    distribution_of(args.kubernetes_version)
    if args.servers.quantity not in (1, 3, 5):
        raise ValueError(f"{who}: servers.quantity: {args.servers.quantity} servers: use 1, 3 or 5, so that etcd has a majority")
    if _SERVERS in args.pools:
        raise ValueError(f"{who}: pools: `{_SERVERS}` is the pool of the servers: call it something else")
    if args.provisioner != "cloud-init":
        raise ValueError(f"{who}: provisioner: {args.provisioner!r} is not known: use cloud-init")
