"""What must be seen of the cluster to plan, observe and judge a machine, and what must exist before anything is changed."""

from collections.abc import Iterable

from harvester_provider.core.kind import Requirement
from harvester_provider.core.ref import Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import (
    IMAGE,
    KEY_PAIR,
    NETWORK,
    PERSISTENT_VOLUME_CLAIM,
    SECRET,
    SERVER_VERSION,
    STORAGE_CLASS,
)
from harvester_provider.resources.virtual_machine.live import Live, instance_of
from harvester_provider.resources.virtual_machine.manifest import own_secret
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs
from harvester_provider.resources.virtual_machine.observe import secrets_of
from harvester_provider.resources.virtual_machine.removal import pending_claims
from harvester_provider.resources.virtual_machine.words import reference


def reads(ref: Ref, inputs: VirtualMachineInputs | None, seen: Snapshot) -> Iterable[Want]:
    """The machine, its instance, its volumes and Secrets, and the images and keys that the inputs name."""
    yield ref
    yield instance_of(ref)
    live = Live.of(ref, seen)
    yield from live.claims()
    yield from (Ref(PERSISTENT_VOLUME_CLAIM, name, ref.namespace) for name in pending_claims(live))
    yield from secrets_of(live)
    if live.on:
        yield SERVER_VERSION
    if inputs is not None:
        if inputs.ssh_keys or (inputs.cloud_init and not inputs.cloud_init.secret_name):
            yield own_secret(ref)
        yield from (need.ref for need in requires(inputs) if need.ref.api in (IMAGE, KEY_PAIR, SECRET))


def requires(inputs: VirtualMachineInputs) -> Iterable[Requirement]:
    """Images, networks, SSH keys, Secrets, storage classes and attached volumes. Values that are not known yet are left out."""
    if is_known(inputs.namespace):
        yield from _devices(inputs)
        yield from _access(inputs)


def _devices(inputs: VirtualMachineInputs) -> Iterable[Requirement]:
    where = inputs.namespace
    for number, disk in enumerate(inputs.disks if is_known(inputs.disks) else ()):
        path = f"disks[{number}]"
        if is_known(disk.image) and disk.image:
            yield Requirement(f"{path}.image", reference(IMAGE, disk.image, where), "give the id of an Image")
        if is_known(disk.existing_volume) and disk.existing_volume:
            volume = Ref(PERSISTENT_VOLUME_CLAIM, disk.existing_volume, where)
            yield Requirement(f"{path}.existingVolume", volume, "give the name of a volume in the machine's namespace")
        if is_known(disk.storage_class) and disk.storage_class:
            hint = "`kubectl get storageclass` shows the names; leave it out for the default class"
            yield Requirement(f"{path}.storageClass", Ref(STORAGE_CLASS, disk.storage_class), hint)
    for number, nic in enumerate(inputs.network_interfaces if is_known(inputs.network_interfaces) else ()):
        if is_known(nic.network) and nic.network:
            path = f"networkInterfaces[{number}].network"
            yield Requirement(path, reference(NETWORK, nic.network, where), "give the id of a VlanNetwork")


def _access(inputs: VirtualMachineInputs) -> Iterable[Requirement]:
    where, drive = inputs.namespace, inputs.cloud_init
    for number, key in enumerate(inputs.ssh_keys if is_known(inputs.ssh_keys) else ()):
        if is_known(key):
            yield Requirement(f"sshKeys[{number}]", reference(KEY_PAIR, key, where), "give the id of an SshKey")
    if drive is None or not is_known(drive):
        return
    names = {"secretName": drive.secret_name, "networkDataSecretName": drive.network_data_secret_name}
    for alias, name in names.items():
        if is_known(name) and name:
            yield Requirement(f"cloudInit.{alias}", reference(SECRET, name, where), "give the id of a CloudInit in the machine's namespace")
