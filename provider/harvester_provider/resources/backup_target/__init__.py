"""BackupTarget, in call order: model (inputs), check, value (the setting's text and its Secrets), waits (verdicts), the kind.

The cluster has one setting for it, always: create takes it over and keeps what was set before, delete puts that back.
Everything in this folder is pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from harvester_provider.core.effect import Effect
from harvester_provider.core.json import Json, Object, dig, dig_str
from harvester_provider.core.ownership import OWNER, mark, owner_of
from harvester_provider.core.plan import Change, Patch, Plan, Put, Remove, Step
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Api, Ref, Want
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Ready
from harvester_provider.core.wording import first_of
from harvester_provider.resources.apis import BACKUP_TARGET, SECRET, SETTING
from harvester_provider.resources.backup_target import value, waits
from harvester_provider.resources.backup_target.check import problems
from harvester_provider.resources.backup_target.model import BackupTargetInputs, BackupTargetOutputs
from harvester_provider.resources.kind import DESCRIPTION, TAG, BaseKind, entries_patch, manifest, metadata_patch

_SECONDS = 180.0
_OWN = ("name", "description", "tags", "labels", "annotations", "on_delete")
"""Inputs that say nothing about the storage."""


class BackupTarget(BaseKind[BackupTargetInputs]):
    """The kind `BackupTarget`."""

    name: ClassVar[str] = "BackupTarget"
    api: ClassVar[Api] = SETTING
    inputs: ClassVar[type[BackupTargetInputs]] = BackupTargetInputs
    outputs_model: ClassVar[type[BackupTargetOutputs]] = BackupTargetOutputs
    adopts: ClassVar[bool] = True

    def recognises(self, found: Object) -> bool:
        """The one setting, where a target is set."""
        return dig_str(found, "metadata", "name") == BACKUP_TARGET.name and bool(value.decoded(found))

    def ref(self, inputs: BackupTargetInputs) -> Ref:  # noqa: ARG002  there is only one
        """The one setting."""
        return BACKUP_TARGET

    def check(self, inputs: BackupTargetInputs) -> Sequence[Problem]:
        """What an S3 target and an NFS target need and must not have."""
        return tuple(problems(inputs))

    def reads(self, ref: Ref, inputs: BackupTargetInputs | None, seen: Snapshot) -> Iterable[Want]:  # noqa: ARG002  always the same
        """The setting, its keys, what was before, Longhorn's view, and what is going on with the target."""
        wants: tuple[Want, ...] = (ref, value.KEYS, value.PREVIOUS, value.LONGHORN_TARGET)
        return wants if inputs is None else (*wants, waits.BACKUPS, waits.RESTORES)

    def create(self, inputs: BackupTargetInputs, seen: Snapshot) -> Plan:  # noqa: ARG002  the setting is always there
        """A Harvester without this setting is none."""
        why = "this cluster has no setting backup-target: is it a Harvester?"
        return Plan(changes=(Change("type", Effect.REFUSED, why),))

    def settle(self, inputs: BackupTargetInputs, seen: Snapshot) -> Sequence[Step]:
        """Wait until the target answers."""
        wait = waits.answers(_url(inputs), inputs.seconds("create", _SECONDS))
        return () if wait.judge(seen) == Ready() else (wait,)

    def update(self, old: BackupTargetInputs, new: BackupTargetInputs, seen: Snapshot) -> Plan:
        """Keep what was set before we came, wait for backups that run, set the target, and wait until it answers."""
        found = seen.get(BACKUP_TARGET)
        steps: list[Step] = []
        if not owner_of(found) and value.decoded(found):
            steps.append(_keep(new, seen))
        changed = _storage(old, new)
        body: dict[str, Json] = {"metadata": _marked(old, new)} if _marked(old, new) else {}
        if not changed:
            patch = [Patch(BACKUP_TARGET, body, says=f"change the metadata of {BACKUP_TARGET}")] if body else []
            return Plan(steps=(*steps, *patch), changes=tuple(self.changes(old, new)))
        if waits.unfinished(seen):
            steps.append(waits.idle(new.seconds("update", _SECONDS)))
        says = f"set the backup target to {_url(new)}" + ("" if set(changed) - value.SECRETS.keys() else " with other keys")
        steps.append(Patch(BACKUP_TARGET, {**body, "value": value.encoded(new)}, says=says))
        steps.append(waits.answers(_url(new), new.seconds("update", _SECONDS)))
        return Plan(steps=tuple(steps), changes=tuple(self._effects(old, new, seen)), notes=tuple(_consequences(new, seen)))

    def _effects(self, old: BackupTargetInputs, new: BackupTargetInputs, seen: Snapshot) -> Iterable[Change]:
        held = waits.held_by(seen)
        for change in self.changes(old, new):
            yield Change(change.property, Effect.REFUSED, f"{held}: delete them first") if held else change

    def delete(self, old: BackupTargetInputs, seen: Snapshot) -> Plan:
        """Put back what was set before, or no target at all; then forget what was kept."""
        before = value.kept(seen.get(value.PREVIOUS)) if old.on_delete == "restore" else ""
        gone: dict[str, Json] = dict.fromkeys([OWNER, *old.annotations, *([DESCRIPTION] if old.description else [])])
        labels: dict[str, Json] = dict.fromkeys([*old.labels, *(TAG + key for key in old.tags)])
        body: Object = {"metadata": {"annotations": gone, "labels": labels}, "value": before}
        shown = value.kept_url(seen.get(value.PREVIOUS))
        says = f"put the backup target back to {shown}" if before else "set no backup target any more"
        steps: list[Step] = [waits.idle(old.seconds("delete", _SECONDS))] if waits.unfinished(seen) else []
        steps.append(Patch(BACKUP_TARGET, body, says=says))
        if seen.get(value.PREVIOUS):
            steps.append(Remove(value.PREVIOUS))
        return Plan(steps=tuple(steps))

    def observe(self, ref: Ref, prior: BackupTargetInputs | None, seen: Snapshot) -> BackupTargetInputs:
        """The setting as it is, with the keys from Harvester's Secret: that the setting has none is no drift, other keys there are."""
        found = seen.get(ref)
        have = value.decoded(found)
        values: dict[str, object] = {
            "type": have.get("type") or "",
            **{name: have.get(key) or BackupTargetInputs.model_fields[name].default for name, key in value.WIRE.items() if name != "type"},
        }
        values |= value.keys(seen.get(value.KEYS)) if have.get("type") == "s3" else dict.fromkeys(value.SECRETS, "")
        if prior is not None and have.get("type") == "nfs" and _url(prior) == value.url(have):
            values["endpoint"] = prior.endpoint  # the prefix nfs:// may be left out
        return self.observed(ref, prior, found, values)

    def outputs(self, inputs: BackupTargetInputs, seen: Snapshot) -> Mapping[str, Json]:  # noqa: ARG002  all of it is the cluster's
        """Where it is, and whether it answers."""
        return BackupTargetOutputs(
            url=value.url(value.decoded(seen.get(BACKUP_TARGET))),
            available=dig(seen.get(value.LONGHORN_TARGET), "status", "available") is True,
            previous=value.kept_url(seen.get(value.PREVIOUS)),
        ).wire()


def _storage(old: BackupTargetInputs, new: BackupTargetInputs) -> list[str]:
    """The inputs about the storage that differ."""
    return [name for name in (*value.WIRE, *value.SECRETS) if getattr(old, name) != getattr(new, name)]


def _url(inputs: BackupTargetInputs) -> str:
    return value.url({key: getattr(inputs, name) for name, key in value.WIRE.items()})


def _keep(new: BackupTargetInputs, seen: Snapshot) -> Put:
    meta: Object = {"name": value.PREVIOUS.name, "namespace": value.PREVIOUS.namespace, "annotations": mark(new.owner)}
    body = manifest(SECRET, meta, type="Opaque", data=value.keeping(seen.get(BACKUP_TARGET), seen.get(value.KEYS)))
    return Put(value.PREVIOUS, body, says=f"keep the target that is set now ({value.url(value.decoded(seen.get(BACKUP_TARGET)))})")


def _marked(old: BackupTargetInputs, new: BackupTargetInputs) -> dict[str, Json]:
    """The metadata to change, with our mark: it is written together with the target, so that what was before is never taken for ours."""
    meta = metadata_patch(old, new)
    marks = entries_patch({}, mark(new.owner))
    return {**meta, "annotations": {**_annotations(meta), **marks}} if meta or marks else {}


def _annotations(meta: Mapping[str, Json]) -> dict[str, Json]:
    found = meta.get("annotations")
    return dict(found) if isinstance(found, Mapping) else {}


def _consequences(new: BackupTargetInputs, seen: Snapshot) -> Iterable[str]:
    """What the user should know of backups before the target changes."""
    if busy := waits.unfinished(seen):
        yield f"{first_of(busy)}: not finished; Harvester takes no other target until then, so that is waited for"
    elsewhere = value.url(value.decoded(seen.get(BACKUP_TARGET)))
    if elsewhere and elsewhere != _url(new) and (stored := waits.stored(seen)):
        yield f"{first_of(stored)}: on {elsewhere}; they cannot be restored, and their data stays there, until that is the target again"


KIND = BackupTarget()
