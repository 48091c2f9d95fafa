"""What sort of cluster it is, told by the groups that its API server serves."""

import pytest
from api_server import serving, status
from test_client import connected

from harvester_provider.core.flavour import Flavour


def groups(*names: str) -> tuple[int, object]:
    return 200, {"kind": "APIGroupList", "groups": [{"name": name} for name in names]}


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
        server.answers = [groups(*served)]
        assert await cluster.flavour() is flavour


async def test_it_is_asked_once_until_it_has_kubevirt() -> None:
    async with serving() as server, connected(server) as cluster:
        server.answers = [groups("apps"), groups("apps", "kubevirt.io")]
        assert [await cluster.flavour() for _ in range(4)] == [Flavour.KUBERNETES, *[Flavour.KUBEVIRT] * 3]
        assert len(server.requests) == 2


async def test_who_may_not_ask_is_taken_for_a_user_of_a_harvester() -> None:
    async with serving() as server, connected(server) as cluster:
        server.answers = [(403, status(403, "Forbidden", "forbidden"))]
        assert await cluster.flavour() is Flavour.HARVESTER
