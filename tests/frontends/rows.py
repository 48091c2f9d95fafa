"""A life of each kind: inputs, a change, and a cluster in memory whose controllers answer. Data for tests that run both front ends."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fake_cluster import FakeCluster
from machine_room import SAMPLE, MachineRoom
from rancher_room import CREDENTIAL, VERSIONS, RancherRoom
from test_saving_and_restoring import GUEST, NIGHTLY, VM, finished, powers, restores, saves
from test_small_kinds_lifecycle import CASES, reacts

from harvester_provider.core.json import Object
from harvester_provider.core.ref import Ref
from harvester_provider.resources import apis
from harvester_provider.resources.kubeconfig import with_token

Reaction = Callable[[FakeCluster, Ref, dict[str, Any]], None]


@dataclass(frozen=True)
class Row:
    kind: str
    inputs: dict[str, Any]
    change: dict[str, Any]
    cluster: Callable[[], FakeCluster]
    name: str = "thing"


def room(*reactions: Reaction, cluster: type[FakeCluster] = FakeCluster, **places: Object) -> Callable[[], FakeCluster]:
    """A cluster with Harvester's own objects and some more, by what they are called in THINGS."""

    def make() -> FakeCluster:
        found = cluster()
        for ref, body in {THINGS[name]: body for name, body in {**COMMON, **places}.items()}.items():
            found.place(ref, body)
        for react in (*reactions, answers):
            found.on_write.append(lambda ref, body, react=react: react(found, ref, body))
        return found

    return make


READY = {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Available", "status": "True"}]}
THINGS: Mapping[str, Ref] = {
    "node": Ref(apis.NODE, "node-1"),
    "system": Ref(apis.NAMESPACE, "kube-system"),
    "version": apis.SERVER_VERSION,
    "vip": apis.VIP,
    "log_level": Ref(apis.SETTING, "log-level"),
    "target": apis.BACKUP_TARGET,
    "addon": Ref(apis.ADDON, "rancher-logging", "cattle-logging-system"),
    "device": Ref(apis.PCI_DEVICE, "thing"),
    "nic": Ref(apis.SRIOV_NETWORK_DEVICE, "thing"),
    "stick": Ref(apis.USB_DEVICE, "thing"),
    "gpu": Ref(apis.SRIOV_GPU_DEVICE, "thing"),
    "part": Ref(apis.VGPU_DEVICE, "thing"),
    "machine": VM,
    "guest": GUEST,
    "backup": NIGHTLY,
    "published": Ref(apis.SECRET, "thing", "default"),
    "template": Ref(apis.TEMPLATE, "base", "default"),
}
COMMON: Mapping[str, Object] = {
    "node": {"metadata": {"labels": {}}, "spec": {}, "status": READY},
    "system": {},
    "version": {"value": "v1.8.0"},
    "vip": {"data": {"ip": "10.0.0.9"}},
    "log_level": {"value": "info"},
}
PART: Object = {"spec": {"enabled": False, "vGPUTypeName": ""}, "status": {"availableTypes": {"A2-4Q": "1", "A2-8Q": "2"}}}
MACHINES: Mapping[str, Object] = {
    "machine": {"metadata": {"annotations": {}}, "spec": {"runStrategy": "Always"}, "status": {"ready": True}},
    "guest": {"status": {"phase": "Running"}},
    "target": {"value": json.dumps({"type": "nfs", "endpoint": "nfs://store:/b"})},
}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def answers(cluster: FakeCluster, ref: Ref, body: dict[str, Any]) -> None:
    """The controllers of the kinds that have no tests of their own on such a cluster."""
    spec = body.get("spec", {})
    status: dict[str, Any] = {}
    if ref.api == apis.ADDON:
        done = {"type": "Completed", "status": "True", "lastUpdateTime": body["metadata"]["resourceVersion"]}
        status = {"status": "AddonDeploySuccessful" if spec["enabled"] else "AddonDisabled", "conditions": [done]}
    elif ref.api == apis.PCI_DEVICE_CLAIM:
        status = {"passthroughEnabled": True}
    elif ref.api == apis.USB_DEVICE_CLAIM:
        status = {"nodeName": "node-1"}
    elif ref.api == apis.VGPU_DEVICE:
        status = {**body["status"], "configureVGPUTypeName": spec["vGPUTypeName"] if spec["enabled"] else ""}
    elif ref.api == apis.LINK_MONITOR:
        status = {"linkStatus": {"node-1": [{"name": "ens7", "state": "up"}]}}
    elif ref.api == apis.RESOURCE_QUOTA:
        status = {"hard": spec["hard"]}
    elif ref.api == apis.TEMPLATE_VERSION:
        status = {"version": 1, "conditions": [{"type": "assigned", "status": "True"}]}
    elif ref == apis.BACKUP_TARGET:
        status = {"conditions": [{"type": "configured", "status": "True"}]}
        cluster.place(Ref(apis.LONGHORN_BACKUP_TARGET, "default", "longhorn-system"), longhorn(json.loads(body["value"] or "{}")))
    if status:
        cluster.place(ref, {**body, "status": status})
    if ref.api == apis.SECRET and body.get("type") == "kubernetes.io/service-account-token":
        cluster.place(ref, {**body, "data": {"token": encoded("bearer"), "ca.crt": encoded("CA")}})


def longhorn(value: Mapping[str, str]) -> Object:
    return {"spec": {"backupTargetURL": value.get("endpoint", "")}, "status": {"available": bool(value)}}


PARTS = (
    Ref(apis.KUBEVIRT, "kubevirt", "kubevirt"),
    Ref(apis.CDI, "cdi"),
    Ref(apis.DEPLOYMENT, "local-path-provisioner", "local-path-storage"),
    Ref(apis.DAEMON_SET, "kube-multus-ds", "kube-system"),
)


def installing() -> FakeCluster:
    """A plain Kubernetes, where what is applied runs at once."""
    found = FakeCluster()
    found.place(THINGS["system"], {})

    def applied(_source: str) -> None:
        for name in ("kubevirts.kubevirt.io", "cdis.cdi.kubevirt.io"):
            found.place(Ref(apis.CUSTOM_RESOURCE, name), {})
        for ref in PARTS:
            found.place(ref, {"spec": {}, "status": {**READY, "numberReady": 1, "desiredNumberScheduled": 1}})

    found.on_apply = applied
    return found


KUBECONFIG = with_token("https://10.0.0.9:6443", "kubeconfig-user-a:1")
MACHINE = {key: value for key, value in SAMPLE.items() if key not in {"name", "owner"}}
POOL = {"name": "all", "disks": [{"image": "default/leap"}], "networks": ["default/red"], "sshUser": "opensuse"}
GUESTS = {"kubernetesVersion": VERSIONS[0], "cloudCredential": CREDENTIAL, "pools": [POOL]}
SMALL = {"memory": "1Gi", "disks": [{"name": "root", "size": "1Gi"}]}
NFS = {"type": "nfs", "endpoint": "nfs://store:/a"}


def small(before: list[Ref]) -> Callable[[], FakeCluster]:
    """A cluster for the small kinds, with what must be there before."""

    def make() -> FakeCluster:
        found = room(reacts)()
        for ref in before:
            found.place(ref, {})
        return found

    return make


ROWS: Mapping[str, Row] = {case.kind: Row(case.kind, case.inputs, case.change, small(case.before)) for case in CASES} | {
    row.kind: row
    for row in (
        Row("Addon", {"name": "rancher-logging", "namespace": "cattle-logging-system", "valuesContent": "a: 1\n"}, {"valuesContent": "a: 2\n"},
            room(addon={"spec": {"enabled": False, "valuesContent": ""}, "status": {"status": "AddonDisabled"}}), "rancher-logging"),
        Row("BackupSchedule", {"virtualMachine": "vm", "cron": "0 2 * * *"}, {"retain": 5}, room(**MACHINES)),
        Row("BackupTarget", NFS, {"endpoint": "nfs://store:/c"}, room(target={"value": ""})),
        Row("Cluster", {"settings": {"logLevel": "debug"}}, {"settings": {"logLevel": "trace"}}, room()),
        Row("GuestAccess", {"joinToken": "x" * 20}, {"description": "the lab"}, room()),
        Row("GuestKubeconfig", {"machine": "vm"}, {"machine": "other"},
            room(published={"data": {"kubeconfig": encoded(KUBECONFIG)}}, **MACHINES)),
        Row("GuestNode", {"cluster": KUBECONFIG, "machineUid": "u", "name": "node-1"}, {"labels": {"tier": "web"}}, room(), "node-1"),
        Row("LinkMonitor", {"nameRule": "^e"}, {"nameRule": "^en"}, room()),
        Row("Namespace", {"quota": {"limitsCpu": "8"}}, {"quota": {"limitsCpu": "16"}}, room()),
        Row("Node", {"name": "node-1", "labels": {"rack": "r1"}}, {"labels": {"rack": "r2"}, "cordoned": True}, room(), "node-1"),
        Row("PciDeviceClaim", {}, {"labels": {"for": "web"}}, room(device={"status": {"address": "0000:04:00.0", "nodeName": "node-1"}})),
        Row("PoorMansCluster", {"kubevirt": "1.1.1"}, {"kubevirt": "1.2.0"}, installing),
        Row("RancherCluster", GUESTS, {"kubernetesVersion": VERSIONS[1], "pools": [{**POOL, "memory": "8Gi"}]}, RancherRoom),
        Row("RancherCloudCredential", {"kubeconfig": KUBECONFIG}, {"kubeconfig": with_token("https://10.0.0.9:6443", "kubeconfig-user-b:1")}, room()),
        Row("Setting", {"name": "log-level", "value": "debug"}, {"value": "trace"}, room(), "log-level"),
        Row("SriovNetworkDevice", {"virtualFunctions": 4}, {"virtualFunctions": 2}, room(nic={"spec": {"nodeName": "node-1", "numVFs": 0}})),
        Row("SriovGpuDevice", {}, {"enabled": False}, room(gpu={"spec": {"enabled": False}, "status": {"vGPUDevices": ["thing"]}}, part=PART)),
        Row("UsbDeviceClaim", {}, {"labels": {"for": "web"}}, room(stick={"status": {"nodeName": "node-1"}})),
        Row("VGpuDevice", {"profile": "A2-4Q"}, {"profile": "A2-8Q"}, room(part=PART)),
        Row("StorageClass", {"numberOfReplicas": 1}, {"description": "fast"}, room()),
        Row("VirtualMachineBackup", {"virtualMachine": "vm"}, {"labels": {"keep": "long"}}, room(saves, **MACHINES)),
        Row("VirtualMachineRestore", {"backup": "nightly", "virtualMachine": "vm", "mode": "replace"}, {"labels": {"why": "test"}},
            room(powers, restores, backup={"spec": {"type": "backup", "source": {"name": "vm"}}, "status": finished()}, **MACHINES)),
        Row("VirtualMachineSnapshot", {"virtualMachine": "vm"}, {"labels": {"keep": "long"}}, room(saves, **MACHINES)),
        Row("VirtualMachineTemplate", {"description": "small"}, {"description": "large"}, room()),
        Row("VirtualMachineTemplateVersion", {"template": "default/base", "machine": SMALL}, {"default": True},
            room(template={"spec": {"description": "small"}})),
    )
} | {
    "Setting at its default": Row("Setting", {"name": "log-level", "value": "debug"}, {"value": ""}, room(), "log-level"),
    "VirtualMachine": Row("VirtualMachine", MACHINE, {"description": "the shop"}, MachineRoom, "vm1"),
    "VirtualMachine restart": Row("VirtualMachine", MACHINE, {"cpu": 4}, MachineRoom, "vm1"),
    "VirtualMachine replaced": Row("VirtualMachine", MACHINE, {"namespace": "other"}, MachineRoom, "vm1"),
}  # fmt: skip
