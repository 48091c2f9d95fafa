"""A machine with a static address on a cluster without Harvester: RKE2 or K3s, to which KubeVirt, CDI, Multus and storage are added.

With `install` false the same text runs on a cluster that has them, or on a Harvester.
"""

import pulumi

import pulumi_harvester as harvester
from pulumi_harvester import cloudinit

config = pulumi.Config()
namespace = config.require("namespace")
prefix = pulumi.get_stack()  # several stacks can share a cluster

cluster = []
if config.require_bool("install"):
    cluster.append(
        harvester.PoorMansCluster(
            "parvester",
            name=f"{prefix}-parvester",
            kubevirt=config.require("kubevirt"),
            folder=config.get("manifests") or None,
            feature_gates=["ExpandDisks"],
        )
    )
after = pulumi.ResourceOptions(depends_on=cluster)

image = harvester.Image("fedora", after, name=f"{prefix}-fedora", namespace=namespace, url=config.require("imageUrl"))

# On the bridge br0 of the nodes; with Harvester, on the uplink of its management network.
network = harvester.VlanNetwork("net-101", after, name=f"{prefix}-net-101", namespace=namespace, cluster_network="mgmt", untagged=True)

user_data = config.require_secret("password").apply(
    lambda password: cloudinit.UserData(hostname="vm1", password=password, ssh_password_login=True).text()
)
ethernet = cloudinit.Ethernet(
    match_name="e*",
    addresses=[config.require("address")],
    routes=[cloudinit.Route(to="0.0.0.0/0", via=config.require("gateway"), metric=100, on_link=True)],
    nameservers=["1.1.1.1", "8.8.4.4"],
    mtu=1500,
)

vm = harvester.VirtualMachine(
    "vm1",
    name=f"{prefix}-vm1",
    namespace=namespace,
    cpu=2,
    memory=config.require("memory"),
    run_strategy="Always",
    machine_type="q35",
    disks=[
        # A volume outlives its machine unless it says otherwise. In an example, nothing is worth keeping.
        harvester.DiskArgs(name="disk0", image=image.id, size="10Gi", on_delete="delete"),
    ],
    network_interfaces=[harvester.NetworkInterfaceArgs(name="default", network=network.id)],
    cloud_init=harvester.CloudInitDriveArgs(
        device="cd-rom",
        user_data=user_data,
        network_data=cloudinit.NetworkData({"lan": ethernet}).text(),
    ),
)

pulumi.export("name", vm.name)
pulumi.export("status", vm.status)
pulumi.export("node", vm.node_name)
pulumi.export("volumes", vm.volumes)
