"""The setting's text, the keys that Harvester moves out of it into a Secret, and the Secret in which we keep what was set before.

Pure translation both ways (upstream pkg/settings/settings_helper.go and pkg/controller/master/backup/backup_target.go).
Texts with keys in them are made here and go into Secrets and into the one patch of the setting, nowhere else.
"""

import base64
import binascii
import json
from collections.abc import Mapping

from harvester_provider.core.json import Json, Object, dig_map, dig_str, dig_strings, parsed
from harvester_provider.core.ref import Ref
from harvester_provider.resources.apis import LONGHORN_BACKUP_TARGET, SECRET
from harvester_provider.resources.backup_target.model import BackupTargetInputs

LONGHORN_TARGET = Ref(LONGHORN_BACKUP_TARGET, "default", "longhorn-system")
"""Longhorn's own object, which says whether the target answers."""
KEYS = Ref(SECRET, "harvester-backup-target-secret", "longhorn-system")
"""Where Harvester keeps the keys of an S3 target."""
PREVIOUS = Ref(SECRET, "pulumi-backup-target-before", "harvester-system")
"""Where we keep what was set before, keys included, until the target is deleted."""

WIRE: Mapping[str, str] = {
    "type": "type", "endpoint": "endpoint", "bucket_name": "bucketName", "bucket_region": "bucketRegion", "cert": "cert",
    "virtual_hosted_style": "virtualHostedStyle", "refresh_interval_in_seconds": "refreshIntervalInSeconds",
}  # fmt: skip
"""Inputs by the names they have in the setting, the keys left out."""
SECRETS: Mapping[str, tuple[str, str]] = {
    "access_key_id": ("accessKeyId", "AWS_ACCESS_KEY_ID"),
    "secret_access_key": ("secretAccessKey", "AWS_SECRET_ACCESS_KEY"),
}
"""The keys by their names in the setting and in Harvester's Secret."""
_TEXT = "value"


def encoded(inputs: BackupTargetInputs) -> str:
    """The setting's text for these inputs, with the keys in it."""
    value: dict[str, Json] = {key: getattr(inputs, name) for name, key in WIRE.items()}
    return json.dumps(value | {key: getattr(inputs, name) for name, (key, _) in SECRETS.items()}, separators=(",", ":"))


def decoded(found: Object) -> Object:
    """What the setting object says; empty where no target is set."""
    return _target(found.get("value"))


def _target(text: Json) -> Object:
    value = dig_map(parsed(text))
    return value if dig_str(value, "type") else {}


def keys(secret: Object) -> dict[str, str]:
    """The keys in Harvester's Secret, by the names of the inputs; empty texts where there are none."""
    data = dig_map(secret, "data")
    return {name: _plain(dig_str(data, key)) for name, (_, key) in SECRETS.items()}


def url(value: Object) -> str:
    """The target in Longhorn's notation (upstream pkg/util/backup/backup.go)."""
    match dig_str(value, "type"):
        case "s3":
            return f"s3://{dig_str(value, 'bucketName')}@{dig_str(value, 'bucketRegion')}/"
        case "nfs":
            return f"nfs://{dig_str(value, 'endpoint').removeprefix('nfs://')}"
        case _:
            return ""


def keeping(found: Object, secret: Object) -> dict[str, Json]:
    """`data` of the Secret that keeps the present target, with the keys that Harvester has taken out of it."""
    value = dict(decoded(found))
    if value.get("type") == "s3":
        value |= {key: keys(secret)[name] for name, (key, _) in SECRETS.items()}
    return {_TEXT: base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()}


def kept(secret: Object) -> str:
    """The text of the setting that was kept; empty where nothing was."""
    return _plain(dig_strings(secret, "data").get(_TEXT, ""))


def kept_url(secret: Object) -> str:
    """The kept target in Longhorn's notation."""
    return url(_target(kept(secret)))


def _plain(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
