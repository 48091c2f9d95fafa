"""VirtualMachineTemplateVersion: one description of a machine, under a template. It lives beside the machines, whose words it speaks.

A version never changes: Harvester refuses every update (webhook templateversion/validator.go, 405), and the deletion of a template's
default version. Only the default is shifted, on the template.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from pydantic import Field

from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import InvalidId
from harvester_provider.core.json import Json, Object, dig_int, dig_map, dig_str, is_true
from harvester_provider.core.kind import Requirement
from harvester_provider.core.ownership import OWNER
from harvester_provider.core.plan import Await, Change, Patch, Plan, Put, Remove, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import TEMPLATE, TEMPLATE_VERSION, VIRTUAL_MACHINE
from harvester_provider.resources.kind import BaseKind, manifest, metadata
from harvester_provider.resources.model import REPLACE, NamespacedInputs, Outputs
from harvester_provider.resources.virtual_machine import manifest as machines
from harvester_provider.resources.virtual_machine import sysprep, wants, words
from harvester_provider.resources.virtual_machine.check import problems
from harvester_provider.resources.virtual_machine.live import Live
from harvester_provider.resources.virtual_machine.model import Machine, VirtualMachineInputs
from harvester_provider.resources.virtual_machine.observe import observe

_SECONDS = 60.0
_OF_ONE_MACHINE = frozenset({OWNER, words.LAST_STRATEGY, words.RESTARTED_FOR})
"""Annotations that a machine has for itself."""
_NEVER = "a version never changes: write another VirtualMachineTemplateVersion, with another name"


class VirtualMachineTemplateVersionInputs(NamespacedInputs):
    """One version of a template. It cannot be changed: another description is another version, with another name."""

    template: str = Field(json_schema_extra=REPLACE)
    """The template, by ID; in the same namespace."""
    machine: Machine
    """The machine that is described; `on_delete` of disks is no part of a template. Cloud-init data must be in a Secret (`secret_name`):
    who reads a version reads all of it."""
    default: bool = False
    """Make it the template's default version. The first version is the default anyway. A default version can only be deleted with its
    template: remove it from the program when another one is the default."""


class VirtualMachineTemplateVersionOutputs(Outputs):
    """What Harvester says of a version."""

    version: int = 0
    """Its number."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Judges whether a version has its number."""

    ref: Ref

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where Harvester has counted it."""
        found = seen.get(self.ref)
        if not found:
            return Failed("the version was deleted meanwhile", "run `pulumi refresh`")
        counted = is_true(found, "assigned") and dig_int(found, "status", "version")
        return Ready() if counted else Waiting("Harvester has not given it a number yet")


class VirtualMachineTemplateVersion(BaseKind[VirtualMachineTemplateVersionInputs]):
    """The kind `VirtualMachineTemplateVersion`."""

    name: ClassVar[str] = "VirtualMachineTemplateVersion"
    api: ClassVar[Api] = TEMPLATE_VERSION
    inputs: ClassVar[type[VirtualMachineTemplateVersionInputs]] = VirtualMachineTemplateVersionInputs
    outputs_model: ClassVar[type[VirtualMachineTemplateVersionOutputs]] = VirtualMachineTemplateVersionOutputs

    def check(self, inputs: VirtualMachineTemplateVersionInputs) -> Sequence[Problem]:
        """The rules of a machine, and the template's namespace."""
        found = list(_of_template(inputs))
        if not is_known(inputs.machine):
            return found
        found += [replace(each, property=f"machine.{each.property}") for each in problems(_machine(inputs))]
        drive = inputs.machine.cloud_init
        if is_known(drive) and drive is not None and (drive.user_data or drive.network_data):
            why = "who reads a template reads these texts: make a CloudInit, and give its id as secretName"
            found.append(Problem("machine.cloudInit", why))
        if is_known(inputs.machine.sysprep) and sysprep.texts(inputs.machine.sysprep):
            found.append(Problem("machine.sysprep", "who reads a template reads these texts: give a Secret by secretName"))
        return found

    def requires(self, inputs: VirtualMachineTemplateVersionInputs) -> Sequence[Requirement]:
        """The template, and what the machine names."""
        if not is_known(inputs.template, inputs.namespace, inputs.machine):
            return ()
        template = Requirement("template", _template(inputs), "give the id of a VirtualMachineTemplate")
        named = (replace(need, property=f"machine.{need.property}") for need in wants.requires(_machine(inputs)))
        return (template, *named)

    def reads(self, ref: Ref, inputs: VirtualMachineTemplateVersionInputs | None, seen: Snapshot) -> Iterable[Want]:
        """The version, its template, the other versions, and the images that its disks are made from."""
        identity = inputs.template if inputs else dig_str(seen.get(ref), "spec", "templateId")
        if identity:
            yield Ref.named(TEMPLATE, identity, ref.namespace)
        if inputs and ref in seen and not seen.get(ref):
            yield from (need.ref for need in wants.requires(_machine(inputs)))
        yield ref

    def create(self, inputs: VirtualMachineTemplateVersionInputs, seen: Snapshot) -> Plan:
        """Make it: the object of a machine without what makes it one of many."""
        ref, machine = self.ref(inputs), _machine(inputs)
        spec: dict[str, Json] = {
            "templateId": _template(inputs).id,
            "description": inputs.description,
            "imageId": _image(machine),
            "keyPairIds": machines.key_ids(machine),
            "vm": _description(machine, seen),
        }
        body = manifest(TEMPLATE_VERSION, metadata(inputs, described=False), spec={key: value for key, value in spec.items() if value})
        return Plan((Put(ref, body, says=f"make {ref}"),))

    def settle(self, inputs: VirtualMachineTemplateVersionInputs, seen: Snapshot) -> Sequence[Step]:
        """Wait for its number; then make it the default, where it shall be."""
        ref = self.ref(inputs)
        steps: list[Step] = [Await(ref, "numbered", (ref,), Assigned(ref), inputs.seconds("create", _SECONDS))]
        return [*steps, *_promotion(inputs, ref, seen)]

    def update(self, old: VirtualMachineTemplateVersionInputs, new: VirtualMachineTemplateVersionInputs, seen: Snapshot) -> Plan:
        """Only the default can be shifted."""
        if replaced := self.replacements(old, new):
            return Plan(changes=tuple(replaced))
        fields = type(new).model_fields
        changes = [Change(fields[name].alias or name, Effect.REFUSED, _NEVER) for name in self.changed(old, new) if name != "default"]
        if old.default != new.default:
            why = "" if new.default else "it stays the default until another version is made it"
            changes.append(Change("default", Effect.METADATA, why))
        steps = () if any(change.effect is Effect.REFUSED for change in changes) else tuple(_promotion(new, self.ref(new), seen))
        return Plan(steps, tuple(changes))

    def delete(self, old: VirtualMachineTemplateVersionInputs, seen: Snapshot) -> Plan:
        """Remove it. The default version stays: Harvester removes it with its template, and with nothing else."""
        ref, template = self.ref(old), _template(old)
        if not seen.get(template):
            return Plan(notes=(f"{ref}: its template is gone, and the cluster removes it",))
        if dig_str(seen.get(template), "spec", "defaultVersionId") == ref.id:
            way_out = "make another version the default before, or delete the template"
            return Plan(notes=(f"{ref}: it is the default of {template}, and stays until that is deleted ({way_out})",))
        return Plan((Remove(ref, says=f"delete {ref}", seconds=old.seconds("delete", 300)),))

    def observe(self, ref: Ref, prior: VirtualMachineTemplateVersionInputs | None, seen: Snapshot) -> VirtualMachineTemplateVersionInputs:
        """The version. It never changes, so that only an import reads the machine."""
        found = seen.get(ref)
        if prior is not None:
            return prior
        template = dig_str(found, "spec", "templateId")
        values = {
            "template": template,
            "description": dig_str(found, "spec", "description"),
            "machine": described_machine(found),
            "default": dig_str(seen.get(Ref.named(TEMPLATE, template, ref.namespace)), "spec", "defaultVersionId") == ref.id,
        }
        return self.observed(ref, None, found, values, described=False)

    def outputs(self, inputs: VirtualMachineTemplateVersionInputs, seen: Snapshot) -> Mapping[str, Json]:
        """Its number."""
        return VirtualMachineTemplateVersionOutputs(version=dig_int(seen.get(self.ref(inputs)), "status", "version")).wire()


def described_machine(version: Object) -> Machine:
    """The machine that a version describes, as far as inputs model it, whoever made the version."""
    name, namespace = dig_str(version, "metadata", "name"), dig_str(version, "metadata", "namespace")
    live = Live(Ref(VIRTUAL_MACHINE, name, namespace), dig_map(version, "spec", "vm"), {})
    found = observe(live, None, Snapshot())
    return Machine.model_construct(**{key: value for key, value in found.items() if key in Machine.model_fields})  # type: ignore[arg-type]  # names of fields


def _machine(inputs: VirtualMachineTemplateVersionInputs) -> VirtualMachineInputs:
    values = {name: getattr(inputs.machine, name) for name in Machine.model_fields}
    return VirtualMachineInputs.model_construct(name=inputs.name, namespace=inputs.namespace, **values)


def _template(inputs: VirtualMachineTemplateVersionInputs) -> Ref:
    return Ref.named(TEMPLATE, inputs.template, inputs.namespace)


def _of_template(inputs: VirtualMachineTemplateVersionInputs) -> Iterable[Problem]:
    if not is_known(inputs.template, inputs.namespace):
        return
    try:
        where = _template(inputs).namespace
    except InvalidId as error:
        yield Problem("template", str(error))
        return
    if where != inputs.namespace:
        yield Problem("template", f"it is in {where} and the version in {inputs.namespace}: Harvester wants both in one namespace")


def _image(machine: VirtualMachineInputs) -> str:
    """The image of the first disk that has one, which the UI shows."""
    return next((disk.image for disk in machine.disks if disk.image), "")


def _description(machine: VirtualMachineInputs, seen: Snapshot) -> Object:
    """The object of the machine, without its name and what follows from it."""
    full = machines.virtual_machine(machine, seen, lambda: "template")
    spec = dict(dig_map(full, "spec"))
    template = dict(dig_map(spec, "template"))
    inner, meta = dict(dig_map(template, "spec")), dict(dig_map(template, "metadata"))
    meta["labels"] = {key: value for key, value in dig_map(meta, "labels").items() if key != words.VM_NAME}
    if machine.hostname is None:
        inner.pop("hostname", None)
    marks = {key: value for key, value in dig_map(full, "metadata", "annotations").items() if key not in _OF_ONE_MACHINE}
    return {
        "metadata": {"labels": dig_map(full, "metadata", "labels"), "annotations": marks},
        "spec": {**spec, "template": {"metadata": meta, "spec": inner}},
    }


def _promotion(inputs: VirtualMachineTemplateVersionInputs, ref: Ref, seen: Snapshot) -> Iterable[Step]:
    template = _template(inputs)
    if inputs.default and dig_str(seen.get(template), "spec", "defaultVersionId") != ref.id:
        yield _promote(template, ref)


def _promote(template: Ref, version: Ref) -> Patch:
    return Patch(template, {"spec": {"defaultVersionId": version.id}}, says=f"make {version.id} the default version of {template}")


KIND = VirtualMachineTemplateVersion()
