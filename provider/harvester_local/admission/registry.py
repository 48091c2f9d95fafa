"""Which webhook looks at which kind, under upstream's names, and which rule answers.

A table; the server looks requests up in it and the plane registers its content with the API server.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from harvester_local.admission.backups import mutate_backup, validate_backup
from harvester_local.admission.claims import validate_claim
from harvester_local.admission.cluster_kinds import validate_addon, validate_node
from harvester_local.admission.data_volumes import validate_data_volume
from harvester_local.admission.host_devices import (
    validate_device_claim,
    validate_gpu,
    validate_host_devices,
    validate_usb_claim,
    validate_vgpu,
)
from harvester_local.admission.images import mutate_image, validate_image
from harvester_local.admission.load_balancers import mutate_ip_pool, mutate_load_balancer, validate_ip_pool, validate_load_balancer
from harvester_local.admission.machine_mutator import mutate_machine, mutate_virt_machine
from harvester_local.admission.machine_validator import validate_machine
from harvester_local.admission.networks import (
    mutate_network,
    mutate_vlan_config,
    validate_cluster_network,
    validate_network,
    validate_vlan_config,
)
from harvester_local.admission.restores import validate_restore
from harvester_local.admission.review import CREATE, DELETE, UPDATE, Request
from harvester_local.admission.schedules import validate_schedule
from harvester_local.admission.settings import validate_setting
from harvester_local.admission.small_kinds import (
    mutate_migration,
    mutate_template_version,
    validate_instance,
    validate_key_pair,
    validate_migration,
    validate_template_version,
)
from harvester_local.admission.storage_classes import mutate_storage_class, validate_secret, validate_storage_class
from harvester_local.admission.upgrades import validate_upgrade
from harvester_local.admission.virt_validator import validate_virt_machine
from harvester_local.admission.world import World
from harvester_local.api import kinds
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Obj

Mutator = Callable[[Request, World], Obj]
Validator = Callable[[Request, World], None]


@dataclass(frozen=True)
class Rule:
    """What is asked about one kind: `mutate` or `validate`, on some operations."""

    kind: Kind
    operations: tuple[str, ...]
    mutate: Mutator | None = None
    validate: Validator | None = None
    asks_outside: bool = False
    """Whether it talks to other servers, so that it must not hold up the event loop."""


@dataclass(frozen=True)
class Webhook:
    """One webhook in one configuration object. `path` is where the server serves it."""

    configuration: str
    name: str
    failure_policy: str
    rules: tuple[Rule, ...] = field(default=())
    flavors: tuple[str, ...] = ("harvester",)
    """The flavors of clusters that have it. Harvester's mutator does the work of KubeVirt's, too."""

    @property
    def mutating(self) -> bool:
        """Whether it writes; one webhook holds rules of one sort only."""
        return self.rules[0].mutate is not None

    @property
    def path(self) -> str:
        """URL path on the webhook server."""
        return f"/{'mutate' if self.mutating else 'validate'}/{self.name}"

    def rule(self, group: str, plural: str) -> Rule | None:
        """The rule for a kind."""
        return next((r for r in self.rules if (r.kind.group, r.kind.plural) == (group, plural)), None)


_BOTH = ("harvester", "kubevirt")
_WRITE, _ALL = (CREATE, UPDATE), (CREATE, UPDATE, DELETE)

WEBHOOKS = (
    Webhook(
        "harvester-mutator",
        "mutator.harvesterhci.io",
        "Ignore",
        (
            Rule(kinds.MACHINE, _WRITE, mutate=mutate_machine),
            Rule(kinds.IMAGE, _WRITE, mutate=mutate_image),
            Rule(kinds.STORAGE_CLASS, _WRITE, mutate=mutate_storage_class),
            Rule(kinds.TEMPLATE_VERSION, (CREATE,), mutate=mutate_template_version),
            Rule(kinds.BACKUP, (CREATE,), mutate=mutate_backup),
        ),
    ),
    Webhook(
        "virt-api-mutator",
        "migrations-mutator.kubevirt.io",
        "Fail",
        (Rule(kinds.MIGRATION, (CREATE,), mutate=mutate_migration),),
        _BOTH,
    ),
    Webhook(
        "virt-api-mutator",
        "virtualmachines-mutator.kubevirt.io",
        "Fail",
        (Rule(kinds.MACHINE, _WRITE, mutate=mutate_virt_machine),),
        ("kubevirt",),
    ),
    Webhook(
        "cdi-api-datavolume-validate",
        "datavolume-validate.cdi.kubevirt.io",
        "Fail",
        (Rule(kinds.DATA_VOLUME, _WRITE, validate=validate_data_volume),),
        ("kubevirt",),
    ),
    Webhook(
        "harvester-validator",
        "validator.harvesterhci.io",
        "Fail",
        (
            Rule(kinds.MACHINE, _WRITE, validate=validate_machine),
            Rule(kinds.IMAGE, _ALL, validate=validate_image),
            Rule(kinds.KEY_PAIR, _WRITE, validate=validate_key_pair),
            Rule(kinds.VOLUME_CLAIM, _ALL, validate=validate_claim),
            Rule(kinds.STORAGE_CLASS, _ALL, validate=validate_storage_class),
            Rule(kinds.SECRET, (DELETE,), validate=validate_secret),
            Rule(kinds.TEMPLATE_VERSION, _ALL, validate=validate_template_version),
            Rule(kinds.ADDON, _ALL, validate=validate_addon),
            Rule(kinds.UPGRADE, (CREATE,), validate=validate_upgrade),
            Rule(kinds.NODE, (UPDATE,), validate=validate_node),
            Rule(kinds.BACKUP, _ALL, validate=validate_backup),
            Rule(kinds.RESTORE, _ALL, validate=validate_restore),
            Rule(kinds.SCHEDULE, _ALL, validate=validate_schedule),
            Rule(kinds.SETTING, (UPDATE,), validate=validate_setting, asks_outside=True),
        ),
    ),
    Webhook(
        "pcidevices-validator",
        "validator.devices.harvesterhci.io",
        "Fail",
        (
            Rule(kinds.MACHINE, _WRITE, validate=validate_host_devices),
            Rule(kinds.PCI_DEVICE_CLAIM, _ALL, validate=validate_device_claim),
            Rule(kinds.USB_DEVICE_CLAIM, (UPDATE, DELETE), validate=validate_usb_claim),
            Rule(kinds.SRIOV_GPU_DEVICE, (UPDATE,), validate=validate_gpu),
            Rule(kinds.VGPU_DEVICE, (UPDATE,), validate=validate_vgpu),
        ),
    ),
    Webhook(
        "virt-api-validator",
        "virtualmachine-validator.kubevirt.io",
        "Fail",
        (Rule(kinds.MACHINE, _WRITE, validate=validate_virt_machine),),
        _BOTH,
    ),
    Webhook(
        "virt-api-validator",
        "migration-create-validator.kubevirt.io",
        "Fail",
        (Rule(kinds.MIGRATION, _WRITE, validate=validate_migration),),
        _BOTH,
    ),
    Webhook(
        "virt-api-validator",
        "virtualmachineinstances-update-validator.kubevirt.io",
        "Fail",
        (Rule(kinds.INSTANCE, (UPDATE,), validate=validate_instance),),
        _BOTH,
    ),
    Webhook(
        "harvester-network-webhook",
        "mutator.harvester-system.harvester-network-webhook",
        "Ignore",
        (Rule(kinds.NETWORK, _WRITE, mutate=mutate_network), Rule(kinds.VLAN_CONFIG, _WRITE, mutate=mutate_vlan_config)),
    ),
    Webhook(
        "harvester-network-webhook",
        "validator.harvester-system.harvester-network-webhook",
        "Fail",
        (
            Rule(kinds.CLUSTER_NETWORK, _ALL, validate=validate_cluster_network),
            Rule(kinds.VLAN_CONFIG, _ALL, validate=validate_vlan_config),
            Rule(kinds.NETWORK, _ALL, validate=validate_network),
        ),
    ),
    Webhook(
        "harvester-load-balancer-webhook",
        "mutator.harvester-system.harvester-load-balancer-webhook",
        "Ignore",
        (Rule(kinds.IP_POOL, _WRITE, mutate=mutate_ip_pool), Rule(kinds.LOAD_BALANCER, _WRITE, mutate=mutate_load_balancer)),
    ),
    Webhook(
        "harvester-load-balancer-webhook",
        "validator.harvester-system.harvester-load-balancer-webhook",
        "Fail",
        (Rule(kinds.IP_POOL, _ALL, validate=validate_ip_pool), Rule(kinds.LOAD_BALANCER, _WRITE, validate=validate_load_balancer)),
    ),
)
