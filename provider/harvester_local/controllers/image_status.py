"""What an import writes on a VirtualMachineImage, whoever stores it. Pure; `image` is the object as it is known.

Upstream: pkg/image/common/operator.go in Harvester v1.8.
"""

from harvester_local.api.objects import Obj, is_true, now, part
from harvester_local.controllers.conditions import rancher
from harvester_local.controllers.transfer import Content

FINALIZER = "wrangler.cattle.io/vm-image-controller"


def by_cdi(image: Obj) -> bool:
    """Whether CDI stores it, and not Longhorn."""
    return bool(image["spec"].get("backend") == "cdi")


def is_over(image: Obj) -> bool:
    """Whether the import failed for good."""
    conditions = part(image, "status").get("conditions") or []
    return is_true(image, "RetryLimitExceeded") or any(each.get("reason") == "UploadFailed" for each in conditions)


def initialized(image: Obj, store_class: str) -> Obj:
    """The status once the storage is ready for the content."""
    conditions = rancher(image, "Imported", "Unknown", reason="Importing")
    conditions = rancher({"status": {"conditions": conditions}}, "Initialized", "True", reason="Initialized")
    return {"conditions": conditions, "progress": 0, "storageClassName": store_class}


def imported(image: Obj, content: Content) -> Obj:
    """The status once all of the content is there."""
    conditions = rancher(image, "Imported", "True", reason="Imported")
    conditions = rancher({"status": {"conditions": conditions}}, "RetryLimitExceeded", "False")
    return {"conditions": conditions, "progress": 100, "size": content.size, "virtualSize": content.virtual_size}


def upload_failed(image: Obj, error: str) -> Obj:
    """The status after an upload that failed, which is the end."""
    return {"conditions": rancher(image, "Imported", "False", reason="UploadFailed", message=error)}


def try_failed(image: Obj, error: str) -> Obj:
    """The status after a try that failed; after the last one it is the end."""
    failed, retry = int(part(image, "status").get("failed") or 0) + 1, int(image["spec"].get("retry", 3))
    message = f"failed due to error: {error}" if failed == 1 else f"retry attempted {failed - 1}/{retry} failed due to error: {error}"
    over = failed > retry
    conditions = rancher(image, "RetryLimitExceeded", "True" if over else "False", message=message)
    if over:
        kind, reason = ("Imported", "Importing") if is_true(image, "Initialized") else ("Initialized", "")
        conditions = rancher({"status": {"conditions": conditions}}, kind, "False", reason=reason, message=message)
    return {"conditions": conditions, "failed": failed, "lastFailedTime": now()}
