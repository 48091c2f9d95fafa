"""Claims from a machine's `volumeClaimTemplates` annotation, made and grown by Harvester's VM controller.

Asynchronous, never deleted or shrunk, without an owner; an entry whose image does not exist is skipped in silence,
as upstream does (vm_controller.go). The machine then waits for a claim that never comes.
"""

import logging
from collections.abc import Iterable, Mapping

from harvester_local.api.kinds import DATA_VOLUME, IMAGE, MACHINE, STORAGE_CLASS, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, key_of, part
from harvester_local.api.quantities import parse
from harvester_local.controllers.image_status import by_cdi
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.data_volumes import AT_ONCE
from harvester_local.model.machines import IMAGE_ID, TemplateError, claim_words, volume_templates

log = logging.getLogger(__name__)


class VolumeTemplates:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting = context.store.index(MACHINE, _images_of)
        self._users = context.store.index(MACHINE, claim_words)

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Machines, images that a machine may have been waiting for, and claims that have gone."""
        return {MACHINE: own_key, IMAGE: self._machines_with, VOLUME_CLAIM: self._users_of}

    async def reconcile(self, key: Key) -> float | None:
        """Make and grow what the annotation asks for."""
        machine = self._context.store.get(MACHINE, key)
        if machine is None or deleting(machine):
            return None
        try:
            entries = volume_templates(machine)
        except TemplateError as error:
            log.warning("%s: %s", key, error)
            return None
        for entry in entries:
            await self._ensure(key.namespace, entry)
        return None

    async def _ensure(self, namespace: str, entry: Obj) -> None:
        api, key = self._context.api, Key(namespace, entry["metadata"]["name"])
        claim = self._context.store.get(VOLUME_CLAIM, key)
        if claim is None:
            source = Key.parse(annotations(entry).get(IMAGE_ID, ""), namespace)
            image = self._context.store.get(IMAGE, source)
            if source.name and image is None:
                log.info("%s: image %s of its volume template does not exist, skipped", key, source)
                return
            if image is not None and by_cdi(image):
                await api.ensure(DATA_VOLUME, self._copy(key, entry, source))
                return
            meta = {
                "namespace": namespace,
                "name": key.name,
                "annotations": annotations(entry),
                "labels": part(entry, "metadata", "labels"),
            }
            await api.ensure(VOLUME_CLAIM, {"metadata": meta, "spec": entry["spec"]})
            return
        wanted, asked = _size(entry), _size(claim)
        if wanted and parse(wanted) > parse(asked or "0") and not deleting(claim):
            await api.patch(VOLUME_CLAIM, key, {"spec": {"resources": {"requests": {"storage": wanted}}}})

    def _copy(self, key: Key, entry: Obj, image: Key) -> Obj:
        """The DataVolume that copies an image of CDI's, bound at once whatever its class says."""
        store_class = self._context.store.get(STORAGE_CLASS, Key("", entry["spec"].get("storageClassName") or "")) or {}
        marks = {AT_ONCE: "true"} if store_class.get("volumeBindingMode") == "WaitForFirstConsumer" else {}
        storage = {name: entry["spec"][name] for name in ("storageClassName", "resources") if name in entry["spec"]}
        source = {"pvc": {"namespace": image.namespace, "name": image.name}}
        meta = {"name": key.name, "namespace": key.namespace, "annotations": marks}
        return {"metadata": meta, "spec": {"source": source, "storage": storage}}

    def _users_of(self, claim: Obj) -> Iterable[Key]:
        return self._users.keys(str(key_of(claim)))

    def _machines_with(self, image: Obj) -> Iterable[Key]:
        return self._waiting.keys(str(key_of(image)))


def _size(claim: Obj) -> str:
    return str(part(claim, "spec", "resources", "requests").get("storage") or "")


def _images_of(machine: Obj) -> Iterable[str]:
    try:
        entries = volume_templates(machine)
    except TemplateError:
        return ()
    namespace = machine["metadata"].get("namespace", "")
    return {str(Key.parse(image, namespace)) for entry in entries if (image := annotations(entry).get(IMAGE_ID))}
