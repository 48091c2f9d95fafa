"""Backups and what is in them: names, shapes of their status, files on the target. Pure.

A simulated volume holds one text, the annotation `local.harvester/content` of its claim, in place of what a guest would
write. On the target it is one block in Longhorn's folders, found by its checksum. Upstream:
pkg/controller/master/backup/{backup,backup_metadata,util}.go in Harvester v1.8, and Longhorn's backupstore.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Self

from harvester_local.api.objects import Obj, annotations, items, part
from harvester_local.model.backup_targets import METADATA_FOLDER

CONTENT = "local.harvester/content"
RESTORE_NAME, LAST_RESTORE = "restore.harvesterhci.io/name", "restore.harvesterhci.io/last-restore-uid"
FINALIZER = "wrangler.cattle.io/vm-backup-controller"
SCHEDULE_ID = "harvesterhci.io/svmbackupId"
SCHEDULE_UID, SCHEDULE_TIME = "harvesterhci.io/svmbackupUID", "harvesterhci.io/svmbackupTimestamp"


class DamagedError(ValueError):
    """What is on the target is not what was written."""


def content_of(claim: Obj) -> bytes:
    """What is on the volume."""
    return annotations(claim).get(CONTENT, "").encode()


def is_ready(backup: Obj) -> bool:
    """Whether it can be restored."""
    return part(backup, "status").get("readyToUse") is True


def is_new(backup: Obj) -> bool:
    """Whether nobody has looked at it yet."""
    return not part(backup, "status").get("source") or part(backup, "status").get("volumeBackups") is None


def error_of(backup: Obj) -> str:
    """Why it failed, empty where it did not."""
    return str(part(backup, "status", "error").get("message") or "")


def metadata_path(namespace: str, name: str) -> str:
    """The file that describes a backup to other clusters."""
    return f"{METADATA_FOLDER}{namespace}/{name}.cfg"


def metadata_of(backup: Obj) -> bytes:
    """The content of that file."""
    status = part(backup, "status")
    volumes = [{**each, "readyToUse": None, "creationTime": None, "error": None} for each in items(backup, "status", "volumeBackups")]
    described = {
        "name": backup["metadata"]["name"],
        "namespace": backup["metadata"]["namespace"],
        "backupSpec": backup["spec"],
        "vmSourceSpec": status["source"],
        "volumeBackups": volumes,
        "secretBackups": status.get("secretBackups") or [],
    }
    return json.dumps(described).encode()


@dataclass(frozen=True)
class SavedVolume:
    """The files of one volume's backup."""

    volume: str
    backup: str

    @classmethod
    def of(cls, entry: Obj) -> Self:
        """From an entry of `volumeBackups`."""
        return cls(entry["persistentVolumeClaim"]["spec"]["volumeName"], entry["longhornBackupName"])

    @property
    def folder(self) -> str:
        """Where all backups of the volume are."""
        digest = hashlib.sha512(self.volume.encode()).hexdigest()
        return f"backupstore/volumes/{digest[:2]}/{digest[2:4]}/{self.volume}"

    @property
    def config(self) -> str:
        """The file that lists the blocks."""
        return f"{self.folder}/backups/backup_{self.backup}.cfg"

    def block(self, checksum: str) -> str:
        """The file of a block."""
        return f"{self.folder}/blocks/{checksum[:2]}/{checksum[2:4]}/{checksum}.blk"

    def files(self, content: bytes) -> dict[str, bytes]:
        """What to write, the block before what refers to it."""
        checksum = hashlib.sha512(content).hexdigest()
        config = {"Name": self.backup, "VolumeName": self.volume, "Size": str(len(content)), "Blocks": [{"BlockChecksum": checksum}]}
        return {self.block(checksum): content, self.config: json.dumps(config).encode()}

    def checksum(self, config: bytes) -> str:
        """The block that the list names. Raises DamagedError."""
        try:
            return str(json.loads(config)["Blocks"][0]["BlockChecksum"])
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise DamagedError(f"backup {self.backup} of volume {self.volume}: its list of blocks cannot be read") from error

    def verified(self, block: bytes, checksum: str) -> bytes:
        """The block, when it is what was written. Raises DamagedError."""
        if hashlib.sha512(block).hexdigest() != checksum:
            raise DamagedError(f"backup {self.backup} of volume {self.volume}: block {checksum[:16]} does not have its checksum")
        return block
