"""A machine with a data disk is saved to S3, put back in place, lost, and brought back as a new machine.

`pulumi config set stage saved|replaced|lost|restored` is the story, one `pulumi up` for each.
"""

import pulumi

import pulumi_harvester as harvester

STAGES = ("saved", "replaced", "lost", "restored")

config = pulumi.Config()
namespace = config.require("namespace")
stage = config.require("stage")
prefix = pulumi.get_stack()  # several stacks can share a cluster

if stage not in STAGES:
    raise ValueError(f"stage is {stage!r}: set it to one of {', '.join(STAGES)}")

# A cluster has one backup target. Whatever was set before comes back when this is deleted.
target = harvester.BackupTarget(
    "store",
    name=f"{prefix}-store",
    type="s3",
    endpoint=config.require("s3Endpoint"),
    bucket_name=config.require("s3Bucket"),
    bucket_region=config.require("s3Region"),
    access_key_id=config.require_secret("s3AccessKeyId"),
    secret_access_key=config.require_secret("s3SecretAccessKey"),
)

image = harvester.Image("leap", name=f"{prefix}-leap", namespace=namespace, url=config.require("imageUrl"))

needs: list[pulumi.Resource] = [target, image]
if stage in {"saved", "replaced"}:
    shop = harvester.VirtualMachine(
        "shop",
        name=f"{prefix}-shop",
        namespace=namespace,
        memory="1Gi",
        disks=[
            harvester.DiskArgs(name="root", image=image.id, size="20Gi", boot_order=1, on_delete="delete"),
            harvester.DiskArgs(name="data", size="5Gi", on_delete="delete"),
        ],
        network_interfaces=[harvester.NetworkInterfaceArgs(name="default")],
    )
    needs.append(shop)

# It outlives the machine. Once `pulumi up` is done with it, it can be restored.
backup = harvester.VirtualMachineBackup(
    "before-the-storm",
    name=f"{prefix}-before-the-storm",
    namespace=namespace,
    virtual_machine=f"{prefix}-shop",
    opts=pulumi.ResourceOptions(depends_on=needs),
)

if stage == "replaced":
    harvester.VirtualMachineRestore(
        "back-in-place",
        name=f"{prefix}-back-in-place",
        namespace=namespace,
        backup=backup.id,
        virtual_machine=f"{prefix}-shop",
        mode="replace",
        old_disks="delete",
    )

if stage == "restored":
    phoenix = harvester.VirtualMachineRestore(
        "phoenix",
        name=f"{prefix}-phoenix",
        namespace=namespace,
        backup=backup.id,
        virtual_machine=f"{prefix}-phoenix",
        on_delete="delete",  # in an example, nothing is worth keeping
    )
    pulumi.export("volumes", phoenix.volumes)

pulumi.export("name", backup.name)
pulumi.export("ready", backup.ready)
