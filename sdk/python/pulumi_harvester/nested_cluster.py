"""NestedCluster: a guest Kubernetes cluster on machines of Harvester, as one component of many resources.

It is a component and no single resource, so that Pulumi's own machinery does what a cluster needs: each part has its line
and its error, an interrupted run goes on where it ended, and the order of dependencies is the order of changes. Who makes
the nodes is in `nested_cloud_init` and `nested_rancher`.
"""

from __future__ import annotations

import pulumi

from harvester_provider.resources.guest.kube_vip import KubeVip
from pulumi_harvester.nested_args import NestedClusterArgs, NodePool, RancherPool, RancherProvisioner, check
from pulumi_harvester.nested_cloud_init import CloudInitNodes
from pulumi_harvester.nested_rancher import RancherNodes

__all__ = ["KubeVip", "NestedCluster", "NestedClusterArgs", "NodePool", "RancherPool", "RancherProvisioner"]


class NestedCluster(pulumi.ComponentResource):
    """A guest cluster of RKE2 or K3s."""

    kubeconfig: pulumi.Output[str]
    """Kubeconfig of an administrator, for example for `pulumi_kubernetes.Provider`. It is there when all nodes are."""
    server: pulumi.Output[str]
    """URL of the cluster's API: at `address`, or through Rancher."""

    def __init__(self, resource_name: str, args: NestedClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        check(resource_name, args)
        super().__init__("harvester:index:NestedCluster", resource_name, None, opts)
        nodes: RancherNodes | CloudInitNodes
        if args.provisioner == "rancher" and args.rancher is not None:
            nodes = RancherNodes(self, resource_name, args, args.rancher)
        else:
            nodes = CloudInitNodes(self, resource_name, args)
        self.kubeconfig = pulumi.Output.secret(nodes.kubeconfig)
        self.server = nodes.server
        self.register_outputs({"kubeconfig": self.kubeconfig, "server": self.server})
