"""What the kinds share on a cluster with KubeVirt and without Harvester: what stands for Harvester's objects there.

An image is a DataVolume, an SSH key a Secret. Rules that read Harvester's objects are given these as such (`as_harvester`), so
that a kind needs no second set of them. Pure translation; sources: CDI's datavolume types, Harvester's CRDs.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from harvester_provider.core.errors import PlanRefused
from harvester_provider.core.json import Json, Object, dig_map, dig_str, dig_strings
from harvester_provider.core.plan import Judge
from harvester_provider.core.problem import Problem
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Verdict
from harvester_provider.resources import growth
from harvester_provider.resources.apis import BACKUP, DATA_VOLUME, IMAGE, KEY_PAIR, SECRET, SERVER_VERSION, SETTING, STORAGE_CLASS
from harvester_provider.resources.kind import manifest
from harvester_provider.resources.model import ResourceInputs
from harvester_provider.resources.secret import texts_in

STORAGE_CLASSES = Listing(STORAGE_CLASS)
"""What a volume can be made of."""
MODES: Mapping[str, str] = {"access_mode": "ReadWriteOnce", "volume_mode": "Filesystem"}
"""What every storage can do, also a local one. CDI knows no modes of the Local Path Provisioner by itself."""
PUBLIC_KEY = "publicKey"
"""Key of the Secret that stands for an SSH key."""
_KEEP = {"cdi.kubevirt.io/storage.deleteAfterCompletion": "false"}
"""CDI removes DataVolumes that are done where its configuration says so; not those with this annotation."""
_AT_ONCE = {"cdi.kubevirt.io/storage.bind.immediate.requested": ""}
"""CDI fills a volume now, also where its storage class waits for the first machine that uses it."""
_STANDS_FOR = {IMAGE: DATA_VOLUME, KEY_PAIR: SECRET}
_RELEASE = {"value": "v1.5.0"}
"""As far as a running guest is concerned, the release of Harvester that plugs nothing in and moves nothing: a KubeVirt of which
nothing is known does the same."""
_OVERHEAD = Fraction(11, 10)
_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def lacks(inputs: ResourceInputs, whys: Mapping[str, str]) -> Iterator[Problem]:
    """What is given of inputs that mean nothing without Harvester, by their names, with what to do instead."""
    for name, why in whys.items():
        if is_known(value := getattr(inputs, name)) and value:
            yield Problem(type(inputs).model_fields[name].alias or name, why)


def there(ref: Ref) -> Ref:
    """What stands for an object of Harvester on such a cluster; any other object is itself."""
    return replace(ref, api=_STANDS_FOR.get(ref.api, ref.api))


def wanted(wants: Iterable[Want]) -> Iterable[Want]:
    """What has to be read there, for rules that want to read Harvester's objects."""
    return (there(want) if isinstance(want, Ref) else want for want in wants if want.api not in {SETTING, BACKUP})


def as_harvester(seen: Snapshot) -> Snapshot:
    """The snapshot with Harvester's objects in it, made from what stands for them."""
    views: dict[Ref, Object | None] = {SERVER_VERSION: _RELEASE, growth.IN_USE: None}
    for ref, found in seen.objects.items():
        if ref.api == DATA_VOLUME:
            views[Ref(IMAGE, ref.name, ref.namespace)] = _image(found) if found else None
        elif ref.api == SECRET:
            views[Ref(KEY_PAIR, ref.name, ref.namespace)] = {"spec": {"publicKey": public_key(found)}} if found else None
    return seen.plus(Snapshot(views))


def _image(found: Object) -> Object:
    done = dig_str(found, "status", "phase") == "Succeeded"
    size = dig_str(found, "spec", "storage", "resources", "requests", "storage")
    return {
        "spec": {"url": dig_str(found, "spec", "source", "http", "url")},
        "status": {
            "conditions": [{"type": "Imported", "status": "True" if done else "False"}],
            "storageClassName": dig_str(found, "spec", "storage", "storageClassName") if done else "",
            "virtualSize": int(Quantity(size)) if size else 0,
        },
    }


def public_key(found: Object) -> str:
    """The public key in the Secret that stands for an SSH key; empty where it holds none."""
    return texts_in(found).get(PUBLIC_KEY, "").strip()


@dataclass(frozen=True, slots=True)
class Viewed:
    """Lets a judge of Harvester's objects judge what stands for them."""

    judge: Judge

    def __call__(self, seen: Snapshot) -> Verdict:
        """Its verdict."""
        return self.judge(as_harvester(seen))


def storage_class(declared: str | None, seen: Snapshot) -> str:
    """The declared class, else the cluster's default one, else its only one. Raises PlanRefused where that leaves a choice."""
    if declared:
        return declared
    found = {dig_str(item, "metadata", "name"): dig_strings(item, "metadata", "annotations") for item in seen.listed(STORAGE_CLASSES)}
    default = [name for name, notes in found.items() if notes.get(_DEFAULT) == "true"] or list(found)
    if len(default) == 1:
        return default[0]
    there_are = f"there are {', '.join(sorted(found))}" if found else "there is none: a PoorMansCluster installs one"
    raise PlanRefused(f"storageClass: the cluster has no default class, and {there_are}: name the one to use")


def size_of(claim: Object, volume: Object) -> Quantity | None:
    """The size that was asked for: of a claim that CDI made, that of its DataVolume, until the claim has grown.

    CDI makes a claim larger than its content by the overhead of the file system, 5.5 % by default.
    """
    texts = (
        dig_str(found, *path, "resources", "requests", "storage") for found, path in ((claim, ("spec",)), (volume, ("spec", "storage")))
    )
    have, asked = (Quantity(text) if text else None for text in texts)
    return asked if have and asked and asked.value <= have.value <= asked.value * _OVERHEAD else have


def clone_of(volume: Ref) -> Object:
    """The source of a DataVolume that is a copy of another volume."""
    return {"pvc": {"namespace": volume.namespace, "name": volume.name}}


def data_volume(meta: Object, source: Object, storage: Object, *, at_once: bool = False) -> Object:
    """A DataVolume. `storage` is the `spec` of the volume that it makes, which has the annotations and labels of `meta`, too."""
    notes: dict[str, Json] = {**dig_map(meta, "annotations"), **_KEEP, **(_AT_ONCE if at_once else {})}
    return manifest(DATA_VOLUME, {**meta, "annotations": notes}, spec={"source": source, "storage": storage})
