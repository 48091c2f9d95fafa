"""The client against a scripted API server on loopback."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from api_server import Answer, ApiServer, serving, status

from harvester_provider.core.errors import BadConnection, NotFound, Unauthorized, Unreachable
from harvester_provider.core.plan import Call
from harvester_provider.core.ref import Api, Listing, Ref
from harvester_provider.kube.client import Client, Patience
from harvester_provider.kube.cluster import KubeCluster
from harvester_provider.kube.connection import Target, connect
from harvester_provider.resources.provider import Connection, ProviderSettings

GADGET = Api("example.org", "v1", "gadgets", "Gadget")
REF = Ref(GADGET, "g1", "default")


def kubeconfig(server: str, token: str = "secret-token") -> str:
    return yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    })  # fmt: skip


@asynccontextmanager
async def connected(
    server: ApiServer, connection: Connection | None = None, patience: Patience | None = None
) -> AsyncIterator[KubeCluster]:
    chosen = connection or Connection(kubeconfig=kubeconfig(server.url))
    cluster = KubeCluster(Client(lambda: connect(chosen), await connect(chosen), patience=patience))
    try:
        yield cluster
    finally:
        await cluster.close()


def gadget(name: str, version: int, **spec: object) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": str(version)}, "spec": spec}


async def test_requests_carry_the_token() -> None:
    async with serving() as server, connected(server) as cluster:
        await cluster.get(REF)
        assert server.headers[0]["Authorization"] == "Bearer secret-token"


async def test_an_overloaded_server_is_tried_again() -> None:
    async with serving() as server, connected(server) as cluster:
        server.answers = [(503, {}), (429, {}, {"Retry-After": "0"}), (200, gadget("g1", 1))]
        assert (await cluster.get(REF) or {})["spec"] == {}
        assert len(server.requests) == 3


async def ask_at_once(server: ApiServer, count: int, *, max_requests: int) -> None:
    """So many requests by a client that may have fewer under way; the server answers when that many have asked."""
    connection = Connection(kubeconfig=kubeconfig(server.url))
    client = Client(lambda: connect(connection), await connect(connection), max_requests=max_requests)
    server.together = asyncio.Barrier(max_requests)
    try:
        await asyncio.gather(*(client.request("GET", f"/{number}") for number in range(count)))
    finally:
        await client.close()


async def test_as_many_requests_as_are_allowed_are_under_way_at_once_and_no_rate_holds_them_back() -> None:
    """The server answers nobody before all have asked, and the client gives up on a first answer after ten seconds: at five requests a
    second, which is the pace of the Go client that other providers are built on, it would have asked 50 times by then."""
    async with serving() as server:
        await ask_at_once(server, 400, max_requests=400)
        assert len(server.requests) == 400


async def test_a_server_that_is_overloaded_from_the_start_is_waited_out() -> None:
    async with serving() as server, connected(server, patience=Patience(first=0.0)) as cluster:
        server.answers = [(429, {}, {"Retry-After": "0"}), (429, {}, {"Retry-After": "0"}), (200, gadget("g1", 1))]
        assert await cluster.get(REF)


async def test_max_requests_bounds_what_is_under_way_at_once() -> None:
    async with serving() as server:
        await ask_at_once(server, 9, max_requests=3)
        assert (server.most, len(server.requests)) == (3, 9)


async def test_a_rotated_token_is_read_again_from_the_kubeconfig(tmp_path: Path) -> None:
    path = tmp_path / "config"
    async with serving() as server:
        path.write_text(kubeconfig(server.url, "old"))
        async with connected(server, Connection(kubeconfig=str(path))) as cluster:
            path.write_text(kubeconfig(server.url, "new"))
            server.handler = lambda request: (200, {}) if request.headers["Authorization"] == "Bearer new" else (401, {})
            await cluster.get(REF)


async def test_many_requests_with_an_old_token_read_the_new_one_once_and_all_succeed() -> None:
    async with serving() as server:
        server.handler = lambda request: (200, {}) if request.headers["Authorization"] == "Bearer new" else (401, {})
        loaded = []

        async def reload() -> Target:
            loaded.append(await connect(Connection(kubeconfig=kubeconfig(server.url, "new"))))
            return loaded[-1]

        client = Client(reload, await connect(Connection(kubeconfig=kubeconfig(server.url, "old"))))
        try:
            await asyncio.gather(*(client.request("GET", f"/{number}") for number in range(20)))
        finally:
            await client.close()
        assert len(loaded) == 1


async def test_credentials_that_stay_invalid_are_an_error_and_not_gone() -> None:
    async with serving() as server, connected(server) as cluster:
        server.handler = lambda _request: (401, {})
        with pytest.raises(Unauthorized, match="get a new kubeconfig or token"):
            await cluster.get(REF)


async def test_a_redirect_is_not_followed_with_credentials() -> None:
    async with serving() as server, serving() as thief, connected(server) as cluster:
        server.answers = [(302, b"", {"Location": thief.url})]
        with pytest.raises(BadConnection, match="redirects are not followed"):
            await cluster.get(REF)
        assert not thief.requests


async def test_an_address_where_nobody_listens_is_an_error_with_the_way_out() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with connected(ApiServer(url=address)) as cluster:
        with pytest.raises(Unreachable, match="is the address right, and the cluster up"):
            await cluster.get(REF)


async def test_an_answer_that_is_no_json_is_no_object() -> None:
    async with serving() as server, connected(server) as cluster:
        await cluster.get(REF)
        server.handler = lambda _request: (200, b"<html>login</html>") if len(server.requests) < 3 else (200, {"spec": {}})
        assert await cluster.get(REF) == {"spec": {}}


@pytest.mark.parametrize("said", [(200, b"<html>login</html>"), (404, b"<html>nothing here</html>")])
async def test_something_else_that_answers_at_the_address_is_not_waited_for_as_a_cluster_that_restarts_is(said: Answer) -> None:
    async with serving() as server, connected(server, patience=Patience(first=0.0)) as cluster:
        server.handler = lambda _request: said
        with pytest.raises(Unreachable, match="something else than the Kubernetes API answers there"):
            await cluster.get(REF)
        assert len(server.requests) == 1


async def test_an_object_that_is_not_there_is_none() -> None:
    async with serving() as server, connected(server) as cluster:
        server.handler = lambda _request: (404, status(404, "NotFound", 'gadgets "g1" not found', name="g1", kind="gadgets"))
        assert await cluster.get(REF) is None
        with pytest.raises(NotFound):
            await cluster.patch(REF, {})


async def test_harvesters_own_api_is_beside_the_api_server_of_a_vip() -> None:
    async with serving() as server:
        chosen = Connection(kubeconfig=kubeconfig(f"{server.url}/k8s/clusters/local"))
        async with connected(server, chosen) as cluster:
            await cluster.call(Call("harvester", "POST", "/v1/harvester/x?action=y"))
            await cluster.get(REF)
        assert [path for _, path in server.requests] == [
            "/v1/harvester/x",
            "/k8s/clusters/local/apis/example.org/v1/namespaces/default/gadgets/g1",
        ]


async def test_an_endpoint_that_cannot_be_told_is_asked_for() -> None:
    async with serving() as server, connected(server) as cluster:
        with pytest.raises(BadConnection, match="harvester:endpoint"):
            await cluster.call(Call("harvester", "POST", "/v1/harvester/x"))


async def test_a_long_list_comes_whole() -> None:
    async with serving() as server, connected(server) as cluster:
        server.answers = [
            (200, {"metadata": {"continue": "more", "resourceVersion": "9"}, "items": [gadget("a", 1)]}),
            (200, {"metadata": {"resourceVersion": "9"}, "items": [gadget("b", 2)]}),
        ]
        assert [item["kind"] for item in await cluster.list(Listing(GADGET, "default"))] == ["Gadget", "Gadget"]


class TestFollow:
    @staticmethod
    def listing(*items: dict[str, object]) -> tuple[int, dict[str, object]]:
        return 200, {"metadata": {"resourceVersion": "10"}, "items": list(items)}

    async def test_the_present_state_comes_first_then_each_change(self) -> None:
        async with serving() as server, connected(server) as cluster:
            server.answers = [self.listing(gadget("g1", 1, size=1))]
            async with cluster.follow([REF]) as snapshots:
                assert (await anext(snapshots)).get(REF)["spec"] == {"size": 1}
                await server.events.put([{"type": "MODIFIED", "object": gadget("g1", 11, size=2)}])
                assert (await anext(snapshots)).get(REF)["spec"] == {"size": 2}
                await server.events.put([{"type": "DELETED", "object": gadget("g1", 12)}])
                assert (await anext(snapshots))[REF] is None

    async def test_all_who_wait_in_a_namespace_share_one_stream(self) -> None:
        async with serving() as server, connected(server) as cluster:
            server.answers = [self.listing(gadget("g1", 1), gadget("g2", 2))]
            other = Ref(GADGET, "g2", "default")
            async with (
                cluster.follow([REF]) as first,
                cluster.follow([other]) as second,
                cluster.follow([Listing(GADGET, "default")]) as all_of_them,
            ):
                assert (await anext(first))[REF] is not None
                assert (await anext(second))[other] is not None
                assert len((await anext(all_of_them)).listed(Listing(GADGET, "default"))) == 2
                assert [method for method, _ in server.requests].count("GET") == len(server.requests) <= 2
                assert server.watches <= 1

    async def test_an_expired_watch_lists_again(self) -> None:
        async with serving() as server, connected(server) as cluster:
            server.answers = [self.listing(gadget("g1", 1, size=1)), self.listing(gadget("g1", 20, size=3))]
            async with cluster.follow([REF]) as snapshots:
                await anext(snapshots)
                await server.events.put([{"type": "ERROR", "object": status(410, "Expired", "too old resource version")}])
                assert (await anext(snapshots)).get(REF)["spec"] == {"size": 3}

    async def test_a_broken_stream_goes_on_from_where_it_was(self) -> None:
        async with serving() as server, connected(server) as cluster:
            server.answers = [self.listing(gadget("g1", 1, size=1))]
            async with cluster.follow([REF]) as snapshots:
                await anext(snapshots)
                await server.events.put(None)
                await server.events.put([{"type": "MODIFIED", "object": gadget("g1", 12, size=4)}])
                assert (await anext(snapshots)).get(REF)["spec"] == {"size": 4}

    async def test_a_state_older_than_our_own_write_is_never_shown(self) -> None:
        async with serving() as server, connected(server) as cluster:
            server.answers = [self.listing(gadget("g1", 10, size=1))]
            async with cluster.follow([REF]) as snapshots:
                await anext(snapshots)
                server.answers = [(200, gadget("g1", 15, size=5))]
                await cluster.patch(REF, {"spec": {"size": 5}})
                assert (await anext(snapshots)).get(REF)["spec"] == {"size": 5}
                await server.events.put(
                    [{"type": "MODIFIED", "object": gadget("g1", 12, size=1)}, {"type": "MODIFIED", "object": gadget("g1", 16, size=6)}]
                )
                assert (await anext(snapshots)).get(REF)["spec"] == {"size": 6}

    async def test_a_stream_goes_on_with_the_new_token_where_it_was_rotated_while_somebody_waits(self, tmp_path: Path) -> None:
        path = tmp_path / "config"
        async with serving() as server:
            path.write_text(kubeconfig(server.url, token="old"))
            server.watch_status = lambda request: 200 if request.headers["Authorization"] == "Bearer new" else 401
            server.answers = [self.listing(gadget("g1", 1, size=1))]
            async with connected(server, Connection(kubeconfig=str(path))) as cluster, cluster.follow([REF]) as snapshots:
                path.write_text(kubeconfig(server.url, token="new"))
                await anext(snapshots)
                await server.events.put([{"type": "MODIFIED", "object": gadget("g1", 12, size=4)}])
                assert (await anext(snapshots)).get(REF)["spec"] == {"size": 4}

    async def test_a_stream_that_is_silent_is_begun_anew_from_where_it_was(self) -> None:
        async with serving() as server, connected(server, patience=Patience(read=0.2)) as cluster:
            server.answers = [self.listing(gadget("g1", 1, size=1))]
            async with cluster.follow([REF]) as snapshots:
                await anext(snapshots)
                await server.begun(3)
                assert len(server.requests) == 1 + server.watches, "it is listed once"

    async def test_a_kind_that_may_not_be_watched_is_told_to_the_one_who_waits(self) -> None:
        async with serving() as server, connected(server) as cluster:
            server.handler = lambda _request: (403, status(403, "Forbidden", "gadgets is forbidden"))
            async with cluster.follow([REF]) as snapshots:
                with pytest.raises(Exception, match="ask for the permission"):
                    await anext(snapshots)


class TestConnection:
    async def test_a_kubeconfig_is_taken_as_text_path_or_base64(self, tmp_path: Path) -> None:
        text = kubeconfig("https://10.0.0.1:6443")
        (tmp_path / "config").write_text(text)
        for value in (text, str(tmp_path / "config"), base64.b64encode(text.encode()).decode()):
            assert (await connect(Connection(kubeconfig=value))).host == "https://10.0.0.1:6443"

    async def test_the_environments_kubeconfig_comes_next(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "config").write_text(kubeconfig("https://10.0.0.2:6443"))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        assert (await connect(Connection())).host == "https://10.0.0.2:6443"

    async def test_host_and_token_do_without_a_kubeconfig(self) -> None:
        assert (await connect(Connection(host="https://10.0.0.3:6443/", token="t"))).host == "https://10.0.0.3:6443"

    @pytest.mark.parametrize(
        ("connection", "says"),
        [
            (Connection(kubeconfig="/no/such/file"), "neither a kubeconfig's text, nor its base64, nor an existing file"),
            (Connection(kubeconfig="a: [\nb"), "this is no YAML"),
            (Connection(kubeconfig="hunter2"), "the value is neither a kubeconfig's text"),
            (Connection(host="http://10.0.0.1", token="t"), "would send the token unencrypted"),
            (Connection(kubeconfig="a: 1\nb: 2"), "this is no kubeconfig"),
            (
                Connection(kubeconfig=kubeconfig("https://h"), context="other"),
                "'other' is no context of the kubeconfig: choose one of here",
            ),
            (Connection(host="10.0.0.1"), "is no URL"),
            (Connection(host="https://10.0.0.1"), "harvester:token"),
            (Connection(host="https://10.0.0.1", token="t", ca="/no/such/file"), "harvester:ca"),
        ],
    )
    async def test_a_broken_connection_names_the_setting_and_the_way_out(self, connection: Connection, says: str) -> None:
        with pytest.raises(BadConnection, match=says):
            await connect(connection)

    @pytest.mark.parametrize("text", ["users: [\n  - token: hunter2: x\n", "hunter2", "token: 'hunter2", "- token: hunter2\n- ]"])
    async def test_an_error_never_quotes_what_may_be_a_credential(self, text: str) -> None:
        with pytest.raises(BadConnection) as found:
            await connect(Connection(kubeconfig=text))
        assert "hunter2" not in str(found.value)

    def test_settings_of_a_wrong_shape_are_told_without_their_values(self) -> None:
        with pytest.raises(ValueError, match="kubeconfig") as found:
            ProviderSettings.model_validate({"clusters": {"edge": {"kubeconfig": ["hunter2"]}}})
        assert "hunter2" not in str(found.value)

    async def test_no_kubeconfig_at_all_says_what_to_set(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
        with pytest.raises(BadConnection, match="set harvester:kubeconfig"):
            await connect(Connection())
