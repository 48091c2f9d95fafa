"""VirtualMachineTemplate: a name under which versions of a machine's description are kept (Harvester pkg/controller/master/template).

The versions are resources of their own (`virtual_machine.template_version`). Which one is the default is decided there.
"""

from collections.abc import Mapping
from typing import ClassVar

from harvester_provider.core.json import Json, dig_int, dig_str
from harvester_provider.core.plan import Patch, Plan, Put
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import TEMPLATE
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import NamespacedInputs, Outputs


class VirtualMachineTemplateInputs(NamespacedInputs):
    """A template of virtual machines. It holds nothing by itself: see VirtualMachineTemplateVersion."""


class VirtualMachineTemplateOutputs(Outputs):
    """Which versions there are."""

    default_version_id: str = ""
    """ID of the version that machines are made from; the first version, unless another one is made the default."""
    default_version: int = 0
    """Its number."""
    latest_version: int = 0
    """The highest number of a version."""


class VirtualMachineTemplate(BaseKind[VirtualMachineTemplateInputs]):
    """The kind `VirtualMachineTemplate`."""

    name: ClassVar[str] = "VirtualMachineTemplate"
    api: ClassVar[Api] = TEMPLATE
    inputs: ClassVar[type[VirtualMachineTemplateInputs]] = VirtualMachineTemplateInputs
    outputs_model: ClassVar[type[VirtualMachineTemplateOutputs]] = VirtualMachineTemplateOutputs

    def create(self, inputs: VirtualMachineTemplateInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new template depends on nothing else
        """Make it, without a version."""
        ref = self.ref(inputs)
        spec = {"defaultVersionId": "", **({"description": inputs.description} if inputs.description else {})}
        return Plan((Put(ref, manifest(TEMPLATE, metadata(inputs, described=False), spec=spec), says=f"make {ref}"),))

    def update(
        self,
        old: VirtualMachineTemplateInputs,
        new: VirtualMachineTemplateInputs,
        seen: Snapshot,  # noqa: ARG002  only metadata can change
    ) -> Plan:
        """Patch description and metadata; the versions stay."""
        ref, changes = self.ref(new), tuple(self.changes(old, new))
        meta = metadata_patch(old, new, described=False)
        described: dict[str, Json] = {"spec": {"description": new.description}} if old.description != new.description else {}
        body: dict[str, Json] = {**({"metadata": meta} if meta else {}), **described}
        if Plan(changes=changes).replaces or not body:
            return Plan(changes=changes)
        return Plan((Patch(ref, body, says=f"change {ref}"),), changes)

    def observe(self, ref: Ref, prior: VirtualMachineTemplateInputs | None, seen: Snapshot) -> VirtualMachineTemplateInputs:
        """Description and metadata as the cluster has them."""
        found = seen.get(ref)
        values = {"description": dig_str(found, "spec", "description")}
        return self.observed(ref, prior, found, values, described=False)

    def outputs(self, inputs: VirtualMachineTemplateInputs, seen: Snapshot) -> Mapping[str, Json]:
        """The default version and the newest one."""
        found = seen.get(self.ref(inputs))
        return VirtualMachineTemplateOutputs(
            default_version_id=dig_str(found, "spec", "defaultVersionId"),
            default_version=dig_int(found, "status", "defaultVersion"),
            latest_version=dig_int(found, "status", "latestVersion"),
        ).wire()


KIND = VirtualMachineTemplate()
