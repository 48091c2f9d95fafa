"""The inputs and outputs of a Node. Rules across them are in the package itself."""

from typing import Literal

from pydantic import Field

from harvester_provider.resources.labels import LabelName, LabelValue
from harvester_provider.resources.model import REPLACE, Model, Outputs, ResourceInputs


class NodeTaint(Model):
    """A taint of a node: what does not tolerate it stays away."""

    key: LabelName
    """Its key, for example `dedicated`."""
    value: LabelValue = ""
    """Its value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"
    """`NoSchedule`: nothing new comes. `PreferNoSchedule`: nothing new where it can be avoided. `NoExecute`: what runs there leaves."""


class NodeDisk(Model):
    """A disk of a node that Harvester stores volumes on."""

    name: str
    """Name of its block device: `kubectl -n longhorn-system get blockdevices` shows them."""
    force_format: bool = False
    """Format it although it holds a file system. Everything on it is lost."""
    tags: list[str] = []
    """Tags, by which storage classes choose disks (`disk_selector`)."""


class NodeInputs(ResourceInputs):
    """A host of the cluster. It must have joined; what is declared here is set, and put back as it was by a delete."""

    name: str = Field(min_length=1, json_schema_extra=REPLACE)
    """Name of the node. Default: the resource's name in the program."""
    taints: list[NodeTaint] = []
    """Taints. Those that others set are left alone."""
    cordoned: bool | None = None
    """Whether no machine is started here or moved here; those that run here stay. Default: as it is."""
    cpu_manager: bool | None = None
    """Whether machines with pinned CPUs can run here. A change restarts the kubelet; machines go on. Default: as it is."""
    maintenance: bool = False
    """Whether the node is empty for maintenance: its machines move to other nodes, and the update waits until they have. Preview says
    which machines cannot move.
    """
    stop_unmovable: bool = False
    """Switch off the machines that cannot move, where `maintenance` asks for an empty node. Harvester does not start them again by
    itself. Without it, such a machine refuses the maintenance.
    """
    role: Literal["management", "worker", "witness"] | None = None
    """What the host may become. `management`: Harvester gives it the control plane as soon as one of the three places is free. `worker`:
    it never gets it. `witness`: it gets etcd alone, where no other host is one. Default: any of the others may get it. A host that has
    the control plane keeps it: take it out of the cluster and install it again.
    """
    power: Literal["on", "off"] | None = None
    """Whether the host is switched on, by its BMC; switched off in `maintenance` only. It takes the addon harvester-seeder and an
    Inventory of the host. Default: as it is.
    """
    reboot_trigger: str | None = None
    """Another text reboots the host once, by its BMC as `power`, in `maintenance` only."""
    disks: list[NodeDisk] = []
    """Disks that Harvester stores volumes on. Disks that are not listed are left alone; one that is taken off the list goes back to what
    it was, once Longhorn has moved its replicas elsewhere.
    """


class NodeOutputs(Outputs):
    """What is known of a node."""

    ready: bool = False
    """Whether Kubernetes calls it ready."""
    roles: list[str] = []
    """Its roles, for example `control-plane` and `etcd`."""
    addresses: list[str] = []
    """Its addresses in the management network."""
    kubernetes_version: str = ""
    """Version of its kubelet."""
    os_image: str = ""
    """Its operating system, for example `Harvester v1.8.0`."""
    cpu: str = ""
    """CPUs that machines can have."""
    memory: str = ""
    """Memory that machines can have."""
    maintenance_status: str = ""
    """`running` while machines leave, `completed` once it is empty, and empty where no maintenance is on."""
