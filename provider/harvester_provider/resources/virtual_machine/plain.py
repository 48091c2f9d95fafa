"""The dialect of VirtualMachine for a cluster without Harvester: the same object, and its volumes are made here and not by a controller.

The machine notes which volumes it asks for, as with Harvester; each becomes a DataVolume, blank or a clone of an image, that
outlives the machine unless its disk says otherwise. MAC addresses are fixed when a NIC is made, since nobody remembers them.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import InvalidInputs
from harvester_provider.core.json import Json, Object, dig_map, dig_str, dig_strings
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Await, Change, Patch, Plan, Put, Remove, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources import plain
from harvester_provider.resources.apis import DATA_VOLUME, IMAGE_ID, PERSISTENT_VOLUME_CLAIM
from harvester_provider.resources.virtual_machine import VirtualMachine, disks, removal, words
from harvester_provider.resources.virtual_machine.devices import Disk, NetworkInterface
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs

_LACKS: Mapping[str, str] = {
    "template": "templates are Harvester's, and this cluster has none: write down what the machine is made of",
    "reserved_memory": "Harvester takes it from the memory, and this cluster has none: declare less memory",
    "hot_plug": "CPUs and memory are plugged in by Harvester's rules: leave it out, and a change of them restarts the machine",
    "maintenance_mode_strategy": "maintenance mode is Harvester's: drain the node instead",
}
"""Inputs that mean nothing without Harvester, with what to do instead."""


class PlainVirtualMachine(VirtualMachine):
    """The kind `VirtualMachine` without Harvester."""

    def sources(self, news: Mapping[str, Any], olds: Mapping[str, Any], seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  see below
        """Nothing: there are no templates."""
        return ()

    def inherited(self, news: Mapping[str, Any], olds: Mapping[str, Any], seen: Snapshot) -> Mapping[str, Any]:  # noqa: ARG002  see above
        """The inputs as they are. Raises InvalidInputs for a template, before what it would have given is missed."""
        if news.get("template"):
            raise InvalidInputs(f"{self.name} {news.get('name')}", [Problem("template", _LACKS["template"])])
        return news

    def lacks(self, inputs: VirtualMachineInputs) -> Sequence[Problem]:
        """What there is with Harvester only, and what machines on local volumes cannot do."""
        return list(_lacks(inputs))

    def requires(self, inputs: VirtualMachineInputs) -> Sequence[Requirement]:
        """The same objects, or what stands for them."""
        return [replace(need, ref=plain.there(need.ref)) for need in super().requires(inputs)]

    def reads(self, ref: Ref, inputs: VirtualMachineInputs | None, seen: Snapshot) -> Iterable[Want]:
        """The same, and for a plan the machine's volumes and what they can be made of."""
        yield from plain.wanted(super().reads(ref, inputs, plain.as_harvester(seen)))
        if inputs is not None:
            yield plain.STORAGE_CLASSES
            for template in Live.of(ref, seen).claim_templates:
                claim = Ref(PERSISTENT_VOLUME_CLAIM, dig_str(template, "metadata", "name"), ref.namespace)
                yield from (claim, Ref(DATA_VOLUME, claim.name, claim.namespace))

    def bystanders(self, inputs: VirtualMachineInputs) -> Iterable[Listing]:
        """The volumes there, for those of a machine that is gone. Snapshots of machines are Harvester's."""
        return (_volumes(self.ref(inputs)),)

    def create(self, inputs: VirtualMachineInputs, seen: Snapshot) -> Plan:
        """Make the machine. Its volumes follow once it says which ones."""
        return super().create(self._filled(inputs, seen), plain.as_harvester(seen))

    def settle(self, inputs: VirtualMachineInputs, seen: Snapshot) -> Sequence[Step]:
        """Its volumes and its Secret, and the wait until it runs."""
        return tuple(_viewed(super().settle(inputs, plain.as_harvester(seen))))

    def furnish(self, inputs: VirtualMachineInputs, machine: Live, seen: Snapshot) -> Iterable[Step]:  # noqa: ARG002  the machine says it
        """Make the volumes that are missing, and grow those that are too small."""
        for template in machine.claim_templates:
            claim = Ref(PERSISTENT_VOLUME_CLAIM, dig_str(template, "metadata", "name"), machine.ref.namespace)
            volume = Ref(DATA_VOLUME, claim.name, claim.namespace)
            wanted = dig_str(template, "spec", "resources", "requests", "storage")
            have = plain.size_of(seen.get(claim), seen.get(volume))
            if not seen.get(claim) and not seen.get(volume):
                yield Put(volume, _data_volume(volume, template), says=f"make {volume}{_source_in_words(template)}")
            elif have and have < Quantity(wanted):
                body: Object = {"spec": {"resources": {"requests": {"storage": wanted}}}}
                yield Patch(claim, body, says=f"grow {claim} from {have} to {wanted}")

    def update(self, old: VirtualMachineInputs, new: VirtualMachineInputs, seen: Snapshot) -> Plan:
        """The same as with Harvester, where nothing can be plugged in or moved."""
        plan = super().update(self._filled(old, seen), self._filled(new, seen), plain.as_harvester(seen))
        return replace(plan, steps=tuple(_viewed(plan.steps)), recover=tuple(_viewed(plan.recover)))

    def delete(self, old: VirtualMachineInputs, seen: Snapshot) -> Plan:
        """The machine, the volumes whose disk says so, the Secret. The volumes are marked before: the machine tells which are its own."""
        plan, machine = super().delete(old, plain.as_harvester(seen)), Live.of(self.ref(old), seen)
        if plan.refused:
            return plan
        if machine.vm:
            return replace(plan, steps=(*_marks(old, machine, seen), *plan.steps))
        if _volumes(machine.ref) not in seen:
            why = "volumes of it may be left, and this account may not list DataVolumes: let it list datavolumes.cdi.kubevirt.io"
            return Plan(changes=(Change("name", Effect.REFUSED, why),))
        return replace(plan, steps=(*plan.steps, *_remove_marked(old, machine.ref, seen)))

    def observe(self, ref: Ref, prior: VirtualMachineInputs | None, seen: Snapshot) -> VirtualMachineInputs:
        """The inputs as the cluster has them now."""
        return super().observe(ref, prior, plain.as_harvester(seen))

    def _filled(self, inputs: VirtualMachineInputs, seen: Snapshot) -> VirtualMachineInputs:
        """What the cluster has no default for: modes and class of new volumes, MAC addresses of new NICs."""
        there = Live.of(self.ref(inputs), seen).interfaces
        return inputs.updated(
            disks=[_with_modes(disk, seen) for disk in inputs.disks],
            network_interfaces=[nic if nic.name in there else self._addressed(nic) for nic in inputs.network_interfaces],
        )

    def _addressed(self, nic: NetworkInterface) -> NetworkInterface:
        """A NIC that is to be made, with a MAC address of one's own (locally administered)."""
        digest = hashlib.sha256(f"{nic.name}{self._suffix()}".encode()).digest()
        return nic.updated(mac_address=nic.mac_address or ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5])))


def _with_modes(disk: Disk, seen: Snapshot) -> Disk:
    if not disks.needs_claim(disk):
        return disk
    modes = {name: getattr(disk, name) or mode for name, mode in plain.MODES.items()}
    return disk.updated(**modes, storage_class=None if disk.image else plain.storage_class(disk.storage_class, seen))


def _data_volume(ref: Ref, template: Object) -> Object:
    meta: dict[str, Json] = {"name": ref.name, "namespace": ref.namespace, **dig_map(template, "metadata")}
    image = _image(template)
    source: Object = {"blank": {}}
    if image:
        source = plain.clone_of(Ref.named(DATA_VOLUME, image, ref.namespace))
    return plain.data_volume(meta, source, dig_map(template, "spec"))


def _image(template: Object) -> str:
    return dig_strings(template, "metadata", "annotations").get(IMAGE_ID, "")


def _source_in_words(template: Object) -> str:
    image = _image(template)
    return f" from the image {image}" if image else ", blank"


def _marks(old: VirtualMachineInputs, machine: Live, seen: Snapshot) -> Iterator[Patch]:
    """Mark the volumes that go with the machine, and take marks of an earlier deletion from those that stay by now."""
    doomed, disks_of = removal.going_claims(old, machine), machine.disks_of_claims
    for claim in sorted({*doomed, *disks_of}):
        volume = Ref(DATA_VOLUME, claim, machine.ref.namespace)
        note = f"{machine.ref.name}/{disks_of.get(claim, '')}" if claim in doomed else None
        if note != _goes_with(seen.get(volume)):
            yield Patch(volume, {"metadata": {"annotations": {words.GOES_WITH: note}}}, leaving=True)


def _remove_marked(old: VirtualMachineInputs, ref: Ref, seen: Snapshot) -> Iterator[Remove]:
    """Remove the marked volumes of a machine that is gone, but for those of disks that are to be kept by now."""
    going = {"", *(disk.name for disk in old.disks if disk.deletes)}
    for found in seen.listed(_volumes(ref)):
        machine, _, disk = (_goes_with(found) or "").partition("/")
        if machine == ref.name and disk in going:
            volume = Ref(DATA_VOLUME, dig_str(found, "metadata", "name"), ref.namespace)
            yield Remove(volume, says=f"delete {volume} of the machine that is gone, and its data")
            yield Remove(Ref(PERSISTENT_VOLUME_CLAIM, volume.name, volume.namespace))


def _volumes(ref: Ref) -> Listing:
    return Listing(DATA_VOLUME, ref.namespace)


def _goes_with(volume: Object) -> str | None:
    return dig_strings(volume, "metadata", "annotations").get(words.GOES_WITH)


def _viewed(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps, with waits that watch what is there."""
    for step in steps:
        if isinstance(step, Await):
            wants = tuple(plain.wanted(step.wants))
            yield replace(step, wants=wants, judge=plain.Viewed(step.judge), otherwise=tuple(_viewed(step.otherwise)))
        else:
            yield step


def _lacks(inputs: VirtualMachineInputs) -> Iterator[Problem]:
    """What there is with Harvester only, and what machines on local volumes cannot do."""
    yield from plain.lacks(inputs, _LACKS)
    named = inputs.disks if is_known(inputs.disks) else []
    for number, disk in enumerate(named):
        if is_known(disk.image, disk.storage_class) and disk.image and disk.storage_class:
            yield Problem(f"disks[{number}].storageClass", "the volume of an image is made in the class of the image: set it on the Image")
        if disk.on_delete == "delete-backed-up":
            yield Problem(f"disks[{number}].onDelete", "there are no backups: write keep, or delete")
        if is_known(disk.hot_plug) and disk.hot_plug:
            yield Problem(
                f"disks[{number}].hotPlug", "disks are plugged in by Harvester's rules: leave it out, and a new disk restarts the machine"
            )
    local = next((f"disk {disk.name} is on one node (ReadWriteOnce)" for disk in named if _is_local(disk)), "")
    if local and is_known(inputs.migrate_to) and inputs.migrate_to:
        yield Problem("migrateTo", f"{local}, and the machine with it: live migration takes volumes that are ReadWriteMany")
    if local and inputs.eviction_strategy == "LiveMigrate":
        yield Problem("evictionStrategy", f"{local}, so that a drain would wait for ever: use LiveMigrateIfPossible, or None")


def _is_local(disk: Disk) -> bool:
    sources = (disk.image, disk.size, disk.existing_volume, disk.container_image, disk.access_mode)
    return is_known(*sources) and disks.needs_claim(disk) and disk.access_mode != "ReadWriteMany"


KIND = PlainVirtualMachine()
