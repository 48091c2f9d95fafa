"""VirtualMachine: inputs and outputs. Names follow Harvester's Terraform provider where its users know them.

Only shapes, defaults and units. Rules across fields are in `check`, what a change does is in `effects`.
"""

from typing import Literal

from pydantic import Field

from harvester_provider.core.quantity import Quantity
from harvester_provider.resources.labels import Labels
from harvester_provider.resources.model import INT32, Model, Name, NamespacedInputs, Outputs, QuantityText
from harvester_provider.resources.policies import UpdatePolicy, default_of
from harvester_provider.resources.virtual_machine.devices import CloudInitDrive, Disk, NetworkInterface, StopPolicy
from harvester_provider.resources.virtual_machine.hardware import Clock, HostDevice, HotPlug, HyperV, Sysprep
from harvester_provider.resources.virtual_machine.placement import MachineTerm, NodeTerm, Toleration

RunStrategy = Literal["RerunOnFailure", "Always", "Once", "Manual", "Halted"]
MaintenanceMode = Literal["Migrate", "ShutdownAndRestartAfterEnable", "ShutdownAndRestartAfterDisable", "Shutdown"]


class Machine(Model):
    """What a machine is made of and how it runs: what a template can hold of it. Disks and network interfaces are keyed by their names."""

    cpu: int = Field(default=1, ge=1, le=INT32)
    """Number of virtual CPUs (cores)."""
    memory: QuantityText = Quantity("1Gi")
    """Memory of the machine, such as `4Gi`: the limit from which Harvester derives what the guest sees. At least `10Mi`."""
    hot_plug: HotPlug | None = None
    """Room for CPUs and memory that are plugged in while the guest runs. Without it, a change of either stops the machine."""
    run_strategy: RunStrategy = "RerunOnFailure"
    """Power as declared state. `RerunOnFailure`: runs, and is started again when it fails. `Always`: started again also when the guest
    shuts down. `Once`: started once. `Manual`: started and stopped by people. `Halted`: off."""
    disks: list[Disk] = []
    """Disks and CD-ROMs, keyed by name."""
    network_interfaces: list[NetworkInterface] = []
    """Network interfaces (NICs), keyed by name. Without any, the machine has no network."""
    cloud_init: CloudInitDrive | None = None
    """Cloud-init data. A change is read by the guest at its next start, and most of it only at its very first."""
    ssh_keys: list[str] = []
    """SSH keys by ID, `namespace/name`. Their public keys are added to the user data, which must be a `#cloud-config` or absent."""
    hostname: Name | None = None
    """Host name the guest gets. Default: the machine's name."""
    machine_type: str | None = None
    """Machine type, such as `q35`. Default: the cluster's."""
    efi: bool = False
    """Boot with EFI instead of BIOS."""
    secure_boot: bool = False
    """EFI secure boot; needs `efi`."""
    persistent_efi: bool = False
    """Keep the EFI variables over a stop, as boot entries; needs `efi`. Harvester 1.5 and later."""
    tpm: bool = False
    """A TPM 2.0 device."""
    persistent_tpm: bool = False
    """Keep what the TPM holds over a stop, as keys of BitLocker; needs `tpm`. Harvester 1.5 and later."""
    cpu_model: str | None = None
    """Model of the CPU that the guest sees, such as `host-passthrough` or `Skylake-Server`. Default: that of the cluster (`host-model`)."""
    cpu_pinning: bool = False
    """Give the guest CPUs of the node for itself. Such a machine runs on nodes whose CPU manager is enabled."""
    isolate_emulator_thread: bool = False
    """One more CPU for the emulator, apart from the pinned ones; needs `cpu_pinning`."""
    reserved_memory: QuantityText | None = None
    """Of `memory`, what the guest does not get: room for the programs around it, such as `512Mi`. Default: the cluster's setting
    (additional-guest-memory-overhead-ratio)."""
    host_devices: list[HostDevice] = []
    """PCI devices, vGPUs and USB devices that are passed through, keyed by name; they tie the machine to their node. Devices of the same
    IOMMU group that the cluster adds are left alone."""
    tablet: Literal["usb", "virtio", "none"] | None = None
    """Bus of the pointing device, which makes the mouse in a console exact. Default: `usb`."""
    sound: Literal["ich9", "ac97"] | None = None
    """Model of a sound device. Default: none."""
    watchdog: Literal["reset", "poweroff", "shutdown"] | None = None
    """What a watchdog (i6300esb) does with a guest that hangs. Default: there is none."""
    rng: bool | None = None
    """Whether the guest gets random numbers from the node (virtio-rng). Default: no."""
    clock: Clock | None = None
    """The guest's clock and timers."""
    hyperv: list[HyperV] = []
    """Hyper-V features, with which Windows guests run better. All of them are safe on any node but `evmcs`, which needs Intel CPUs and
    nested virtualization."""
    sysprep: Sysprep | None = None
    """Answer files for an unattended installation of Windows."""
    maintenance_mode_strategy: MaintenanceMode | None = None
    """What becomes of the machine when its node goes into maintenance mode: it is migrated, or shut down, and in between started again on
    another node once maintenance mode is enabled, or on its own once it is disabled. Default: `Migrate`."""
    node_selector: Labels = {}
    """Labels a node must have. A change is used at the next start or migration."""
    node_affinity: list[NodeTerm] = []
    """Nodes it must or would rather run on, by conditions on their labels. One of the required terms has to fit. Used at the next start
    or migration, as all placement is."""
    vm_affinity: list[MachineTerm] = []
    """Machines it must or would rather be near to, by their labels."""
    vm_anti_affinity: list[MachineTerm] = []
    """Machines it must or would rather be apart from, by their labels: for example those of the same service."""
    tolerations: list[Toleration] = []
    """Taints of nodes that it bears."""
    priority_class: str | None = None
    """Name of a PriorityClass: which machines go first where room is scarce."""
    eviction_strategy: Literal["LiveMigrate", "LiveMigrateIfPossible", "None", "External"] = "LiveMigrateIfPossible"
    """What happens to the machine when its node is drained."""
    termination_grace_period_seconds: int | None = Field(default=None, ge=0)
    """Seconds a guest may take to shut down before it is switched off. Default: the cluster's setting (120)."""


class VirtualMachineInputs(Machine, NamespacedInputs):
    """A virtual machine. Disks and network interfaces are keyed by their names."""

    template: str | None = None
    """Template to make it from: the ID (`namespace/name`) of a VirtualMachineTemplate, whose default version is taken, or of one
    VirtualMachineTemplateVersion. It is read once, when the machine is made: what the program leaves out is taken from it, as far as
    inputs model it, and kept from then on. MAC addresses and volumes are always new."""
    update_policy: UpdatePolicy = Field(default="auto", json_schema_extra=default_of("updatePolicy"))
    """What becomes of changes that a running guest cannot take; the provider's setting `harvester:updatePolicy` is the default for all.
    `auto`: it is stopped, changed and started again. `live`: they are refused at preview. `defer`: they are written and the guest is left
    running; `restart_required` says so until its next start."""
    paused: bool = False
    """Whether its guest stands still: no CPU runs, the memory is kept, and nothing answers. It holds while the machine runs, also after a
    start; a stop lets the guest go on first, so that it can shut down."""
    migrate_to: str | None = None
    """Node to move the running guest to, without a stop. Another value moves it once; later the cluster may move it elsewhere, as
    `node_name` shows. Use `node_selector` to keep it on nodes."""
    restart_mode: Literal["restart", "soft"] = "restart"
    """What another `restart_trigger` does to a running guest. `restart`: it is stopped and started. `soft`: it is asked to reboot itself,
    in the same machine; what waits for a restart goes on waiting, and nothing tells when it is done."""
    disruption_group: Name | None = None
    """Name of a group of machines, such as those of one service, of which only some may be stopped at a time."""
    max_unavailable: int = Field(default=1, ge=1)
    """How many of its `disruption_group` may be stopped for changes at the same time, within one `pulumi up`; where its machines differ,
    the smallest number counts. One that does not come back stops the rest. Deletes, replacements and `run_strategy` do not count."""
    restart_trigger: str | None = None
    """Any text. Another value restarts a running guest on purpose, whatever `update_policy` says, and with it what was deferred."""
    snapshots_elsewhere: Literal["protect", "delete"] = "protect"
    """What a delete or a replacement does to snapshots of machines of the same name in other namespaces: Harvester deletes them with this
    one, because it goes by the name alone. `protect`: it is refused as long as there are any, where the program may look for them.
    `delete`: they go. Those of the machine itself always go."""
    stop: StopPolicy = StopPolicy()
    """How the machine is stopped for a change that it cannot take while it runs."""
    wait_for: Literal["nothing", "running", "agent", "address", "cloud-init"] = "running"
    """What a create or a start waits for. `nothing`: the object is there. `running`: the guest runs. `agent`: qemu-guest-agent in the guest
    is connected. `address`: it has an address (link-local ones do not count); a NIC on a VLAN network reports its address only where the
    guest runs qemu-guest-agent. `cloud-init`: it has an address, and cloud-init has finished, with or without errors. For this the
    machine gets a readiness probe that looks for /run/cloud-init/result.json through the agent, which must be allowed to run commands;
    a machine that runs already gets the probe at its next start."""


class InterfaceStatus(Model):
    """What is known of one network interface."""

    mac_address: str = ""
    """MAC address, also where the cluster made it."""
    ip_addresses: list[str] = []
    """Addresses, IPv4 before IPv6, without link-local ones."""
    ipv4_addresses: list[str] = []
    """Its IPv4 addresses."""
    ipv6_addresses: list[str] = []
    """Its IPv6 addresses."""


class VirtualMachineOutputs(Outputs):
    """What the cluster says of a machine."""

    status: str = ""
    """Harvester's word: Running, Stopped, Starting, Paused, Migrating, ErrorUnschedulable ..."""
    status_reason: str = ""
    """Why, where the machine is not what its run strategy says: its guest shut itself down, a quota halted it, no node takes it ..."""
    node_name: str = ""
    """The node it runs on; empty while it is off."""
    ip_address: str = ""
    """The first address of the first NIC that has one, IPv4 before IPv6. Link-local addresses do not count."""
    ip_addresses: list[str] = []
    """All addresses, in the order of the NICs."""
    ipv4_address: str = ""
    """The first IPv4 address of the first NIC that has one."""
    ipv6_address: str = ""
    """The first IPv6 address of the first NIC that has one."""
    agent_connected: bool = False
    """Whether qemu-guest-agent in the guest is connected."""
    interfaces: dict[str, InterfaceStatus] = {}
    """MAC and addresses of each NIC, by its name."""
    volumes: dict[str, str] = {}
    """Name of the volume (PersistentVolumeClaim) of each disk, by the disk's name."""
    restart_required: bool = False
    """Whether the running guest differs from what is declared until it is started again."""
    restart_reason: str = ""
    """Why: the properties that wait for the guest's next start, or the cluster's words."""
    pending_changes: list[str] = []
    """The properties in which the guest that runs differs from its machine, whoever changed them."""
