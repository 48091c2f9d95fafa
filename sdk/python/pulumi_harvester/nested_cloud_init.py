"""A guest cluster whose machines make themselves its nodes, by cloud-init.

Nodes form one chain, so that they join, are replaced and leave one at a time; a node depends on its machine, so that it
leaves etcd before its machine goes; and all nodes are deleted with the access, so that destroying the whole cluster
evicts nobody. No decision about Harvester is made here.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pulumi

from harvester_provider.resources.drivers import GUEST_CLUSTER
from harvester_provider.resources.guest.user_data import GuestMachine
from harvester_provider.resources.guest.words import Role
from pulumi_harvester.guest_access import GuestAccess
from pulumi_harvester.guest_kubeconfig import GuestKubeconfig
from pulumi_harvester.guest_node import GuestNode
from pulumi_harvester.nested_args import SERVERS, NestedClusterArgs, NodePool
from pulumi_harvester.shared import CloudInitDriveArgs, DiskArgs, MachineTermArgs, NetworkInterfaceArgs, TimeoutsArgs
from pulumi_harvester.virtual_machine import VirtualMachine

POOL = "nodepool.harvesterhci.io/name"
"""Label of a machine with its pool, the same as that of Rancher's node driver."""
_TOKEN_BYTES = 24
_JOIN_TIMEOUT = "20m"


@dataclass(frozen=True)
class Member:
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
        return "server" if self.pool_name == SERVERS else "agent"

    @property
    def marks(self) -> dict[str, str]:
        """Labels of the machine. Those of a pool would rather not share a node of Harvester, so that etcd outlives the loss of one."""
        return {GUEST_CLUSTER: self.cluster, POOL: self.pool_name}

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
            distribution=args.distribution, version=args.kubernetes_version, address=args.address or "", token=token,
            cloud_config=cloud_config, secret=secret, tls_sans=tuple(args.tls_sans), kube_vip=args.kube_vip,
            labels=self.pool.labels, taints=self.pool.taints, config=args.config, registries=args.registries,
            extra=self.pool.user_data,
        )  # fmt: skip
        return machine.text() if with_access else json.dumps(asdict(machine), sort_keys=True, default=str)


class CloudInitNodes:
    """The machines and nodes of a guest cluster, as children of `parent`."""

    def __init__(self, parent: pulumi.Resource, name: str, args: NestedClusterArgs) -> None:
        self._parent, self._args = parent, args
        timeout = args.join_timeout or _JOIN_TIMEOUT
        self._timeouts = TimeoutsArgs(create=timeout, update=timeout)
        self._access = self._make_access(name)
        pools = {SERVERS: args.servers, **args.pools}
        members = [Member(name, pool_name, number, pool, args) for pool_name, pool in pools.items() for number in range(pool.quantity)]
        first = self._machine(members[0], [])
        published = self._published(name, members[0], first)
        nodes = [self._node(members[0], first, published, [])]
        for member in members[1:]:
            nodes.append(self._node(member, self._machine(member, nodes[-1:]), published, nodes[-1:]))
        joined = pulumi.Output.all(published.kubeconfig, *(node.uid for node in nodes))
        self.kubeconfig: pulumi.Output[str] = joined.apply(lambda found: str(found[0]))
        self.server: pulumi.Output[str] = published.server.apply(str)

    def _make_access(self, name: str) -> GuestAccess:
        """The account in Harvester. The token is made once: later runs keep the one in the state."""
        args = self._args
        return GuestAccess(
            name, namespace=args.namespace, join_token=secrets.token_hex(_TOKEN_BYTES), server=args.harvester_server,
            kubernetes_version=args.kubernetes_version,
            cluster=args.cluster, opts=pulumi.ResourceOptions(parent=self._parent, ignore_changes=["joinToken"]),
        )  # fmt: skip

    def _machine(self, member: Member, after: Sequence[pulumi.Resource]) -> VirtualMachine:
        pool, access = member.pool, self._access
        parts = pulumi.Output.all(access.join_token, access.cloud_config, access.published_in)
        text: pulumi.Output[str] = parts.apply(lambda found: member.text(*found))
        networks = [NetworkInterfaceArgs(name=f"nic{at}", network=network) for at, network in enumerate(pool.networks)]
        root = DiskArgs(name="root", image=pool.image, size=pool.disk_size, boot_order=1, on_delete="delete")
        return VirtualMachine(
            member.logical, name=member.name, namespace=self._args.namespace, cluster=self._args.cluster, cpu=pool.cpu,
            memory=pool.memory, disks=[root], network_interfaces=networks or [NetworkInterfaceArgs(name="default")],
            labels=member.marks, vm_anti_affinity=[MachineTermArgs(match_labels=member.marks, weight=100)],
            annotations=dict(pool.machine_annotations),
            cloud_init=CloudInitDriveArgs(user_data=pulumi.Output.secret(text)),
            opts=pulumi.ResourceOptions(parent=self._parent, depends_on=[access, *after]),
        )  # fmt: skip

    def _published(self, name: str, first: Member, machine: VirtualMachine) -> GuestKubeconfig:
        secret = self._access.published_in.apply(str)
        return GuestKubeconfig(
            f"{name}-kubeconfig", name=secret, namespace=self._args.namespace, cluster=self._args.cluster, machine=first.name,
            timeouts=self._timeouts,
            opts=pulumi.ResourceOptions(parent=self._parent, depends_on=[machine]),
        )  # fmt: skip

    def _node(self, member: Member, machine: VirtualMachine, published: GuestKubeconfig, after: Sequence[pulumi.Resource]) -> GuestNode:
        return GuestNode(
            member.logical, name=member.name, cluster=published.kubeconfig.apply(str), machine_uid=machine.uid.apply(str),
            role=member.role, distribution=self._args.distribution, kubernetes_version=self._args.kubernetes_version,
            labels=dict(member.pool.labels), timeouts=self._timeouts,
            opts=pulumi.ResourceOptions(parent=self._parent, depends_on=[*after], deleted_with=self._access),
        )  # fmt: skip
