"""What differs between the Harvester releases that are simulated: one row per release, nothing else anywhere.

The rows follow upstream's chart values and sources at each release's tag. Code asks a rule by its name and never
compares version numbers.
"""

from dataclasses import dataclass

_GATES_1_6 = (
    "CPUManager",
    "ExpandDisks",
    "GPU",
    "HostDevices",
    "HotplugVolumes",
    "LiveMigration",
    "VMLiveUpdateFeatures",
    "VMPersistentState",
)
_GATES_1_8 = ("CPUManager", "DeclarativeHotplugVolumes", "ExpandDisks", "EnableVirtioFsConfigVolumes", "HostDevices")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The behaviour of one Harvester minor release."""

    kubernetes: str
    """Version of kubelet, as nodes report it."""
    kubevirt: str
    """Version that the KubeVirt object reports."""
    feature_gates: tuple[str, ...]
    """KubeVirt's gates, as Harvester's chart sets them."""
    machine_type: str
    """What the alias q35 becomes on a running instance."""
    image_class: str
    """Name of an image's storage class, a format over `uid` and `name`."""
    restored_image_keeps_class: bool
    """Whether an image that comes from a backup target has the storage class that it had in the cluster where it was saved; else
    volumes saved there find theirs only where the class is named after the image (harvester/harvester#11145, mended in 1.8.2)."""
    image_label_at_admission: bool
    """Whether the mutator, and not the controller, sets the display name label of an image."""
    defaults_cpu: bool
    """Whether the mutator fills in missing cores, sockets and threads (and fails when `domain.cpu` is absent)."""
    requires_memory: bool
    """Whether a machine without memory.guest and without a memory limit is refused."""
    generates_macs: bool
    """Whether the mutator gives each interface without a MAC address one."""
    persists_firmware: bool
    """Whether KubeVirt writes firmware.uuid and serial into the machine's spec."""
    declarative_disk_hotplug: bool
    """Whether hotpluggable volumes follow an edit of the machine's spec."""
    storage_migration: bool
    """Whether updateVolumesStrategy Migration is honoured."""
    checks_added_template_classes: bool
    """Whether a volumeClaimTemplates annotation added to a machine must name storage classes that exist."""
    guards_vlan_config_label: bool
    """Whether the cluster network label of a VlanConfig cannot be changed by hand."""
    checks_cdrom_bus: bool
    """Whether an empty or hotpluggable cd-rom must be on the SATA bus."""
    restart_required_clears: bool
    """Whether RestartRequired goes when the change is taken back, and not only at the next start."""
    settings: tuple[tuple[str, str], ...]
    """Settings (name, default) that came with this release or an earlier simulated one."""


_SETTINGS_1_6 = (
    ("additional-ca", ""),
    ("additional-guest-memory-overhead-ratio", "1.5"),
    ("api-ui-version", ""),
    ("auto-disk-provision-paths", ""),
    ("auto-rotate-rke2-certs", '{"enable":false,"expiringInHours":240}'),
    (
        "backup-target",
        '{"type":"","endpoint":"","accessKeyId":"","secretAccessKey":"","bucketName":"","bucketRegion":"","cert":"","virtualHostedStyle":false}',
    ),
    ("cluster-registration-url", ""),
    ("containerd-registry", ""),
    (
        "csi-driver-config",
        '{"driver.longhorn.io":{"volumeSnapshotClassName":"longhorn-snapshot","backupVolumeSnapshotClassName":"longhorn"}}',
    ),
    ("csi-online-expand-validation", '{"driver.longhorn.io":true}'),
    ("default-storage-class", ""),
    ("default-vm-termination-grace-period-seconds", "120"),
    ("http-proxy", "{}"),
    ("kubeconfig-default-token-ttl-minutes", "0"),
    ("log-level", "info"),
    ("longhorn-v2-data-engine-enabled", "false"),
    ("max-hotplug-ratio", "4"),
    ("ntp-servers", ""),
    ("overcommit-config", '{"cpu":1000,"memory":150,"storage":100}'),
    ("rancher-cluster", '{"removeUpstreamClusterWhenNamespaceIsDeleted":false}'),
    ("release-download-url", "https://releases.rancher.com/harvester"),
    ("server-version", "dev"),
    ("ssl-certificates", "{}"),
    ("ssl-parameters", "{}"),
    ("storage-network", ""),
    ("support-bundle-expiration", ""),
    ("support-bundle-image", '{"repository":"rancher/support-bundle-kit","tag":"v0.0.60","imagePullPolicy":"IfNotPresent"}'),
    ("support-bundle-namespaces", ""),
    ("support-bundle-node-collection-timeout", ""),
    ("support-bundle-timeout", ""),
    ("ui-index", "https://releases.rancher.com/harvester-ui/dashboard/latest/index.html"),
    ("ui-plugin-index", "https://releases.rancher.com/harvester-ui/plugin/harvester-latest/harvester-latest.umd.min.js"),
    ("ui-source", "auto"),
    ("upgrade-checker-enabled", "true"),
    ("upgrade-checker-url", "https://harvester-upgrade-responder.rancher.io/v1/checkupgrade"),
    ("upgrade-config", '{"imagePreloadOption":{"strategy":{"type":"sequential"}},"restoreVM":false}'),
    ("vip-pools", ""),
    ("vm-force-reset-policy", '{"enable":true,"period":15,"vmMigrationTimeout":180}'),
    ("vm-migration-network", ""),
    ("volume-snapshot-class", "longhorn"),
)
_SETTINGS_1_7 = (*_SETTINGS_1_6, ("kubevirt-migration", ""))
_SETTINGS_1_8 = (
    *_SETTINGS_1_7,
    ("cluster-pod-security-standard", ""),
    ("instance-manager-resources", '{"cpu":{"v1":"12","v2":"12"}}'),
    ("rwx-network", ""),
    ("support-bundle-file-name", ""),
)
_SETTINGS_1_9 = (
    *_SETTINGS_1_8,
    ("longhorn-v2-data-engine-hugepage-enabled", "true"),
    ("longhorn-v2-data-engine-memory-size", "2048"),
    ("traefik-default-tls-options", ""),
)

_RULES = {
    (1, 6): Rules(
        kubernetes="v1.33.5+rke2r1",
        kubevirt="v1.5.2",
        feature_gates=_GATES_1_6,
        machine_type="pc-q35-9.1",
        image_class="longhorn-{name}",
        restored_image_keeps_class=False,
        image_label_at_admission=False,
        defaults_cpu=False,
        requires_memory=False,
        generates_macs=False,
        persists_firmware=False,
        declarative_disk_hotplug=False,
        storage_migration=False,
        checks_added_template_classes=False,
        guards_vlan_config_label=False,
        checks_cdrom_bus=False,
        restart_required_clears=False,
        settings=_SETTINGS_1_6,
    ),
    (1, 7): Rules(
        kubernetes="v1.34.3+rke2r1",
        kubevirt="v1.6.3",
        feature_gates=_GATES_1_6,
        machine_type="pc-q35-9.2",
        image_class="longhorn-{name}",
        restored_image_keeps_class=False,
        image_label_at_admission=False,
        defaults_cpu=True,
        requires_memory=True,
        generates_macs=True,
        persists_firmware=True,
        declarative_disk_hotplug=False,
        storage_migration=False,
        checks_added_template_classes=False,
        guards_vlan_config_label=False,
        checks_cdrom_bus=False,
        restart_required_clears=False,
        settings=_SETTINGS_1_7,
    ),
    (1, 8): Rules(
        kubernetes="v1.35.2+rke2r1",
        kubevirt="v1.7.0",
        feature_gates=_GATES_1_8,
        machine_type="pc-q35-9.1",
        image_class="lh-{uid}",
        restored_image_keeps_class=False,
        image_label_at_admission=False,
        defaults_cpu=True,
        requires_memory=True,
        generates_macs=True,
        persists_firmware=True,
        declarative_disk_hotplug=True,
        storage_migration=True,
        checks_added_template_classes=False,
        guards_vlan_config_label=False,
        checks_cdrom_bus=True,
        restart_required_clears=False,
        settings=_SETTINGS_1_8,
    ),
    (1, 9): Rules(
        kubernetes="v1.36.3+rke2r1",
        kubevirt="v1.8.4",
        feature_gates=_GATES_1_8,
        machine_type="pc-q35-10.1",
        image_class="lh-{uid}",
        restored_image_keeps_class=True,
        image_label_at_admission=True,
        defaults_cpu=True,
        requires_memory=True,
        generates_macs=True,
        persists_firmware=True,
        declarative_disk_hotplug=True,
        storage_migration=True,
        checks_added_template_classes=True,
        guards_vlan_config_label=True,
        checks_cdrom_bus=True,
        restart_required_clears=True,
        settings=_SETTINGS_1_9,
    ),
}


def rules_for(minor: tuple[int, int]) -> Rules:
    """The rules of a minor release such as (1, 8). Raises KeyError for one that is not simulated."""
    return _RULES[minor]
