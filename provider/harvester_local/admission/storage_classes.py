"""StorageClass: one default, data locality, encryption parameters, and which cannot go.

Upstream: pkg/webhook/resources/storageclass and secret in Harvester. Of the drivers that CDI knows by itself a few are listed.
"""

import base64
import copy
from itertools import product

from harvester_local.admission.review import DELETE, Request, invalid
from harvester_local.admission.world import DEFAULT_CLASS, World
from harvester_local.api.kinds import IMAGE, SECRET, SNAPSHOT_CLASS, STORAGE_CLASS
from harvester_local.api.objects import Key, Obj, annotations, part
from harvester_local.model.images import LONGHORN

RESERVED = "harvesterhci.io/is-reserved-storageclass"
_CDI = "cdi.harvesterhci.io/"
_MODES, _CLONE, _SNAPSHOTS = (f"{_CDI}storageProfile{name}" for name in ("VolumeModeAccessModes", "CloneStrategy", "VolumeSnapshotClass"))
_FILLED_IN = {
    "lvm.driver.harvesterhci.io": {_MODES: '{"Block":["ReadWriteOnce"]}', _CLONE: "snapshot", _SNAPSHOTS: "lvm-snapshot"},
    LONGHORN: {_CLONE: "copy", _SNAPSHOTS: "longhorn-snapshot"},
}
"""What the mutator adds, to Longhorn's only for the engine v2."""
_KNOWN_TO_CDI = (LONGHORN, "rook-ceph.rbd.csi.ceph.com", "rook-ceph.cephfs.csi.ceph.com", "nfs.csi.k8s.io", "topolvm.io")
_KEY_FIELDS = {
    "CRYPTO_KEY_CIPHER": ("aes-xts-plain", "aes-xts-plain64", "aes-cbc-plain", "aes-cbc-plain64", "aes-cbc-essiv:sha256"),
    "CRYPTO_KEY_HASH": ("sha256", "sha384", "sha512"),
    "CRYPTO_KEY_SIZE": ("256", "384", "512"),
    "CRYPTO_PBKDF": ("argon2i", "argon2id", "pbkdf2"),
    "CRYPTO_KEY_PROVIDER": ("secret",),
    "CRYPTO_KEY_VALUE": (),
}
"""Fields of the Secret with the key, and their values; any that is not empty where none is listed."""
_STAGES = ("provisioner", "node-stage", "node-publish")
_PAIRS = [tuple(f"csi.storage.k8s.io/{stage}-secret-{what}" for what in ("name", "namespace")) for stage in _STAGES]
_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE = {"0", "f", "F", "false", "FALSE", "False"}


def validate_storage_class(request: Request, world: World) -> None:
    """Raise DeniedError for what upstream refuses."""
    if request.operation == DELETE:
        _check_delete(request.old, world)
        return
    _check_default(request.new, world)
    if request.created:
        _check_locality(part(request.new, "parameters"))
        _check_encryption(part(request.new, "parameters"), world)
    _check_cdi(request.new, world)


def mutate_storage_class(request: Request, world: World) -> Obj:  # noqa: ARG001  the signature of all mutators
    """The class with the CDI annotations of Harvester's own drivers."""
    found = copy.deepcopy(request.new)
    driver = found.get("provisioner", "")
    if driver in _FILLED_IN and (driver != LONGHORN or part(found, "parameters").get("dataEngine") == "v2"):
        found["metadata"]["annotations"] = {**_FILLED_IN[driver], **annotations(found)}
    return found


def validate_secret(request: Request, world: World) -> None:
    """Raise DeniedError where an encrypted class needs the Secret."""
    users = [name for name, pair in _keys_of_classes(world) if pair == tuple(request.key)]
    if users:
        raise invalid(f"Secret is used by encrypted storage classes: [{' '.join(sorted(users))}]")


def _keys_of_classes(world: World) -> list[tuple[str, tuple[str, str]]]:
    """Each encrypted class with namespace and name of its Secret."""
    found = [(c["metadata"]["name"], part(c, "parameters")) for c in world.store.all(STORAGE_CLASS)]
    name, namespace = _PAIRS[0]
    return [(cls, (parameters.get(namespace, ""), parameters.get(name, ""))) for cls, parameters in found if "encrypted" in parameters]


def _check_cdi(new: Obj, world: World) -> None:
    given = {key for key in annotations(new) if key.startswith(_CDI)}
    driver = new.get("provisioner")
    if not given and driver not in _KNOWN_TO_CDI:
        raise invalid(
            f"missing annotation {_MODES}. volume access modes are required for CDI integration to work with storage class "
            f"provisioner {driver}."
        )
    if given and driver == LONGHORN and part(new, "parameters").get("dataEngine") == "v1":
        raise invalid("longhorn v1 does not support CDI annotations")
    snapshots = annotations(new).get(_SNAPSHOTS)
    if snapshots and world.store.get(SNAPSHOT_CLASS, Key("", snapshots)) is None and driver not in _FILLED_IN:
        raise invalid(f"snapshot class {snapshots} in annotation {_SNAPSHOTS} not found")


def _check_default(new: Obj, world: World) -> None:
    if annotations(new).get(DEFAULT_CLASS, "false") == "false":
        return
    name = new["metadata"]["name"]
    for other in world.store.all(STORAGE_CLASS):
        theirs = other["metadata"]["name"]
        if theirs != name and annotations(other).get(DEFAULT_CLASS) == "true":
            raise invalid(f"default storage class {theirs} already exists, please reset it first before set {name} as default")


def _check_locality(parameters: Obj) -> None:
    locality = parameters.get("dataLocality")
    if locality == "strict-local":
        raise invalid("storage class with strict-local data locality is not allowed")
    if locality not in {None, "", "disabled", "best-effort"}:
        raise invalid(f"storage class with invalid data locality {locality}, valid values: [disabled best-effort]")


def _check_encryption(parameters: Obj, world: World) -> None:
    value = parameters.get("encrypted")
    if value is None or value in _FALSE:
        return
    if value not in _TRUE:
        raise invalid("invalid value for `encrypted`", "spec.parameters")
    missing = [name for pair in _PAIRS for name in pair if name not in parameters]
    given = [pair for pair in _PAIRS if all(name in parameters for name in pair)]
    for first, pair in product(given[:1], given[1:]):
        if [parameters[n] for n in pair] != [parameters[n] for n in first]:
            raise invalid(f"secret names and namespaces in {pair[0]} and {pair[1]} are different from others")
    if missing:
        raise invalid(f"storage class must contain {', '.join(missing)}", "spec.parameters")
    name, namespace = (parameters[key] for key in _PAIRS[0])
    secret = world.store.get(SECRET, Key(namespace, name))
    if secret is None:
        raise invalid(f"secret {namespace}/{name} not found")
    data = part(secret, "data")
    for field, values in _KEY_FIELDS.items():
        if field not in data:
            raise invalid(f"secret {namespace}/{name} is not a valid encryption secret, missing field: {field}")
        value = base64.b64decode(data[field]).decode()
        if not value or (values and value not in values):
            raise invalid(f"secret {namespace}/{name} is not a valid encryption secret, invalid field: {field}")


def _check_delete(old: Obj, world: World) -> None:
    name = old["metadata"]["name"]
    if annotations(old).get(RESERVED) == "true":
        raise invalid(f"storage class {name} is reserved by Harvester and can't be deleted")
    users = sorted(i["metadata"]["name"] for i in world.store.all(IMAGE) if i["spec"].get("targetStorageClassName") == name)
    if users:
        raise invalid(f"storage class {name} is used by virtual machine images: [{' '.join(users)}]")
