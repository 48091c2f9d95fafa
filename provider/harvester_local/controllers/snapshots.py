"""VolumeSnapshots: what the snapshot controller and a CSI driver would do, with a content object for each.

A snapshot is taken of a bound claim and is ready at once; what it holds is only its size. Upstream:
kubernetes-csi/external-snapshotter, pkg/common-controller and pkg/sidecar-controller.
"""

from collections.abc import Iterable, Mapping

from harvester_local.api.kinds import SNAPSHOT, SNAPSHOT_CLASS, SNAPSHOT_CONTENT, VOLUME_CLAIM, Kind
from harvester_local.api.objects import Key, Obj, annotations, deleting, finalizers, key_of, now, part, without_finalizers
from harvester_local.api.store import Index
from harvester_local.controllers.faults import Fault, fault_of
from harvester_local.controllers.runtime import Context, Mapper, own_key

FINALIZERS = (
    "snapshot.storage.kubernetes.io/volumesnapshot-as-source-protection",
    "snapshot.storage.kubernetes.io/volumesnapshot-bound-protection",
)
PROVISIONER = "volume.kubernetes.io/storage-provisioner"


class Snapshots:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._of_claim: Index = context.store.index(SNAPSHOT, source_words)

    @property
    def watches(self) -> Mapping[Kind, Mapper]:
        """Snapshots, and what one may be waiting for: its claim and its class."""
        return {SNAPSHOT: own_key, VOLUME_CLAIM: lambda claim: self._of_claim.keys(_word(claim)), SNAPSHOT_CLASS: self._of_class}

    async def reconcile(self, key: Key) -> float | None:
        """Take it, or let it go."""
        snapshot = self._context.store.get(SNAPSHOT, key)
        if snapshot is None:
            return None
        if deleting(snapshot):
            await self._let_go(snapshot)
        elif part(snapshot, "status").get("readyToUse") is not True and _claim_name(snapshot):
            await self._take(key, snapshot)
        return None

    def _of_class(self, known: Obj) -> Iterable[Key]:
        name = known["metadata"]["name"]
        return [key_of(each) for each in self._context.store.all(SNAPSHOT) if part(each, "spec").get("volumeSnapshotClassName") == name]

    async def _take(self, key: Key, snapshot: Obj) -> None:
        claim = self._context.store.get(VOLUME_CLAIM, Key(key.namespace, _claim_name(snapshot)))
        name = part(snapshot, "spec").get("volumeSnapshotClassName") or ""
        snapshot_class = self._context.store.get(SNAPSHOT_CLASS, Key("", name))
        why = self._refusal(snapshot, claim, snapshot_class)
        if claim is None or snapshot_class is None or why:
            if part(snapshot, "status", "error").get("message") != why:
                await self._context.api.patch_status(SNAPSHOT, key, {"readyToUse": False, "error": {"message": why, "time": now()}})
            return
        await self._context.api.hold(SNAPSHOT, snapshot, *FINALIZERS)
        content, volume = f"snapcontent-{snapshot['metadata']['uid']}", part(claim, "spec").get("volumeName")
        meta = snapshot["metadata"]
        reference = {
            "apiVersion": SNAPSHOT.api_version,
            "kind": SNAPSHOT.kind,
            "name": key.name,
            "namespace": key.namespace,
            "uid": meta["uid"],
        }
        await self._context.api.ensure(
            SNAPSHOT_CONTENT,
            {
                "metadata": {"name": content},
                "spec": {
                    "deletionPolicy": snapshot_class["deletionPolicy"],
                    "driver": snapshot_class["driver"],
                    "source": {"volumeHandle": volume},
                    "volumeSnapshotClassName": name,
                    "volumeSnapshotRef": reference,
                },
            },
        )
        size = part(claim, "status", "capacity").get("storage")
        ready = {"readyToUse": True, "restoreSize": size, "creationTime": now(), "boundVolumeSnapshotContentName": content, "error": None}
        await self._context.api.patch_status(SNAPSHOT, key, ready)

    def _refusal(self, snapshot: Obj, claim: Obj | None, snapshot_class: Obj | None) -> str:
        """Why no snapshot can be taken now, in the words of the snapshot controller; empty where it can."""
        prefix = "Failed to create snapshot content with error"
        if claim is None:
            return f"{prefix} snapshot controller failed to update {_claim_name(snapshot)} on API server: cannot get claim from snapshot"
        if snapshot_class is None:
            name = part(snapshot, "spec").get("volumeSnapshotClassName")
            return f'{prefix} failed to retrieve snapshot class {name} from the informer: volumesnapshotclass "{name}" not found'
        if part(claim, "status").get("phase") != "Bound":
            return f"{prefix} the PVC {_claim_name(snapshot)} is not yet bound to a PV, will not attempt to take a snapshot"
        if annotations(claim).get(PROVISIONER) != snapshot_class["driver"]:
            return f"{prefix} driver {snapshot_class['driver']} of the snapshot class is not the one of the volume"
        if fault_of(snapshot) is Fault.SNAPSHOT_FAILS:
            return "Failed to check and update snapshot content: failed to take snapshot of the volume: rpc error: code = Internal"
        return ""

    async def _let_go(self, snapshot: Obj) -> None:
        content = part(snapshot, "status").get("boundVolumeSnapshotContentName")
        if content:
            await self._context.api.delete(SNAPSHOT_CONTENT, Key("", content))
        left = without_finalizers(snapshot, *FINALIZERS)
        if left != finalizers(snapshot):
            await self._context.api.patch_version(SNAPSHOT, snapshot, {"metadata": {"finalizers": left}})


def _claim_name(snapshot: Obj) -> str:
    return str(part(snapshot, "spec", "source").get("persistentVolumeClaimName") or "")


def source_words(snapshot: Obj) -> Iterable[str]:
    """Index words: `namespace/claim` of the claim that a snapshot is taken of."""
    name = _claim_name(snapshot)
    return (f"{snapshot['metadata'].get('namespace', '')}/{name}",) if name else ()


def _word(claim: Obj) -> str:
    return f"{claim['metadata'].get('namespace', '')}/{claim['metadata']['name']}"
