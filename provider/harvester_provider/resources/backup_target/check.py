"""Rules across the inputs of a BackupTarget, as Harvester's webhook has them (upstream pkg/webhook/resources/setting/validator.go).

Keys are never repeated in a message. Whether the target answers is the cluster's to say.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from harvester_provider.core.problem import Problem
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.backup_target.model import BackupTargetInputs

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_NFS = re.compile(r"(nfs://)?[^:/\s]+:/([^/\s]\S*)?")
_S3_ONLY = {
    "bucket_name": "bucketName", "bucket_region": "bucketRegion", "access_key_id": "accessKeyId",
    "secret_access_key": "secretAccessKey", "cert": "cert", "virtual_hosted_style": "virtualHostedStyle",
}  # fmt: skip


def problems(inputs: BackupTargetInputs) -> Iterable[Problem]:
    """Every broken rule."""
    if not is_known(inputs.type):
        return
    yield from _s3(inputs) if inputs.type == "s3" else _nfs(inputs)


def _s3(inputs: BackupTargetInputs) -> Iterable[Problem]:
    for name in ("bucket_name", "bucket_region", "access_key_id", "secret_access_key"):
        value = getattr(inputs, name)
        if is_known(value) and not value:
            yield Problem(_S3_ONLY[name], "missing: an S3 target needs bucketName, bucketRegion, accessKeyId and secretAccessKey")
        elif is_known(value) and "key" in name and value != value.strip():
            yield Problem(_S3_ONLY[name], "there is white space around the key: remove it")
    if is_known(inputs.bucket_name) and inputs.bucket_name and _BUCKET.fullmatch(inputs.bucket_name) is None:
        yield Problem("bucketName", f"{inputs.bucket_name!r} is no name of a bucket: 3 to 63 lower-case letters, digits, dots and dashes")
    if is_known(inputs.endpoint) and inputs.endpoint and not _is_web_address(inputs.endpoint):
        yield Problem(
            "endpoint", f"{inputs.endpoint!r} is no address of an S3 server: write https://host[:port], or nothing for AWS itself"
        )
    if is_known(inputs.cert) and inputs.cert and "-----BEGIN CERTIFICATE-----" not in inputs.cert:
        yield Problem("cert", "no certificate in PEM: give the text that begins with -----BEGIN CERTIFICATE-----")


def _nfs(inputs: BackupTargetInputs) -> Iterable[Problem]:
    if is_known(inputs.endpoint) and _NFS.fullmatch(inputs.endpoint) is None:
        yield Problem("endpoint", f"{inputs.endpoint!r} is no NFS share: write nfs://host:/path")
    for name, alias in _S3_ONLY.items():
        if is_known(getattr(inputs, name)) and getattr(inputs, name):
            yield Problem(alias, "only an S3 target has it: leave it out for NFS")


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", text)
