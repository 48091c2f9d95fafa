"""PersistentVolumeClaims: what a CSI driver and its sidecars would do, binding and online growth.

Claims are bound to volumes that look like Longhorn's. Nothing is ever shrunk, and nothing deleted but the volume of a
claim that goes.
"""

from collections.abc import Iterable, Mapping

from harvester_local.api.client import ApiError
from harvester_local.api.kinds import IMAGE, INSTANCE, STORAGE_CLASS, VOLUME, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, finalizers, part
from harvester_local.api.quantities import parse
from harvester_local.api.store import Index
from harvester_local.controllers.events import WARNING, Recorder
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.machines import IMAGE_ID, instance_claim_words, phase

FINALIZER = "wrangler.cattle.io/persistentvolumeclaim-controller"
_PROTECTION = "kubernetes.io/pvc-protection"


class Volumes:
    """The controller."""

    def __init__(self, context: Context, recorder: Recorder) -> None:
        self._context, self._recorder = context, recorder
        self._users: Index = context.store.index(INSTANCE, instance_claim_words)

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Claims, and instances that may be a claim's first consumer."""
        return {VOLUME_CLAIM: own_key, INSTANCE: _claims_of}

    async def reconcile(self, key: Key) -> float | None:
        """Bind, grow or let go."""
        claim = self._context.store.get(VOLUME_CLAIM, key)
        if claim is None:
            return None
        if deleting(claim):
            await self._let_go(claim)
        elif part(claim, "status").get("phase") == "Bound":
            await self._grow(key, claim)
        elif await self._may_bind(key, claim):
            await self._bind(key, claim)
        return None

    async def _may_bind(self, key: Key, claim: Obj) -> bool:
        store_class = self._context.store.get(STORAGE_CLASS, Key("", claim["spec"].get("storageClassName") or ""))
        if store_class is None:
            return False
        if store_class.get("volumeBindingMode") == "WaitForFirstConsumer" and not self._has_consumer(key):
            return False
        image = self._context.store.get(IMAGE, Key.parse(annotations(claim).get(IMAGE_ID, ""), key.namespace))
        least = part(image, "status").get("virtualSize", 0)
        if least and parse(_request(claim)) < least:
            name = store_class["metadata"]["name"]
            text = f'failed to provision volume with StorageClass "{name}": the size is less than the image\'s virtual size {least}'
            await self._recorder.record(claim, "ProvisioningFailed", text, kind=WARNING, component="driver.longhorn.io")
            return False
        return True

    def _has_consumer(self, key: Key) -> bool:
        return any(phase(user) not in {"", "Pending"} for user in self._context.store.find(self._users, str(key)))

    async def _bind(self, key: Key, claim: Obj) -> None:
        api, meta, spec = self._context.api, claim["metadata"], claim["spec"]
        name, size = f"pvc-{meta['uid']}", _request(claim)
        reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": key.namespace, "name": key.name, "uid": meta["uid"]}
        attributes = {
            "numberOfReplicas": "3",
            "staleReplicaTimeout": "30",
            "share": "true" if spec.get("volumeMode") != "Block" else "false",
        }
        volume = {
            "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": "driver.longhorn.io"}},
            "spec": {
                "capacity": {"storage": size},
                "accessModes": spec["accessModes"],
                "volumeMode": spec.get("volumeMode", "Filesystem"),
                "storageClassName": spec.get("storageClassName") or "",
                "persistentVolumeReclaimPolicy": "Delete",
                "claimRef": reference,
                "csi": {"driver": "driver.longhorn.io", "volumeHandle": name, "fsType": "ext4", "volumeAttributes": attributes},
            },
        }
        await api.ensure(VOLUME, volume)
        marks = {
            "pv.kubernetes.io/bind-completed": "yes",
            "pv.kubernetes.io/bound-by-controller": "yes",
            "volume.kubernetes.io/storage-provisioner": "driver.longhorn.io",
        }
        kept = [*finalizers(claim), *({FINALIZER} - set(finalizers(claim)))]
        await api.patch_version(VOLUME_CLAIM, claim, {"metadata": {"annotations": marks, "finalizers": kept}, "spec": {"volumeName": name}})
        await api.patch_status(VOLUME, Key("", name), {"phase": "Bound"})
        await api.patch_status(VOLUME_CLAIM, key, {"phase": "Bound", "accessModes": spec["accessModes"], "capacity": {"storage": size}})

    async def _grow(self, key: Key, claim: Obj) -> None:
        wanted, capacity = _request(claim), part(claim, "status", "capacity").get("storage", "0")
        if parse(wanted) <= parse(capacity):
            return
        await self._context.api.patch(VOLUME, Key("", claim["spec"]["volumeName"]), {"spec": {"capacity": {"storage": wanted}}})
        await self._context.api.patch_status(VOLUME_CLAIM, key, {"capacity": {"storage": wanted}, "conditions": None})

    async def _let_go(self, claim: Obj) -> None:
        """Delete the volume once nothing but this controller holds the claim."""
        if FINALIZER not in finalizers(claim) or _PROTECTION in finalizers(claim):
            return
        volume = Key("", claim["spec"].get("volumeName") or "")
        if volume.name:
            try:
                await self._context.api.patch_status(VOLUME, volume, {"phase": "Released"})
            except ApiError as error:
                if error.status != 404:
                    raise
            await self._context.api.delete(VOLUME, volume)
        remaining = [f for f in finalizers(claim) if f != FINALIZER]
        await self._context.api.patch_version(VOLUME_CLAIM, claim, {"metadata": {"finalizers": remaining}})


def _request(claim: Obj) -> str:
    return str(part(claim, "spec", "resources", "requests").get("storage", "0"))


def _claims_of(instance: Obj) -> Iterable[Key]:
    return [Key.parse(word) for word in instance_claim_words(instance)]
