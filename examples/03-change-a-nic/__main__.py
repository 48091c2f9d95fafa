"""A virtual machine whose second NIC is added, moved to another VLAN and removed again.

`pulumi config set secondNic none|vlanA|vlanB`, then `pulumi preview` says what the change does to the running machine.
"""

import pulumi

import pulumi_harvester as harvester

VLANS = {"vlanA": 101, "vlanB": 102}

config = pulumi.Config()
namespace = config.require("namespace")
second_nic = config.require("secondNic")
prefix = pulumi.get_stack()  # several stacks can share a cluster

if second_nic not in {"none", *VLANS}:
    raise ValueError(f"secondNic is {second_nic!r}: set it to none, vlanA or vlanB")

image = harvester.Image("leap", name=f"{prefix}-leap", namespace=namespace, url=config.require("imageUrl"))

networks = {
    name: harvester.VlanNetwork(
        name,
        name=f"{prefix}-{name.lower()}",
        namespace=namespace,
        cluster_network=config.require("clusterNetwork"),
        vlan_id=vlan,
    )
    for name, vlan in VLANS.items()
}

# NICs are told apart by their names: the first one keeps its MAC address whatever happens to the second.
nics = [harvester.NetworkInterfaceArgs(name="default")]
if second_nic != "none":
    nics.append(harvester.NetworkInterfaceArgs(name="second", network=networks[second_nic].id))

vm = harvester.VirtualMachine(
    "rewired",
    name=f"{prefix}-rewired",
    namespace=namespace,
    cpu=1,
    memory="1Gi",
    disks=[
        # A volume outlives its machine unless it says otherwise. In an example, nothing is worth keeping.
        harvester.DiskArgs(name="root", image=image.id, size="20Gi", boot_order=1, on_delete="delete"),
    ],
    network_interfaces=nics,
    # Should the guest not shut down in time for a change of its NICs, it is left running as it was.
    stop=harvester.StopPolicyArgs(deadline="3m", then="give-up"),
)

pulumi.export("name", vm.name)
pulumi.export("status", vm.status)
pulumi.export("interfaces", vm.interfaces)
