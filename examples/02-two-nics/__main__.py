"""A virtual machine with two NICs: DHCP on the management network, a fixed address in a VLAN.

The guest finds its NICs by their MAC addresses, so that it does not matter what it calls them.
"""

import hashlib

import pulumi

import pulumi_harvester as harvester
from pulumi_harvester import cloudinit

config = pulumi.Config()
namespace = config.require("namespace")
prefix = pulumi.get_stack()  # several stacks can share a cluster


def mac(nic: str) -> str:
    """A locally administered MAC address: the same in every run, another one in every stack."""
    digest = hashlib.sha256(f"{pulumi.get_project()}/{prefix}/{nic}".encode()).digest()
    return ":".join(f"{octet:02x}" for octet in (0x02, *digest[:5]))


image = harvester.Image("leap", name=f"{prefix}-leap", namespace=namespace, url=config.require("imageUrl"))

network = harvester.VlanNetwork(
    "private",
    name=f"{prefix}-private",
    namespace=namespace,
    cluster_network=config.require("clusterNetwork"),
    vlan_id=config.require_int("vlan"),
)

cloud_init = harvester.CloudInit(
    "two-nics",
    name=f"{prefix}-two-nics",
    namespace=namespace,
    user_data=cloudinit.UserData(guest_agent=True).text(),
    network_data=cloudinit.NetworkData(
        {
            "management": cloudinit.Ethernet(mac=mac("management"), dhcp4=True),
            "private": cloudinit.Ethernet(mac=mac("private"), addresses=[config.require("address")]),
        }
    ).text(),
)

vm = harvester.VirtualMachine(
    "two-nics",
    name=f"{prefix}-two-nics",
    namespace=namespace,
    cpu=2,
    memory=config.require("memory"),
    disks=[
        # A volume outlives its machine unless it says otherwise. In an example, nothing is worth keeping.
        harvester.DiskArgs(name="root", image=image.id, size="20Gi", boot_order=1, on_delete="delete"),
    ],
    network_interfaces=[
        harvester.NetworkInterfaceArgs(name="management", mac_address=mac("management")),
        harvester.NetworkInterfaceArgs(name="private", mac_address=mac("private"), network=network.id),
    ],
    cloud_init=harvester.CloudInitDriveArgs(secret_name=cloud_init.id),
    wait_for="address",
)

pulumi.export("name", vm.name)
pulumi.export("ipAddress", vm.ip_address)
pulumi.export("interfaces", vm.interfaces)
