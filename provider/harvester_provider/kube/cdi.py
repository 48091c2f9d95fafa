"""The upload proxy of CDI: where it is, whom to trust there, and the token for one volume.

Sources: CDI pkg/uploadproxy, its UploadTokenRequest API and the status of its CDIConfig.
"""

import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from harvester_provider.core.errors import HarvesterError, NotFound, Unreachable, UploadFailed
from harvester_provider.core.json import Json, dig_str
from harvester_provider.core.plan import Upload
from harvester_provider.kube.client import Client, Patience
from harvester_provider.kube.errors import translate

_CONFIG = "/apis/cdi.kubevirt.io/v1beta1/cdiconfigs/config"
_AUTHORITY = "/api/v1/namespaces/cdi/configmaps/cdi-uploadproxy-signer-bundle"
_TOKENS = "/apis/upload.cdi.kubevirt.io/v1beta1/namespaces/{namespace}/uploadtokenrequests"


async def through_proxy(client: Client, step: Upload, parts: AsyncIterator[bytes], *, length: int, content_type: str, asked: str) -> None:
    """POST `parts` as the content of the DataVolume `step.ref`. The proxy's certificate is verified against CDI's authority."""
    config = await _read(client, _CONFIG, "look for CDI's upload proxy")
    url = dig_str(config, "status", "uploadProxyURL") or client.target.endpoint
    if not url:
        way_out = "name it in the CDI object (config.uploadProxyURLOverride), or set harvester:endpoint to its URL"
        raise UploadFailed(f"{asked}: CDI does not say where its upload proxy is reached: {way_out}")
    token = await _token(client, step)
    trust = await _trust(client, dig_str(config, "status", "uploadProxyCA"))
    address = (url if "://" in url else f"https://{url}").rstrip("/") + step.path
    headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type, "Content-Length": str(length)}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=Patience().connect)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(address, data=parts, headers=headers, ssl=trust, allow_redirects=False) as response,
        ):
            payload = await response.read()
            if not 200 <= response.status < 300:
                raise translate(response.status, response.headers, payload, asked)
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(f"{asked}: no answer from CDI's upload proxy {url}: {error}") from error


async def _read(client: Client, path: str, asked: str) -> Json:
    """An object, or nothing where it is not there."""
    try:
        return await client.request("GET", path, asked=asked)
    except NotFound:
        return {}


async def _token(client: Client, step: Upload) -> str:
    body: dict[str, Any] = {
        "apiVersion": "upload.cdi.kubevirt.io/v1beta1",
        "kind": "UploadTokenRequest",
        "metadata": {"name": step.ref.name, "namespace": step.ref.namespace},
        "spec": {"pvcName": step.ref.name},
    }
    path = _TOKENS.format(namespace=step.ref.namespace)
    return dig_str(await client.request("POST", path, body=body, asked=f"ask for a token to upload to {step.ref}"), "status", "token")


async def _trust(client: Client, named: str) -> ssl.SSLContext:
    """The authority that CDI's configuration names, else that of its own signer, else the system's."""
    own = "" if named else dig_str(await _read(client, _AUTHORITY, "read the authority of CDI's upload proxy"), "data", "ca-bundle.crt")
    try:
        return ssl.create_default_context(cadata=named or own or None)
    except ssl.SSLError as error:
        raise HarvesterError(f"the authority of CDI's upload proxy is no certificate: {error}") from error
