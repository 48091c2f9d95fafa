"""What must be seen of the cluster to plan, observe and judge a machine, and what must exist before anything is changed."""

from collections.abc import Iterable

from harvester_provider.core.json import dig, dig_str
from harvester_provider.core.kind import Requirement
from harvester_provider.core.ref import Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources import growth
from harvester_provider.resources.apis import (
    CONFIG_MAP,
    IMAGE,
    KEY_PAIR,
    KUBEVIRTS,
    NETWORK,
    NODE,
    PERSISTENT_VOLUME_CLAIM,
    PRIORITY_CLASS,
    SECRET,
    SERVER_VERSION,
    STORAGE_CLASS,
)
from harvester_provider.resources.virtual_machine import parts, saved, sizing, sysprep
from harvester_provider.resources.virtual_machine.devices import Disk
from harvester_provider.resources.virtual_machine.live import Live, instance_of
from harvester_provider.resources.virtual_machine.manifest import answers_secret, own_secret
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.observe import observe
from harvester_provider.resources.virtual_machine.observe_drive import secrets_of
from harvester_provider.resources.virtual_machine.removal import going_claims
from harvester_provider.resources.virtual_machine.words import CLOUD_INIT_DISK

_PLACEMENT = frozenset({"node_affinity", "vm_affinity", "vm_anti_affinity", "tolerations"})


def reads(ref: Ref, inputs: VirtualMachineInputs | None, seen: Snapshot) -> Iterable[Want]:
    """The machine and its instance, then only what the inputs need of the rest: a refresh without drift asks for little.

    The release and KubeVirt's settings decide what a change does, so they are asked for where the inputs differ from the machine, also by
    a device that is no longer declared.
    """
    live = Live.of(ref, seen)
    wants: list[Want] = [ref, instance_of(ref), *secrets_of(live), *([answers_secret(ref)] if sysprep.names_own(live) else [])]
    if inputs is not None:
        wants += [*_claims(live, inputs), *_named(live, inputs, seen), *_growth(live, inputs, seen), *saved.reads(live, inputs)]
    yield from wants
    if inputs is not None and not live.vm and any(disk.image and disk.storage_class for disk in inputs.disks):
        yield SERVER_VERSION
    if inputs is not None and live.on and not seen.missing(wants) and (_differs(live, inputs, seen) or _undeclared(live, inputs)):
        yield SERVER_VERSION
        yield KUBEVIRTS


def _claims(live: Live, inputs: VirtualMachineInputs) -> Iterable[Want]:
    """The volumes that may be deleted, with their machine or with a disk that is no longer declared, and those that are to move to
    another class: how, they say themselves."""
    undeclared = [live.claim(name) for name in live.disks.keys() - {disk.name for disk in inputs.disks}]
    moving = [live.claim(disk.name) for disk in inputs.disks if _is_elsewhere(disk, live)]
    names = dict.fromkeys((*going_claims(inputs, live), *filter(None, (*undeclared, *moving)), *live.copies))
    return (Ref(PERSISTENT_VOLUME_CLAIM, name, live.ref.namespace) for name in names)


def _growth(live: Live, inputs: VirtualMachineInputs, seen: Snapshot) -> Iterable[Want]:
    """What says whether volumes can grow to the declared size, and whether under a running guest."""
    for disk in inputs.disks:
        claim = live.claim(disk.name)
        have = sizing.quantity(dig(live.claim_template(claim), "spec", "resources", "requests", "storage"))
        if disk.size is None or have is None or disk.size <= have:
            continue
        yield Ref(PERSISTENT_VOLUME_CLAIM, claim, live.ref.namespace)
        if storage_class := growth.class_of(live.volume(claim, seen)):
            yield storage_class
        if live.on:
            yield growth.IN_USE


def _is_elsewhere(disk: Disk, live: Live) -> bool:
    """Whether a disk's volume is made in another class than the declared one, as far as the machine says."""
    found = dig_str(live.claim_template(live.claim(disk.name)), "spec", "storageClassName")
    return bool(disk.storage_class) and found != disk.storage_class


def _named(live: Live, inputs: VirtualMachineInputs, seen: Snapshot) -> Iterable[Want]:
    """Keys and Secrets, and the images of volumes that are not made yet."""
    if inputs.ssh_keys or (inputs.cloud_init and not inputs.cloud_init.secret_name):
        yield own_secret(live.ref)
    if sysprep.texts(inputs.sysprep):
        yield answers_secret(live.ref)
    yield from (need.ref for need in _access(inputs) if is_known(inputs.namespace))
    for disk in inputs.disks if live.ref in seen else ():
        image = Ref.named(IMAGE, disk.image, live.ref.namespace) if disk.image else None
        if image and image.id != live.image(live.claim(disk.name)):
            yield image


def _differs(live: Live, inputs: VirtualMachineInputs, seen: Snapshot) -> bool:
    found = observe(live, inputs, seen)
    return any(getattr(inputs, name) != value for name, value in found.items())


def _undeclared(live: Live, inputs: VirtualMachineInputs) -> bool:
    """Whether the machine has disks, NICs or a placement that are not declared: removed ones, or those of others."""
    placed = any(part.read(live) and not getattr(inputs, part.name) for part in parts.PARTS if part.name in _PLACEMENT)
    disks = live.disks.keys() - {disk.name for disk in inputs.disks} - {CLOUD_INIT_DISK}
    return bool(placed or disks or live.interfaces.keys() - {nic.name for nic in inputs.network_interfaces})


def requires(inputs: VirtualMachineInputs) -> Iterable[Requirement]:
    """Images, networks, SSH keys, Secrets, storage classes and attached volumes. Values that are not known yet are left out."""
    if is_known(inputs.namespace):
        yield from _devices(inputs)
        if is_known(inputs.migrate_to) and inputs.migrate_to:
            yield Requirement("migrateTo", Ref(NODE, inputs.migrate_to), "`kubectl get nodes` shows the names")
        yield from _access(inputs)
        yield from _named_objects(inputs)


def _devices(inputs: VirtualMachineInputs) -> Iterable[Requirement]:
    where = inputs.namespace
    for number, disk in enumerate(inputs.disks if is_known(inputs.disks) else ()):
        path = f"disks[{number}]"
        if is_known(disk.image) and disk.image:
            yield Requirement(f"{path}.image", Ref.named(IMAGE, disk.image, where), "give the id of an Image")
        if is_known(disk.existing_volume) and disk.existing_volume:
            volume = Ref(PERSISTENT_VOLUME_CLAIM, disk.existing_volume, where)
            yield Requirement(f"{path}.existingVolume", volume, "give the name of a volume in the machine's namespace")
        if is_known(disk.storage_class) and disk.storage_class:
            hint = "`kubectl get storageclass` shows the names; leave it out for the default class"
            yield Requirement(f"{path}.storageClass", Ref(STORAGE_CLASS, disk.storage_class), hint)
    for number, nic in enumerate(inputs.network_interfaces if is_known(inputs.network_interfaces) else ()):
        if is_known(nic.network) and nic.network:
            path = f"networkInterfaces[{number}].network"
            yield Requirement(path, Ref.named(NETWORK, nic.network, where), "give the id of a VlanNetwork")


def _named_objects(inputs: VirtualMachineInputs) -> Iterable[Requirement]:
    where, answers = inputs.namespace, inputs.sysprep
    if is_known(inputs.priority_class) and inputs.priority_class:
        hint = "`kubectl get priorityclass` shows the names"
        yield Requirement("priorityClass", Ref(PRIORITY_CLASS, inputs.priority_class), hint)
    if not is_known(answers) or answers is None:
        return
    for alias, api, name in (("secretName", SECRET, answers.secret_name), ("configMapName", CONFIG_MAP, answers.config_map_name)):
        if is_known(name) and name:
            yield Requirement(f"sysprep.{alias}", Ref(api, name, where), f"make it in the namespace {where} first")


def _access(inputs: VirtualMachineInputs) -> Iterable[Requirement]:
    where, drive = inputs.namespace, inputs.cloud_init
    for number, key in enumerate(inputs.ssh_keys if is_known(inputs.ssh_keys) else ()):
        if is_known(key):
            yield Requirement(f"sshKeys[{number}]", Ref.named(KEY_PAIR, key, where), "give the id of an SshKey")
    if drive is None or not is_known(drive):
        return
    names = {"secretName": drive.secret_name, "networkDataSecretName": drive.network_data_secret_name}
    for alias, name in names.items():
        if is_known(name) and name:
            yield Requirement(f"cloudInit.{alias}", Ref.named(SECRET, name, where), "give the id of a CloudInit in the machine's namespace")
