"""Manifests: read from files and the web, taken apart, and applied with definitions of kinds first."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from api_server import Answer, ApiServer, serving

from harvester_provider.core.errors import BadConnection
from harvester_provider.kube.client import Client
from harvester_provider.kube.connection import connect
from harvester_provider.kube.manifests import apply_manifest, objects
from harvester_provider.resources.provider import Connection

CRD = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "gadgets.example.org"}}
GADGET = {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"size": 1}}
LIST = {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}]}
KINDS = {
    "/apis/apiextensions.k8s.io/v1": [{"kind": "CustomResourceDefinition", "name": "customresourcedefinitions", "namespaced": False}],
    "/apis/example.org/v1": [
        {"kind": "Gadget", "name": "gadgets/status", "namespaced": True},
        {"kind": "Gadget", "name": "gadgets", "namespaced": True},
    ],
    "/api/v1": [{"kind": "Namespace", "name": "namespaces", "namespaced": False}],
}


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with serving() as found:
        yield found


async def applied(server: ApiServer, source: str) -> None:
    connection = Connection(host=server.url, token="t")
    client = Client(lambda: connect(connection), await connect(connection))
    try:
        await apply_manifest(client, source)
    finally:
        await client.close()


def kinds(request: web.Request) -> Answer:
    return 200, {"resources": KINDS[request.path]} if request.path in KINDS else {}


async def test_definitions_and_namespaces_come_first_and_each_object_goes_where_the_cluster_says(server: ApiServer, tmp_path: Path) -> None:
    server.handler = kinds
    path = tmp_path / "release.yaml"
    path.write_text(yaml.safe_dump_all([GADGET, LIST, None, CRD]))
    await applied(server, str(path))
    assert [path for method, path in server.requests if method == "PATCH"] == [
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.example.org",
        "/api/v1/namespaces/n",
        "/apis/example.org/v1/namespaces/default/gadgets/g",
    ]
    sent = [head for (method, _), head in zip(server.requests, server.headers, strict=True) if method == "PATCH"]
    assert {head["Content-Type"] for head in sent} == {"application/apply-patch+yaml"}


async def test_a_kind_that_was_just_defined_is_waited_for(server: ApiServer, tmp_path: Path) -> None:
    server.handler = kinds
    server.answers = [(404, b"404 page not found"), (200, {"resources": []})]
    path = tmp_path / "g.yaml"
    path.write_text(yaml.safe_dump(GADGET))
    await applied(server, str(path))
    assert server.requests[-1] == ("PATCH", "/apis/example.org/v1/namespaces/default/gadgets/g")


async def test_a_release_is_read_from_the_web_without_the_clusters_credentials(server: ApiServer) -> None:
    def answer(request: web.Request) -> Answer:
        return (200, yaml.safe_dump(GADGET).encode()) if request.path == "/v1/release.yaml" else kinds(request)

    server.handler = answer
    await applied(server, f"{server.url}/v1/release.yaml")
    assert "Authorization" not in server.headers[0]
    assert server.requests[-1][0] == "PATCH"


@pytest.mark.parametrize(
    ("source", "words"), [("/nowhere/release.yaml", "cannot be read"), ("http://127.0.0.1:1/release.yaml", "no answer")]
)
async def test_a_source_that_cannot_be_read_is_told(server: ApiServer, source: str, words: str) -> None:
    with pytest.raises(BadConnection, match=words):
        await applied(server, source)


async def test_a_release_that_does_not_exist_is_told(server: ApiServer) -> None:
    server.handler = lambda _request: (404, b"not found")
    with pytest.raises(BadConnection, match="is there such a release"):
        await applied(server, f"{server.url}/v9/release.yaml")


@pytest.mark.parametrize("text", ["a: [", "just text", "kind: Gadget", ""])
def test_what_is_no_manifest_is_told(text: str) -> None:
    with pytest.raises(BadConnection, match="this is no"):
        objects(text, "release.yaml")


def test_every_value_of_an_object_stays() -> None:
    found: Any = objects(yaml.safe_dump(GADGET), "x")
    assert found == [GADGET]
