"""CloudInit: a Secret with user data and network data, which machines read at their first boot.

The texts are compared as texts. `build` has typed builders for them; they are no part of the kind.
"""

from collections.abc import Sequence
from typing import ClassVar

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Object, dig_map
from harvester_provider.core.plan import Patch, Plan, Put
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import SECRET
from harvester_provider.resources.cloud_init.check import problems
from harvester_provider.resources.cloud_init.model import CloudInitInputs
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import Outputs
from harvester_provider.resources.secret import encoded, text_in

_KEYS = {"user_data": "userdata", "network_data": "networkdata"}
"""Keys of the Secret, where KubeVirt's cloud-init volumes look."""
_LATER = (Effect.METADATA, "machines read it when they start; cloud-init follows most of it at the first boot only")


class CloudInit(BaseKind[CloudInitInputs]):
    """The kind `CloudInit`."""

    name: ClassVar[str] = "CloudInit"
    api: ClassVar[Api] = SECRET
    inputs: ClassVar[type[CloudInitInputs]] = CloudInitInputs
    outputs_model: ClassVar[type[Outputs]] = Outputs

    def recognises(self, found: Object) -> bool:
        """Secrets that hold cloud-init data and nothing else."""
        held = dig_map(found, "data").keys()
        return bool(held) and held <= set(_KEYS.values())

    def check(self, inputs: CloudInitInputs) -> Sequence[Problem]:
        """What cloud-init would pass over in silence."""
        return list(problems(inputs))

    def create(self, inputs: CloudInitInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new Secret depends on nothing else
        """Make the Secret."""
        ref = self.ref(inputs)
        data = encoded({key: text for name, key in _KEYS.items() if (text := getattr(inputs, name))})
        return Plan(steps=(Put(ref, manifest(SECRET, metadata(inputs), type="Opaque", data=data), says=f"make {ref}"),))

    def update(self, old: CloudInitInputs, new: CloudInitInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  what is declared is known
        """Patch the texts that changed."""
        ref = self.ref(new)
        changes = tuple(self.changes(old, new, dict.fromkeys(_KEYS, _LATER)))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        changed = {key: getattr(new, name) or "" for name, key in _KEYS.items() if getattr(old, name) != getattr(new, name)}
        data = {**dict.fromkeys(changed), **encoded({key: text for key, text in changed.items() if text})}
        body = {name: part for name, part in (("metadata", metadata_patch(old, new)), ("data", data)) if part}
        steps = (Patch(ref, body, says=f"change {', '.join(change.property for change in changes)} of {ref}"),) if body else ()
        return Plan(steps=steps, changes=changes)

    def observe(self, ref: Ref, prior: CloudInitInputs | None, seen: Snapshot) -> CloudInitInputs:
        """The texts as the cluster has them."""
        found = seen.get(ref)
        declared = {name: key for name, key in _KEYS.items() if prior is None or getattr(prior, name) is not None}
        return self.observed(ref, prior, found, {name: text_in(found, key) or None for name, key in declared.items()})


KIND = CloudInit()
