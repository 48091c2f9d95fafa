"""The environment of one pull request: a guest cluster of its own, named after the stack.

Image, network and cloud credential are there already and are shared. `environment.py` runs this program in CI.
"""

import pulumi

import pulumi_harvester as harvester

config = pulumi.Config()
prefix = pulumi.get_stack()


def pool(quantity: int) -> harvester.NodePool:
    """Small machines in the shared network."""
    return harvester.NodePool(
        quantity=quantity, cpu=2, memory="4Gi", image=config.require("image"), networks=[config.require("network")]
    )  # fmt: skip


cluster = harvester.NestedCluster(
    f"{prefix}-guest",
    harvester.NestedClusterArgs(
        namespace=config.require("namespace"),
        kubernetes_version=config.require("kubernetesVersion"),
        provisioner="rancher",
        rancher=harvester.RancherProvisioner(
            cluster=config.require("rancher"),
            cloud_credential=config.require("cloudCredential"),
            ssh_user=config.require("sshUser"),
        ),
        servers=pool(1),
        pools={"work": pool(config.require_int("nodes"))},
    ),
)

pulumi.export("name", f"{prefix}-guest")
pulumi.export("server", cluster.server)
pulumi.export("kubeconfig", cluster.kubeconfig)
