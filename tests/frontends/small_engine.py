"""What the Pulumi engine does with a provider, small: the plugin's protocol over real gRPC, and the dynamic provider's calls.

Both speak of one resource in plain values, so that one table of cases can run through both.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from fake_cluster import FakeCluster
from google.protobuf.empty_pb2 import Empty
from pulumi.dynamic.dynamic import PROVIDER_KEY
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret

from harvester_provider.frontends.calls import Calls
from harvester_provider.frontends.dynamic import DynamicProvider
from harvester_provider.frontends.host import Host
from harvester_provider.frontends.log import EngineLog
from harvester_provider.frontends.native.messages import Messages
from harvester_provider.frontends.native.resources import Resources
from harvester_provider.frontends.native.servicer import Servicer
from harvester_provider.frontends.native.values import Decoded, decode, encode
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.wiring import Clusters

Values = Mapping[str, Any]
PROJECT, STACK = "shop", "dev"


class OneCluster(Clusters):
    """Every name and every resource leads to one cluster in memory."""

    def __init__(self, cluster: FakeCluster) -> None:
        super().__init__(ProviderSettings())
        self._cluster = cluster

    async def get(self, name: str | None) -> Any:  # noqa: ARG002  there is one
        return self._cluster

    async def reach(self, kind: Any, values: Values, **_how: Any) -> Any:  # noqa: ARG002  see above
        return self._cluster


class CallsOn(Calls):
    """The verbs on one cluster in memory."""

    def __init__(self, cluster: FakeCluster) -> None:
        super().__init__(ProviderSettings())
        self._clusters = OneCluster(cluster)


class HeardByEngine(engine_pb2_grpc.EngineServicer):
    """The engine's side of the log."""

    def __init__(self) -> None:
        self.requests: list[engine_pb2.LogRequest] = []

    async def Log(self, request: engine_pb2.LogRequest, _context: Any) -> Empty:  # noqa: N802  the protocol's name
        self.requests.append(request)
        return Empty()


class InitFailed(Exception):
    """The plugin says that the resource exists and is not finished."""

    def __init__(self, detail: provider_pb2.ErrorResourceInitFailed) -> None:
        super().__init__("; ".join(detail.reasons))
        self.id, self.state = detail.id, decode(detail.properties)


@dataclass
class Plugin:
    """The plugin's protocol, for one resource."""

    stub: provider_pb2_grpc.ResourceProviderStub
    kind: str
    heard: HeardByEngine
    name: str = "thing"

    @property
    def urn(self) -> str:
        return f"urn:pulumi:{STACK}::{PROJECT}::harvester:index:{self.kind}::{self.name}"

    async def check(self, olds: Values, news: Values, **more: Any) -> tuple[Decoded, dict[str, str]]:
        found = await self.stub.Check(provider_pb2.CheckRequest(urn=self.urn, olds=encode(olds), news=encode(news), **more))
        return decode(found.inputs), {failure.property: failure.reason for failure in found.failures}

    async def diff(self, identity: str, olds: Values, news: Values) -> provider_pb2.DiffResponse:
        return await self.stub.Diff(provider_pb2.DiffRequest(urn=self.urn, id=identity, olds=encode(olds), news=encode(news)))

    async def create(self, news: Values, **more: Any) -> tuple[str, Decoded]:
        with half_made():
            found = await self.stub.Create(provider_pb2.CreateRequest(urn=self.urn, properties=encode(news), **more))
        return found.id, decode(found.properties)

    async def update(self, identity: str, olds: Values, news: Values, **more: Any) -> Decoded:
        request = provider_pb2.UpdateRequest(urn=self.urn, id=identity, olds=encode(olds), news=encode(news), **more)
        with half_made():
            return decode((await self.stub.Update(request)).properties)

    async def read(self, identity: str, state: Values) -> tuple[str, Decoded, Decoded]:
        with half_made():
            found = await self.stub.Read(provider_pb2.ReadRequest(urn=self.urn, id=identity, properties=encode(state)))
        return found.id, decode(found.properties), decode(found.inputs)

    async def delete(self, identity: str, state: Values) -> None:
        await self.stub.Delete(provider_pb2.DeleteRequest(urn=self.urn, id=identity, properties=encode(state)))


class half_made:  # noqa: N801  a context manager that reads as a word
    """Turn the status of an unfinished resource into InitFailed."""

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, grpc.aio.AioRpcError):
            for key, value in error.trailing_metadata() or ():
                if key == "grpc-status-details-bin":
                    detail = provider_pb2.ErrorResourceInitFailed()
                    assert status_pb2.Status.FromString(value).details[0].Unpack(detail)
                    raise InitFailed(detail) from error


@asynccontextmanager
async def plugin(cluster: FakeCluster | Calls | None, kind: str, name: str = "thing") -> AsyncIterator[Plugin]:
    """The plugin's protocol on loopback; without a cluster the provider is not configured."""
    calls = CallsOn(cluster) if isinstance(cluster, FakeCluster) else cluster
    heard = HeardByEngine()
    engine, server = grpc.aio.server(), grpc.aio.server()
    engine_pb2_grpc.add_EngineServicer_to_server(heard, engine)
    address = f"127.0.0.1:{engine.add_insecure_port('127.0.0.1:0')}"
    await engine.start()
    servicer = Servicer(Messages(address), Resources(calls) if calls is not None else None)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Plugin(provider_pb2_grpc.ResourceProviderStub(channel), kind, heard, name)
    finally:
        await server.stop(None)
        await servicer.close()
        await servicer.messages.close()
        await engine.stop(None)


class Dynamic:
    """The dynamic provider of one kind, as its host calls it, with a host of its own. `state` is what that host keeps of an answer."""

    def __init__(self, cluster: FakeCluster, kind: str, monkeypatch: Any) -> None:
        self.host = Host(ProviderSettings(), EngineLog(""))
        self.host._calls = CallsOn(cluster)
        monkeypatch.setattr("harvester_provider.frontends.host._current", self.host)
        self.provider = DynamicProvider(kind)

    def state(self, outs: Values) -> dict[str, Any]:
        return {**shown(outs), PROVIDER_KEY: "the provider, pickled"}


def shown(value: Any) -> Any:
    """The dynamic host's values without its secret marks."""
    if is_rpc_secret(value):
        return shown(unwrap_rpc_secret(value))
    if isinstance(value, Mapping):
        return {key: shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list) else value
