"""What is wrong with the inputs of a RancherCluster, and what their changes do."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from harvester_provider.core.effect import Effect
from harvester_provider.core.problem import Problem
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.rancher import pools
from harvester_provider.resources.rancher.model import RancherClusterInputs, RancherMachinePool

_VERSION = re.compile(r"v\d+\.\d+\.\d+\+(rke2r|k3s)\d+")
_TAINT = re.compile(r"[^=:]+(=[^=:]*)?:(NoSchedule|PreferNoSchedule|NoExecute)")
_SHORTEST, _LONGEST = 2, 63
_RESERVED = re.compile(r"local|c-[a-z0-9]{5}")
"""Names that Rancher gives itself (pkg/resources/provisioning.cattle.io/v1/cluster/validator.go in its webhook)."""
_ROLES = ("control-plane", "etcd", "worker")


def problems(inputs: RancherClusterInputs) -> Sequence[Problem]:
    """All of them at once. Rules on values that are not known yet stay silent."""
    out = [*_cluster(inputs)]
    if is_known(inputs.pools):
        out += _roles(inputs.pools)
        out += (problem for number, pool in enumerate(inputs.pools) if is_known(pool) for problem in _pool(f"pools[{number}]", pool))
    return out


def _cluster(inputs: RancherClusterInputs) -> Iterable[Problem]:
    if is_known(inputs.name) and (_RESERVED.fullmatch(inputs.name) or not _SHORTEST <= len(inputs.name) <= _LONGEST):
        why = f"use {_SHORTEST} to {_LONGEST} characters, and neither `local` nor `c-` with five more"
        yield Problem("name", f"Rancher takes no cluster called {inputs.name!r}: {why}")
    version = inputs.kubernetes_version
    if is_known(version) and not _VERSION.fullmatch(version):
        yield Problem("kubernetesVersion", f"{version!r} is none of RKE2 or K3s: write for example v1.34.2+rke2r1 or v1.34.2+k3s1")
    name = inputs.cloud_credential
    if is_known(name) and not name.startswith("cattle-global-data:"):
        yield Problem("cloudCredential", f"{name!r} is no cloud credential: write the `credential` of a RancherCloudCredential")


def _roles(found: Sequence[RancherMachinePool]) -> Iterable[Problem]:
    known = [pool for pool in found if is_known(pool) and is_known(pool.roles) and is_known(pool.quantity)]
    names = Counter(pool.name for pool in known if is_known(pool.name))
    yield from (Problem("pools", f"{name!r} is the name of {count} pools: names must differ") for name, count in names.items() if count > 1)
    if len(known) < len(found):
        return
    missing = [role for role in _ROLES if not any(role in pool.roles and pool.quantity for pool in found)]
    if missing:
        yield Problem("pools", f"no machine is {' or '.join(missing)}: a cluster of Rancher needs machines of all three roles")
    members = sum(pool.quantity for pool in found if "etcd" in pool.roles)
    if members and members % 2 == 0:
        yield Problem("pools", f"{members} machines are etcd: use 1, 3 or 5, so that it has a majority")


def _pool(path: str, pool: RancherMachinePool) -> Iterable[Problem]:
    if is_known(pool.roles) and not pool.roles:
        yield Problem(f"{path}.roles", "a pool has one role at least: control-plane, etcd, worker")
    yield from _whole(f"{path}.memory", pool.memory, 2**30, "GiB")
    yield from _whole(f"{path}.reservedMemory", pool.reserved_memory, 2**20, "MiB")
    if is_known(pool.networks) and not pool.networks:
        yield Problem(f"{path}.networks", "Rancher's node driver needs a network: name a VLAN network as namespace/name")
    if is_known(pool.disks):
        if not pool.disks:
            yield Problem(f"{path}.disks", "a machine needs a disk with an image")
        for number, disk in enumerate(pool.disks):
            if is_known(disk):
                where = f"{path}.disks[{number}]"
                yield from _whole(f"{where}.size", disk.size, 2**30, "GiB")
                if bool(disk.image) == bool(disk.storage_class):
                    yield Problem(where, "give `image` for a copy of an image, or `storageClass` for an empty disk")
    if pool.secure_boot is True and pool.efi is False:
        yield Problem(f"{path}.secureBoot", "secure boot needs `efi`")
    if is_known(pool.taints):
        wrong = [text for text in pool.taints if is_known(text) and not _TAINT.fullmatch(text)]
        yield from (Problem(f"{path}.taints", f"{text!r} is no taint: write key=value:NoSchedule") for text in wrong)
    yield from _scaling(path, pool)


def _scaling(path: str, pool: RancherMachinePool) -> Iterable[Problem]:
    least, most, number = pool.autoscaling_min, pool.autoscaling_max, pool.quantity
    if not (is_known(least) and is_known(most) and is_known(number)):
        return
    if most is None:
        if least is not None:
            yield Problem(f"{path}.autoscalingMax", "missing: a pool that is scaled by itself needs both limits")
    elif not (least or 0) <= number <= most:
        yield Problem(f"{path}.quantity", f"{number} is not between autoscalingMin {least or 0} and autoscalingMax {most}")


def _whole(path: str, value: Quantity | None, unit: int, name: str) -> Iterable[Problem]:
    if value is not None and is_known(value) and (int(value) < unit or int(value) % unit):
        yield Problem(path, f"{value} is no whole number of {name}, which Rancher's node driver counts in")


def effects(old: RancherClusterInputs, new: RancherClusterInputs, refused: str) -> Mapping[str, tuple[Effect, str]]:
    """What the changes of the fields do to the nodes."""
    before = {pool.name: pools.config_ref(old, pool) for pool in old.pools}
    exchanged = [pool.name for pool in new.pools if before.get(pool.name, pools.config_ref(new, pool)) != pools.config_ref(new, pool)]
    version = (Effect.REFUSED, refused) if refused else (Effect.LIVE, "Rancher upgrades node by node, servers first")
    rolled = f"the machines of pool {', '.join(exchanged)} are exchanged for new ones, by its rolling update" if exchanged else ""
    configured = (Effect.LIVE, "Rancher configures node by node")
    return {
        "kubernetes_version": version,
        "pools": (Effect.LIVE, rolled or "Rancher makes and removes machines, the others stay"),
        **dict.fromkeys(("config", "registries", "chart_values", "cloud_config"), configured),
    }
