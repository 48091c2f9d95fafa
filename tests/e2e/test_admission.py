"""What the provider's check accepts, the cluster accepts as it is: odd inputs of every sort, as dry runs with strict field validation.

What comes through here and is refused all the same would be refused in the middle of an `up`, by the API server's or a webhook's words,
instead of by the first preview with the property and the way out. What the cluster makes another thing of would be drift for ever.
"""

import asyncio
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest
from effect_cases import CASES
from kubernetes.client.rest import ApiException
from odd_inputs import TEXTS, Inputs, edits
from target import Target
from workshop import Invalid, Made, Workshop, furnish

from harvester_provider.core.errors import HarvesterError
from harvester_provider.core.json import Object, dig_map
from harvester_provider.core.plan import Patch, Plan, Put
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.engine import verbs
from harvester_provider.engine.comparison import changed
from harvester_provider.engine.reader import see
from harvester_provider.engine.state import parse
from harvester_provider.resources.registry import KINDS

Odd = tuple[str, str, str, Inputs]
"""A kind, a name, what is odd, and the inputs."""
AT_ONCE = 8
STRICT = {"dryRun": "All", "fieldValidation": "Strict"}
AS_IT_IS = "as it is"
MANY = 300
"""Odd values that mean something all the same: with fewer, next to nothing was asked."""
COMMON = frozenset({"name", "namespace", "cluster", "owner", "timeouts", "adopt"})
METADATA = frozenset({"description", "tags", "labels", "annotations"})
"""The same in all kinds, and shown with machines."""
BESIDE = {
    "VirtualMachine": {
        "hostDevices": "the devices that there are: told where the machine is made",
        "machineType": "what KubeVirt is set up for: told before a guest is stopped for it, and where the machine is made",
    },
    "BackupSchedule": {"type": "a backup target, which the program may be about to set"},
    "StorageClass": {"defaultClass": "no other default class, which the program may be about to change"},
}
"""What is left as it is, and what of the cluster decides about it."""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBjYvZz0R7uJaJcbpJnsgD7rSn9o5RMNcPfCnK4y81/k somebody@example.org"
MACHINE: Inputs = {
    "memory": "1Gi", "cpu": 2, "sshKeys": ["~/ada"], "cloudInit": {"userData": "#cloud-config\n{}\n"},
    "disks": [{"name": "root", "image": "~/disc", "size": "1Gi", "bootOrder": 1, "serial": "s1"}, {"name": "data", "size": "1Gi", "hotPlug": True},
              {"name": "cd", "type": "cd-rom"}],
    "networkInterfaces": [{"name": "first", "network": "~/red", "macAddress": "52:54:00:0d:d0:01"}, {"name": "pod"}],
}  # fmt: skip
OFF: Inputs = {
    **MACHINE, "runStrategy": "Halted", "efi": True, "nodeSelector": {"kubernetes.io/os": "linux"}, "tags": {"tier": "web"},
    "networkInterfaces": [{"name": "first", "network": "~/red", "macAddress": "52:54:00:0d:d0:02"}, {"name": "pod"}],
}  # fmt: skip
SOUND: tuple[tuple[str, Inputs], ...] = (
    ("VlanNetwork", {"clusterNetwork": "mgmt", "vlanId": 12, "routeMode": "manual", "routeCidr": "10.9.0.0/24", "routeGateway": "10.9.0.1"}),
    ("Image", {"url": "https://example.org/image.qcow2", "storageClass": "~-fast", "displayName": "image", "retry": 3}),
    ("Image", {"sourceVolume": "~/disk", "sourceType": "export-from-volume"}),
    ("Volume", {"size": "1Gi", "storageClass": "~-fast", "accessMode": "ReadWriteOnce", "volumeMode": "Filesystem"}),
    ("Volume", {"size": "1Gi", "image": "~/disc"}),
    ("VolumeSnapshot", {"volume": "~/disk"}),
    ("SshKey", {"publicKey": KEY}),
    ("CloudInit", {"userData": "#cloud-config\n{}\n", "networkData": "version: 2\nethernets: {}\n"}),
    ("StorageClass", {"numberOfReplicas": 2, "dataLocality": "disabled", "staleReplicaTimeout": 30, "diskSelector": ["fast"]}),
    ("Namespace", {"quota": {"limitsCpu": "8", "limitsMemory": "16Gi"}}),
    ("ClusterNetwork", {}),
    ("VlanConfig", {"clusterNetwork": "~-cn", "uplink": {"nics": ["ens8"], "mtu": 1500, "bondMode": "active-backup"}}),
    ("LinkMonitor", {"nameRule": "^eth", "nodeSelector": {"kubernetes.io/os": "linux"}}),
    ("IpPool", {"ranges": [{"subnet": "10.78.0.0/24", "start": "10.78.0.5", "end": "10.78.0.9"}], "selector": {"scope": [{"namespace": "*"}]}}),
    ("LoadBalancer", {"listeners": [{"name": "web", "port": 80, "backendPort": 8080, "protocol": "TCP"}], "backendSelector": {"app": ["web"]},
                      "healthCheck": {"port": 8080}}),
    ("VirtualMachineTemplate", {}),
    ("VirtualMachineTemplateVersion", {"template": "~/template", "machine": {"memory": "1Gi", "disks": MACHINE["disks"]}}),
    ("VirtualMachineSnapshot", {"virtualMachine": "~/vm"}),
    ("BackupSchedule", {"virtualMachine": "~/vm", "cron": "0 2 * * *", "type": "snapshot"}),
    ("GuestAccess", {"joinToken": "a-secret-of-16-or-more"}),
    ("Node", {"name": "node3", "labels": {"rack": "r1"}, "taints": [{"key": "a", "value": "b", "effect": "PreferNoSchedule"}]}),
)  # fmt: skip
ELSEWHERE = {"cloudInit", "sysprep", "quota", "taints", "maintenance"}
"""Inputs that are brought about by steps of their own: in Secrets, in a ResourceQuota, by another patch, by an action."""
LEFT_OUT = {
    **dict.fromkeys(
        ("PciDeviceClaim", "SriovGpuDevice", "SriovNetworkDevice", "UsbDeviceClaim", "VGpuDevice"), "hardware, and its controller"
    ),
    **dict.fromkeys(("VirtualMachineBackup", "VirtualMachineRestore", "BackupTarget"), "a bucket or share that answers"),
    **dict.fromkeys(("RancherCluster", "RancherCloudCredential"), "a Rancher; its definitions have their own case in test_rancher_guests"),
    **dict.fromkeys(("GuestKubeconfig", "GuestNode"), "a guest cluster"),
    "Addon": "the addon, of which each release has others",
    "Cluster": "the cluster for itself; its settings have the rules of Setting",
    "PoorMansCluster": "a Kubernetes that is no Harvester",
}
"""Kinds that are not asked about, and what they would need."""
SETTINGS = (
    "auto-disk-provision-paths", "auto-rotate-rke2-certs", "containerd-registry", "default-vm-termination-grace-period-seconds", "http-proxy",
    "kubeconfig-default-token-ttl-minutes", "log-level", "max-hotplug-ratio", "ntp-servers", "overcommit-config", "ssl-certificates",
    "support-bundle-expiration", "support-bundle-image", "support-bundle-timeout", "vip-pools", "vm-force-reset-policy",
)  # fmt: skip
VALUES = (
    *TEXTS, "[]", "{}", '{"a": 1}', '{"ntpServers": ["a", "a"]}', '{"ntpServers": ["http://a"]}', '{"default": "10.1.0.0/24, 10.2.0.0/24"}',
    '{"enable": true, "expiringInHours": 0}', '{"enable": true, "expiringInHours": 9000}', '{"enable": true, "period": 0}',
    '{"cpu": 99, "memory": 100, "storage": 100}', '{"ca": "", "publicCertificate": "x", "privateKey": "y"}',
)  # fmt: skip


@pytest.fixture
async def shop(target: Target) -> AsyncIterator[Workshop]:
    async with Workshop.on(target, f"o-{uuid.uuid4().hex[:4]}") as found:
        await furnish(found, target.image_url)
        await asyncio.gather(
            found.make("Volume", "disk", size="1Gi"),
            found.make("VirtualMachineTemplate", "template"),
            found.make("ClusterNetwork", "~-cn"),
            found.make("VirtualMachine", "vm", memory="256Mi", disks=[{"name": "root", "size": "1Gi", "onDelete": "delete"}]),
        )
        yield found


def new_machines() -> Iterator[Odd]:
    """Each oddity once, in the first of the sound inputs that have a place for it."""
    kind, seen = KINDS["VirtualMachine"].inputs, set()
    for sound in (MACHINE, *(inputs for case in CASES for inputs in (case.whole_before, case.whole_after))):
        if "hostDevices" in sound:
            continue
        for odd, inputs in edits(kind, sound, COMMON | BESIDE["VirtualMachine"].keys()):
            place = ".".join(step for step in odd.split(".") if not step.isdigit())
            if place not in seen:
                seen.add(place)
                yield "VirtualMachine", "odd", odd, inputs


def of_a_machine_that_is_off() -> Iterator[Odd]:
    for odd, inputs in edits(KINDS["VirtualMachine"].inputs, OFF, COMMON | BESIDE["VirtualMachine"].keys()):
        yield "VirtualMachine", "off", odd, inputs


def other_kinds() -> Iterator[Odd]:
    for kind, sound in SOUND:
        name = sound.get("name", "odd" if KINDS[kind].api.namespaced else "~-odd")
        yield kind, name, AS_IT_IS, sound
        for odd, inputs in edits(KINDS[kind].inputs, sound, COMMON | METADATA | BESIDE.get(kind, {}).keys()):
            yield kind, name, odd, inputs


def setting_values() -> Iterator[Odd]:
    for name in SETTINGS:
        for value in VALUES:
            yield "Setting", name, f"{name}={value!r}", {"name": name, "value": value}


async def answer(shop: Workshop, target: Target, kind: str, name: str, odd: str, inputs: Inputs) -> str | None:
    """Why the cluster refuses what the provider's check and preview have nothing against, or what a refresh would take for drift in what the
    cluster makes of it. Empty where neither is so, None where the provider has something against it."""
    made = Made(shop, kind, shop.placed(name))
    try:
        news = made.checked(inputs)
        plan, seen = await planned(made, news)
    except (Invalid, HarvesterError):
        if odd == AS_IT_IS:
            raise
        return None
    if plan.refused:
        return None
    declared = parse(made.speaks, news)
    ref = made.speaks.ref(declared)
    try:
        found = await asyncio.to_thread(dry_run, target, plan, ref)
    except ApiException as error:
        return str(json.loads(error.body).get("message", error.body))
    observed = made.speaks.observe(ref, declared, seen.plus(Snapshot({ref: found}))) if found else declared
    return ", ".join(f"{each} is drift" for each in changed(observed, declared) if each not in ELSEWHERE)


async def planned(made: Made, news: Inputs) -> tuple[Plan, Snapshot]:
    """What an `up` would do: a create, or the update of what is there already. Invalid where the preview has something against it."""
    kind, inputs = made.speaks, parse(made.speaks, news)
    found = await verbs.foresee(kind, made.shop.cluster.shared, news)
    if found.problems or found.missing:
        raise Invalid([*found.problems, *found.missing])
    ref = kind.ref(inputs)
    seen = await see(made.shop.cluster.shared, kind, ref, inputs)
    return (kind.create(inputs, seen) if seen[ref] is None else kind.update(kind.observe(ref, inputs, seen), inputs, seen)), seen


def dry_run(target: Target, plan: Plan, ref: Ref) -> Object | None:
    """The main object as the API server would have it after the writes of a plan up to its own; None where that is not written."""
    for step in plan.steps:
        if isinstance(step, Put | Patch):
            answered = target.send(*written(step), **STRICT)
            if step.ref == ref:
                return answered
    return None


def written(step: Put | Patch) -> tuple[str, str, Any]:
    """The method, the path and the body of a write."""
    ref = step.ref
    if isinstance(step, Patch):
        return "PATCH", ref.path, list(step.body) if isinstance(step.body, tuple) else step.body
    place = {"name": ref.name} | ({"namespace": ref.namespace} if ref.namespace else {})
    head = {"apiVersion": ref.api.api_version, "kind": ref.api.kind}
    return "POST", ref.api.path(ref.namespace), {**head, **step.body, "metadata": {**dig_map(step.body, "metadata"), **place}}


async def asked(shop: Workshop, target: Target, odd_ones: Iterable[Odd]) -> tuple[int, list[str]]:
    """How many of them the provider has nothing against, and what comes of these that it should have told."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(kind: str, name: str, odd: str, inputs: Inputs) -> str | None:
        async with slots:
            why = await answer(shop, target, kind, name, odd, inputs)
            return f"{kind} {odd}: {why}" if why else why

    answers = [found for found in await asyncio.gather(*(one(*each) for each in odd_ones)) if found is not None]
    return len(answers), [found for found in answers if found]


def test_every_kind_is_asked_about_or_named() -> None:
    assert {kind for kind, _ in SOUND} | LEFT_OUT.keys() | {"VirtualMachine", "Setting"} == KINDS.keys()


async def test_what_is_odd_about_a_machine_is_told_by_the_check_or_taken_as_it_is(shop: Workshop, target: Target) -> None:
    await shop.make("VirtualMachine", "off", **OFF)
    taken, untold = await asked(shop, target, itertools.chain(new_machines(), of_a_machine_that_is_off()))
    assert not untold, "\n".join(untold)
    assert taken > MANY


async def test_what_is_odd_about_any_other_kind_is_told_by_the_check_or_taken_as_it_is(shop: Workshop, target: Target) -> None:
    taken, untold = await asked(shop, target, itertools.chain(other_kinds(), setting_values()))
    assert not untold, "\n".join(untold)
    assert taken > MANY
