"""PersistentVolumeClaims: what a CSI driver and its sidecars would do, binding and online growth.

Claims are bound to volumes that look like Longhorn's. Nothing is ever shrunk, and nothing deleted but the volume of a
claim that goes.
"""

from collections.abc import Iterable, Mapping

from harvester_local.api.client import ApiError
from harvester_local.api.kinds import IMAGE, INSTANCE, SNAPSHOT, STORAGE_CLASS, VOLUME, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, finalizers, key_of, part, with_finalizers
from harvester_local.api.quantities import parse
from harvester_local.api.store import Index
from harvester_local.controllers.events import WARNING, Recorder
from harvester_local.controllers.faults import Fault, fault_of
from harvester_local.controllers.runtime import Context, Mapper, own_key
from harvester_local.model.data_volumes import AT_ONCE, is_being_filled
from harvester_local.model.machines import IMAGE_ID, instance_claim_words, left_claim_words, phase

FINALIZER = "wrangler.cattle.io/persistentvolumeclaim-controller"
_LOCAL_PATH = "rancher.io/local-path"
_PROTECTION = "kubernetes.io/pvc-protection"


class Volumes:
    """The controller."""

    def __init__(self, context: Context, recorder: Recorder) -> None:
        self._context, self._recorder = context, recorder
        self._users: Index = context.store.index(INSTANCE, instance_claim_words)
        self._left: Index = context.store.index(INSTANCE, left_claim_words)
        self._waiting: Index = context.store.index(VOLUME_CLAIM, _source_words)
        self._by_class: Index = context.store.index(VOLUME_CLAIM, lambda claim: (_class(claim),))

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Claims and those made from them, what a claim may be waiting for (its class, a snapshot), and instances that may be its first
        consumer."""
        return {
            VOLUME_CLAIM: lambda claim: [*own_key(claim), *self._waiting.keys(_word(VOLUME_CLAIM, claim))],
            SNAPSHOT: lambda snapshot: self._waiting.keys(_word(SNAPSHOT, snapshot)),
            STORAGE_CLASS: lambda known: self._by_class.keys(known["metadata"]["name"]),
            INSTANCE: _claims_of,
        }

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
        store_class = self._context.store.get(STORAGE_CLASS, Key("", _class(claim)))
        if store_class is None:
            return False
        if store_class.get("volumeBindingMode") == "WaitForFirstConsumer" and not self._has_consumer(key, claim):
            return False
        image = self._context.store.get(IMAGE, Key.parse(annotations(claim).get(IMAGE_ID, ""), key.namespace))
        least = part(image, "status").get("virtualSize", 0)
        why = f"the size is less than the image's virtual size {least}" if least and parse(_request(claim)) < least else ""
        if why := why or self._lacks(key, claim):
            text = f'failed to provision volume with StorageClass "{store_class["metadata"]["name"]}": {why}'
            await self._recorder.record(claim, "ProvisioningFailed", text, kind=WARNING, component=store_class["provisioner"])
            return False
        return True

    def _lacks(self, key: Key, claim: Obj) -> str:
        """Why there is no volume for the claim yet, besides its image; in the words of the CSI provisioner."""
        if fault_of(claim) is Fault.PROVISIONING_FAILS:
            return "rpc error: code = ResourceExhausted desc = insufficient storage"
        if why := _beyond_local_path(self._context.store.get(STORAGE_CLASS, Key("", _class(claim))), claim):
            return why
        source = part(claim, "spec", "dataSource")
        kind = {SNAPSHOT.kind: SNAPSHOT, VOLUME_CLAIM.kind: VOLUME_CLAIM}.get(str(source.get("kind")))
        if kind is None:
            return ""
        found = self._context.store.get(kind, Key(key.namespace, source["name"]))
        status = part(found, "status")
        if found is None or (status.get("readyToUse") is not True if kind is SNAPSHOT else status.get("phase") != "Bound"):
            return f"error getting handle for DataSource Type {kind.kind} by Name {source['name']}: it is not ready to use"
        least = status.get("restoreSize") if kind is SNAPSHOT else part(found, "status", "capacity").get("storage")
        if parse(_request(claim)) < parse(str(least or "0")):
            return f"requested volume size {_request(claim)} is less than the size {least} for the source {source['name']}"
        return ""

    def _has_consumer(self, key: Key, claim: Obj) -> bool:
        """Whether a pod asks for it: that of a scheduled instance, or of the one by which KubeVirt and CDI have a claim filled first."""
        users = self._context.store.find(self._users, str(key))
        return any(is_being_filled(claim) or phase(user) not in {"", "Pending"} for user in users) or AT_ONCE in annotations(claim)

    async def _bind(self, key: Key, claim: Obj) -> None:
        api, meta, spec = self._context.api, claim["metadata"], claim["spec"]
        name, size = f"pvc-{meta['uid']}", _request(claim)
        store_class = self._context.store.get(STORAGE_CLASS, Key("", _class(claim))) or {}
        driver = store_class.get("provisioner", "driver.longhorn.io")
        reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": key.namespace, "name": key.name, "uid": meta["uid"]}
        volume = {
            "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": driver}},
            "spec": {
                "capacity": {"storage": size},
                "accessModes": spec["accessModes"],
                "volumeMode": spec.get("volumeMode", "Filesystem"),
                "storageClassName": spec.get("storageClassName") or "",
                "persistentVolumeReclaimPolicy": store_class.get("reclaimPolicy", "Delete"),
                "claimRef": reference,
                **_behind(name, driver, spec),
            },
        }
        marks = {
            "pv.kubernetes.io/bind-completed": "yes",
            "pv.kubernetes.io/bound-by-controller": "yes",
            "volume.kubernetes.io/storage-provisioner": driver,
        }
        kept = with_finalizers(claim, FINALIZER)
        await api.patch_version(VOLUME_CLAIM, claim, {"metadata": {"annotations": marks, "finalizers": kept}, "spec": {"volumeName": name}})
        await api.ensure(VOLUME, volume)  # now that the claim takes it along
        await api.patch_status(VOLUME, Key("", name), {"phase": "Bound"})
        await api.patch_status(VOLUME_CLAIM, key, {"phase": "Bound", "accessModes": spec["accessModes"], "capacity": {"storage": size}})

    async def _grow(self, key: Key, claim: Obj) -> None:
        wanted, capacity = _request(claim), part(claim, "status", "capacity").get("storage", "0")
        if parse(wanted) <= parse(capacity):
            return
        if fault_of(claim) is Fault.PROVISIONING_FAILS:
            text = f"resize volume {claim['spec']['volumeName']} failed: rpc error: code = ResourceExhausted desc = insufficient storage"
            await self._recorder.record(claim, "VolumeResizeFailed", text, kind=WARNING, component="external-resizer")
            return
        await self._context.api.patch(VOLUME, Key("", claim["spec"]["volumeName"]), {"spec": {"capacity": {"storage": wanted}}})
        await self._context.api.patch_status(VOLUME_CLAIM, key, {"capacity": {"storage": wanted}, "conditions": None})

    async def _let_go(self, claim: Obj) -> None:
        """Delete the volume once nothing but this controller holds the claim, and no launcher that a guest has left."""
        if FINALIZER not in finalizers(claim) or _PROTECTION in finalizers(claim):
            return
        if self._context.store.find(self._left, str(key_of(claim))):
            return
        volume = Key("", claim["spec"].get("volumeName") or "")
        if volume.name:
            try:
                await self._context.api.patch_status(VOLUME, volume, {"phase": "Released"})
            except ApiError as error:
                if error.status != 404:
                    raise
            if part(self._context.store.get(STORAGE_CLASS, Key("", _class(claim)))).get("reclaimPolicy") != "Retain":
                await self._context.api.delete(VOLUME, volume)
        await self._context.api.let_go(VOLUME_CLAIM, claim, FINALIZER)


def _request(claim: Obj) -> str:
    return str(part(claim, "spec", "resources", "requests").get("storage", "0"))


def _behind(name: str, driver: str, spec: Obj) -> Obj:
    """What is behind a volume: a folder of a node, or a driver's volume with Longhorn's attributes."""
    if driver == _LOCAL_PATH:
        return {"hostPath": {"path": f"/opt/local-path-provisioner/{name}", "type": "DirectoryOrCreate"}}
    shared = "true" if spec.get("volumeMode") != "Block" else "false"
    attributes = {"numberOfReplicas": "3", "staleReplicaTimeout": "30", "share": shared}
    return {"csi": {"driver": driver, "volumeHandle": name, "fsType": "ext4", "volumeAttributes": attributes}}


def _beyond_local_path(store_class: Obj | None, claim: Obj) -> str:
    """Why the Local Path Provisioner makes no such volume; empty for any other one (rancher/local-path-provisioner, provisioner.go)."""
    if (store_class or {}).get("provisioner") != _LOCAL_PATH:
        return ""
    if part(claim, "spec").get("volumeMode") == "Block":
        return "rancher.io/local-path does not support block volume provisioning"
    shared = set(claim["spec"]["accessModes"]) - {"ReadWriteOnce", "ReadWriteOncePod"}
    return "NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes" if shared else ""


def _class(claim: Obj) -> str:
    return str(part(claim, "spec").get("storageClassName") or "")


def _source_words(claim: Obj) -> Iterable[str]:
    """Index words of a claim: the kind and name of what it is made from."""
    source = part(claim, "spec", "dataSource")
    return (f"{source['kind']} {claim['metadata'].get('namespace', '')}/{source['name']}",) if source.get("name") else ()


def _word(kind: Kind, obj: Obj) -> str:
    return f"{kind.kind} {key_of(obj)}"


def _claims_of(instance: Obj) -> Iterable[Key]:
    return [Key.parse(word) for word in (*instance_claim_words(instance), *left_claim_words(instance))]
