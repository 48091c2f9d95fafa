"""Addon: one of Harvester's optional parts, switched on or off and configured.

Most addons are there from the installation: a create takes one over, a delete puts back the state it had. One that is not
(such as harvester-vm-dhcp-controller) is made where its chart is given. Every change is an operation that Harvester works
off, one at a time, and that is waited for. Upstream: pkg/controller/master/addon, pkg/webhook/resources/addon.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import yaml
from pydantic import Field

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, condition, dig, dig_list, dig_map, dig_str, is_true
from harvester_provider.core.kind import Requirement
from harvester_provider.core.plan import Await, Patch, Plan, Put, Remove, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.unknown import is_known
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import ADDON
from harvester_provider.resources.kind import BaseKind, manifest, metadata, metadata_patch
from harvester_provider.resources.model import REPLACE, SECRET, Name, NamespacedInputs, Outputs
from harvester_provider.resources.previous import is_noted, note, release, remembered, with_note

_SECONDS = 1200.0
"""Images of a chart are pulled by every node: minutes, on a slow line many."""
_DONE = {True: "AddonDeploySuccessful", False: "AddonDisabled"}


class AddonInputs(NamespacedInputs):
    """An addon, by namespace and name. A delete puts back whether it was enabled, and its values."""

    namespace: Name = Field(default="harvester-system", json_schema_extra=REPLACE)
    """Namespace of the addon. `rancher-monitoring` is in `cattle-monitoring-system`, `rancher-logging` in `cattle-logging-system`."""
    enabled: bool = True
    """Whether it runs."""
    values_content: str | None = Field(default=None, json_schema_extra=SECRET)
    """Values of its Helm chart, as YAML text; compared as what they mean. Never shown, since some hold passwords. Default: what it has."""
    repo: str | None = None
    """Helm repository, for an addon that the cluster does not have yet."""
    chart: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Chart, for an addon that the cluster does not have yet."""
    version: str | None = None
    """Version of the chart. Default: what it has."""


class AddonOutputs(Outputs):
    """What is known of an addon."""

    status: str = ""
    """What Harvester says: `AddonDeploySuccessful`, `AddonDisabled`, or on the way there."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Judges an addon by its state (upstream pkg/apis/harvesterhci.io/v1beta1/addon.go).

    `before` is what was said of it when the plan was made: where a change of values starts an operation, the old success is none.
    """

    ref: Ref
    enabled: bool | None
    """None: whatever it is, no operation is under way."""
    before: tuple[str, ...] | None = None

    def __call__(self, seen: Snapshot) -> Verdict:
        """Ready where it is as asked for and nothing is under way."""
        found = seen.get(self.ref)
        status = dig_str(found, "status", "status")
        if is_true(found, "OperationFailed") and self.before != _said(found):
            said = dig_str(condition(found, "OperationFailed"), "message") or "the cluster does not say why"
            return Failed(f"the operation failed: {said}", "check valuesContent; `kubectl -n NAMESPACE get pods` shows what does not start")
        if is_true(found, "InProgress") or status in {"AddonEnabling", "AddonDisabling", "AddonUpdating"}:
            return Waiting(status or "an operation is in progress")
        wanted = self.enabled is None or status == _DONE[self.enabled] or (not self.enabled and not status)
        return Ready() if wanted and self.before != _said(found) else Waiting(status or "nothing is said of it yet")


def _said(found: Object) -> tuple[str, ...]:
    """All that the status says, times included."""
    return (dig_str(found, "status", "status"), *sorted(str(item) for item in dig_list(found, "status", "conditions")))


class Addon(BaseKind[AddonInputs]):
    """The kind `Addon`."""

    name: ClassVar[str] = "Addon"
    api: ClassVar[Api] = ADDON
    inputs: ClassVar[type[AddonInputs]] = AddonInputs
    outputs_model: ClassVar[type[AddonOutputs]] = AddonOutputs
    adopts: ClassVar[bool] = True

    def recognises(self, found: Object) -> bool:
        """Those that are switched on."""
        return dig(found, "spec", "enabled") is True

    def check(self, inputs: AddonInputs) -> Sequence[Problem]:
        """Values are YAML with a mapping; repo, chart and version belong together."""
        out = []
        if is_known(inputs.values_content) and inputs.values_content:
            try:
                sound = isinstance(yaml.safe_load(inputs.values_content), Mapping | None)
            except yaml.YAMLError:
                sound = False
            if not sound:
                out.append(Problem("valuesContent", "no YAML mapping: write the chart's values as `key: value` lines, or json.dumps(...)"))
        for name, value in (("repo", inputs.repo), ("version", inputs.version)):
            if is_known(value, inputs.chart) and inputs.chart and not value:
                out.append(Problem(name, "missing: an addon that is to be made needs repo, chart and version"))
        return out

    def requires(self, inputs: AddonInputs) -> Sequence[Requirement]:
        """The addon itself, unless its chart is given."""
        if not is_known(inputs.name, inputs.namespace, inputs.chart) or inputs.chart:
            return ()
        hint = "`kubectl get addons.harvesterhci.io -A` shows those the cluster has; to make one, give repo, chart and version"
        return (Requirement("name", self.ref(inputs), hint),)

    def create(self, inputs: AddonInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  a new addon depends on nothing else
        """Make one the cluster does not have."""
        spec: dict[str, Json] = {
            "repo": inputs.repo or "", "chart": inputs.chart or "", "version": inputs.version or "",
            "enabled": inputs.enabled, "valuesContent": inputs.values_content or "",
        }  # fmt: skip
        ref = self.ref(inputs)
        return Plan(steps=(Put(ref, manifest(ADDON, metadata(inputs), spec=spec), says=f"make {ref}"),))

    def settle(self, inputs: AddonInputs, seen: Snapshot) -> Sequence[Step]:  # noqa: ARG002  the wait looks for itself
        """Wait until it is as declared."""
        return (self._wait(inputs, "create"),)

    def update(self, old: AddonInputs, new: AddonInputs, seen: Snapshot) -> Plan:
        """Switch it and write its values, once no operation is under way, and note what it was."""
        ref, found = self.ref(new), seen.get(self.ref(new))
        old = old.updated(values_content=new.values_content) if _same(old.values_content, new.values_content) else old
        changes = tuple(self.changes(old, new, {"enabled": (Effect.METADATA, "")}))
        if Plan(changes=changes).replaces:
            return Plan(changes=changes)
        spec = _spec_patch(new, found)
        noted = note(found, {key: dig(found, "spec", key) for key in ("enabled", "valuesContent", "version", "repo")})
        made = bool(new.chart) and not is_noted(found) and bool(dig_str(found, "metadata", "annotations", "harvester.pulumi.com/owner"))
        meta = with_note(metadata_patch(old, new), {} if made else noted)
        body = {name: part for name, part in (("metadata", meta), ("spec", spec)) if part}
        if not body:
            return Plan(changes=changes)
        free = Await(of=ref, until="free for a change", wants=(ref,), judge=Settled(ref, None), seconds=new.seconds("update", _SECONDS))
        patch = Patch(ref, body, says=f"{'enable' if new.enabled else 'disable'} {ref}" if "enabled" in spec else f"configure {ref}")
        if not spec:
            return Plan(steps=(patch,), changes=changes)
        idle = not new.enabled and "enabled" not in spec
        wait = Settled(ref, new.enabled, None if idle or "enabled" in spec else _said(found))
        return Plan(steps=(free, patch, self._wait(new, "update", wait)), changes=changes)

    def delete(self, old: AddonInputs, seen: Snapshot) -> Plan:
        """Put back what it was; one that was made here is removed."""
        ref = self.ref(old)
        found = seen[ref]
        if found is None:
            return Plan()
        if not is_noted(found):
            return Plan(steps=(Remove(ref, says=f"delete {ref}", seconds=old.seconds("delete", 300)),))
        spec = {key: value for key, value in remembered(found).items() if dig(found, "spec", key) != value}
        seconds = old.seconds("delete", _SECONDS)
        free = Await(of=ref, until="free for a change", wants=(ref,), judge=Settled(ref, None), seconds=seconds)
        body = {"metadata": release(old), **({"spec": spec} if spec else {})}
        patch = Patch(ref, body, says=f"put the previous state of {ref} back")
        enabled = bool(remembered(found).get("enabled"))
        wait = Await(of=ref, until="as it was before", wants=(ref,), judge=Settled(ref, enabled), seconds=seconds)
        return Plan(steps=(free, patch, wait) if spec else (patch,))

    def observe(self, ref: Ref, prior: AddonInputs | None, seen: Snapshot) -> AddonInputs:
        """The addon as the cluster has it; values and chart only where they are declared."""
        found = seen.get(ref)
        values: dict[str, Any] = {"enabled": dig(found, "spec", "enabled") is True}
        for name, key in (("values_content", "valuesContent"), ("repo", "repo"), ("chart", "chart"), ("version", "version")):
            if prior is None or getattr(prior, name) is not None:
                values[name] = dig_str(found, "spec", key)
        if prior is not None and _same(prior.values_content, values.get("values_content")):
            values["values_content"] = prior.values_content
        return self.observed(ref, prior, found, values)

    def outputs(self, inputs: AddonInputs, seen: Snapshot) -> Mapping[str, Json]:
        """What the status says."""
        return AddonOutputs(status=dig_str(seen.get(self.ref(inputs)), "status", "status")).wire()

    def _wait(self, inputs: AddonInputs, operation: str, judge: Settled | None = None) -> Await:
        ref = self.ref(inputs)
        until = "running" if inputs.enabled else "switched off"
        seconds = inputs.seconds(operation, _SECONDS)
        return Await(of=ref, until=until, wants=(ref,), judge=judge or Settled(ref, inputs.enabled), seconds=seconds)


def _spec_patch(new: AddonInputs, found: Object) -> dict[str, Json]:
    wanted: dict[str, Json] = {"enabled": new.enabled, "repo": new.repo, "version": new.version}
    have = dig_map(found, "spec")
    spec: dict[str, Json] = {key: value for key, value in wanted.items() if value is not None and have.get(key) != value}
    if new.values_content is not None and not _same(new.values_content, dig_str(have, "valuesContent")):
        spec["valuesContent"] = new.values_content
    return spec


def _same(one: str | None, other: str | None) -> bool:
    """Whether two texts of values mean the same YAML."""
    if one is None or other is None:
        return one is other
    try:
        return bool(one == other or (yaml.safe_load(one) or {}) == (yaml.safe_load(other) or {}))
    except yaml.YAMLError:
        return False


KIND = Addon()
