"""A guest cluster that a Rancher makes: the account of its cloud provider in Harvester, and the cluster in Rancher.

The account is made first and deleted last: it waits until no machine of the cluster is left, and says what the cloud
provider has left behind.
"""

from __future__ import annotations

import pulumi

from pulumi_harvester.cloudinit import UserData
from pulumi_harvester.guest_access import GuestAccess
from pulumi_harvester.nested_args import SERVERS, NestedClusterArgs, NodePool, RancherPool, RancherProvisioner
from pulumi_harvester.rancher_cluster import RancherCluster, RancherDiskArgs, RancherMachinePoolArgs
from pulumi_harvester.shared import TimeoutsArgs


class RancherNodes:
    """The cluster, as children of `parent`."""

    def __init__(self, parent: pulumi.Resource, name: str, args: NestedClusterArgs, rancher: RancherProvisioner) -> None:
        access = GuestAccess(
            name, namespace=args.namespace, server=args.harvester_server, cluster=args.cluster,
            opts=pulumi.ResourceOptions(parent=parent),
        )  # fmt: skip
        timeouts = TimeoutsArgs(create=args.join_timeout, update=args.join_timeout) if args.join_timeout else None
        config = {**args.config, **({"tls-san": list(args.tls_sans)} if args.tls_sans else {})}
        cluster = RancherCluster(
            name, name=name, namespace=rancher.namespace, cluster=rancher.cluster, kubernetes_version=args.kubernetes_version,
            cloud_credential=rancher.cloud_credential, machine_namespace=args.namespace,
            cloud_config=access.cloud_config.apply(str),
            pools=[_pool(pool_name, pool, args, rancher) for pool_name, pool in {SERVERS: args.servers, **args.pools}.items()],
            config=config, registries=dict(args.registries), chart_values=dict(rancher.chart_values),
            upgrade_strategy=rancher.upgrade_strategy, timeouts=timeouts,
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[access]),
        )  # fmt: skip
        self.kubeconfig: pulumi.Output[str] = cluster.kubeconfig.apply(str)
        self.server: pulumi.Output[str] = cluster.server.apply(str)


def _pool(name: str, pool: NodePool, args: NestedClusterArgs, rancher: RancherProvisioner) -> RancherMachinePoolArgs:
    """A pool. Rancher needs workers: where there are no further pools, the servers are workers too."""
    care = vars(pool.rancher or RancherPool())
    user_data = UserData(**{**vars(pool.user_data), "guest_agent": True})
    alone = () if args.pools else ("worker",)
    return RancherMachinePoolArgs(
        name=name, roles=["control-plane", "etcd", *alone] if name == SERVERS else ["worker"], quantity=pool.quantity,
        cpu=pool.cpu, memory=pool.memory, disks=[RancherDiskArgs(image=pool.image, size=pool.disk_size)],
        networks=list(pool.networks), ssh_user=rancher.ssh_user, user_data=user_data.text(),
        labels=dict(pool.labels), taints=list(pool.taints), **{name: value for name, value in care.items() if value},
    )  # fmt: skip
