"""What sort of cluster it is, told by the groups that its API server serves."""

from collections.abc import Callable

import pytest
from aiohttp import web
from api_server import Answer, serving, status
from test_client import connected

from harvester_provider.core.errors import Forbidden, NotHarvester
from harvester_provider.core.flavour import Flavour


def groups(*names: str) -> Answer:
    return 200, {"kind": "APIGroupList", "groups": [{"name": name} for name in names]}


def serves(*names: str) -> Callable[[web.Request], Answer]:
    """An API server with these groups. It answers 404 for others, as Kubernetes does, in plain text."""

    def answer(request: web.Request) -> Answer:
        if request.path == "/apis":
            return groups(*names)
        return (200, {}) if request.path.removeprefix("/apis/") in names else (404, b"404 page not found")

    return answer


@pytest.mark.parametrize(
    ("served", "flavour"),
    [
        (("apps", "kubevirt.io", "harvesterhci.io"), Flavour.HARVESTER),
        (("apps", "kubevirt.io"), Flavour.KUBEVIRT),
        (("apps",), Flavour.KUBERNETES),
    ],
)
async def test_a_cluster_is_what_its_groups_say(served: tuple[str, ...], flavour: Flavour) -> None:
    async with serving() as server, connected(server) as cluster:
        server.handler = serves(*served)
        assert await cluster.flavour() is flavour


async def test_it_is_asked_once_until_it_has_kubevirt() -> None:
    async with serving() as server, connected(server) as cluster:
        server.handler = serves("apps")
        assert await cluster.flavour() is Flavour.KUBERNETES
        server.handler, server.requests[:] = serves("apps", "kubevirt.io"), []
        assert [await cluster.flavour() for _ in range(3)] == [Flavour.KUBEVIRT] * 3
        assert server.requests == [("GET", "/apis"), ("GET", "/apis/harvesterhci.io")]


async def test_an_api_server_that_starts_and_lists_no_kinds_yet_is_waited_for() -> None:
    starting = status(503, "ServiceUnavailable", "the request has been made before all known HTTP paths have been installed")
    async with serving() as server, connected(server) as cluster:
        server.answers, server.handler = [groups("apps"), (503, starting, {"Retry-After": "0"})], serves("kubevirt.io", "harvesterhci.io")
        assert await cluster.flavour() is Flavour.HARVESTER


async def test_what_is_no_kubernetes_is_told() -> None:
    async with serving() as server, connected(server) as cluster:
        server.handler = lambda _: (404, b"404 page not found")
        with pytest.raises(NotHarvester, match="is it a Harvester"):
            await cluster.flavour()


async def test_who_may_not_ask_is_told_and_asks_again() -> None:
    async with serving() as server, connected(server) as cluster:
        server.answers, server.handler = [(403, status(403, "Forbidden", "forbidden"))], serves("kubevirt.io")
        with pytest.raises(Forbidden, match="ask which kinds the cluster has"):
            await cluster.flavour()
        assert await cluster.flavour() is Flavour.KUBEVIRT
