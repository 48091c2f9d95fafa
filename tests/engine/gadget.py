"""A small kind for the engine's tests: an object with a size, a colour that replaces, and a readiness of its own."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, dig_str
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Await, Change, Disruption, Judge, Patch, Plan, Put, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.kind import BaseKind, metadata
from harvester_provider.resources.model import REPLACE, NamespacedInputs, Outputs

GADGET = Api("example.org", "v1", "gadgets", "Gadget")
STORE = Api("example.org", "v1", "stores", "Store")


class GadgetInputs(NamespacedInputs):
    size: int = 1
    colour: str = Field(default="red", json_schema_extra=REPLACE)
    store: str | None = None
    group: str = ""
    most: int = 1


class GadgetOutputs(Outputs):
    phase: str = ""


def judge_of(ref: Ref) -> Judge:
    def judge(seen: Snapshot) -> Verdict:
        match dig_str(seen.get(ref), "status", "phase"):
            case "ready":
                return Ready()
            case "broken":
                return Failed("it is broken", "mend it")
            case other:
                return Waiting(other or "nobody takes care of it")

    return judge


class Gadget(BaseKind[GadgetInputs]):
    name: ClassVar[str] = "Gadget"
    api: ClassVar[Api] = GADGET
    inputs = GadgetInputs
    outputs_model = GadgetOutputs

    def check(self, inputs: GadgetInputs) -> Sequence[Problem]:
        return [Problem("size", "must be positive: write 1 or more")] if is_known(inputs.size) and inputs.size < 1 else []

    def requires(self, inputs: GadgetInputs) -> Sequence[Requirement]:
        return [Requirement("store", Ref(STORE, inputs.store, inputs.namespace), "make it first")] if inputs.store else []

    def create(self, inputs: GadgetInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  the Protocol's signature
        body = {"metadata": metadata(inputs), "spec": {"size": inputs.size, "colour": inputs.colour}}
        return Plan((Put(self.ref(inputs), body, f"create {inputs.name}"),))

    def settle(self, inputs: GadgetInputs, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  the Protocol's signature
        return (self._ready(inputs, "create"),)

    def _ready(self, inputs: GadgetInputs, operation: str) -> Await:
        ref = self.ref(inputs)
        return Await(ref, "ready", (ref,), judge_of(ref), inputs.seconds(operation, 1800))

    def update(self, old: GadgetInputs, new: GadgetInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  the Protocol's signature
        changes = self.replacements(old, new)
        if old.size == new.size or changes:
            return Plan(changes=tuple(changes))
        if new.size < old.size:
            return Plan(changes=(Change("size", Effect.REFUSED, "a gadget cannot shrink"),))
        ref = self.ref(new)
        stop = Patch(ref, {"spec": {"stopped": True}}, "stop it", Effect.STOP_MODIFY_START)
        grow = Patch(ref, {"spec": {"size": new.size}}, "make it larger")
        start = Patch(ref, {"spec": {"stopped": None}}, "start it")
        group = Disruption(ref, new.group, new.most, (ref,), judge_of(ref)) if new.group else None
        changes = [Change("size", Effect.STOP_MODIFY_START, "it must stand still")]
        return Plan((stop, grow, start, self._ready(new, "update")), tuple(changes), recover=(start,), disruption=group)

    def observe(self, ref: Ref, prior: GadgetInputs | None, seen: Snapshot) -> GadgetInputs:
        found = seen.get(ref)
        spec = found.get("spec")
        assert isinstance(spec, dict)
        values = prior.wire() if prior else {"name": ref.name, "namespace": ref.namespace}
        return GadgetInputs.model_validate({**values, "size": spec["size"], "colour": spec["colour"]})

    def outputs(self, inputs: GadgetInputs, seen: Snapshot) -> Mapping[str, Json]:
        return {"phase": dig_str(seen.get(self.ref(inputs)), "status", "phase")}


KIND = Gadget()
