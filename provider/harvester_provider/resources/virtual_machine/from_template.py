"""A machine from a template: which version is meant, and what of it becomes inputs of the machine.

The template is read once, before the machine is made. From then on its inputs are the machine's own: an update keeps what the
program leaves out as it was. Everything here is values of the wire, because it comes before the inputs are validated.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from harvester_provider.core.errors import InvalidId, InvalidInputs
from harvester_provider.core.json import dig_str
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import TEMPLATE, TEMPLATE_VERSION
from harvester_provider.resources.virtual_machine.model import Machine, VirtualMachineInputs
from harvester_provider.resources.virtual_machine.template_version import described_machine

Wire = Mapping[str, Any]
_FIELDS = tuple(field.alias or name for name, field in Machine.model_fields.items())


def sources(news: Wire, olds: Wire, seen: Snapshot) -> Iterable[Want]:
    """The version that is named, or the template and its default version. Nothing where the machine is there already."""
    named = _named(news, olds)
    if named is None:
        return
    version, template = named
    yield version
    yield template
    if template in seen and not seen.get(version) and (default := _default(template, seen)):
        yield default


def inherited(news: Wire, olds: Wire, seen: Snapshot) -> dict[str, Any]:
    """The inputs, with what the program leaves out: of a new machine from the template, of an older one as it is."""
    if not isinstance(news.get("template"), str):
        return dict(news)
    named = _named(news, olds)
    lent = {key: olds[key] for key in _FIELDS if key in olds} if named is None else _lent(*named, news, seen)
    return {**lent, **{key: value for key, value in news.items() if value is not None}}


def _named(news: Wire, olds: Wire) -> tuple[Ref, Ref] | None:
    """The ID as that of a version and as that of a template."""
    identity, namespace = news.get("template"), news.get("namespace") or "default"
    if not isinstance(identity, str) or not isinstance(namespace, str) or olds:
        return None
    try:
        return Ref.named(TEMPLATE_VERSION, identity, namespace), Ref.named(TEMPLATE, identity, namespace)
    except InvalidId as error:
        raise InvalidInputs("VirtualMachine", [Problem("template", str(error))]) from error


def _default(template: Ref, seen: Snapshot) -> Ref | None:
    identity = dig_str(seen.get(template), "spec", "defaultVersionId")
    return Ref.named(TEMPLATE_VERSION, identity, template.namespace) if identity else None


def _lent(version: Ref, template: Ref, news: Wire, seen: Snapshot) -> dict[str, Any]:
    """What the version gives. Raises InvalidInputs where there is none, or where it holds cloud-init data that would become readable."""
    default = _default(template, seen)
    found = seen.get(version) or (seen.get(default) if default else {})
    if not found:
        why = f"{template} has no version yet" if seen.get(template) else f"neither a template nor a version {template.id} exists"
        raise InvalidInputs("VirtualMachine", [Problem("template", f"{why}: give the id of a VirtualMachineTemplateVersion")])
    machine = described_machine(found)
    drive = machine.cloud_init
    if drive is not None and (drive.user_data or drive.network_data) and not news.get("cloudInit"):
        why = f"the cloud-init data of {dig_str(found, 'metadata', 'name')} is part of it, and may be secret: give cloudInit in the program"
        raise InvalidInputs("VirtualMachine", [Problem("template", why)])
    fresh = [nic.updated(mac_address=None) for nic in machine.network_interfaces]
    lent = VirtualMachineInputs.model_construct(**{**machine.__dict__, "network_interfaces": fresh, "name": "", "owner": ""}).wire()
    return {key: lent[key] for key in _FIELDS if key in lent}
