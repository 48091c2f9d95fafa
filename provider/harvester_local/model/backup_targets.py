"""The setting `backup-target`: its text, Longhorn's notation of it, and which fields belong together.

Pure. Upstream: pkg/settings/settings_helper.go and pkg/util/backup/backup.go in Harvester v1.8.
"""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Self

SETTING_NAME = "backup-target"
SECRET_NAMESPACE, SECRET_NAME = "longhorn-system", "harvester-backup-target-secret"
METADATA_FOLDER = "harvester/vmbackups/"


@dataclass(frozen=True, kw_only=True)
class BackupTarget:
    """One target. Field names are those of the text; the defaults are what a target without a type looks like."""

    type: str = ""
    endpoint: str = ""
    accessKeyId: str = ""  # noqa: N815  the text's own name
    secretAccessKey: str = ""  # noqa: N815  the text's own name
    bucketName: str = ""  # noqa: N815  the text's own name
    bucketRegion: str = ""  # noqa: N815  the text's own name
    cert: str = ""
    virtualHostedStyle: bool = False  # noqa: N815  the text's own name
    refreshIntervalInSeconds: int = 0  # noqa: N815  the text's own name

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the setting's text. Raises ValueError in upstream's words."""
        try:
            value = json.loads(text or "{}")
            known = {field.name for field in fields(cls)}
            return cls(**{name: item for name, item in value.items() if name in known})
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"unmarshal failed, error: {error}, value: {text}") from error

    @property
    def is_default(self) -> bool:
        """Whether it is no target at all."""
        return self == type(self)()

    @property
    def has_keys(self) -> bool:
        """Whether a key is in it."""
        return bool(self.accessKeyId or self.secretAccessKey)

    @property
    def url(self) -> str:
        """Longhorn's notation; empty for no target."""
        if self.type == "s3":
            return f"s3://{self.bucketName}@{self.bucketRegion}/"
        return f"nfs://{self.endpoint.removeprefix('nfs://')}" if self.type == "nfs" else self.endpoint

    def with_keys(self, data: dict[str, str]) -> Self:
        """The target with the keys and the certificate from the data of the Secret in which the controller keeps them."""
        plain = {name: base64.b64decode(text).decode() for name, text in data.items()}
        return replace(
            self, accessKeyId=plain.get("AWS_ACCESS_KEY_ID", ""), secretAccessKey=plain.get("AWS_SECRET_ACCESS_KEY", ""),
            cert=plain.get("AWS_CERT", ""),
        )  # fmt: skip

    def without_keys(self) -> str:
        """The text as the controller leaves it."""
        return json.dumps({**asdict(self), "accessKeyId": "", "secretAccessKey": ""}, separators=(",", ":"))

    def same_storage(self, other: Self) -> bool:
        """Whether only keys, certificate or interval differ."""
        names = ("type", "bucketName", "bucketRegion", "endpoint", "virtualHostedStyle")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    @property
    def reference(self) -> dict[str, str]:
        """What backups note of it."""
        return {"endpoint": self.endpoint, "bucketName": self.bucketName, "bucketRegion": self.bucketRegion}


def text_hash(text: str) -> str:
    """The hash of a setting's text that marks it as synchronized."""
    return hashlib.sha224(text.encode()).hexdigest()
