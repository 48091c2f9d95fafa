"""StorageClass: one default, data locality, encryption parameters, and which cannot go.

Upstream: pkg/webhook/resources/storageclass/validator.go in Harvester. The content of an encryption secret is not looked at.
"""

from itertools import product

from harvester_local.admission.review import DELETE, Request, invalid
from harvester_local.admission.world import DEFAULT_CLASS, World
from harvester_local.api.kinds import IMAGE, STORAGE_CLASS
from harvester_local.api.objects import Obj, annotations, part

RESERVED = "harvesterhci.io/is-reserved-storageclass"
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
        _check_encryption(part(request.new, "parameters"))


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


def _check_encryption(parameters: Obj) -> None:
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


def _check_delete(old: Obj, world: World) -> None:
    name = old["metadata"]["name"]
    if annotations(old).get(RESERVED) == "true":
        raise invalid(f"storage class {name} is reserved by Harvester and can't be deleted")
    users = sorted(i["metadata"]["name"] for i in world.store.all(IMAGE) if i["spec"].get("targetStorageClassName") == name)
    if users:
        raise invalid(f"storage class {name} is used by virtual machine images: [{' '.join(users)}]")
