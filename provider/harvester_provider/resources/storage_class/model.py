"""StorageClass: inputs. Longhorn's parameters have names and types; those of other drivers are free. Rules are in `parameters`."""

from typing import Literal

from pydantic import Field

from harvester_provider.resources.model import REPLACE, SECRET, Model, ResourceInputs

LONGHORN = "driver.longhorn.io"


class Encryption(Model):
    """How Longhorn encrypts the volumes of a class: with the key in a Secret, which is yours, or made from `passphrase`."""

    secret: str | None = None
    """Existing Secret with the key, as `namespace/name`. It has the fields `CRYPTO_KEY_VALUE`, `CRYPTO_KEY_PROVIDER` (`secret`),
    `CRYPTO_KEY_CIPHER`, `CRYPTO_KEY_HASH`, `CRYPTO_KEY_SIZE` and `CRYPTO_PBKDF`."""
    passphrase: str | None = Field(default=None, json_schema_extra=SECRET)
    """The key, instead of `secret`: a Secret `longhorn-system/<class>-crypto` is made with it. It cannot be changed: without it the data
    of the volumes is lost."""
    cipher: Literal["aes-xts-plain64", "aes-xts-plain", "aes-cbc-plain", "aes-cbc-plain64", "aes-cbc-essiv:sha256"] = "aes-xts-plain64"
    """Cipher, for `passphrase`."""
    hash: Literal["sha256", "sha384", "sha512"] = "sha256"
    """Hash of the key, for `passphrase`."""
    key_size: int = 256
    """Bits of the key, for `passphrase`: 256, 384 or 512."""
    pbkdf: Literal["argon2i", "argon2id", "pbkdf2"] = "argon2i"
    """Key derivation, for `passphrase`."""


class CdiProfile(Model):
    """What CDI, which makes images and copies on storage other than Longhorn v1, has to know of a driver that it does not know itself."""

    volume_modes: dict[str, list[str]] = {}
    """Access modes by volume mode, such as `{"Block": ["ReadWriteMany"], "Filesystem": ["ReadWriteOnce"]}`."""
    clone_strategy: Literal["copy", "snapshot", "csi-clone"] | None = None
    """How a copy is made. `snapshot` needs `snapshot_class`."""
    snapshot_class: str | None = None
    """VolumeSnapshotClass of the copies."""
    filesystem_overhead: str | None = None
    """Part of a file system's space that is not for data, `0` to `1` with up to 3 decimals, such as `0.055`."""


class StorageClassInputs(ResourceInputs):
    """A storage class: how volumes are stored. Most of it cannot be changed; volumes keep what they were made with."""

    provisioner: str = Field(default=LONGHORN, json_schema_extra=REPLACE)
    """CSI driver, such as `driver.longhorn.io`, `lvm.driver.harvesterhci.io` or `rook-ceph.rbd.csi.ceph.com`."""
    parameters: dict[str, str] = Field(default={}, json_schema_extra=REPLACE)
    """Parameters of the driver that have no input of their own."""
    number_of_replicas: int | None = Field(default=None, ge=1, le=10, json_schema_extra=REPLACE)
    """Copies of each volume, on different nodes. Longhorn only; default there: 3."""
    stale_replica_timeout: int | None = Field(default=None, ge=0, json_schema_extra=REPLACE)
    """Minutes after which a broken copy is cleaned up. Longhorn only; default there: 30."""
    migratable: bool | None = Field(default=None, json_schema_extra=REPLACE)
    """Whether machines on its volumes can migrate live. Longhorn only; default there: true."""
    data_locality: Literal["disabled", "best-effort"] | None = Field(default=None, json_schema_extra=REPLACE)
    """`best-effort` keeps a copy on the node where the machine runs. Longhorn only."""
    data_engine: Literal["v1", "v2"] | None = Field(default=None, json_schema_extra=REPLACE)
    """Longhorn's data engine. `v2` must be enabled in the cluster's settings; machines with such volumes cannot be backed up."""
    node_selector: list[str] = Field(default=[], json_schema_extra=REPLACE)
    """Longhorn's tags of nodes that hold the copies: all of them must match."""
    disk_selector: list[str] = Field(default=[], json_schema_extra=REPLACE)
    """Longhorn's tags of disks that hold the copies: all of them must match."""
    encryption: Encryption | None = None
    """Encrypt the volumes. Longhorn only; a change replaces the class."""
    reclaim_policy: Literal["Delete", "Retain"] = Field(default="Delete", json_schema_extra=REPLACE)
    """What becomes of the data when a volume is deleted."""
    volume_binding_mode: Literal["Immediate", "WaitForFirstConsumer"] = Field(default="Immediate", json_schema_extra=REPLACE)
    """When a volume is made: at once, or for the first machine that uses it (LVM)."""
    allow_volume_expansion: bool = True
    """Whether its volumes can grow."""
    default_class: bool = False
    """Whether it is the cluster's default class, of which there is one. The class that was it before is it again at the end."""
    cdi: CdiProfile | None = None
    """For drivers that CDI does not know."""
