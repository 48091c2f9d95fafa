"""BackupTarget: inputs and outputs. Names are those of Harvester's own setting. Rules across fields are in `check`."""

from typing import Literal

from pydantic import Field

from harvester_provider.resources.model import SECRET, Name, Outputs, ResourceInputs


class BackupTargetInputs(ResourceInputs):
    """Where the cluster keeps backups of machines: an S3 bucket or an NFS share. A cluster has one, so a program declares one.

    What was set before is kept in the cluster and comes back when this is deleted.
    """

    name: Name = "backup-target"
    """Name of the resource. The object in the cluster is always its setting `backup-target`."""
    type: Literal["s3", "nfs"]
    """What kind of storage it is."""
    endpoint: str = ""
    """Address of the storage. S3: `https://host[:port]`, or nothing for AWS itself. NFS: `nfs://host:/path`. The cluster's nodes must
    reach it."""
    bucket_name: str = ""
    """Name of the S3 bucket, which must exist."""
    bucket_region: str = ""
    """Region of the S3 bucket, such as `eu-central-1`. Storage without regions takes any text, mostly `us-east-1`."""
    access_key_id: str = Field(default="", json_schema_extra=SECRET)
    """S3 access key. It needs to list, read, write and delete in the bucket."""
    secret_access_key: str = Field(default="", json_schema_extra=SECRET)
    """S3 secret key. Harvester keeps it in a Secret of Longhorn and removes it from the setting."""
    cert: str = ""
    """Certificate of the authority behind the S3 endpoint, in PEM, where it is no public one. Only Longhorn reads it, and it gives way to
    the cluster's setting `additional-ca`; Harvester's webhook trusts that setting alone, so declare the certificate there too
    (`Setting("additional-ca", value=...)`)."""
    virtual_hosted_style: bool = False
    """Whether the bucket is part of the S3 host name instead of the path."""
    refresh_interval_in_seconds: int = Field(default=0, ge=0)
    """How often the cluster looks at the target for backups that other clusters made. 0: only when the target is set, which finds no
    backup of disks whose image is not in the cluster yet."""
    on_delete: Literal["restore", "reset"] = "restore"
    """What a delete leaves. `restore`: the target that was set before, if any. `reset`: none, for where the one before no longer
    answers."""


class BackupTargetOutputs(Outputs):
    """What is known of the target."""

    url: str = ""
    """The target in Longhorn's notation: `s3://bucket@region/` or `nfs://host:/path`."""
    available: bool = False
    """Whether it answered when the cluster last looked."""
    previous: str = ""
    """The target that was set before and comes back on delete, in the same notation. Empty where there was none."""
