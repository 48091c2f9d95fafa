"""Guest clusters without Rancher in one VLAN, of one image."""

import pulumi

import pulumi_harvester as harvester

config = pulumi.Config()
namespace = config.require("namespace")
image = harvester.Image("disc", namespace=namespace, url=config.require("imageUrl"))
network = harvester.VlanNetwork("guests", namespace=namespace, cluster_network="mgmt", vlan_id=100)
for name, address in config.require_object("guests").items():
    cluster = harvester.NestedCluster(
        name,
        harvester.NestedClusterArgs(
            namespace=namespace,
            kubernetes_version="v1.34.2+k3s1",
            address=address,
            servers=harvester.NodePool(quantity=1, cpu=1, memory="1Gi", image=image.id, networks=[network.id]),
            pools={"work": harvester.NodePool(quantity=1, cpu=1, memory="1Gi", image=image.id, networks=[network.id])},
        ),
    )
    pulumi.export(name, cluster.kubeconfig)
