"""What CDI refuses about a DataVolume. Upstream: pkg/apiserver/webhooks/datavolume-validate.go."""

from harvester_local.admission.review import Request, invalid
from harvester_local.admission.world import World
from harvester_local.api.kinds import VOLUME_CLAIM
from harvester_local.api.objects import part
from harvester_local.api.quantities import parse

_LEAST = 1 << 20


def validate_data_volume(request: Request, world: World) -> None:
    """Raise DeniedError for the first problem."""
    spec = part(request.new, "spec")
    if not request.created:
        if spec != part(request.old, "spec"):
            raise invalid("Cannot update DataVolume Spec", "DataVolume.Spec")
        return
    found = world.store.get(VOLUME_CLAIM, request.key)
    owners = (found or {}).get("metadata", {}).get("ownerReferences") or []
    if found is not None and not any(owner["kind"] == "DataVolume" for owner in owners):
        raise invalid(f"Destination PVC {request.key} already exists", "DataVolume.Name")
    if ("storage" in spec) == ("pvc" in spec):
        both = "storage" in spec
        text = "Duplicate storage definition, both target storage and target pvc defined" if both else "Missing Data volume PVC"
        raise invalid(text, "spec.PVC")
    name = "Storage" if "storage" in spec else "PVC"
    wanted = part(spec, name.lower(), "resources", "requests").get("storage")
    if wanted is None and "pvc" not in part(spec, "source"):
        raise invalid(f"{name} size is missing", f"spec.{name}.resources.requests.size")
    if wanted is not None and parse(str(wanted)) < _LEAST:
        raise invalid(f"{name} size should be at least 1MiB", f"spec.{name}.resources.requests.size")
    if len(part(spec, "source")) != 1:
        text = (
            "Multiple Data volume sources"
            if spec.get("source")
            else "Data volume should have either Source or SourceRef, or be externally populated"
        )
        raise invalid(text, "spec.source")
    url = part(spec, "source", "http").get("url", "http:")
    if not str(url).startswith(("http:", "https:")):
        raise invalid(f"spec.source.HTTP.url Invalid source URL scheme: {url}", "spec.source.HTTP.url")
