"""The storage behind a backup target: a bucket on an S3 server, or for NFS a folder of this machine.

Blocking: callers use threads. Errors carry the server's own words. It knows paths and bytes, no backup.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from harvester_local.model.backup_targets import BackupTarget

_SECONDS = 4
_T = TypeVar("_T")


class StoreError(Exception):
    """The storage said no, or said nothing; the text is what a user sees."""


class BackupStore(Protocol):
    """Files by path, with `/` between the steps."""

    def check(self) -> None:
        """Raise StoreError unless the storage answers and may be listed."""

    def read(self, path: str) -> bytes:
        """A file's content."""

    def write(self, path: str, content: bytes) -> None:
        """Make or replace a file."""

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""

    def paths(self, prefix: str) -> list[str]:
        """All files whose path begins so, in order."""


def open_store(target: BackupTarget) -> BackupStore:
    """The storage of a target, with the keys in it. Nothing is asked yet."""
    return _Folder(target) if target.type == "nfs" else _Bucket(target)


class _Bucket:
    """A bucket. The client is made at the first call, since importing boto3 takes a while."""

    def __init__(self, target: BackupTarget) -> None:
        self._target = target
        self._made: Any = None  # boto3 makes its clients' classes at run time

    def check(self) -> None:
        with _in_words("failed to list objects"):
            self._client.list_objects_v2(Bucket=self._target.bucketName, MaxKeys=1)

    def read(self, path: str) -> bytes:
        with _in_words(f"failed to get object: {path}"):
            content: bytes = self._client.get_object(Bucket=self._target.bucketName, Key=path)["Body"].read()
            return content

    def write(self, path: str, content: bytes) -> None:
        with _in_words(f"failed to put object: {path}"):
            self._client.put_object(Bucket=self._target.bucketName, Key=path, Body=content)

    def remove(self, path: str) -> None:
        with _in_words(f"failed to delete object: {path}"):
            self._client.delete_object(Bucket=self._target.bucketName, Key=path)

    def paths(self, prefix: str) -> list[str]:
        with _in_words(f"failed to list objects under {prefix}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._target.bucketName, Prefix=prefix)
            return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))

    @property
    def _client(self) -> Any:
        if self._made is None:
            import boto3  # noqa: PLC0415  half a second, for those who have backups
            from botocore.config import Config  # noqa: PLC0415  as above

            target = self._target
            style = "virtual" if target.virtualHostedStyle else "path"
            session = boto3.session.Session(target.accessKeyId, target.secretAccessKey, region_name=target.bucketRegion)
            self._made = session.client(
                "s3",
                endpoint_url=target.endpoint or None,
                verify=_authority(target.cert) if target.cert else None,
                config=Config(
                    connect_timeout=_SECONDS,
                    read_timeout=_SECONDS,
                    retries={"total_max_attempts": 1},
                    s3={"addressing_style": style},
                    proxies={},
                ),
            )
        return self._made


def _authority(pem: str) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        file.write(pem)
    return file.name


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    """Errors of boto3 in the words that Longhorn's S3 driver uses."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  it is there once a client is wanted

    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {})
        raise StoreError(f"{what} error: AWS Error: {said.get('Code', '?')} {said.get('Message', '')}".rstrip()) from error
    except (BotoCoreError, ValueError) as error:
        raise StoreError(f"{what} error: AWS Error: RequestError send request failed: {error}") from error


class _Folder:
    """An NFS share, which here is the folder of that path on this machine."""

    def __init__(self, target: BackupTarget) -> None:
        self._root = Path("/" + target.endpoint.removeprefix("nfs://").partition("/")[2])
        self._url = target.url

    def check(self) -> None:
        if not self._root.is_dir():
            raise StoreError(f"cannot mount nfs {self._url}: no such file or directory")

    def read(self, path: str) -> bytes:
        return self._do((self._root / path).read_bytes)

    def write(self, path: str, content: bytes) -> None:
        self.check()

        def put() -> None:
            (self._root / path).parent.mkdir(parents=True, exist_ok=True)
            (self._root / path).write_bytes(content)

        self._do(put)

    def remove(self, path: str) -> None:
        self._do(lambda: (self._root / path).unlink(missing_ok=True))

    def paths(self, prefix: str) -> list[str]:
        self.check()
        found = [str(path.relative_to(self._root)) for path in self._root.rglob("*") if path.is_file()]
        return sorted(path for path in found if path.startswith(prefix))

    def _do(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except OSError as error:
            raise StoreError(f"{self._url}: {error}") from error
