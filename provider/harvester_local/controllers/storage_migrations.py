"""Storage migration: a claim template that names a target volume brings it behind the machine's disk, and takes it over at the end.

Upstream: SetTargetVolumeStrategy and CleanupTargetVolumeAnnotation of Harvester's vm_controller.go. The copy itself is KubeVirt's
(live_update.py, migrations.py): it is over when the machine runs and no volume change is pending.
"""

import json
from collections.abc import Iterable, Mapping

from harvester_local.api.kinds import INSTANCE, MACHINE, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, is_true, part
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.machines import VOLUME_TEMPLATES, TemplateError, claims, template_spec, volume_templates, volumes
from harvester_local.model.machines import WAITING_STORAGE_MIGRATION as WAITING


class StorageMigrations:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._targets = context.store.index(MACHINE, _target_words)

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Machines, their instances, and the claims that they are to move to."""
        return {MACHINE: own_key, INSTANCE: own_key, VOLUME_CLAIM: lambda claim: self._targets.keys(_word(claim))}

    async def reconcile(self, key: Key) -> float | None:
        """Take the machine's migration one step on."""
        machine = self._context.store.get(MACHINE, key)
        if machine is None or deleting(machine) or not self._context.rules.storage_migration:
            return None
        targets = _targets(machine)
        wanted = [_moved(volume, targets) for volume in volumes(template_spec(machine))]
        if not targets:
            return None
        if wanted != volumes(template_spec(machine)) or part(machine, "spec").get("updateVolumesStrategy") != "Migration":
            spec = {"updateVolumesStrategy": "Migration", "template": {"spec": {"volumes": wanted}}}
            await self._context.api.patch_version(MACHINE, machine, {"metadata": {"annotations": {WAITING: "true"}}, "spec": spec})
        elif WAITING in annotations(machine):
            if part(machine, "status").get("printableStatus") == "Migrating" or self._copied(key, targets):
                await self._context.api.patch_version(MACHINE, machine, {"metadata": {"annotations": {WAITING: None}}})
        elif part(machine, "status").get("printableStatus") == "Running" and not is_true(machine, "VolumesChange"):
            await self._take_over(key, machine)
        return None

    def _copied(self, key: Key, targets: Mapping[str, str]) -> bool:
        """Whether the copies are done, so quickly that the machine never said that it migrates. Upstream would wait for ever."""
        instance = self._context.store.get(INSTANCE, key)
        if instance is None or is_true(instance, "VolumesChange"):
            return False
        return set(targets.values()) <= set(claims(part(instance, "spec")))

    async def _take_over(self, key: Key, machine: Obj) -> None:
        """The new claim in the place of the old one's template, as it is in the cluster."""
        entries, used = volume_templates(machine), set(claims(template_spec(machine)))
        for number, entry in enumerate(entries):
            found = self._context.store.get(VOLUME_CLAIM, Key(key.namespace, entry.get("targetVolume", "")))
            if found is None or found["metadata"]["name"] not in used:
                continue
            fields = ("accessModes", "resources", "volumeMode", "storageClassName")
            meta = {"name": found["metadata"]["name"], "annotations": annotations(found)}
            entries[number] = {"metadata": meta, "spec": {name: found["spec"][name] for name in fields if name in found["spec"]}}
        body = {"metadata": {"annotations": {VOLUME_TEMPLATES: json.dumps(entries, separators=(",", ":"))}}}
        await self._context.api.patch_version(MACHINE, machine, body)


def _targets(machine: Obj) -> dict[str, str]:
    """The claims that are on the move, and where to."""
    try:
        entries = volume_templates(machine)
    except TemplateError:
        return {}
    return {entry["metadata"]["name"]: entry["targetVolume"] for entry in entries if entry.get("targetVolume")}


def _moved(volume: Obj, targets: dict[str, str]) -> Obj:
    source = part(volume, "persistentVolumeClaim")
    target = targets.get(source.get("claimName", ""))
    return {**volume, "persistentVolumeClaim": {**source, "claimName": target}} if target else volume


def _target_words(machine: Obj) -> Iterable[str]:
    namespace = machine["metadata"].get("namespace", "")
    return {f"{namespace}/{target}" for target in _targets(machine).values()}


def _word(claim: Obj) -> str:
    return f"{claim['metadata'].get('namespace', '')}/{claim['metadata']['name']}"
