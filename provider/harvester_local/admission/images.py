"""VirtualMachineImage: defaults, what is required, what never changes, and when one can go.

Upstream: pkg/image/common/{mutator,validator}.go and pkg/image/backingimage/validate.go in Harvester v1.8. Display names
are compared by label, as upstream does: where the label comes late, so does the conflict.
"""

import copy
from urllib.parse import urlparse

from harvester_local.admission.review import DELETE, Request, conflict, failed, invalid
from harvester_local.admission.world import World
from harvester_local.api.kinds import IMAGE, TEMPLATE_VERSION, VOLUME_CLAIM
from harvester_local.api.objects import Key, Obj, annotations, deleting, is_true, key_of, part
from harvester_local.model.images import DISPLAY_NAME_LABEL, LONGHORN, STORAGE_CLASS_ANNOTATION

_DEFAULTS = {"numberOfReplicas": "3", "staleReplicaTimeout": "30", "migratable": "true"}
_PASSED = ("nodeSelector", "diskSelector", "numberOfReplicas", "staleReplicaTimeout", "dataLocality", "encrypted")
_SECRETS = "csi.storage.k8s.io/"
_WITH_URL = ("download", "restore")
_FIXED = ("displayName", "url", "sourceType", "pvcNamespace", "pvcName", "securityParameters")


def mutate_image(request: Request, world: World) -> Obj:
    """The image with its storage class filled in and that class's parameters taken over."""
    image = copy.deepcopy(request.new)
    if deleting(image):
        return image
    spec, marks = image["spec"], image["metadata"].setdefault("annotations", {})
    if request.created:
        for name in ("checksum", "pvcName", "pvcNamespace", "url"):
            spec.setdefault(name, "")
        if spec.get("backend", "backingimage") == "backingimage":
            spec["storageClassParameters"] = _parameters(spec, _base_class(marks.get(STORAGE_CLASS_ANNOTATION, ""), world))
    chosen = marks.get(STORAGE_CLASS_ANNOTATION) or spec.get("targetStorageClassName") or _default_name(world)
    marks.setdefault(STORAGE_CLASS_ANNOTATION, chosen)
    spec["targetStorageClassName"] = spec.get("targetStorageClassName") or chosen
    if world.rules.image_label_at_admission and spec.get("displayName"):
        image["metadata"].setdefault("labels", {})[DISPLAY_NAME_LABEL] = spec["displayName"]
    return image


def _base_class(name: str, world: World) -> Obj | None:
    """The class whose parameters count: the annotated one or the default, when it is Longhorn's."""
    found = world.storage_class(name) if name else world.default_class()
    if found is None:
        raise failed(f'storageclasses.storage.k8s.io "{name}" not found' if name else "no default storageClass found for backingImage")
    if name and "backingImage" in part(found, "parameters"):
        raise failed("can not use a backing image storageClass as the base storageClass template")
    return found if found.get("provisioner") == LONGHORN else None


def _default_name(world: World) -> str:
    found = world.default_class()
    if found is None:
        raise failed("missing default storage class")
    return str(found["metadata"]["name"])


def _parameters(spec: Obj, store_class: Obj | None) -> dict[str, str]:
    given = part(store_class, "parameters") if store_class else part(spec, "storageClassParameters")
    return {**_DEFAULTS, **{k: v for k, v in given.items() if k in _PASSED or k.startswith(_SECRETS)}}


def validate_image(request: Request, world: World) -> None:
    """Raise DeniedError for what upstream refuses."""
    if request.operation == DELETE:
        _check_delete(request.old, world)
    elif request.created:
        _check_create(request.new, world)
    elif not deleting(request.new):
        _check_update(request.old, request.new, world)


def _check_create(image: Obj, world: World) -> None:
    spec = image["spec"]
    _check_name(image, world)
    source, url = spec.get("sourceType"), spec.get("url") or ""
    if source in _WITH_URL:
        if not url:
            raise invalid("url is required", "spec.url")
        try:
            urlparse(url).port  # noqa: B018  reading it is the check
        except ValueError as error:
            raise invalid(f"url is invalid: {error}", "spec.url") from error
    elif url:
        raise invalid(f'url should be empty when image source type is "{source}"', "spec.url")
    if source == "export-from-volume":
        _check_volume(spec, world)
    if source == "clone":
        _check_clone(image, world)
    marked, target = annotations(image).get(STORAGE_CLASS_ANNOTATION), spec.get("targetStorageClassName")
    if marked and target and marked != target:
        raise invalid("storageClassName should keep the consistency", "spec.targetStorageClassName")


def _check_name(image: Obj, world: World) -> None:
    name = image["spec"].get("displayName")
    if not name:
        raise invalid("displayName is required", "spec.displayName")
    same = world.images_named(image["metadata"]["namespace"], name)
    if any(other["metadata"]["uid"] != image["metadata"].get("uid") for other in same):
        raise conflict("A resource with the same name exists")


def _check_volume(spec: Obj, world: World) -> None:
    for name in ("pvcNamespace", "pvcName"):
        if not spec.get(name):
            raise invalid(f'{name} is required when image source type is "export-from-volume"', f"spec.{name}")
    if world.store.get(VOLUME_CLAIM, Key(spec["pvcNamespace"], spec["pvcName"])) is None:
        name, namespace = spec["pvcName"], spec["pvcNamespace"]
        raise invalid(f'failed to get pvc {name}/{namespace}, error: persistentvolumeclaims "{name}" not found')


def _check_clone(image: Obj, world: World) -> None:
    secured = part(image, "spec", "securityParameters")
    if not secured:
        raise invalid('sourceParameters is required when image source type is "clone"', "spec.sourceParameters")
    name = f"{secured.get('sourceImageNamespace')}/{secured.get('sourceImageName')}"
    source = world.store.get(IMAGE, Key.parse(name))
    if source is None:
        raise invalid(f"source image {name} not found", "spec.securityParameters.sourceImageName")
    encrypted = part(source, "spec", "securityParameters").get("cryptoOperation") == "encrypt"
    shown = f"{name} ({source['spec']['displayName']})"
    if encrypted and secured["cryptoOperation"] == "encrypt":
        raise invalid(f"can not re-encrypt, source image {shown} is already encrypted")
    if not encrypted and secured["cryptoOperation"] == "decrypt":
        raise invalid(f"can not re-decrypt, source image {shown} is not encrypted")
    if not is_true(source, "Imported"):
        raise invalid(f"source image {shown} is not ready")
    if secured["cryptoOperation"] == "encrypt":
        chosen = annotations(image).get(STORAGE_CLASS_ANNOTATION, "")
        field = f"metadata.annotations[{STORAGE_CLASS_ANNOTATION}]"
        found = world.storage_class(chosen)
        if found is None:
            raise invalid(f"storage class {chosen} not found", field)
        if part(found, "parameters").get("encrypted") != "true":
            raise invalid(f"storage class {chosen} is not for encryption or decryption", "spec.parameters[encrypted] must be true")


def _check_update(old: Obj, new: Obj, world: World) -> None:
    for name in _FIXED:
        if (part(old, "spec").get(name) or None) != (part(new, "spec").get(name) or None):
            raise invalid(f"{name} cannot be modified", f"spec.{name}")
    if new["spec"].get("backend", "backingimage") == "backingimage" and part(old, "spec", "storageClassParameters") != part(
        new, "spec", "storageClassParameters"
    ):
        raise invalid("storageClassParameters of the VM Image cannot be modified", "spec.storageClassParameters")
    _check_name(new, world)
    marked, target = annotations(old).get(STORAGE_CLASS_ANNOTATION), old["spec"].get("targetStorageClassName")
    if marked and annotations(new).get(STORAGE_CLASS_ANNOTATION) != marked:
        raise invalid("storageClassName cannot be modified", f"metadata.annotations[{STORAGE_CLASS_ANNOTATION}]")
    if target and new["spec"].get("targetStorageClassName") != target:
        raise invalid("storageClassName cannot be modified", "spec.targetStorageClassName")


def _check_delete(image: Obj, world: World) -> None:
    if image["spec"].get("backend") == "cdi":
        return
    shown = f"{image['metadata']['namespace']}/{image['spec'].get('displayName')}"
    for owner in image["metadata"].get("ownerReferences") or []:
        version = Key(image["metadata"]["namespace"], owner["name"])
        if owner["kind"] == TEMPLATE_VERSION.kind and world.store.get(TEMPLATE_VERSION, version) is not None:
            raise invalid(f"Cannot delete image {shown}: being used by VMTemplateVersion {owner['name']}")
    name = part(image, "status").get("storageClassName")
    for claim in world.claims_of_class(name) if name else ():
        raise invalid(f"Cannot delete image {shown}: being used by volume {key_of(claim)}")
    if name and (backups := [str(key_of(backup)) for backup in world.backups_of_class(name)]):
        raise invalid(f"Cannot delete image {shown}: being used by VMBackups {','.join(backups)}")
