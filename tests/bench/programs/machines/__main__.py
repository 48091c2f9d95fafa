"""N machines with one blank disk each; `memory` of the first one can be set apart."""

import pulumi

import pulumi_harvester as harvester

config = pulumi.Config()
for number in range(config.require_int("count")):
    harvester.VirtualMachine(
        f"vm{number}",
        namespace=config.require("namespace"),
        memory=config.require("memory") if number == 0 else "256Mi",
        disks=[harvester.DiskArgs(name="root", size="1Gi", on_delete="delete")],
        network_interfaces=[harvester.NetworkInterfaceArgs(name="default")],
    )
