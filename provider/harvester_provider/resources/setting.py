"""Setting: one of Harvester's settings, for whatever has no typed input elsewhere.

Settings are there without us: a create takes one over, a delete puts its previous value back. Values are texts, many of
them JSON, and compared as what they mean. One module from inputs to plan. Upstream: pkg/settings/settings.go.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig_str, is_true
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Change, Patch, Plan
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.resources import setting_rules, setting_values
from harvester_provider.resources.apis import BACKUP_TARGET, SETTING
from harvester_provider.resources.kind import BaseKind, metadata_patch
from harvester_provider.resources.model import SECRET, Outputs, ResourceInputs, TextOrEmpty
from harvester_provider.resources.previous import previous_value, release, restore_setting, same, setting_patch

READ_ONLY = frozenset({"server-version", "api-ui-version", "upgradable-versions", "harvester-csi-ccm-versions"})
"""Settings that say what is so; Harvester itself writes them."""


class SettingInputs(ResourceInputs):
    """A setting of the cluster, by its name. It must exist; a delete puts back the value it had before."""

    value: TextOrEmpty = Field(json_schema_extra=SECRET)
    """The value as Harvester wants it, often JSON text: `json.dumps(...)` of it. An empty one means the default. Some settings hold
    passwords or keys, so that values are never shown. What no cluster takes is told at preview, by its place in the value.
    """


class SettingOutputs(Outputs):
    """What is known of a setting."""

    default: str = ""
    """What is in force where the value is empty."""
    configured: bool = False
    """Whether Harvester says that it has carried the value out. Only some settings say so."""


class Setting(BaseKind[SettingInputs]):
    """The kind `Setting`."""

    name: ClassVar[str] = "Setting"
    api: ClassVar[Api] = SETTING
    inputs: ClassVar[type[SettingInputs]] = SettingInputs
    outputs_model: ClassVar[type[SettingOutputs]] = SettingOutputs
    adopts: ClassVar[bool] = True

    def recognises(self, found: Object) -> bool:
        """Those that were set, the backup target left out, which is a kind of its own."""
        name = dig_str(found, "metadata", "name")
        return bool(dig_str(found, "value")) and name not in READ_ONLY and name != BACKUP_TARGET.name

    def check(self, inputs: SettingInputs) -> Sequence[Problem]:
        """Settings that cannot be set, and values that no cluster takes."""
        if not is_known(inputs.name):
            return ()
        if inputs.name in READ_ONLY:
            return (Problem("name", f"{inputs.name} is written by Harvester itself and can only be read"),)
        why = setting_values.fault(inputs.name, inputs.value) if is_known(inputs.value) else ""
        return (Problem("value", why),) if why else ()

    def requires(self, inputs: SettingInputs) -> Sequence[Requirement]:
        """The setting itself."""
        if not is_known(inputs.name):
            return ()
        hint = "this release has no such setting; `kubectl get settings.harvesterhci.io` shows all"
        return (Requirement("name", self.ref(inputs), hint),)

    def reads(self, ref: Ref, inputs: SettingInputs | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  the name says it
        """The setting, and what Harvester looks at before it takes a value."""
        return (ref, *setting_rules.wants((ref.name,)))

    def create(self, inputs: SettingInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a missing one is told by `requires`
        """Nothing: settings are never made."""
        return Plan()

    def update(self, old: SettingInputs, new: SettingInputs, seen: Snapshot) -> Plan:
        """Write the value where it means something else, and note what it was."""
        ref, found = self.ref(new), seen.get(self.ref(new))
        old = old.updated(value=new.value) if same(old.value, new.value) else old
        changes = tuple(self.changes(old, new))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        if why := setting_rules.refusal(ref.name, new.value, seen):
            return Plan(changes=(Change("value", Effect.REFUSED, why),))
        body = setting_patch(found, new.value, metadata_patch(old, new))
        steps = (Patch(ref, body, says=f"set {ref}"),) if body else ()
        return Plan(steps=steps, changes=changes)

    def delete(self, old: SettingInputs, seen: Snapshot) -> Plan:
        """Put the previous value back."""
        ref = self.ref(old)
        found = seen[ref]
        if found is None:
            return Plan()
        if why := setting_rules.refusal(ref.name, previous_value(found), seen):
            return Plan(changes=(Change("value", Effect.REFUSED, f"it cannot go back to what it was: {why}"),))
        return Plan(steps=(Patch(ref, restore_setting(found, release(old)), says=f"put the previous value of {ref} back"),))

    def observe(self, ref: Ref, prior: SettingInputs | None, seen: Snapshot) -> SettingInputs:
        """The value as the cluster has it; the declared text where it means the same."""
        value = dig_str(seen.get(ref), "value")
        kept = prior is not None and same(prior.value, value)
        return self.observed(ref, prior, seen.get(ref), {"value": prior.value if prior is not None and kept else value})

    def outputs(self, inputs: SettingInputs, seen: Snapshot) -> Mapping[str, Json]:
        """Its default, and whether it is carried out."""
        found = seen.get(self.ref(inputs))
        return SettingOutputs(default=dig_str(found, "default"), configured=is_true(found, "configured")).wire()


KIND = Setting()
