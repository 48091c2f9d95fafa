"""Objects and worlds for tests of the simulated control plane, as small as they can be and still be true."""

import copy
import itertools
import json
import zlib
from typing import Any

from harvester_local.admission.review import CREATE, DELETE, UPDATE, Request
from harvester_local.admission.world import World
from harvester_local.api import kinds
from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Obj, key_of
from harvester_local.api.store import Store
from harvester_local.api.versions import rules_for

NAMESPACE = "default"
_counter = itertools.count(1)


def obj(kind: Kind, name: str, **parts: Any) -> Obj:
    """An object as an API server would return it."""
    number = next(_counter)
    meta = {"name": name, "uid": f"uid-{number}", "resourceVersion": str(number), "generation": 1, **parts.pop("metadata", {})}
    if kind.namespaced:
        meta.setdefault("namespace", NAMESPACE)
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, **parts}


def storage_class(name: str, *, default: bool = False, provisioner: str = "driver.longhorn.io", **parameters: str) -> Obj:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return obj(kinds.STORAGE_CLASS, name, metadata={"annotations": annotations}, provisioner=provisioner, parameters=parameters)


def setting(name: str, value: str) -> Obj:
    return obj(kinds.SETTING, name, value="", default=value)


def claim(name: str, *, size: str = "1Gi", cls: str = "longhorn", modes: tuple[str, ...] = ("ReadWriteMany",), **meta: Any) -> Obj:
    spec = {"accessModes": list(modes), "volumeMode": "Block", "storageClassName": cls, "resources": {"requests": {"storage": size}}}
    return obj(kinds.VOLUME_CLAIM, name, metadata=meta, spec=spec, status={"phase": "Bound", "capacity": {"storage": size}})


def cluster_network(name: str, *, ready: bool = True, **annotations: str) -> Obj:
    status = {"conditions": [{"type": "ready", "status": "True"}]} if ready else {}
    return obj(kinds.CLUSTER_NETWORK, name, metadata={"annotations": annotations}, status=status)


def network(name: str, on: str = "mgmt", *, vlan: int = 100, labelled: bool = True, **config: Any) -> Obj:
    whole = {
        "cniVersion": "0.3.1",
        "name": name,
        "type": "bridge",
        "bridge": f"{on}-br",
        "promiscMode": True,
        "vlan": vlan,
        "ipam": {},
        **config,
    }
    labels = {"network.harvesterhci.io/clusternetwork": on} if labelled else {}
    return obj(kinds.NETWORK, name, metadata={"labels": labels}, spec={"config": json.dumps(whole)})


def node(name: str, *, cpu: str = "8", memory: str = "16Gi", **labels: str) -> Obj:
    whole = {"kubernetes.io/hostname": name, **labels}
    return obj(kinds.NODE, name, metadata={"labels": whole}, spec={}, status={"allocatable": {"cpu": cpu, "memory": memory}})


def mac_for(name: str) -> str:
    """The address that `machine` gives its interface."""
    return f"02:00:00:00:{zlib.crc32(name.encode()) % 256:02x}:01"


def machine(name: str = "vm", *, strategy: str = "RerunOnFailure", annotations: dict[str, str] | None = None, **changes: Any) -> Obj:
    """A machine with one disk and the pod network; `changes` replace keys of the instance spec."""
    spec = {
        "domain": {
            "cpu": {"cores": 1, "sockets": 2, "threads": 1},
            "resources": {"limits": {"cpu": "2", "memory": "2Gi"}},
            "devices": {
                "disks": [{"name": "root", "disk": {"bus": "virtio"}, "bootOrder": 1}],
                "interfaces": [{"name": "default", "masquerade": {}, "model": "virtio", "macAddress": mac_for(name)}],
            },
            "machine": {"type": ""},
        },
        "networks": [{"name": "default", "pod": {}}],
        "volumes": [{"name": "root", "persistentVolumeClaim": {"claimName": f"{name}-root"}}],
        **changes,
    }
    template = {"metadata": {"labels": {"harvesterhci.io/vmName": name}}, "spec": spec}
    return obj(kinds.MACHINE, name, metadata={"annotations": annotations or {}}, spec={"runStrategy": strategy, "template": template})


def instance_of(vm: Obj, *, phase: str = "Running", **status: Any) -> Obj:
    """The running instance of a machine, on node1, that can be migrated."""
    spec = copy.deepcopy(vm["spec"]["template"]["spec"])
    spec["domain"]["cpu"].setdefault("maxSockets", 8)
    guest = spec["domain"].get("memory", {}).get("guest") or spec["domain"]["resources"]["limits"]["memory"]
    spec["domain"]["memory"] = {"guest": guest, "maxGuest": "8Gi", **spec["domain"].get("memory", {})}
    meta = vm["metadata"]
    whole = {
        "phase": phase,
        "nodeName": "node1",
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "LiveMigratable", "status": "True"}],
        "interfaces": [{"name": n["name"], "mac": n.get("macAddress", "")} for n in spec["domain"]["devices"]["interfaces"]],
        "memory": {"guestAtBoot": guest, "guestCurrent": guest, "guestRequested": guest},
        **status,
    }
    owner = {"apiVersion": vm["apiVersion"], "kind": vm["kind"], "name": meta["name"], "uid": meta["uid"]}
    return obj(kinds.INSTANCE, meta["name"], metadata={"namespace": meta["namespace"], "ownerReferences": [owner]}, spec=spec, status=whole)


def world(*objects: Obj, minor: tuple[int, int] = (1, 8)) -> World:
    """A world with these objects, and what every Harvester has."""
    store = Store()
    found = World(store, rules_for(minor))
    furniture = [
        storage_class("longhorn", default=True),
        setting("overcommit-config", '{"cpu":1000,"memory":150,"storage":100}'),
        setting("default-vm-termination-grace-period-seconds", "120"),
        setting("additional-guest-memory-overhead-ratio", "1.5"),
        setting("csi-online-expand-validation", '{"driver.longhorn.io":true}'),
        cluster_network("mgmt"),
    ]
    table = {(kind.api_version, kind.kind): kind for kind in kinds.WATCHED}
    for thing in (*furniture, *objects):
        store.observe(table[thing["apiVersion"], thing["kind"]], thing)
    return found


def creating(new: Obj) -> Request:
    return Request(CREATE, key_of(new), {}, new)


def updating(old: Obj, new: Obj) -> Request:
    return Request(UPDATE, key_of(new), old, new)


def removing(old: Obj) -> Request:
    return Request(DELETE, key_of(old), old, {})
