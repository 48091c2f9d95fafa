"""What devices share that Harvester finds in nodes by itself: a create takes one over, a delete puts back how it was set up.

Each has a few fields in its `spec` that say how it is set up. Needs the addon pcidevices-controller. Upstream: harvester/pcidevices.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from harvester_provider.core.json import Json, Object, dig
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Patch, Plan, Step
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.kind import BaseKind, metadata_patch
from harvester_provider.resources.model import ResourceInputs
from harvester_provider.resources.previous import note, release, remembered, with_note

I = TypeVar("I", bound=ResourceInputs)  # noqa: E741  the inputs model of a kind; one letter is the custom for type variables


class FoundDevice(BaseKind[I], Generic[I]):
    """The common half of such devices."""

    adopts: ClassVar[bool] = True
    unset: ClassVar[Mapping[str, Json]]
    """The fields, as they are where nobody has set the device up."""

    def wanted(self, inputs: I) -> Object:
        """The fields as they are declared."""
        raise NotImplementedError

    def says(self, inputs: I) -> str:
        """What that means, as a step."""
        raise NotImplementedError

    def recognises(self, found: Object) -> bool:
        """Those that were set up."""
        return any((dig(found, "spec", name) or value) != value for name, value in self.unset.items())

    def requires(self, inputs: I) -> Sequence[Requirement]:
        """The device."""
        hint = f"`kubectl get {self.api.plural}` shows them, once the addon pcidevices-controller is enabled"
        return (Requirement("name", self.ref(inputs), hint),) if is_known(inputs.name) else ()

    def create(self, inputs: I, seen: Snapshot) -> Plan:  # noqa: ARG002  a missing one is told by `requires`
        """Nothing: devices are found, not made."""
        return Plan()

    def update(self, old: I, new: I, seen: Snapshot) -> Plan:
        """Set it up, and note how it was."""
        changes = tuple(self.changes(old, new))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        ref, found = self.ref(new), seen.get(self.ref(new))
        now = {name: dig(found, "spec", name) for name in self.unset}
        wanted = self.wanted(new)
        spec = wanted if any(now[name] != value for name, value in wanted.items()) else {}
        meta = with_note(metadata_patch(old, new), note(found, now))
        body: dict[str, Json] = {**({"spec": spec} if spec else {}), **({"metadata": meta} if meta else {})}
        return Plan(steps=(Patch(ref, body, says=self.says(new)),) if body else (), changes=changes)

    def settle(self, inputs: I, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  a device that is set up at once
        """Nothing to wait for."""
        return ()

    def delete(self, old: I, seen: Snapshot) -> Plan:
        """Put back how it was."""
        ref = self.ref(old)
        if seen[ref] is None:
            return Plan()
        before = remembered(seen.get(ref))
        spec = {name: before.get(name) or value for name, value in self.unset.items()}
        return Plan(steps=(Patch(ref, {"spec": spec, "metadata": release(old)}, says=f"put back how {ref} was set up"),))
