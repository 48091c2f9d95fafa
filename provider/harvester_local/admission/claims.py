"""PersistentVolumeClaims: growth while a machine runs, and what must not be deleted.

Upstream: pkg/webhook/resources/persistentvolumeclaim and pkg/webhook/util/volume.go in Harvester.
"""

from harvester_local.admission.review import DELETE, Request, conflict, failed, invalid
from harvester_local.admission.world import World
from harvester_local.api.kinds import IMAGE, INSTANCE
from harvester_local.api.objects import Obj, annotations, deleting, is_true, key_of, part
from harvester_local.model.machines import FINAL_PHASES, amount, claim_of, phase, template_spec, volumes

RESERVED_CLASSES = ("longhorn-static", "vmstate-persistence")
_GOLDEN = "harvesterhci.io/goldenImage"


def validate_claim(request: Request, world: World) -> None:
    """Raise DeniedError for what upstream refuses."""
    if request.operation == DELETE:
        _check_delete(request.old, world)
    elif request.created:
        _check_class(request.new)
    else:
        _check_update(request.old, request.new, world)


def _check_class(claim: Obj) -> None:
    name = part(claim, "spec").get("storageClassName")
    if name in RESERVED_CLASSES:
        raise invalid(f"can not create volume with the reserved storage class {name}", "spec.storageClassName")


def _check_update(old: Obj, new: Obj, world: World) -> None:
    if deleting(new):
        return
    if annotations(old).get(_GOLDEN) != annotations(new).get(_GOLDEN) and _GOLDEN in annotations(old):
        verb = "change" if _GOLDEN in annotations(new) else "remove"
        raise invalid(f"can not {verb} golden image annotation {'from' if verb == 'remove' else 'of'} PVC {key_of(new)}")
    if _size(old) != _size(new):
        check_expand(old, world)


def _check_delete(claim: Obj, world: World) -> None:
    key = key_of(claim)
    if annotations(claim).get(_GOLDEN) == "true":
        raise failed("can not delete golden image PVC")
    for image in world.store.all(IMAGE):
        spec = image["spec"]
        if spec.get("pvcName") == key.name and spec.get("pvcNamespace") == key.namespace and not is_true(image, "Imported"):
            raise invalid(f"can not delete volume {key.name} which is exporting for image {key_of(image)}", "value")
    users = [machine for machine in world.machines_with_claim(key) if not deleting(machine)]
    if users:
        raise conflict(f"can not delete the volume {key.name} which is currently attached to VM: {key_of(users[0])}")


def check_expand(claim: Obj, world: World) -> None:
    """Raise DeniedError unless the claim may grow now: at once while nobody runs on it, else if its driver can."""
    running = [m for m in world.machines_with_claim(key_of(claim)) if _runs(m, world)]
    if not running:
        return
    namespace, name = key_of(claim)
    if "ExpandDisks" not in world.rules.feature_gates:
        raise invalid("PVC_EXPAND: kubevirt ExpandDisks not included in featureGate")
    if claim["spec"].get("volumeMode") != "Block" and any(_hotplugged(m, name) for m in running):
        raise invalid(f"PVC_EXPAND: Expansion of hotplugged PVC '{namespace}/{name}' in filesystem mode is not supported")
    if world.merged_setting("csi-online-expand-validation").get(provisioner_of(claim, world)) is not True:
        raise invalid(f"PVC_EXPAND: pvc {namespace}/{name} is not online expandable with its provider")


def provisioner_of(claim: Obj, world: World) -> str:
    """The driver behind a claim: the one that bound it, else its class's."""
    driver = annotations(claim).get("volume.kubernetes.io/storage-provisioner")
    store_class = world.storage_class(part(claim, "spec").get("storageClassName") or "") or {}
    return str(driver or store_class.get("provisioner") or "")


def _runs(machine: Obj, world: World) -> bool:
    instance = world.store.get(INSTANCE, key_of(machine))
    return instance is not None and phase(instance) not in FINAL_PHASES


def _hotplugged(machine: Obj, claim: str) -> bool:
    return any(claim_of(v) == claim and part(v, "persistentVolumeClaim").get("hotpluggable") for v in volumes(template_spec(machine)))


def _size(claim: Obj) -> object:
    return amount(claim, "spec", "resources", "requests", "storage")
