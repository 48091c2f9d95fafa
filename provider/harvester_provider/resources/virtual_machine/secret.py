"""The step that brings a machine's own cloud-init Secret up to date, for creates and updates alike."""

from collections.abc import Iterator

from harvester_provider.core.json import Object, dig_objects, dig_str
from harvester_provider.core.plan import Patch, Put, Step
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import SECRET
from harvester_provider.resources.secret import encoded, texts_in
from harvester_provider.resources.virtual_machine import cloud_init, manifest, words
from harvester_provider.resources.virtual_machine.model import VirtualMachineInputs


def write_secret(inputs: VirtualMachineInputs, machine: Object, seen: Snapshot) -> Iterator[Step]:
    """Make the machine's own cloud-init Secret, or bring it up to date; nothing where it is so or `machine` does not refer to it."""
    ref = Ref(SECRET, words.cloud_init_secret(inputs.name), inputs.namespace)
    texts, found = manifest.cloud_init_texts(inputs, seen), seen.get(ref)
    if not texts or not _refers(machine, ref.name):
        return
    if not found:
        yield Put(ref, manifest.secret(inputs, texts, machine), says=f"make {ref} with the cloud-init data")
        return
    gone = dict.fromkeys(texts_in(found).keys() - texts.keys())
    if texts_in(found) != texts:
        yield Patch(ref, {"data": {**gone, **encoded(texts)}}, says=f"change the cloud-init data in {ref}")


def _refers(machine: Object, name: str) -> bool:
    """Whether the machine's cloud-init drive names the Secret. Other tools put the texts on the drive itself."""
    volumes = dig_objects(machine, "spec", "template", "spec", "volumes")
    sources = [cloud_init.source_of(entry)[1] for entry in volumes]
    return any(dig_str(source, key, "name") == name for source in sources for key in ("secretRef", "networkDataSecretRef"))
