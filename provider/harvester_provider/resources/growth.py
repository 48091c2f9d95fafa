"""Whether a volume can grow, and whether it can while a machine runs with it. For the kinds that grow volumes.

Sources: Kubernetes' admission PersistentVolumeClaimResize (`allowVolumeExpansion`); Harvester pkg/webhook/util/volume.go (CheckExpand) and
pkg/util/volume.go (GetProvisionedPVCProvisioner, GetCSIOnlineExpandValidation).
"""

from harvester_provider.core.json import Object, dig, dig_map, dig_str, dig_strings, parsed
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import SETTING, STORAGE_CLASS

IN_USE = Ref(SETTING, "csi-online-expand-validation")
"""The setting that says of which drivers volumes grow while machines run with them, as JSON `{"driver": bool}`. Since Harvester 1.6."""
_DRIVER = ("volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner")


def class_of(claim: Object) -> Ref | None:
    """The storage class of a volume; None where it names none."""
    name = dig_str(claim, "spec", "storageClassName")
    return Ref(STORAGE_CLASS, name) if name else None


def forbidden(claim: Object, seen: Snapshot) -> str:
    """Why a volume never grows; empty where it may. A class that is gone does not say no: the cluster then says it itself."""
    ref = class_of(claim)
    found = seen.get(ref) if ref else {}
    if not ref or not found or found.get("allowVolumeExpansion") is True:
        return ""
    return f"its storage class {ref.name} does not let volumes grow (allowVolumeExpansion)"


def driver(claim: Object, seen: Snapshot) -> str:
    """The CSI driver of a volume: the one that made it, else that of its class; empty where nothing says."""
    notes, ref = dig_strings(claim, "metadata", "annotations"), class_of(claim)
    said = (*(notes.get(name, "") for name in _DRIVER), dig_str(seen.get(ref), "provisioner") if ref else "")
    return next(filter(None, said), "")


def in_use(claim: Object, seen: Snapshot) -> bool:
    """Whether the volume's driver grows volumes while machines run with them. The setting adds to its default, driver by driver."""
    default, value = (dig_map(parsed(dig(seen.get(IN_USE), part))) for part in ("default", "value"))
    return {**default, **value}.get(driver(claim, seen)) is True
