"""The steps that bring a machine's own Secrets up to date, for creates and updates alike: its cloud-init data and its answer files."""

from collections.abc import Iterator

from harvester_provider.core.json import Object, dig_objects, dig_str
from harvester_provider.core.plan import Patch, Put, Step
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.secret import encoded, texts_in
from harvester_provider.resources.virtual_machine import cloud_init, manifest
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs


def write_secrets(inputs: VirtualMachineInputs, machine: Object, seen: Snapshot) -> Iterator[Step]:
    """Make the Secrets, or bring them up to date; nothing where it is so or `machine` does not refer to one."""
    for ref, texts in manifest.own_texts(inputs, seen).items():
        if texts and _refers(machine, ref.name):
            yield from _write(ref, texts, inputs, machine, seen)


def _write(ref: Ref, texts: dict[str, str], inputs: VirtualMachineInputs, machine: Object, seen: Snapshot) -> Iterator[Step]:
    found = seen.get(ref)
    if not found:
        yield Put(ref, manifest.secret(ref, inputs, texts, machine), says=f"make {ref} with the texts of the machine")
        return
    gone = dict.fromkeys(texts_in(found).keys() - texts.keys())
    if texts_in(found) != texts:
        yield Patch(ref, {"data": {**gone, **encoded(texts)}}, says=f"change the texts of the machine in {ref}")


def _refers(machine: Object, name: str) -> bool:
    """Whether a drive of the machine names the Secret. Other tools put cloud-init data on the drive itself."""
    volumes = dig_objects(machine, "spec", "template", "spec", "volumes")
    sources = [cloud_init.source_of(entry)[1] for entry in volumes]
    named = [dig_str(source, key, "name") for source in sources for key in ("secretRef", "networkDataSecretRef")]
    return name in (*named, *(dig_str(entry, "sysprep", "secret", "name") for entry in volumes))
