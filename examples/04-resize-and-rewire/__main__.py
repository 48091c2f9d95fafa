"""A virtual machine that is resized and rewired while it runs, as far as that goes.

`pulumi config set cpu|memory|diskSize|secondNic ...`, then `pulumi preview` says of each change what it does to the running guest.
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

nics = [harvester.NetworkInterfaceArgs(name="default")]
if second_nic != "none":
    nics.append(harvester.NetworkInterfaceArgs(name="second", network=networks[second_nic].id))

vm = harvester.VirtualMachine(
    "grown",
    name=f"{prefix}-grown",
    namespace=namespace,
    cpu=config.require_int("cpu"),
    memory=config.require("memory"),
    # Room for what is plugged in while the guest runs. Without it, other CPUs or memory take a restart.
    hot_plug=harvester.HotPlugArgs(max_cpu=4, max_memory="4Gi"),
    disks=[
        # A volume outlives its machine unless it says otherwise. In an example, nothing is worth keeping.
        harvester.DiskArgs(name="root", image=image.id, size=config.require("diskSize"), boot_order=1, on_delete="delete"),
    ],
    network_interfaces=nics,
)

pulumi.export("name", vm.name)
pulumi.export("status", vm.status)
pulumi.export("interfaces", vm.interfaces)
pulumi.export("pendingChanges", vm.pending_changes)
