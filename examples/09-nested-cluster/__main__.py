"""A guest cluster through Rancher: its credential for Harvester, servers, workers, a kubeconfig.

Settings are in Pulumi.yaml. The Rancher is one of harvester:clusters, see README.md.
"""

import pulumi

import pulumi_harvester as harvester

config = pulumi.Config()
namespace = config.require("namespace")
rancher = config.require("rancher")
prefix = pulumi.get_stack()  # several stacks can share a cluster

image = harvester.Image("leap", name=f"{prefix}-leap", namespace=namespace, url=config.require("imageUrl"))

network = harvester.VlanNetwork(
    "guests",
    name=f"{prefix}-guests",
    namespace=namespace,
    cluster_network=config.require("clusterNetwork"),
    vlan_id=config.require_int("vlan"),
)

# An account in Harvester that may do everything in this namespace, and nothing elsewhere: whom Rancher makes machines as.
account = harvester.get_kubeconfig_output(
    service_account=f"{prefix}-rancher", namespace=namespace, cluster_role="cluster-admin"
)  # fmt: skip

credential = harvester.RancherCloudCredential("harvester", name=f"{prefix}-harvester", cluster=rancher, kubeconfig=account.kubeconfig)


def pool(quantity: int, cpu: int, memory: str, **labels: str) -> harvester.NodePool:
    """Machines of one shape in the VLAN."""
    return harvester.NodePool(quantity=quantity, cpu=cpu, memory=memory, image=image.id, networks=[network.id], labels=labels)


cluster = harvester.NestedCluster(
    f"{prefix}-guest",
    harvester.NestedClusterArgs(
        namespace=namespace,
        kubernetes_version=config.require("kubernetesVersion"),
        provisioner="rancher",
        rancher=harvester.RancherProvisioner(
            cluster=rancher, cloud_credential=credential.credential, ssh_user=config.require("sshUser")
        ),
        servers=pool(1, 2, "4Gi"),
        pools={"work": pool(config.require_int("workers"), 4, config.require("workerMemory"), tier="work")},
    ),
)  # fmt: skip

pulumi.export("name", f"{prefix}-guest")
pulumi.export("server", cluster.server)
pulumi.export("kubeconfig", cluster.kubeconfig)
