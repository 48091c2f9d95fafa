"""What a fresh Harvester installation holds before anybody uses it: namespaces, nodes, storage classes, settings.

Plain objects, created where they are missing and left alone where they exist, so that a restart keeps what users did.
"""

import asyncio

from harvester_local.api import kinds
from harvester_local.api.client import Api
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Key, Obj, now
from harvester_local.api.versions import Rules
from harvester_local.controllers.devices import links
from harvester_local.settings import Settings

SYSTEM = "harvester-system"
NAMESPACES = (
    SYSTEM,
    "harvester-public",
    "longhorn-system",
    "cattle-system",
    "cattle-monitoring-system",
    "cattle-logging-system",
    "cattle-global-data",
    "fleet-local",
    "fleet-default",
)
LONGHORN_SYSTEM = "longhorn-system"
OWNER = "harvester"
"""Field manager of all that is furnished."""
VIP = "192.168.100.10"
LONGHORN = {"numberOfReplicas": "3", "staleReplicaTimeout": "30", "migratable": "true"}
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def storage_classes() -> list[Obj]:
    """Harvester's own classes, the first being the default."""

    def longhorn(name: str, parameters: dict[str, str], annotations: dict[str, str], *, binding: str = "Immediate") -> Obj:
        return {
            "metadata": {"name": name, "annotations": annotations},
            "provisioner": "driver.longhorn.io",
            "parameters": parameters,
            "reclaimPolicy": "Delete",
            "allowVolumeExpansion": True,
            "volumeBindingMode": binding,
        }

    reserved = {"harvesterhci.io/is-reserved-storageclass": "true"}
    return [
        longhorn("harvester-longhorn", LONGHORN, {_DEFAULT_CLASS: "true", **reserved}),
        longhorn("longhorn", {**LONGHORN, "migratable": "false"}, reserved),
        longhorn("longhorn-static", {}, reserved),
        longhorn("vmstate-persistence", {**LONGHORN, "migratable": "false"}, reserved),
    ]


def snapshot_classes() -> list[Obj]:
    """Longhorn's: snapshots that stay in the cluster, and those that go to the backup target."""
    return [
        {"metadata": {"name": name}, "driver": "driver.longhorn.io", "deletionPolicy": "Delete", "parameters": {"type": kind}}
        for name, kind in (("longhorn-snapshot", "snap"), ("longhorn", "bak"))
    ]


def longhorn_node(number: int) -> tuple[Obj, Obj]:
    """Longhorn's view of a node, with one disk, and its status."""
    name = f"node{number}"
    status = {"diskStatus": {"default-disk": {"diskUUID": f"disk-{name}", "storageMaximum": 500 << 30, "storageAvailable": 400 << 30}}}
    disks = {"default-disk": {"path": "/var/lib/harvester/defaultdisk", "allowScheduling": True, "diskType": "filesystem"}}
    spec = {"name": name, "allowScheduling": True, "disks": disks}
    return {"metadata": {"name": name, "namespace": LONGHORN_SYSTEM}, "spec": spec}, status


def settings_of(rules: Rules, settings: Settings) -> list[Obj]:
    """Harvester's settings, each with its default; only server-version has a value."""
    values = {"server-version": f"v{settings.version}"}
    return [{"metadata": {"name": name}, "default": default, "value": values.get(name, "")} for name, default in rules.settings]


def node(number: int) -> Obj:
    """Node `number`, from 1; the first three form the control plane."""
    name = f"node{number}"
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "harvesterhci.io/managed": "true",
        "kubevirt.io/schedulable": "true",
        "cpumanager": "true",
        "network.harvesterhci.io/mgmt": "true",
        "cpu-vendor.node.kubevirt.io/Intel": "true",
        "machine-type.node.kubevirt.io/q35": "true",
        "topology.kubernetes.io/region": "local",
        "topology.kubernetes.io/zone": f"zone{(number - 1) % 3 + 1}",
    }
    if number <= 3:
        roles = {"node-role.kubernetes.io/control-plane": "true", "node-role.kubernetes.io/etcd": "true"}
        labels |= roles
    return {"metadata": {"name": name, "labels": labels}}


def node_status(number: int, rules: Rules, settings: Settings) -> Obj:
    """Status of a healthy node of 32 CPUs and 128 GiB."""
    name, moment = f"node{number}", now()
    devices = {f"devices.kubevirt.io/{device}": "1k" for device in ("kvm", "tun", "vhost-net")}
    capacity = {"cpu": "32", "memory": "128Gi", "pods": "200", "ephemeral-storage": "500Gi", **devices}
    pressures = [
        {"type": f"{what}Pressure", "status": "False", "reason": f"KubeletHasSufficient{what}", "message": ""}
        for what in ("Memory", "Disk", "PID")
    ]
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
    return {
        "capacity": capacity,
        "allocatable": capacity,
        "addresses": [
            {"type": "InternalIP", "address": f"192.168.{100 + number // 240}.{10 + number % 240}"},
            {"type": "Hostname", "address": name},
        ],
        "conditions": [{**c, "lastHeartbeatTime": moment, "lastTransitionTime": moment} for c in (*pressures, ready)],
        "nodeInfo": {
            "kubeletVersion": rules.kubernetes,
            "osImage": f"Harvester v{settings.version}",
            "architecture": "amd64",
            "operatingSystem": "linux",
            "bootID": name,
            "containerRuntimeVersion": "containerd://2.1.5-k3s1",
            "kernelVersion": "6.4.0-150700.53.22-default",
            "kubeProxyVersion": "",
            "machineID": name,
            "systemUUID": name,
        },
    }


def addons() -> list[Obj]:
    """The addons of a fresh installation, all of them off."""

    def addon(namespace: str, name: str, *, experimental: bool = False) -> Obj:
        marks = {"addon.harvesterhci.io/experimental": "true"} if experimental else {}
        repo = "http://harvester-cluster-repo.cattle-system.svc/charts"
        spec = {"repo": repo, "chart": name, "version": "1.0.0", "enabled": False, "valuesContent": ""}
        return {"metadata": {"name": name, "namespace": namespace, "labels": marks}, "spec": spec}

    return [
        addon("cattle-monitoring-system", "rancher-monitoring"),
        addon("cattle-logging-system", "rancher-logging"),
        addon(SYSTEM, "vm-import-controller"),
        addon(SYSTEM, "pcidevices-controller"),
        addon(SYSTEM, "harvester-seeder"),
        addon(SYSTEM, "harvester-csi-driver-lvm", experimental=True),
    ]


def hardware(count: int) -> list[tuple[Kind, Obj, Obj]]:
    """What the nodes have besides CPUs: a disk, a GPU with its sound device in one IOMMU group, a GPU and a NIC that can be divided, and a
    USB stick; with status."""
    out: list[tuple[Kind, Obj, Obj]] = []
    for name in (f"node{number}" for number in range(1, count + 1)):
        disk = {"metadata": {"name": f"{name}-sdb", "namespace": "longhorn-system"}}
        out.append((kinds.BLOCK_DEVICE, {**disk, "spec": {"nodeName": name, "devPath": "/dev/sdb", "fileSystem": {"mountPoint": ""}}}, {}))
        gpu = {"address": "0000:04:00.0", "nodeName": name, "resourceName": "nvidia.com/GA102GL_A10", "iommuGroup": "12"}
        gpu |= {"vendorId": "10de", "deviceId": "2236", "description": "NVIDIA A10", "kernelDriverInUse": "nvidia"}
        sound = {**gpu, "address": "0000:04:00.1", "resourceName": "nvidia.com/GA102_AUDIO", "description": "NVIDIA audio of the A10"}
        out.append((kinds.PCI_DEVICE, {"metadata": {"name": f"{name}-000004000"}}, gpu))
        out.append((kinds.PCI_DEVICE, {"metadata": {"name": f"{name}-000004001"}}, sound))
        nic = {"metadata": {"name": f"{name}-eth2"}, "spec": {"address": "0000:05:00.0", "nodeName": name, "numVFs": 0}}
        out.append((kinds.SRIOV_NETWORK_DEVICE, nic, {"vfPCIDevices": []}))
        card = {"metadata": {"name": f"{name}-000008000"}, "spec": {"address": "0000:08:00.0", "nodeName": name, "enabled": False}}
        out.append((kinds.SRIOV_GPU_DEVICE, card, {}))
        stick: Obj = {"vendorID": "0951", "productID": "1666", "nodeName": name, "resourceName": f"kubevirt.io/{name}-0951-1666-001002"}
        stick |= {"devicePath": "/dev/bus/usb/001/002", "description": "DataTraveler", "pciAddress": "0000:00:14.0", "enabled": False}
        out.append((kinds.USB_DEVICE, {"metadata": {"name": f"{name}-0951-1666-001002"}}, stick))
    return out


def link_monitor(count: int) -> Obj:
    """The monitor from which the UI takes NIC names: three on each node, the first of them the management network's."""
    return {
        "metadata": {"name": "nic"},
        "spec": {"targetLinkRule": {"typeRule": "device"}},
        "status": {"linkStatus": {f"node{n}": links() for n in range(1, count + 1)}},
    }


def kubevirt(rules: Rules) -> tuple[Obj, Obj]:
    """The KubeVirt object and its status."""
    configuration = {"vmRolloutStrategy": "LiveUpdate", "developerConfiguration": {"featureGates": list(rules.feature_gates)}}
    versions = {f"{who}KubeVirtVersion": rules.kubevirt for who in ("observed", "target", "operator")}
    conditions = [{"type": "Available", "status": "True", "reason": "AllComponentsReady", "message": "All components are ready."}]
    status = {"phase": "Deployed", "defaultArchitecture": "amd64", "conditions": conditions, **versions}
    return {"metadata": {"name": "kubevirt", "namespace": SYSTEM}, "spec": {"configuration": configuration}}, status


def cluster_roles() -> list[Obj]:
    """Roles of the programs in guest clusters: cloud provider and CSI driver."""

    def rule(groups: list[str], resources: list[str], verbs: list[str]) -> Obj:
        return {"apiGroups": groups, "resources": resources, "verbs": verbs}

    cloud = [
        rule(["loadbalancer.harvesterhci.io"], ["loadbalancers"], ["get", "list", "watch", "create", "update", "patch", "delete"]),
        rule(["kubevirt.io"], ["virtualmachines", "virtualmachineinstances"], ["get", "list", "watch", "update", "patch"]),
        rule(["k8s.cni.cncf.io"], ["network-attachment-definitions"], ["get", "list", "watch"]),
    ]
    csi = [
        rule(["storage.k8s.io"], ["storageclasses"], ["get", "list", "watch"]),
        rule(["harvesterhci.io"], ["settings"], ["get", "list", "watch"]),
    ]
    return [
        {"metadata": {"name": "harvesterhci.io:cloudprovider"}, "rules": cloud},
        {"metadata": {"name": "harvesterhci.io:csi-driver"}, "rules": csi},
    ]


async def furnish(api: Api, rules: Rules, settings: Settings) -> None:
    """Create all of it. Nodes get a fresh status, since it is the plane that keeps them alive. A plain Kubernetes has nodes alone."""
    if settings.flavor == "harvester":
        await _namespaces(api)  # before the nodes, whose views of Longhorn's are in one of them
    async with asyncio.TaskGroup() as group:
        for number in range(1, settings.nodes + 1):
            group.create_task(_node(api, number, rules, settings))
    if settings.flavor == "harvester":
        await _furnish_harvester(api, rules, settings)


async def _namespaces(api: Api) -> None:
    async with asyncio.TaskGroup() as group:
        for name in NAMESPACES:
            group.create_task(api.ensure(kinds.NAMESPACE, {"metadata": {"name": name}}))


async def _furnish_harvester(api: Api, rules: Rules, settings: Settings) -> None:
    virt, virt_status = kubevirt(rules)
    management = {"metadata": {"name": "mgmt"}, "status": {"conditions": [{"type": "ready", "status": "True", "lastUpdateTime": now()}]}}
    vip = {"metadata": {"name": "vip", "namespace": SYSTEM}, "data": {"enabled": "true", "ip": VIP, "mode": "static"}}
    objects: list[tuple[Kind, Obj]] = [
        *((kinds.STORAGE_CLASS, obj) for obj in storage_classes()),
        *((kinds.SNAPSHOT_CLASS, obj) for obj in snapshot_classes()),
        *((kinds.SETTING, obj) for obj in settings_of(rules, settings)),
        *((kinds.CLUSTER_ROLE, obj) for obj in cluster_roles()),
        (kinds.CLUSTER_NETWORK, management),
        (kinds.CONFIG_MAP, vip),
        (kinds.LINK_MONITOR, link_monitor(settings.nodes)),
        *((kinds.ADDON, obj) for obj in addons()),
        (kinds.LONGHORN_TARGET, {"metadata": {"name": "default", "namespace": "longhorn-system"}, "spec": {"backupTargetURL": ""}}),
    ]
    async with asyncio.TaskGroup() as group:
        for kind, obj in objects:
            group.create_task(api.plant(kind, obj, OWNER))
        for kind, obj, status in hardware(settings.nodes):
            group.create_task(_with_status(api, kind, obj, status))
        group.create_task(_virt(api, virt, virt_status))
        for number in range(1, settings.nodes + 1):
            group.create_task(_storage(api, number))
    await api.patch(kinds.SETTING, Key("", "server-version"), {"value": f"v{settings.version}"})


async def _with_status(api: Api, kind: Kind, obj: Obj, status: Obj) -> None:
    await api.plant(kind, obj, OWNER)
    if status:
        await api.patch_status(kind, Key(obj["metadata"].get("namespace", ""), obj["metadata"]["name"]), status)


async def _virt(api: Api, virt: Obj, status: Obj) -> None:
    await api.plant(kinds.KUBEVIRT, virt, OWNER)
    await api.patch(kinds.KUBEVIRT, Key(SYSTEM, "kubevirt"), {"spec": virt["spec"]})
    await api.patch_status(kinds.KUBEVIRT, Key(SYSTEM, "kubevirt"), status)


async def _node(api: Api, number: int, rules: Rules, settings: Settings) -> None:
    await api.ensure(kinds.NODE, node(number))
    await api.patch_status(kinds.NODE, Key("", f"node{number}"), node_status(number, rules, settings))


async def _storage(api: Api, number: int) -> None:
    """The node as Longhorn sees it."""
    view, status = longhorn_node(number)
    await api.plant(kinds.LONGHORN_NODE, view, OWNER)
    await api.patch_status(kinds.LONGHORN_NODE, Key(LONGHORN_SYSTEM, f"node{number}"), status)
