"""Manifests from files and the web, applied to a cluster object by object, as `kubectl apply --server-side` does.

Definitions of kinds and namespaces come first. A kind that was just defined is waited for. A download sends no credentials of
the cluster, and follows redirects, since release pages redirect.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yaml
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from harvester_provider.core.errors import BadConnection, NotFound, NotHarvester
from harvester_provider.core.json import dig_objects, dig_str
from harvester_provider.kube.client import Client

MANAGER = "pulumi-harvester"
"""Field manager of all that is applied."""
SERVED_SECONDS = 60.0
"""How long a kind that was just defined is waited for."""
_LARGEST = 64 * 2**20
_TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=10)
_FIRST = {"CustomResourceDefinition": 0, "Namespace": 1}


async def apply_manifest(client: Client, source: str) -> None:
    """Apply every object of the manifest at `source`, a URL or the path of a file."""
    for found in sorted(objects(await _text(source), source), key=lambda item: _FIRST.get(str(item["kind"]), 2)):
        await _apply(client, found)


def objects(text: str, source: str) -> list[Mapping[str, Any]]:
    """The objects of a manifest, lists taken apart. BadConnection where something in it is no object."""
    try:
        documents = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError as error:
        raise BadConnection(f"{source}: this is no YAML: {error}") from error
    out: list[Mapping[str, Any]] = []
    for document in documents:
        listed = document.get("items") if isinstance(document, dict) and str(document.get("kind", "")).endswith("List") else [document]
        out.extend(listed or [])
    if not out or not all(isinstance(item, dict) and item.get("kind") and dig_str(item, "metadata", "name") for item in out):
        raise BadConnection(f"{source}: this is no manifest: each object has apiVersion, kind and metadata.name")
    return out


async def _text(source: str) -> str:
    if urlsplit(source).scheme not in {"http", "https"}:
        try:
            return await asyncio.to_thread(_read, source)
        except (OSError, UnicodeDecodeError) as error:
            raise BadConnection(f"{source}: cannot be read: {error}: give the folder that holds the release's manifests") from error
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, session.get(source) as response:
            if response.status != 200:
                raise BadConnection(f"{source}: {response.status}: is there such a release? For a site without internet give `folder`")
            return (await response.content.read(_LARGEST)).decode()
    except (aiohttp.ClientError, OSError, TimeoutError, UnicodeDecodeError) as error:
        raise BadConnection(f"{source}: no answer: {error or type(error).__name__}: for a site without internet give `folder`") from error


def _read(source: str) -> str:
    return Path(source).expanduser().read_text()


async def _apply(client: Client, found: Mapping[str, Any]) -> None:
    who = f"{found['kind']} {dig_str(found, 'metadata', 'name')}"
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((NotHarvester, NotFound)), wait=wait_fixed(0.5), stop=stop_after_delay(SERVED_SECONDS), reraise=True
    )
    async for attempt in retrying:
        with attempt:
            path = await _path(client, found)
            query = {"fieldManager": MANAGER, "force": "true"}
            await client.request("PATCH", path, body=dict(found), query=query, asked=f"apply {who}")


async def _path(client: Client, found: Mapping[str, Any]) -> str:
    """Where the object is, as the API server's own list of kinds says. NotHarvester where it does not know the kind (yet)."""
    version, kind = dig_str(found, "apiVersion"), str(found["kind"])
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    listed = dig_objects(await client.request("GET", root, asked=f"look for the kind {kind}"), "resources")
    known = next((item for item in listed if item.get("kind") == kind and "/" not in str(item.get("name"))), None)
    if known is None:
        raise NotHarvester(f"apply {kind}: the cluster does not know this kind of {version}")
    namespace = dig_str(found, "metadata", "namespace") or "default"
    scope = f"/namespaces/{namespace}" if known.get("namespaced") else ""
    return f"{root}{scope}/{known['name']}/{dig_str(found, 'metadata', 'name')}"
