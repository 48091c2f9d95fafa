"""A guest cluster without Rancher: three servers behind a kube-vip address, agents, and a load balancer in front of them.

Settings are in Pulumi.yaml: the VLAN and a free address in it have to fit the site.
"""

import pulumi

import pulumi_harvester as harvester
from pulumi_harvester import cloudinit

config = pulumi.Config()
namespace = config.require("namespace")
prefix = pulumi.get_stack()  # several stacks can share a cluster

image = harvester.Image("leap", name=f"{prefix}-leap", namespace=namespace, url=config.require("imageUrl"))

network = harvester.VlanNetwork(
    "guests",
    name=f"{prefix}-guests",
    namespace=namespace,
    cluster_network=config.require("clusterNetwork"),
    vlan_id=config.require_int("vlan"),
)


def pool(quantity: int, cpu: int, memory: str, **labels: str) -> harvester.NodePool:
    """Machines of one shape in the VLAN."""
    return harvester.NodePool(
        quantity=quantity, cpu=cpu, memory=memory, image=image.id, networks=[network.id], labels=labels,
        user_data=cloudinit.UserData(timezone="Etc/UTC"),
    )  # fmt: skip


cluster = harvester.NestedCluster(
    f"{prefix}-guest",
    harvester.NestedClusterArgs(
        namespace=namespace,
        kubernetes_version=config.require("kubernetesVersion"),
        address=config.require("address"),
        servers=pool(3, 2, "4Gi"),
        pools={"work": pool(config.require_int("workers"), 4, "8Gi", tier="work")},
    ),
)

ingress = harvester.LoadBalancer(
    "ingress",
    name=f"{prefix}-ingress",
    namespace=namespace,
    ipam="dhcp",
    listeners=[harvester.ListenerArgs(name="https", port=443, backend_port=443)],
    backend_selector={"guestcluster.harvesterhci.io/name": [f"{prefix}-guest"]},
)

pulumi.export("name", f"{prefix}-guest")
pulumi.export("server", cluster.server)
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("ingress", ingress.address)
