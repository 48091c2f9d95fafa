"""The setting `backup-target` of a cluster behind the program's back: what it says, its keys, and a person who sets it."""

import base64
import json
from typing import Any

from buckets import Bucket
from target import Target, eventually

SETTING = ("harvesterhci.io", "v1beta1", "settings", "backup-target")
SNAPPED = "snapped"
"""A machine that has snapshots, named as no other of the cases: Harvester deletes them with any machine of that name, in every namespace."""


def setting(target: Target) -> dict[str, Any]:
    """What the cluster's setting says, as people and programs can read it."""
    found: dict[str, Any] = json.loads(target.custom.get_cluster_custom_object(*SETTING).get("value") or "{}")
    return found


def keys(target: Target) -> tuple[str, str]:
    """The keys that the cluster uses."""
    data = target.core.read_namespaced_secret("harvester-backup-target-secret", "longhorn-system").data or {}
    plain = {name: base64.b64decode(text).decode() for name, text in data.items()}
    return plain.get("AWS_ACCESS_KEY_ID", ""), plain.get("AWS_SECRET_ACCESS_KEY", "")


def set_by_hand(target: Target, bucket: Bucket | None) -> None:
    """Set the target as a person does in the UI, and wait until the cluster has taken it; None for no target."""
    body = {"value": json.dumps(bucket.wire) if bucket else ""}
    target.custom.patch_cluster_custom_object(*SETTING, body, _content_type="application/merge-patch+json")
    eventually(lambda: not setting(target).get("secretAccessKey"))
