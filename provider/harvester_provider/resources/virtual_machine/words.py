"""The labels, annotations and names by which Harvester knows a machine's parts, and the way back from an ID to a reference.

Sources: upstream pkg/util/constants.go, pkg/builder/vm.go. Nothing here decides anything.
"""

from typing import Final

CREATOR_NAME: Final = "pulumi-provider-harvester"
VM_NAME: Final = "harvesterhci.io/vmName"

VOLUME_CLAIM_TEMPLATES: Final = "harvesterhci.io/volumeClaimTemplates"
"""JSON list of the volume claims that Harvester makes for the machine, and grows. It never shrinks or deletes one."""
LAST_STRATEGY: Final = "harvesterhci.io/vmRunStrategy"
"""The run strategy that Harvester's webhook puts in when a halted machine is started, whatever the request says."""
SSH_NAMES: Final = "harvesterhci.io/sshNames"
MAC_ADDRESSES: Final = "harvesterhci.io/mac-address"
"""JSON mapping of NIC to MAC address, remembered by Harvester from the last run."""
REMOVED_CLAIMS: Final = "harvesterhci.io/removedPersistentVolumeClaims"
"""Claims, with commas between, that Harvester deletes with the machine. Must be there before the machine is deleted."""
QUOTA: Final = "harvesterhci.io/insufficient-resource-quota"
RESERVED_MEMORY: Final = "harvesterhci.io/reservedMemory"
"""Memory of the limit that the guest does not get, for the programs around it."""
MAINTENANCE_MODE: Final = "harvesterhci.io/maintain-mode-strategy"
"""Label: what becomes of the machine when its node goes into maintenance mode."""
HOTPLUG: Final = "harvesterhci.io/enableCPUAndMemoryHotplug"

STOPPED_FOR_UPDATE: Final = "harvester.pulumi.com/stopped-for-update"
"""Our own: the run strategy to go back to. An interrupted update finds by it that the machine must be started again."""
CLAIMS_TO_DELETE: Final = "harvester.pulumi.com/claims-to-delete"
"""Our own: claims of removed disks that are to be deleted still, with commas between."""
GOES_WITH: Final = "harvester.pulumi.com/goes-with"
"""Our own, on a DataVolume of a cluster without Harvester: the `machine/disk` that is being deleted, and the volume with it. No disk: an
update has removed that one. A deletion that was cut off when the machine was gone goes on by it."""
COPY_OF: Final = "harvester.pulumi.com/copy-of"
"""Our own, on a volume: the claim whose content it took over when a disk moved to another storage class."""
MADE_FROM: Final = "harvester.pulumi.com/made-from"
"""Our own, on a volume that took over the content of one made from an image: that image's `namespace/name`. Harvester's own annotation
would say that the volume's storage class is the image's, which its webhook checks (virtualmachine/validator.go)."""
RESTART_DUE: Final = "harvester.pulumi.com/restart-due"
"""Our own: UID of the running guest, and the properties that it gets only at its next start, with commas between."""
RESTARTED_FOR: Final = "harvester.pulumi.com/restarted-for"
"""Our own: the restart trigger that the machine was last restarted for, so that an interrupted restart is not done twice."""

SPEC: Final = ("spec", "template", "spec")
DOMAIN: Final = (*SPEC, "domain")
DEVICES: Final = (*DOMAIN, "devices")
"""Where a machine keeps what it is made of."""

SYSPREP_DISK: Final = "sysprep"
AUTOUNATTEND: Final = "autounattend.xml"
UNATTEND: Final = "unattend.xml"
"""The keys of answer files (KubeVirt pkg/config/sysprep.go)."""
CLOUD_INIT_DISK: Final = "cloudinitdisk"
USER_DATA: Final = "userdata"
NETWORK_DATA: Final = "networkdata"


def cloud_init_secret(machine: str) -> str:
    """Name of the Secret with a machine's own cloud-init data."""
    return f"{machine}-cloudinit"


def sysprep_secret(machine: str) -> str:
    """Name of the Secret with a machine's own answer files."""
    return f"{machine}-sysprep"
