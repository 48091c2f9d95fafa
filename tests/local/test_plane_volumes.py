"""Volumes and their snapshots on the whole simulated control plane, as a CSI driver and its sidecars make them."""

import uuid
from collections.abc import Iterator

import pytest
from plane_client import Answered, User

from harvester_local.api import kinds
from harvester_local.api.objects import Obj
from harvester_local.cluster import LocalHarvester


@pytest.fixture
def user(local_harvester: LocalHarvester) -> Iterator[User]:
    """An administrator in a namespace of its own, which is deleted afterwards."""
    found = User(local_harvester, f"test-{uuid.uuid4().hex[:8]}")
    found.create(kinds.NAMESPACE, found.namespace)
    yield found
    found.delete(kinds.NAMESPACE, found.namespace)


def claim(user: User, name: str, size: str = "1Gi", source: Obj | None = None, **meta: str) -> None:
    spec = {"accessModes": ["ReadWriteMany"], "volumeMode": "Block", "resources": {"requests": {"storage": size}}}
    user.create(kinds.VOLUME_CLAIM, name, spec=spec | ({"dataSource": source} if source else {}), metadata={"annotations": meta})


def bound(found: Obj) -> bool:
    return bool(found.get("status", {}).get("phase") == "Bound")


def take(user: User, name: str, of: str, snapshot_class: str = "longhorn-snapshot", **meta: str) -> None:
    spec = {"source": {"persistentVolumeClaimName": of}, "volumeSnapshotClassName": snapshot_class}
    user.create(kinds.SNAPSHOT, name, spec=spec, metadata={"annotations": meta})


def test_a_snapshot_is_restored_and_a_smaller_volume_is_not_made_of_it(user: User) -> None:
    claim(user, "data", "2Gi")
    user.wait(kinds.VOLUME_CLAIM, "data", bound)
    take(user, "before", "data")
    ready = user.wait(kinds.SNAPSHOT, "before", lambda found: found.get("status", {}).get("readyToUse"))
    assert ready["status"]["restoreSize"] == "2Gi"
    content = user.get(kinds.SNAPSHOT_CONTENT, ready["status"]["boundVolumeSnapshotContentName"])
    assert content["spec"]["volumeSnapshotRef"]["uid"] == ready["metadata"]["uid"]
    source = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "before"}
    claim(user, "small", "1Gi", source)
    claim(user, "restored", "2Gi", source)
    user.wait(kinds.VOLUME_CLAIM, "restored", bound)
    assert not bound(user.get(kinds.VOLUME_CLAIM, "small"))
    user.delete(kinds.SNAPSHOT, "before")
    user.wait_gone(kinds.SNAPSHOT, "before")
    user.wait_gone(kinds.SNAPSHOT_CONTENT, content["metadata"]["name"])


def test_a_copy_waits_for_the_volume_it_is_made_from(user: User) -> None:
    claim(user, "copy", "1Gi", {"kind": "PersistentVolumeClaim", "name": "data"})
    claim(user, "data")
    user.wait(kinds.VOLUME_CLAIM, "copy", bound)


def test_a_snapshot_that_cannot_be_taken_says_why(user: User) -> None:
    claim(user, "data")
    user.wait(kinds.VOLUME_CLAIM, "data", bound)
    take(user, "asked-to-fail", "data", **{"local.harvester/fault": "snapshot-fails"})
    take(user, "no-class", "data", "nothing")
    take(user, "no-volume", "nothing")
    for name, why in (("asked-to-fail", "failed to take snapshot"), ("no-class", "not found"), ("no-volume", "cannot get claim")):
        found = user.wait(kinds.SNAPSHOT, name, lambda found: found.get("status", {}).get("error"))
        assert why in found["status"]["error"]["message"]
        assert found["status"]["readyToUse"] is False


def test_a_volume_that_is_asked_to_fail_stays_pending_until_the_fault_is_taken_away(user: User) -> None:
    claim(user, "data", **{"local.harvester/fault": "provisioning-fails"})
    claim(user, "other")
    user.wait(kinds.VOLUME_CLAIM, "other", bound)
    assert not bound(user.get(kinds.VOLUME_CLAIM, "data"))
    user.patch(kinds.VOLUME_CLAIM, "data", {"metadata": {"annotations": {"local.harvester/fault": None}}})
    user.wait(kinds.VOLUME_CLAIM, "data", bound)


def test_the_api_refuses_to_shrink_a_volume(user: User) -> None:
    claim(user, "data", "2Gi")
    user.wait(kinds.VOLUME_CLAIM, "data", bound)
    with pytest.raises(Answered, match="less than"):
        user.patch(kinds.VOLUME_CLAIM, "data", {"spec": {"resources": {"requests": {"storage": "1Gi"}}}})
