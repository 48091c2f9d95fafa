"""`?action=upload` of an image: multipart to a file on disk, counted and hashed on the way.

Upstream: pkg/image/backingimage/upload.go and cdi/upload.go in Harvester, and Longhorn's rule on sizes.
"""

import asyncio
from pathlib import Path

from aiohttp import BodyPartReader, web

from harvester_local.api.client import Api, ApiError
from harvester_local.api.kinds import IMAGE
from harvester_local.api.objects import Key, Obj, is_true, part
from harvester_local.controllers.image_status import by_cdi
from harvester_local.controllers.transfer import CHUNK, Measure, TransferError
from harvester_local.controllers.uploads import Uploads
from harvester_local.front_door.answers import rancher_error

FIELD = "chunk"
_SECTOR = 512


class ImageUploads:
    """Takes uploads in and hands them to the images controller."""

    def __init__(self, callers: Api, uploads: Uploads) -> None:
        self._callers, self._uploads = callers, uploads

    async def handle(self, request: web.Request, key: Key, headers: dict[str, str]) -> web.Response:
        """One upload; 200 when every byte has arrived and the image took it."""
        try:
            image = await self._callers.call("GET", IMAGE.path(*key), headers=headers)
        except ApiError as error:
            return rancher_error(error.status, error.message)
        if refusal := _refusal(request, key, image):
            return refusal
        uid = image["metadata"]["uid"]
        try:
            measure = await received(request, FIELD, self._uploads.file(uid))
        except TransferError as error:
            return rancher_error(422, str(error))
        except asyncio.CancelledError:  # whoever sent it is gone
            self._uploads.deliver(uid, TransferError("context canceled"))
            raise
        if measure.size % _SECTOR and not by_cdi(image):
            text = f"the uploaded file size {measure.size} should be a multiple of {_SECTOR} bytes since Longhorn uses directIO by default"
            self._uploads.deliver(uid, TransferError(text))
            return rancher_error(500, f"upload failed: {text}")
        if not self._uploads.deliver(uid, measure.content()):
            return rancher_error(500, f"image {key} has taken an upload already: make a new image")
        return web.Response(status=200)


async def received(request: web.Request, field: str, path: Path) -> Measure:
    """Stream a field of a form to disk. Raises TransferError when there is none, or fewer bytes than announced."""
    if not request.content_type.startswith("multipart/"):
        raise TransferError(f"request Content-Type isn't multipart/form-data but {request.content_type}")
    async for piece in await request.multipart():
        if isinstance(piece, BodyPartReader) and piece.name == field:
            measure = await _spool(piece, path)
            announced = request.query.get("size", "")
            if announced.isdigit() and int(announced) != measure.size:
                raise TransferError(f"size says {announced} bytes and {measure.size} came")
            return measure
    raise TransferError(f"the form has no field {field!r}")


async def _spool(piece: BodyPartReader, path: Path) -> Measure:
    measure = Measure()
    with path.open("wb") as file:
        while data := await piece.read_chunk(CHUNK):
            measure.feed(data)
            file.write(data)
    return measure


def _refusal(request: web.Request, key: Key, image: Obj) -> web.Response | None:
    """Why the image takes no upload now, None when it does."""
    source = part(image, "spec").get("sourceType")
    if source != "upload" or is_true(image, "Imported"):
        return rancher_error(422, f"image {key} takes no upload: its source type is {source}, or it has its content")
    if not is_true(image, "Initialized"):
        return rancher_error(500, f"image {key} is not initialized yet: wait for its condition Initialized")
    if by_cdi(image) and not request.query.get("size", "").isdigit():
        return rancher_error(422, "size is required")
    return None
