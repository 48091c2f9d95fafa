"""Machines as other tools leave them in a cluster: the UI, Terraform, the node driver of guest clusters, and a Windows one by hand.

Shapes: Harvester's dashboard 1.8, terraform-provider-harvester 1.8 (pkg/builder), docker-machine-driver-harvester 1.0 (create.go),
each after the webhooks and controllers have written their parts. Much of them is modelled by no input.
"""

import json
from typing import Any

SSH = "harvesterhci.io/sshNames"
TEMPLATES = "harvesterhci.io/volumeClaimTemplates"


def _claim(name: str, size: str, image: str = "", **more: Any) -> dict[str, Any]:
    annotations = {"harvesterhci.io/imageId": image} if image else {}
    spec = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": size}},
        "volumeMode": "Block",
        "storageClassName": "lh-leap" if image else "harvester-longhorn",
    }
    return {"metadata": {"name": name, "creationTimestamp": None, "annotations": annotations}, "spec": {**spec, **more}, "status": {}}


def _machine(meta: dict[str, Any], template_meta: dict[str, Any], spec: dict[str, Any], strategy: str = "RerunOnFailure") -> dict[str, Any]:
    written = {
        "harvesterhci.io/vmRunStrategy": strategy,
        "kubevirt.io/latest-observed-api-version": "v1",
        "kubevirt.io/storage-observed-api-version": "v1",
        "network.harvesterhci.io/ips": "[]",
    }
    finalizers = ["kubevirt.io/virtualMachineControllerFinalize", "wrangler.cattle.io/VMController.CleanupPVCAndSnapshot"]
    annotations = {**written, **meta.pop("annotations")}
    template = {"metadata": {"creationTimestamp": None, **template_meta}, "spec": spec}
    return {
        "metadata": {**meta, "annotations": annotations, "finalizers": finalizers},
        "spec": {"runStrategy": strategy, "template": template},
    }


def _domain(cores: int, memory: str, devices: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "cpu": {"cores": cores, "sockets": 1, "threads": 1, "maxSockets": 1},
        "devices": devices,
        "features": {"acpi": {"enabled": True}},
        "firmware": {"serial": "a2b9aaf5-1b0a-4a41-bd3a-30fa9e5a3c2d", "uuid": "0c5d7a8e-8cde-5f0c-9d2e-5a2a3b8c6d11"},
        "machine": {"type": "q35"},
        "memory": {"guest": memory},
        "resources": {"limits": {"cpu": str(cores), "memory": memory}, "requests": {"cpu": "125m", "memory": "2730Mi"}},
        **more,
    }


def from_the_ui() -> dict[str, Any]:
    """A Linux machine with two disks, the agent switched on, affinity and keys that the agent writes."""
    devices = {
        "disks": [
            {"name": "disk-0", "bootOrder": 1, "disk": {"bus": "virtio"}},
            {"name": "disk-1", "disk": {"bus": "scsi"}, "shareable": True, "dedicatedIOThread": True},
            {"name": "cloudinitdisk", "disk": {"bus": "virtio"}},
        ],
        "gpus": [],
        "hostDevices": [],
        "inputs": [{"name": "tablet", "type": "tablet", "bus": "usb"}],
        "interfaces": [{"name": "default", "model": "virtio", "macAddress": "5e:11:1c:aa:00:01", "bridge": {}, "ports": []}],
        "rng": {},
    }
    volumes = [
        {"name": "disk-0", "persistentVolumeClaim": {"claimName": "vm1-disk-0-jx2lq"}},
        {"name": "disk-1", "persistentVolumeClaim": {"claimName": "vm1-disk-1-kk0z9", "hotpluggable": True}},
        {"name": "cloudinitdisk", "cloudInitNoCloud": {"networkDataSecretRef": {"name": "vm1-ow1mb"}, "secretRef": {"name": "vm1-ow1mb"}}},
    ]
    near = {"weight": 10, "preference": {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}}
    spec = {
        "accessCredentials": [
            {
                "sshPublicKey": {
                    "propagationMethod": {"qemuGuestAgent": {"users": ["opensuse"]}},
                    "source": {"secret": {"secretName": "vm1-jv6oj"}},
                }
            }
        ],
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [near]}},
        "architecture": "amd64",
        "domain": _domain(4, "8Gi", devices),
        "evictionStrategy": "LiveMigrateIfPossible",
        "hostname": "vm1",
        "networks": [{"name": "default", "multus": {"networkName": "default/vlan100"}}],
        "terminationGracePeriodSeconds": 120,
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "volumes": volumes,
    }
    claims = [_claim("vm1-disk-0-jx2lq", "40Gi", "default/leap"), _claim("vm1-disk-1-kk0z9", "10Gi")]
    annotations = {TEMPLATES: json.dumps(claims), "harvesterhci.io/mac-address": '{"default":"5e:11:1c:aa:00:01"}'}
    labels = {"harvesterhci.io/creator": "harvester", "harvesterhci.io/os": "linux", "tag.harvesterhci.io/tier": "web"}
    template_meta = {
        "annotations": {SSH: '["default/ada"]'},
        "labels": {"harvesterhci.io/creator": "harvester", "harvesterhci.io/vmName": "vm1", "tag.harvesterhci.io/tier": "web"},
    }
    return _machine({"labels": labels, "annotations": annotations}, template_meta, spec)


def from_terraform() -> dict[str, Any]:
    """A machine with inline cloud-init data, an EFI firmware without a word on secure boot, and no annotation for SSH keys."""
    devices = {
        "disks": [
            {"name": "rootdisk", "bootOrder": 1, "disk": {"bus": "virtio"}},
            {"name": "cdrom-disk", "bootOrder": 2, "cdrom": {"bus": "sata", "readonly": True, "tray": "closed"}},
            {"name": "cloudinitdisk", "disk": {"bus": "virtio"}},
        ],
        "interfaces": [
            {"name": "nic-1", "model": "virtio", "masquerade": {}, "macAddress": "52:54:00:0a:0b:01"},
            {"name": "nic-2", "model": "virtio", "bridge": {}, "macAddress": "52:54:00:0a:0b:02", "acpiIndex": 7},
        ],
    }
    spec = {
        "affinity": {},
        "architecture": "amd64",
        "domain": {**_domain(2, "4Gi", devices), "firmware": {"bootloader": {"efi": {}}, "uuid": "5d307ca9-b3ef-428c-8861-06e72d69f223"}},
        "evictionStrategy": "LiveMigrate",
        "hostname": "shop",
        "networks": [{"name": "nic-1", "pod": {}}, {"name": "nic-2", "multus": {"networkName": "default/vlan200"}}],
        "terminationGracePeriodSeconds": 120,
        "volumes": [
            {"name": "rootdisk", "persistentVolumeClaim": {"claimName": "vm1-rootdisk-fqv7n"}},
            {"name": "cdrom-disk", "persistentVolumeClaim": {"claimName": "vm1-cdrom-disk-ab1cd"}},
            {
                "name": "cloudinitdisk",
                "cloudInitNoCloud": {"userData": "#cloud-config\npackages: [nginx]\n", "networkDataBase64": "dmVyc2lvbjogMQo="},
            },
        ],
    }
    claims = [_claim("vm1-rootdisk-fqv7n", "10Gi", "default/leap"), _claim("vm1-cdrom-disk-ab1cd", "5Gi", "default/leap")]
    annotations = {
        TEMPLATES: json.dumps(claims),
        "harvesterhci.io/diskNames": '["vm1-rootdisk-fqv7n"]',
        "field.cattle.io/description": "shop",
    }
    labels = {"harvesterhci.io/creator": "terraform-provider-harvester", "tag.harvesterhci.io/ssh-user": "opensuse"}
    return _machine({"labels": labels, "annotations": annotations}, {"labels": {"harvesterhci.io/vmName": "vm1"}}, spec, "Always")


def from_a_guest_cluster() -> dict[str, Any]:
    """A node of a guest cluster: pinned CPUs, a vGPU, affinity to its machine set, everything named by numbers."""
    mine = {
        "labelSelector": {"matchLabels": {"harvesterhci.io/machineSetName": "default-edge-pool1"}},
        "topologyKey": "kubernetes.io/hostname",
    }
    devices = {
        "disks": [{"name": "disk-0", "bootOrder": 1, "disk": {"bus": "virtio"}}, {"name": "cloudinitdisk", "disk": {"bus": "virtio"}}],
        "gpus": [{"name": "vgpu", "deviceName": "nvidia.com/NVIDIA_A2-2Q"}],
        "interfaces": [{"name": "nic-0", "model": "virtio", "bridge": {}, "macAddress": "5a:aa:bb:cc:dd:01"}],
        "tpm": {"persistent": True},
    }
    domain = _domain(4, "8Gi", devices)
    domain["cpu"] |= {"dedicatedCpuPlacement": True, "isolateEmulatorThread": True, "model": "host-passthrough"}
    domain["features"]["smm"] = {"enabled": False}
    domain["firmware"]["bootloader"] = {"efi": {"secureBoot": False}}
    spec = {
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": mine, "weight": 1}]}},
        "domain": domain,
        "evictionStrategy": "LiveMigrateIfPossible",
        "hostname": "vm1",
        "networks": [{"name": "nic-0", "multus": {"networkName": "default/vlan100"}}],
        "volumes": [
            {"name": "disk-0", "persistentVolumeClaim": {"claimName": "vm1-disk-0-zzzzz"}},
            {
                "name": "cloudinitdisk",
                "cloudInitNoCloud": {"secretRef": {"name": "vm1-cloudinit"}, "networkDataSecretRef": {"name": "vm1-cloudinit"}},
            },
        ],
    }
    labels = {
        "harvesterhci.io/creator": "docker-machine-driver-harvester",
        "harvesterhci.io/machineSetName": "default-edge-pool1",
        "guestcluster.harvesterhci.io/name": "edge",
        "nodepool.harvesterhci.io/name": "pool1",
    }
    template_meta = {"labels": {**labels, "harvesterhci.io/vmName": "vm1"}, "annotations": {SSH: '["default/ada"]'}}
    claims = [_claim("vm1-disk-0-zzzzz", "40Gi", "default/leap")]
    return _machine({"labels": labels, "annotations": {TEMPLATES: json.dumps(claims)}}, template_meta, spec)


def with_windows() -> dict[str, Any]:
    """A Windows machine: sysprep, Hyper-V features, clocks, a CD-ROM of drivers, a data volume that CDI makes, no networks of ours."""
    devices = {
        "autoattachMemBalloon": False,
        "disks": [
            {
                "name": "c",
                "bootOrder": 1,
                "disk": {"bus": "sata"},
                "io": "native",
                "blockSize": {"custom": {"logical": 512, "physical": 4096}},
            },
            {"name": "drivers", "cdrom": {"bus": "sata"}},
            {"name": "answers", "cdrom": {"bus": "sata"}},
            {"name": "lun", "lun": {"bus": "scsi", "reservation": True}},
        ],
        "interfaces": [{"name": "lan", "model": "e1000e", "sriov": {}, "pciAddress": "0000:02:01.0"}],
        "sound": {"name": "audio", "model": "ich9"},
        "tpm": {},
        "watchdog": {"name": "dog", "i6300esb": {"action": "reset"}},
    }
    domain = _domain(8, "16Gi", devices, clock={"timezone": "Europe/Berlin", "timer": {"hyperv": {}, "pit": {"tickPolicy": "delay"}}})
    domain["features"] |= {"hyperv": {"relaxed": {}, "vapic": {}, "spinlocks": {"spinlocks": 8191}}, "smm": {"enabled": True}}
    domain["firmware"]["bootloader"] = {"efi": {"secureBoot": True, "persistent": True}}
    spec = {
        "domain": domain,
        "evictionStrategy": "None",
        "networks": [{"name": "lan", "multus": {"networkName": "default/sriov"}}],
        "readinessProbe": {"tcpSocket": {"port": 3389}},
        "volumes": [
            {"name": "c", "dataVolume": {"name": "vm1-c"}},
            {"name": "drivers", "containerDisk": {"image": "registry.suse.com/suse/vmdp/vmdp:2.5.4.3"}},
            {"name": "answers", "sysprep": {"secret": {"name": "unattend"}}},
            {"name": "lun", "persistentVolumeClaim": {"claimName": "san-7"}},
            {"name": "settings", "configMap": {"name": "settings"}},
        ],
    }
    found = _machine({"labels": {"harvesterhci.io/os": "windows"}, "annotations": {}}, {}, spec)
    found["spec"]["dataVolumeTemplates"] = [{"metadata": {"name": "vm1-c"}, "spec": {"source": {"blank": {}}, "storage": {}}}]
    return found
