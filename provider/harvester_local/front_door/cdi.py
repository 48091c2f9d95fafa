"""The upload proxy of CDI, and the API that gives tokens for it: behind the front door as everything else is.

Upstream: CDI pkg/apiserver (UploadTokenRequest) and pkg/uploadproxy.
"""

import json
import secrets

from aiohttp import web

from harvester_local.api.client import Api, ApiError
from harvester_local.api.kinds import DATA_VOLUME
from harvester_local.api.objects import Key, part
from harvester_local.controllers.transfer import TransferError
from harvester_local.controllers.uploads import Uploads
from harvester_local.front_door.answers import rancher_error, status
from harvester_local.front_door.steve import credentials
from harvester_local.front_door.uploads import received

GROUP = "upload.cdi.kubevirt.io"
PATH = "/v1beta1/upload-form"
_FIELD = "file"


class CdiUploads:
    """Gives tokens and takes content."""

    def __init__(self, callers: Api, uploads: Uploads) -> None:
        self._callers, self._uploads = callers, uploads
        self._tokens: dict[str, str] = {}

    async def token(self, request: web.Request) -> web.Response:
        """A token for one DataVolume, for those who may see it."""
        asked = json.loads(await request.read())
        key = Key(asked["metadata"]["namespace"], asked["spec"]["pvcName"])
        try:
            volume = await self._callers.call("GET", DATA_VOLUME.path(*key), headers=credentials(request))
        except ApiError as error:
            return status(error.status, error.message)
        if part(volume, "status").get("phase") != "UploadReady":
            return status(503, f"DataVolume {key} does not wait for an upload")
        token = secrets.token_urlsafe(24)
        self._tokens[token] = volume["metadata"]["uid"]
        return web.json_response({**asked, "status": {"token": token}}, status=201)

    async def upload(self, request: web.Request) -> web.Response:
        """The content; 200 when every byte has arrived."""
        uid = self._tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if uid is None:
            return rancher_error(401, "")
        try:
            measure = await received(request, _FIELD, self._uploads.file(uid))
        except TransferError as error:
            return rancher_error(400, str(error))
        delivered = self._uploads.deliver(uid, measure.content())
        return web.Response(status=200) if delivered else rancher_error(503, "it has finished uploading already")
