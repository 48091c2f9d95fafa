"""Machine pools, as Rancher has them: an entry of the cluster's spec, and a HarvesterConfig with the shape of the machines.

The name of a configuration ends with a digest of it. Rancher makes machines anew where a pool names another one; so
another shape is another configuration, and an interrupted change finds what it has made. Upstream: the flags in
harvester/flags.go of docker-machine-driver-harvester, whose numbers Rancher keeps as texts.
"""

import hashlib
import json
from typing import Any

from harvester_provider.core.duration import seconds
from harvester_provider.core.json import Json, Object, dig, dig_int, dig_map, dig_objects, dig_str, dig_strings, parsed
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Ref
from harvester_provider.resources.rancher.model import RancherClusterInputs, RancherDisk, RancherMachinePool, RancherRollingUpdate
from harvester_provider.resources.rancher.words import CONFIG

_GIB, _MIB = 2**30, 2**20
_ROLES = {"control-plane": "controlPlaneRole", "etcd": "etcdRole", "worker": "workerRole"}
_FLAGS = {"efi": "enableEfi", "secure_boot": "enableSecureBoot", "tpm": "enableTpm", "cpu_pinning": "cpuPinning"}
_TEXTS = {"ssh_user": "sshUser", "user_data": "userData", "network_data": "networkData", "cpu_model": "cpuModel"}


def configuration(inputs: RancherClusterInputs, pool: RancherMachinePool) -> dict[str, Json]:
    """The fields of a pool's HarvesterConfig, which stand at its top level."""
    disks: list[Json] = [_disk(disk, number) for number, disk in enumerate(pool.disks, 1)]
    nics: list[Json] = [{"networkName": network, "macAddress": ""} for network in pool.networks]
    out: dict[str, Json] = {
        "vmNamespace": inputs.machine_namespace,
        "cpuCount": str(pool.cpu),
        "memorySize": str(int(pool.memory) // _GIB),
        "diskInfo": json.dumps({"disks": disks}),
        "networkInfo": json.dumps({"interfaces": nics}),
    }
    if pool.reserved_memory is not None:
        out["reservedMemorySize"] = str(int(pool.reserved_memory) // _MIB)
    if pool.affinity:
        out["vmAffinity"] = json.dumps(pool.affinity, sort_keys=True)
    out |= {field: getattr(pool, name) for name, field in _TEXTS.items() if getattr(pool, name)}
    return out | {field: True for name, field in _FLAGS.items() if getattr(pool, name)}


def _disk(disk: RancherDisk, order: int) -> dict[str, Json]:
    source: dict[str, Json] = {"imageName": disk.image} if disk.image else {"storageClassName": disk.storage_class}
    return {**source, "size": int(disk.size) // _GIB, "bootOrder": order, "bus": disk.bus}


def config_ref(inputs: RancherClusterInputs, pool: RancherMachinePool) -> Ref:
    """The HarvesterConfig of a pool."""
    digest = hashlib.sha256(json.dumps(configuration(inputs, pool), sort_keys=True).encode()).hexdigest()[:5]
    return Ref(CONFIG, f"{inputs.name}-{pool.name}-{digest}", inputs.namespace)


def named_config(entry: Object, namespace: str) -> Ref:
    """The HarvesterConfig that an entry of a cluster's spec names."""
    return Ref(CONFIG, dig_str(entry, "machineConfigRef", "name"), namespace)


def entry_of(inputs: RancherClusterInputs, pool: RancherMachinePool) -> dict[str, Json]:
    """The pool in the cluster's spec."""
    out: dict[str, Json] = {
        "name": pool.name,
        "displayName": pool.name,
        "quantity": pool.quantity,
        "machineConfigRef": {"kind": CONFIG.kind, "name": config_ref(inputs, pool).name},
        "machineOS": "linux",
        "rollingUpdate": {
            "maxSurge": _figure(pool.rolling_update.max_surge),
            "maxUnavailable": _figure(pool.rolling_update.max_unavailable),
        },
        "drainBeforeDelete": pool.drain_before_delete,
        **{field: role in pool.roles for role, field in _ROLES.items()},
    }
    if pool.labels:
        out["labels"] = dict(pool.labels)
    if pool.taints:
        out["taints"] = [_taint(text) for text in pool.taints]
    if pool.autoscaling_max is not None:
        out |= {"autoscalingMinSize": pool.autoscaling_min or 0, "autoscalingMaxSize": pool.autoscaling_max}
    if pool.unhealthy_node_timeout:
        out["unhealthyNodeTimeout"] = f"{int(seconds(pool.unhealthy_node_timeout))}s"
    return out


def _figure(text: str) -> Json:
    return text if text.endswith("%") else int(text)


def _taint(text: str) -> dict[str, Json]:
    head, _, effect = text.rpartition(":")
    key, _, value = head.partition("=")
    return {"key": key, "value": value, "effect": effect}


def seen_pool(entry: Object, config: Object, prior: RancherMachinePool | None) -> RancherMachinePool:
    """A pool as Rancher has it. What the autoscaler made of its number is no drift; `prior` is what was declared."""
    least, most = dig(entry, "autoscalingMinSize"), dig(entry, "autoscalingMaxSize")
    quantity = dig_int(entry, "quantity", default=1)
    scaled = prior is not None and prior.autoscaling_max is not None and most is not None
    timeout = dig_str(entry, "unhealthyNodeTimeout")
    if prior is not None and prior.unhealthy_node_timeout and timeout == f"{int(seconds(prior.unhealthy_node_timeout))}s":
        timeout = prior.unhealthy_node_timeout
    roles = [role for role, field in _ROLES.items() if dig(entry, field) is True]
    reserved = dig_str(config, "reservedMemorySize")
    values: dict[str, Any] = dict(
        name=dig_str(entry, "name"),
        roles=prior.roles if prior is not None and set(prior.roles) == set(roles) else roles,
        quantity=prior.quantity if prior is not None and scaled else quantity,
        autoscaling_min=least if isinstance(least, int) and (prior is None or prior.autoscaling_min is not None or least) else None,
        autoscaling_max=most if isinstance(most, int) else None,
        cpu=int(dig_str(config, "cpuCount") or 2),
        memory=Quantity(f"{dig_str(config, 'memorySize') or 4}Gi"),
        reserved_memory=Quantity(f"{reserved}Mi") if reserved else None,
        disks=[_seen_disk(disk) for disk in dig_objects(parsed(config.get("diskInfo")), "disks")],
        networks=[dig_str(nic, "networkName") for nic in dig_objects(parsed(config.get("networkInfo")), "interfaces")],
        ssh_user=dig_str(config, "sshUser"),
        user_data=dig_str(config, "userData") or None,
        network_data=dig_str(config, "networkData") or None,
        affinity=dict(dig_map(parsed(config.get("vmAffinity")))),
        cpu_model=dig_str(config, "cpuModel") or None,
        **{name: dig(config, field) is True for name, field in _FLAGS.items()},
        labels=dig_strings(entry, "labels"),
        taints=[_seen_taint(taint) for taint in dig_objects(entry, "taints")],
        rolling_update=RancherRollingUpdate(
            max_surge=str(_or(dig(entry, "rollingUpdate", "maxSurge"), 1)),
            max_unavailable=str(_or(dig(entry, "rollingUpdate", "maxUnavailable"), 0)),
        ),
        drain_before_delete=dig(entry, "drainBeforeDelete") is True,
        unhealthy_node_timeout=timeout or None,
    )
    return RancherMachinePool.model_construct(**values)


def _or(value: Json, default: int) -> Json:
    return default if value is None else value


def _seen_disk(disk: Object) -> RancherDisk:
    values: dict[str, Any] = {
        "image": dig_str(disk, "imageName") or None,
        "storage_class": dig_str(disk, "storageClassName") or None,
        "size": Quantity(f"{dig_int(disk, 'size', default=40)}Gi"),
        "bus": dig_str(disk, "bus") or "virtio",
    }
    return RancherDisk.model_construct(**values)


def _seen_taint(taint: Object) -> str:
    return f"{dig_str(taint, 'key')}={dig_str(taint, 'value')}:{dig_str(taint, 'effect')}"
