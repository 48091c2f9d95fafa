"""N machines; `memory`, `runStrategy` and `secondNic` of the first one can be set apart. With `imageUrl` their disks are made from it."""

import pulumi

import pulumi_harvester as harvester

config = pulumi.Config()
namespace = config.require("namespace")
url = config.get("imageUrl")
image = harvester.Image("image", namespace=namespace, url=url).id if url else None
lan = harvester.VlanNetwork("lan", namespace=namespace, cluster_network="mgmt", vlan_id=7).id if config.get("secondNic") else None
for number in range(config.require_int("count")):
    nics = [harvester.NetworkInterfaceArgs(name="default")]
    if lan and number == 0 and config.get("secondNic") == "on":
        nics.append(harvester.NetworkInterfaceArgs(name="lan", network=lan))
    harvester.VirtualMachine(
        f"vm{number}",
        namespace=namespace,
        memory=config.get("memory") if number == 0 else "256Mi",
        run_strategy=config.get("runStrategy"),
        disks=[harvester.DiskArgs(name="root", image=image, size="1Gi", on_delete="delete")],
        network_interfaces=nics,
    )
