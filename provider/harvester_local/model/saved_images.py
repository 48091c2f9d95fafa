"""Images on a backup target: where they lie, how they are described to other clusters, and their address in between. Pure.

Longhorn saves the image behind a volume together with the volume, and Harvester describes it in a file of its own, from
which another cluster makes it. Upstream: pkg/controller/master/backup/backup_{backing_image,metadata}.go in Harvester.
"""

import json
from urllib.parse import parse_qs, urlsplit

from harvester_local.api.objects import Obj

FOLDER = "harvester/vmimages/"


def description_path(namespace: str, name: str) -> str:
    """The file that describes an image to other clusters."""
    return f"{FOLDER}{namespace}/{name}.cfg"


def content_path(backing_image: str) -> str:
    """The file that stands for the content."""
    return f"backupstore/backing-images/{backing_image}/backing_image_backup.cfg"


def address(target: str, backing_image: str) -> str:
    """Where an image is restored from; `target` in Longhorn's notation."""
    return f"{target}?backingImage={backing_image}"


def backing_image_at(url: str) -> str:
    """The backing image in such an address, empty in any other."""
    return next(iter(parse_qs(urlsplit(url).query).get("backingImage", [])), "")


def is_saved(image: Obj) -> bool:
    """Whether its content is to come from a backup target."""
    return image["spec"].get("sourceType") == "restore" and bool(backing_image_at(image["spec"].get("url") or ""))


def backing_image_of(image: Obj, *, keeps_origin: bool) -> str:
    """Name of Longhorn's backing image behind an image; with `keeps_origin` that of the cluster it was saved in."""
    origin = backing_image_at(image["spec"].get("url") or "") if keeps_origin and is_saved(image) else ""
    return origin or f"vmi-{image['metadata']['uid']}"


def description(image: Obj, url: str) -> bytes:
    """The content of the file that describes it."""
    meta, spec = image["metadata"], image["spec"]
    described = {"name": meta["name"], "namespace": meta["namespace"], "url": url}
    kept = ("displayName", "description", "checksum", "storageClassParameters")
    return json.dumps(described | {name: spec[name] for name in kept if spec.get(name)}).encode()


def described(file: bytes) -> Obj:
    """The image that a file describes, as another cluster makes it. Raises ValueError."""
    try:
        found = json.loads(file)
        meta = {"name": found["name"], "namespace": found.get("namespace") or "default"}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no description of an image") from error
    spec = {name: value for name, value in found.items() if name not in meta}
    return {"metadata": meta, "spec": {"sourceType": "restore", "retry": 3, "backend": "backingimage", **spec}}
