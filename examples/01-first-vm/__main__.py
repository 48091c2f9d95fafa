"""An image, a VLAN network and a virtual machine with an address.

Settings are in Pulumi.yaml: `pulumi config set imageUrl ...`, and `pulumi config set sshPublicKey ...` for a login.
"""

import pulumi

import pulumi_harvester as harvester
from pulumi_harvester import cloudinit

config = pulumi.Config()
namespace = config.require("namespace")
prefix = pulumi.get_stack()  # several stacks can share a cluster

image = harvester.Image("leap", name=f"{prefix}-leap", namespace=namespace, url=config.require("imageUrl"))

network = harvester.VlanNetwork(
    "servers",
    name=f"{prefix}-servers",
    namespace=namespace,
    cluster_network=config.require("clusterNetwork"),
    vlan_id=config.require_int("vlan"),
)

ssh_keys = []
if public_key := config.get("sshPublicKey"):
    ssh_keys.append(harvester.SshKey("login", name=f"{prefix}-login", namespace=namespace, public_key=public_key).id)

vm = harvester.VirtualMachine(
    "first",
    name=f"{prefix}-first",
    namespace=namespace,
    cpu=2,
    memory=config.require("memory"),
    disks=[
        # A volume outlives its machine unless it says otherwise. In an example, nothing is worth keeping.
        harvester.DiskArgs(name="root", image=image.id, size="20Gi", boot_order=1, on_delete="delete"),
    ],
    network_interfaces=[
        harvester.NetworkInterfaceArgs(name="default"),  # the management network
        harvester.NetworkInterfaceArgs(name="servers", network=network.id),
    ],
    # The guest agent tells Harvester the addresses of NICs in VLANs.
    cloud_init=harvester.CloudInitDriveArgs(user_data=cloudinit.UserData(guest_agent=True).text()),
    ssh_keys=ssh_keys,
    wait_for="address",
)

pulumi.export("image", image.id)
pulumi.export("imageProgress", image.progress)
pulumi.export("network", network.id)
pulumi.export("name", vm.name)
pulumi.export("ipAddress", vm.ip_address)
pulumi.export("node", vm.node_name)
