"""Between the inputs of a storage class and its parameters and annotations, both ways, and their rules.

Sources: upstream pkg/webhook/resources/storageclass/validator.go and pkg/util/constants.go; Longhorn's StorageClass parameters.
"""

import json
import re
from collections.abc import Iterator, Mapping

from harvester_provider.core.json import Json, Object, dig_map, dig_str, dig_strings, parsed
from harvester_provider.core.problem import Problem
from harvester_provider.core.ref import Ref
from harvester_provider.core.unknown import is_known
from harvester_provider.resources.apis import SECRET
from harvester_provider.resources.secret import encoded, texts_in
from harvester_provider.resources.storage_class.model import LONGHORN, CdiProfile, Encryption, StorageClassInputs

SECRET_NAMESPACE = "longhorn-system"  # noqa: S105  a namespace
_NAMES = {
    "number_of_replicas": "numberOfReplicas", "stale_replica_timeout": "staleReplicaTimeout", "migratable": "migratable",
    "data_locality": "dataLocality", "data_engine": "dataEngine", "node_selector": "nodeSelector", "disk_selector": "diskSelector",
}  # fmt: skip
"""Longhorn's inputs -> parameters. The property on the wire has the parameter's name."""
_DEFAULTS = {"numberOfReplicas": "3", "staleReplicaTimeout": "30", "migratable": "true"}
"""What Harvester's UI and its image webhook fill in."""
_STAGES = ("provisioner", "node-stage", "node-publish", "node-expand")
_ENCRYPTED = "encrypted"
_CDI = "cdi.harvesterhci.io/"
_MODES, _CLONE, _SNAPSHOTS, _OVERHEAD = (
    f"{_CDI}{name}"
    for name in (
        "storageProfileVolumeModeAccessModes",
        "storageProfileCloneStrategy",
        "storageProfileVolumeSnapshotClass",
        "filesystemOverhead",
    )
)


def check(inputs: StorageClassInputs) -> Iterator[Problem]:
    """Rules across the inputs."""
    if is_known(inputs.provisioner) and inputs.provisioner != LONGHORN:
        given = [field for field in (*_NAMES, "encryption") if is_known(value := getattr(inputs, field)) and value not in (None, [])]
        for field in given:
            alias = _NAMES.get(field, field)
            yield Problem(alias, f"only Longhorn knows it: write what {inputs.provisioner} takes into parameters")
    if is_known(inputs.parameters):
        for key in inputs.parameters:
            if inputs.provisioner == LONGHORN and (key in _NAMES.values() or key == _ENCRYPTED or key in _secret_keys()):
                yield Problem(f"parameters.{key}", f"there is an input for it: write {'encryption' if key not in _NAMES.values() else key}")
    yield from _check_encryption(inputs.encryption)
    yield from _check_cdi(inputs)


def _check_encryption(encryption: Encryption | None) -> Iterator[Problem]:
    if not is_known(encryption) or encryption is None or not is_known(encryption.secret, encryption.passphrase):
        return
    if bool(encryption.secret) == bool(encryption.passphrase):
        yield Problem("encryption", "give either secret, the name of an existing Secret, or passphrase")
    elif encryption.secret and not re.fullmatch(r"[^/]+/[^/]+", encryption.secret):
        yield Problem("encryption.secret", f"{encryption.secret!r} is no namespace/name")
    if is_known(encryption.key_size) and encryption.key_size not in (256, 384, 512):
        yield Problem("encryption.keySize", f"{encryption.key_size}: write 256, 384 or 512")


def _check_cdi(inputs: StorageClassInputs) -> Iterator[Problem]:
    cdi = inputs.cdi
    if cdi is None or not is_known(cdi):
        return
    if inputs.provisioner == LONGHORN and inputs.data_engine == "v1":
        yield Problem("cdi", "Longhorn's v1 engine does not use CDI: leave it out")
    if cdi.clone_strategy == "snapshot" and not cdi.snapshot_class and is_known(cdi.snapshot_class):
        yield Problem("cdi.snapshotClass", "missing: the clone strategy snapshot needs it")
    if is_known(cdi.filesystem_overhead) and cdi.filesystem_overhead and not re.fullmatch(r"0(\.\d{1,3})?|1", cdi.filesystem_overhead):
        yield Problem("cdi.filesystemOverhead", f"{cdi.filesystem_overhead!r}: write 0 to 1 with up to 3 decimals, such as 0.055")
    for mode in cdi.volume_modes if is_known(cdi.volume_modes) else ():
        if mode not in ("Block", "Filesystem"):
            yield Problem(f"cdi.volumeModes.{mode}", "no volume mode: write Block or Filesystem")


def secret_of(inputs: StorageClassInputs) -> Ref | None:
    """The Secret with the key, None for a class that does not encrypt."""
    encryption = inputs.encryption
    if encryption is None or not is_known(encryption):
        return None
    if encryption.secret:
        return Ref.of_id(SECRET, encryption.secret) if is_known(encryption.secret) else None
    return Ref(SECRET, f"{inputs.name}-crypto", SECRET_NAMESPACE)


def own_secret(inputs: StorageClassInputs) -> Ref | None:
    """The Secret that is made for the class, None where it has its key elsewhere."""
    encryption = inputs.encryption
    return secret_of(inputs) if encryption is not None and is_known(encryption) and encryption.passphrase else None


def key_data(encryption: Encryption) -> dict[str, Json]:
    """The data of the Secret, in base64 (Longhorn's documentation, volume encryption)."""
    texts = {
        "CRYPTO_KEY_VALUE": encryption.passphrase or "", "CRYPTO_KEY_PROVIDER": "secret", "CRYPTO_KEY_CIPHER": encryption.cipher,
        "CRYPTO_KEY_HASH": encryption.hash, "CRYPTO_KEY_SIZE": str(encryption.key_size), "CRYPTO_PBKDF": encryption.pbkdf,
    }  # fmt: skip
    return encoded(texts)


def _secret_keys() -> dict[str, str]:
    """The parameters with name and namespace of the Secret: name of the parameter -> `name` or `namespace`."""
    return {f"csi.storage.k8s.io/{stage}-secret-{part}": part for stage in _STAGES for part in ("name", "namespace")}


def parameters(inputs: StorageClassInputs) -> dict[str, Json]:
    """The class's parameters."""
    out: dict[str, Json] = dict(inputs.parameters)
    if inputs.provisioner != LONGHORN:
        return out
    out |= _DEFAULTS
    out |= {name: text for field, name in _NAMES.items() if (text := _text(inputs, field))}
    if (secret := secret_of(inputs)) is not None:
        out[_ENCRYPTED] = "true"
        out |= {key: secret.name if part == "name" else secret.namespace for key, part in _secret_keys().items()}
    return out


def _text(inputs: StorageClassInputs, field: str) -> str:
    """One of Longhorn's inputs as its parameter; empty where it is not declared."""
    value = getattr(inputs, field)
    if value in (None, []):
        return ""
    return ",".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)


def in_words_of(old: StorageClassInputs, new: StorageClassInputs) -> StorageClassInputs:
    """`old` as `new` would write it: a default that is left out is the same as one that is written down."""
    same = {
        field: getattr(new, field)
        for field, name in _NAMES.items()
        if (_text(old, field) or _DEFAULTS.get(name)) == (_text(new, field) or _DEFAULTS.get(name))
    }
    return old.updated(**same)


def observed_parameters(prior: StorageClassInputs | None, found: Object) -> dict[str, object]:
    """The inputs that the class's parameters stand for. A default that is not declared stays undeclared."""
    have = dig_strings(found, "parameters")
    if dig_str(found, "provisioner") != LONGHORN:
        return {"parameters": have}
    out: dict[str, object] = {}
    for field, name in _NAMES.items():
        text = have.pop(name, "")
        declared = prior is not None and getattr(prior, field) not in (None, [])
        shown = "" if not declared and text == _DEFAULTS.get(name) else text
        out[field] = _typed(field, shown)
    secrets = {key: have.pop(key, "") for key in _secret_keys()}
    have.pop(_ENCRYPTED, None)
    name, namespace = (secrets[f"csi.storage.k8s.io/provisioner-secret-{part}"] for part in ("name", "namespace"))
    out["encryption"] = _encryption(prior, f"{namespace}/{name}") if name else None
    return out | {"parameters": have}


def _typed(field: str, text: str) -> object:
    if field.endswith("_selector"):
        return text.split(",") if text else []
    if not text:
        return None
    return text == "true" if field == "migratable" else int(text) if text.isdigit() else text


def _encryption(prior: StorageClassInputs | None, identity: str) -> Encryption:
    """The declared encryption as long as it is the same Secret; one with other keys is told by `observed_key`."""
    mine = secret_of(prior) if prior is not None else None
    same = prior is not None and mine is not None and mine.id == identity
    return prior.encryption if same and prior is not None and prior.encryption else Encryption(secret=identity)


def observed_key(encryption: Encryption, secret: Object) -> Encryption:
    """The encryption with what the Secret that we made holds now."""
    data = texts_in(secret)
    if not data:
        return encryption
    size = data.get("CRYPTO_KEY_SIZE", "")
    return encryption.updated(
        passphrase=data.get("CRYPTO_KEY_VALUE", ""), cipher=data.get("CRYPTO_KEY_CIPHER", ""), hash=data.get("CRYPTO_KEY_HASH", ""),
        key_size=int(size) if size.isdigit() else 0, pbkdf=data.get("CRYPTO_PBKDF", ""),
    )  # fmt: skip


def cdi_annotations(cdi: CdiProfile | None) -> dict[str, str]:
    """The annotations of the profile."""
    if cdi is None:
        return {}
    modes = json.dumps(cdi.volume_modes, sort_keys=True, separators=(",", ":")) if cdi.volume_modes else ""
    texts = {_MODES: modes, _CLONE: cdi.clone_strategy, _SNAPSHOTS: cdi.snapshot_class, _OVERHEAD: cdi.filesystem_overhead}
    return {key: text for key, text in texts.items() if text}


def observed_cdi(prior: CdiProfile | None, annotations: Mapping[str, str]) -> CdiProfile | None:
    """The profile, as far as it is declared: Harvester fills in the rest for its own drivers."""
    if prior is None:
        return None
    have = {key: annotations.get(key) for key in cdi_annotations(prior)}
    return prior.updated(
        volume_modes=dig_map(parsed(have.get(_MODES))),
        clone_strategy=have.get(_CLONE),
        snapshot_class=have.get(_SNAPSHOTS),
        filesystem_overhead=have.get(_OVERHEAD),
    )
