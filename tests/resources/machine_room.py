"""A cluster in memory for the tests of machines: with Harvester's webhook and KubeVirt's controllers, as far as machines notice them.

Nothing takes time here. What the real programs write back is written back, what they refuse is refused, and the
starts of each guest are counted. Rules: upstream virtualmachine/mutator.go, vm_controller.go, KubeVirt vm.go.
"""

import asyncio
import base64
import copy
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from fake_cluster import FakeCluster, Heard, merged

from harvester_provider.core.errors import HarvesterError, Refused, Unreachable
from harvester_provider.core.json import Json, Object
from harvester_provider.core.plan import Call
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources import growth
from harvester_provider.resources.apis import (
    IMAGE,
    KEY_PAIR,
    KUBEVIRT,
    NETWORK,
    PERSISTENT_VOLUME_CLAIM,
    PRIORITY_CLASS,
    SECRET,
    SERVER_VERSION,
    STORAGE_CLASS,
    VIRTUAL_MACHINE,
    VIRTUAL_MACHINE_INSTANCE,
)
from harvester_provider.resources.virtual_machine import KIND
from harvester_provider.resources.virtual_machine.effects import release

REF = Ref(VIRTUAL_MACHINE, "vm1", "default")
GUEST = Ref(VIRTUAL_MACHINE_INSTANCE, "vm1", "default")
OWN_SECRET = Ref(SECRET, "vm1-cloudinit", "default")
LONGHORN = "driver.longhorn.io"
TEMPLATES = "harvesterhci.io/volumeClaimTemplates"
LAST = "harvesterhci.io/vmRunStrategy"
SAMPLE: dict[str, Any] = {
    "name": "vm1",
    "owner": "shop/dev/vm1",
    "cpu": 2,
    "memory": "4Gi",
    "disks": [{"name": "root", "image": "default/leap", "size": "20Gi", "bootOrder": 1}],
    "networkInterfaces": [{"name": "eth0"}, {"name": "eth1", "network": "default/vlan100"}],
    "cloudInit": {"userData": "#cloud-config\npackages: [nginx]\n"},
}


class MachineRoom(FakeCluster):
    """The cluster. `starts` counts how often the guest of each machine was started."""

    def __init__(self, version: str = "v1.8.0") -> None:
        super().__init__()
        self.starts: Counter[str] = Counter()
        self.stubborn = False
        """Guests do not shut down by themselves: KubeVirt switches them off after two minutes."""
        self.unschedulable = False
        """Guests that are started find no node."""
        self.migratable = False
        """Guests can be migrated: bridge NICs and hot-plug volumes follow the machine while it runs."""
        self._patches_left: int | None = None
        self.refused_change: HarvesterError | None = None
        """The next change of a machine's spec is refused with this."""
        self.calls: list[Call] = []
        self.place(SERVER_VERSION, {"value": version})
        self.kubevirt("ExpandDisks", *(["DeclarativeHotplugVolumes"] if release(version) >= (1, 8) else []))
        imported = {"conditions": [{"type": "Imported", "status": "True"}], "progress": 100, "virtualSize": 2 * 2**30}
        for image in ("leap", "tools"):
            self.place(Ref(IMAGE, image, "default"), {"status": {**imported, "storageClassName": f"lh-{image}"}})
        for vlan in ("vlan100", "vlan200"):
            self.place(Ref(NETWORK, vlan, "default"), {})
        self.place(Ref(PRIORITY_CLASS, "gold"), {})
        for name, driver in (("slow", LONGHORN), ("fast", LONGHORN), ("other", "rook-ceph.rbd.csi.ceph.com")):
            self.place(Ref(STORAGE_CLASS, name), {"allowVolumeExpansion": True, "provisioner": driver})
        self.place(growth.IN_USE, {"default": '{"driver.longhorn.io": true}', "value": ""})
        for answers in ("answers", "others"):
            self.place(Ref(SECRET, answers, "default"), {"data": {}})
        self.place(Ref(KEY_PAIR, "ada", "default"), {"spec": {"publicKey": "ssh-ed25519 AAAA ada"}})

    def kubevirt(self, *gates: str, rollout: str = "LiveUpdate") -> None:
        """How the cluster's KubeVirt is set up."""
        settings = {"developerConfiguration": {"featureGates": list(gates)}, "vmRolloutStrategy": rollout}
        self.place(Ref(KUBEVIRT, "kubevirt", "harvester-system"), {"spec": {"configuration": settings}})

    # -- what a user does ------------------------------------------------------------------------------------------
    async def up(self, state: Any = None, **inputs: Any) -> verbs.Found:
        """`pulumi up` of the sample machine with other inputs; with `state`, an update."""
        news = {**SAMPLE, **inputs}
        if state is None:
            return await verbs.create(KIND, self, news, Heard())
        return await verbs.update(KIND, self, REF.id, state.state, news, Heard())

    async def preview(self, state: verbs.Found, **inputs: Any) -> verbs.Difference:
        """`pulumi preview` of an update."""
        return await verbs.diff(KIND, self, REF.id, state.state, {**SAMPLE, **inputs})

    async def refresh(self, state: verbs.Found) -> verbs.Found:
        """`pulumi refresh`."""
        found = await verbs.read(KIND, self, REF.id, state.state)
        assert found is not None
        return found

    @property
    def machine(self) -> Any:
        return self.objects[REF]

    @property
    def spec(self) -> Any:
        return self.machine["spec"]["template"]["spec"]

    @property
    def devices(self) -> Any:
        return self.spec["domain"]["devices"]

    def claims(self) -> set[str]:
        return {ref.name for ref in self.objects if ref.api == PERSISTENT_VOLUME_CLAIM}

    def macs(self) -> dict[str, str]:
        return {nic["name"]: nic["macAddress"] for nic in self.devices["interfaces"]}

    def edit(self, change: Any) -> None:
        """Somebody changes the machine in the UI."""
        body = copy.deepcopy(self.machine)
        change(body)
        self._write(REF, body)

    def kill_after(self, patches: int | None) -> None:
        """The provider's process dies when it wants to change the machine for the next time after so many times."""
        self._patches_left = patches

    def secret_texts(self) -> dict[str, str]:
        return {key: base64.b64decode(value).decode() for key, value in self.objects[OWN_SECRET]["data"].items()}

    # -- requests --------------------------------------------------------------------------------------------------
    async def patch(self, ref: Ref, body: Object | Sequence[Object]) -> Object:
        if ref == REF and self._patches_left is not None:
            if not self._patches_left:
                raise Unreachable("the process was killed")
            self._patches_left -= 1
        if not isinstance(body, dict) and self.refused_change is not None:
            error, self.refused_change = self.refused_change, None
            raise error
        return await super().patch(ref, body)

    async def call(self, call: Call) -> Json:
        self.calls.append(call)
        await super().call(call)
        if call.path.endswith("/stop"):
            self._shut_down()
        elif call.path.endswith("/start"):
            self._boot()
        elif call.path.endswith(("/pause", "/unpause")):
            self._freeze(frozen=call.path.endswith("/pause"))
        elif call.path.endswith("action=storageMigration"):
            self._move_volume(call.body)
        return None

    async def delete(self, ref: Ref, propagation: Literal["Foreground", "Background"], uid: str = "") -> None:
        machine = self.objects.get(ref)
        used = [json.dumps(vm["spec"]["template"]["spec"]["volumes"]) for at, vm in self.objects.items() if at.api == VIRTUAL_MACHINE]
        if ref.api == PERSISTENT_VOLUME_CLAIM and any(ref.name in volumes for volumes in used):
            raise Refused(f"can not delete the volume {ref.name} which is currently attached to VM", status=409)
        await super().delete(ref, propagation, uid)
        if ref.api == VIRTUAL_MACHINE and machine:
            self.vanish(GUEST)
            for claim in machine["metadata"]["annotations"].get("harvesterhci.io/removedPersistentVolumeClaims", "").split(","):
                self.vanish(Ref(PERSISTENT_VOLUME_CLAIM, claim, ref.namespace))
            for owned in [at for at, found in self.objects.items() if _owned_by(found, machine)]:
                self.vanish(owned)

    def _write(self, ref: Ref, body: dict[str, Any]) -> Object:
        if ref.api == VIRTUAL_MACHINE:
            body = _admitted(self.objects.get(ref), body)
        super()._write(ref, body)
        if ref == REF:
            self._control()
        return copy.deepcopy(self.objects[ref])

    # -- controllers -----------------------------------------------------------------------------------------------
    def _control(self) -> None:
        """Claims from the annotation, then power."""
        for entry in json.loads(self.machine["metadata"]["annotations"].get(TEMPLATES) or "[]"):
            ref, size = (
                Ref(PERSISTENT_VOLUME_CLAIM, entry["metadata"]["name"], "default"),
                entry["spec"]["resources"]["requests"]["storage"],
            )
            storage_class: Any = self.objects.get(Ref(STORAGE_CLASS, entry["spec"].get("storageClassName", "")), {})
            made = {"annotations": {"volume.kubernetes.io/storage-provisioner": storage_class.get("provisioner", LONGHORN)}}
            self.place(ref, {"metadata": made, "spec": entry["spec"], "status": {"phase": "Bound", "capacity": {"storage": size}}})
        strategy = self.machine["spec"]["runStrategy"]
        if strategy == "Halted":
            if self.stubborn and GUEST in self.objects:
                asyncio.get_running_loop().call_later(120, self._shut_down)
            else:
                self._shut_down()
        elif GUEST not in self.objects and strategy != "Manual" and self._status().get("runStrategy") != strategy:
            self._boot()
        self._report(self._status().get("printableStatus", "Stopped"), runStrategy=strategy)
        if self.migratable and GUEST in self.objects:
            self._follow()

    def _follow(self) -> None:
        """A running guest gets and loses bridge NICs and hot-plug volumes; entries that are marked absent go."""
        guest, machine = self.objects[GUEST], copy.deepcopy(self.machine)
        template = machine["spec"]["template"]["spec"]
        kept = [nic for nic in template["domain"]["devices"].get("interfaces", []) if nic.get("state") != "absent"]
        template["domain"]["devices"]["interfaces"] = kept
        template["networks"] = [net for net in template["networks"] if net["name"] in {nic["name"] for nic in kept}]
        self.place(REF, machine)
        inside = {volume["name"]: volume.get("persistentVolumeClaim", {}).get("claimName") for volume in template["volumes"]}
        volumes = [{"name": name, "phase": "Ready", "persistentVolumeClaimInfo": {"claimName": claim}} for name, claim in inside.items()]
        nics = [{"name": nic["name"], "mac": nic["macAddress"], "ipAddresses": []} for nic in kept]
        status = {**guest["status"], "interfaces": nics, "volumeStatus": volumes, **_size(template, guest["status"])}
        self.place(GUEST, {**guest, "spec": copy.deepcopy(template), "status": status})

    def _status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.machine.get("status", {})
        return found

    def _report(self, status: str, **more: Any) -> None:
        self.place(REF, merged(self.machine, {"status": {"printableStatus": status, "ready": status == "Running", **more}}))

    def _freeze(self, *, frozen: bool) -> None:
        guest = self.objects[GUEST]
        if frozen == any(each["type"] == "Paused" for each in guest["status"]["conditions"]):
            raise Refused("VMI is paused already" if frozen else "VMI is not paused", status=409)
        kept = [each for each in guest["status"]["conditions"] if each["type"] != "Paused"]
        paused = [{"type": "Paused", "status": "True", "reason": "PausedByUser", "message": "VMI was paused by user"}] if frozen else []
        self.place(GUEST, {**guest, "status": {**guest["status"], "conditions": [*kept, *paused]}})
        self._report("Paused" if frozen else "Running")

    def _move_volume(self, asked: Any) -> None:
        """Harvester's storage migration, at once: the guest and the claim template have the target."""
        source, target = asked["sourceVolume"], asked["targetVolume"]
        body = copy.deepcopy(self.machine)
        entries = json.loads(body["metadata"]["annotations"][TEMPLATES])
        found: Any = self.objects[Ref(PERSISTENT_VOLUME_CLAIM, target, "default")]
        meta = {"name": target, "annotations": found["metadata"]["annotations"]}
        after = [{"metadata": meta, "spec": found["spec"]} if entry["metadata"]["name"] == source else entry for entry in entries]
        body["metadata"]["annotations"][TEMPLATES] = json.dumps(after)
        for volume in body["spec"]["template"]["spec"]["volumes"]:
            if volume.get("persistentVolumeClaim", {}).get("claimName") == source:
                volume["persistentVolumeClaim"]["claimName"] = target
        body["spec"]["updateVolumesStrategy"] = "Migration"
        self._write(REF, body)

    def _shut_down(self) -> None:
        self.vanish(GUEST)
        self._report("Stopped")

    def _boot(self) -> None:
        if self.unschedulable:
            why = {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/3 nodes are available: 3 Insufficient memory.",
            }
            self.place(GUEST, {"status": {"phase": "Scheduling", "conditions": [why]}})
            self._report("ErrorUnschedulable")
            return
        self.starts["vm1"] += 1
        nics = [
            {"name": nic["name"], "mac": nic.get("macAddress", ""), "ipAddresses": ["fe80::1", f"10.0.0.{number + 9}"]}
            for number, nic in enumerate(self.devices.get("interfaces", []))
        ]
        agent = {"type": "AgentConnected", "status": "True"}
        movable = {"type": "LiveMigratable", "status": str(self.migratable)}
        self.place(
            GUEST,
            {
                "spec": copy.deepcopy(self.spec),
                "status": {"phase": "Running", "nodeName": "node1", "interfaces": nics, "conditions": [agent, movable], **_size(self.spec)},
            },
        )
        self._report("Running")


def _size(template: Any, before: Any = None) -> dict[str, Any]:
    """CPUs and memory as the guest has them."""
    guest, cpu = template["domain"]["memory"]["guest"], template["domain"]["cpu"]
    at_boot = before["memory"]["guestAtBoot"] if before else guest
    return {
        "memory": {"guestAtBoot": at_boot, "guestCurrent": guest, "guestRequested": guest},
        "currentCPUTopology": {k: cpu[k] for k in ("cores", "sockets", "threads")},
    }


def _owned_by(found: Any, owner: Any) -> bool:
    return any(each.get("uid") == owner["metadata"]["uid"] for each in found.get("metadata", {}).get("ownerReferences", []))


def _admitted(old: Any, new: dict[str, Any]) -> dict[str, Any]:
    """The webhook's mutations."""
    body: dict[str, Any] = copy.deepcopy(dict(new))
    annotations, spec = body["metadata"].get("annotations") or {}, body["spec"]
    if old and old["spec"].get("runStrategy") == "Halted" and spec["runStrategy"] != "Halted":
        spec["runStrategy"] = annotations.get(LAST, "RerunOnFailure")
    template = spec["template"]["spec"]
    domain = template["domain"]
    limits = domain["resources"]["limits"]
    domain["resources"]["requests"] = {"cpu": "125m", "memory": "2730Mi"}
    domain["cpu"] = {"cores": 1, "sockets": 1, "threads": 1, **domain["cpu"]}
    if annotations.get("harvesterhci.io/enableCPUAndMemoryHotplug") != "true":
        domain["memory"] = {"guest": limits["memory"]}
        domain["cpu"]["maxSockets"] = 1
    domain["machine"] = {"type": "q35"} if not domain.get("machine", {}).get("type") else domain["machine"]
    domain.setdefault("firmware", {}).setdefault("uuid", "5d307ca9-b3ef-428c-8861-06e72d69f223")
    template["affinity"] = _affinity(template)
    template["architecture"] = "amd64"
    template.setdefault("terminationGracePeriodSeconds", 120)
    for nic in domain["devices"].get("interfaces", []):
        nic.setdefault("macAddress", _mac(nic["name"], body["metadata"]["name"]))
    if TEMPLATES in annotations:  # re-marshalled, as Go does it
        entries = [
            {"metadata": {"creationTimestamp": None, **entry["metadata"]}, "spec": entry["spec"], "status": {}}
            for entry in json.loads(annotations[TEMPLATES])
        ]
        annotations[TEMPLATES] = json.dumps(entries, separators=(",", ":"), sort_keys=True)
    return body


def _affinity(template: Any) -> dict[str, Any]:
    """The webhook adds what the networks and pinned CPUs need to each required term of nodes, and takes such conditions of others out."""
    affinity: dict[str, Any] = copy.deepcopy(template.get("affinity") or {})
    nodes = affinity.pop("nodeAffinity", {})
    required = nodes.pop("requiredDuringSchedulingIgnoredDuringExecution", None) or {}
    own = [{"key": "network.harvesterhci.io/mgmt", "operator": "In", "values": ["true"]}] * any(
        "multus" in net for net in template["networks"]
    )
    if template["domain"]["cpu"].get("dedicatedCpuPlacement"):
        own.append({"key": "cpumanager", "operator": "In", "values": ["true"]})
    managed = {"network.harvesterhci.io/mgmt", "cpumanager"}
    terms = [[each for each in term["matchExpressions"] if each["key"] not in managed] for term in required.get("nodeSelectorTerms", [])]
    whole = [{"matchExpressions": [*term, *own]} for term in filter(None, terms)] or ([{"matchExpressions": own}] if own else [])
    if whole:
        nodes["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": whole}
    return {**({"nodeAffinity": nodes} if nodes else {}), **affinity}


def _mac(nic: str, machine: str) -> str:
    digest = hashlib.sha256(f"{machine}/{nic}".encode()).hexdigest()
    return "52:54:00:" + ":".join(digest[at : at + 2] for at in (0, 2, 4))


def movable(version: str = "v1.8.0") -> MachineRoom:
    """A cluster whose guests can move to another node."""
    room = MachineRoom(version)
    room.migratable = True
    return room


def effects(difference: verbs.Difference) -> dict[str, str]:
    """What a preview says of each changed property."""
    return {change.property: change.effect.label for change in difference.plan.changes}
