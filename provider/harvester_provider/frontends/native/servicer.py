"""The calls of Pulumi's plugin protocol (upstream proto/pulumi/provider.proto), one method each: messages in, messages out.

What takes long to import is imported at the first Configure, so that the engine gets its answers to the first calls at once.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from harvester_provider.core.errors import BadConnection, HarvesterError, InvalidInputs
from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.frontends.native.resource import HalfMade, Naming, Resource
from harvester_provider.frontends.native.values import Marks, Secret, decode, encode
from harvester_provider.frontends.settings import PREFIX, settings_of
from harvester_provider.resources.model import conceal
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.resources.registry import KINDS

if TYPE_CHECKING:
    from harvester_provider.frontends.native.messages import Messages
    from harvester_provider.frontends.native.resources import Resources

DISTRIBUTION = "pulumi-harvester"
_Request = TypeVar("_Request")
_Answer = TypeVar("_Answer")
_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def _answered(
    method: Callable[[Servicer, _Request], Awaitable[_Answer]],
) -> Callable[[Servicer, _Request, Any], Awaitable[_Answer]]:
    """Turn our errors into those of the protocol, and send all messages of a call before its answer."""

    @functools.wraps(method)
    async def call(self: Servicer, request: _Request, context: Any) -> _Answer:
        try:
            return await method(self, request)
        except HalfMade as error:
            await self.messages.flush()
            await context.abort(grpc.StatusCode.UNKNOWN, str(error), (("grpc-status-details-bin", self.half_made(request, error)),))
            raise
        except HarvesterError as error:
            await self.messages.flush()
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
            raise
        finally:
            await self.messages.flush()

    return call


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One plugin process. Calls for resources need `Configure` first."""

    def __init__(self, messages: Messages, resources: Resources | None = None) -> None:
        self.messages = messages
        self._resources = resources

    @property
    def resources(self) -> Resources:
        """The configured provider. Raises BadConnection before Configure."""
        if self._resources is None:
            raise BadConnection("the provider was called before it was configured")
        return self._resources

    # Getting to know each other

    @_answered
    async def Handshake(self, request: provider_pb2.ProviderHandshakeRequest) -> provider_pb2.ProviderHandshakeResponse:  # noqa: N802, D102  the protocol's name
        self.messages.connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    @_answered
    async def Attach(self, request: plugin_pb2.PluginAttach) -> Empty:  # noqa: N802, D102
        self.messages.connect(request.address)
        return Empty()

    @_answered
    async def GetPluginInfo(self, _request: Empty) -> plugin_pb2.PluginInfo:  # noqa: N802, D102
        return plugin_pb2.PluginInfo(version=version(DISTRIBUTION))

    @_answered
    async def GetSchema(self, _request: provider_pb2.GetSchemaRequest) -> provider_pb2.GetSchemaResponse:  # noqa: N802, D102
        from harvester_provider.resources.functions import FUNCTIONS  # noqa: PLC0415  see below
        from harvester_provider.schema.document import schema_text  # noqa: PLC0415  it reads the models of all kinds
        from harvester_provider.schema.models import read_package  # noqa: PLC0415  see above

        return provider_pb2.GetSchemaResponse(schema=schema_text(read_package(KINDS, ProviderSettings, FUNCTIONS), version(DISTRIBUTION)))

    @_answered
    async def GetMapping(self, _request: provider_pb2.GetMappingRequest) -> provider_pb2.GetMappingResponse:  # noqa: N802, D102
        return provider_pb2.GetMappingResponse()

    @_answered
    async def GetMappings(self, _request: provider_pb2.GetMappingsRequest) -> provider_pb2.GetMappingsResponse:  # noqa: N802, D102
        return provider_pb2.GetMappingsResponse()

    @_answered
    async def Cancel(self, _request: Empty) -> Empty:  # noqa: N802, D102
        if self._resources is not None:
            self._resources.cancel()
        return Empty()

    # Settings

    @_answered
    async def CheckConfig(self, request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:  # noqa: N802, D102
        news = decode(request.news)
        known = {key: value for key, value in news.values.items() if value is not UNKNOWN}
        try:
            settings_of(_config(known))
        except BadConnection as error:
            return provider_pb2.CheckResponse(inputs=request.news, failures=[provider_pb2.CheckFailure(reason=str(error))])
        hidden = conceal(ProviderSettings, news.values, Secret)
        if "clusters" in hidden:  # it holds connections, with their credentials
            hidden["clusters"] = Secret(hidden["clusters"])
        return provider_pb2.CheckResponse(inputs=encode(news.secrets.apply(hidden)))

    @_answered
    async def DiffConfig(self, request: provider_pb2.DiffRequest) -> provider_pb2.DiffResponse:  # noqa: N802, D102
        # Never a replacement: other credentials or another way to the same cluster must not touch what is in it.
        old, new = decode(request.old_inputs or request.olds).values, decode(request.news).values
        changed = [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]
        return provider_pb2.DiffResponse(changes=_changes(some=bool(changed)), diffs=changed)

    @_answered
    async def Configure(self, request: provider_pb2.ConfigureRequest) -> provider_pb2.ConfigureResponse:  # noqa: N802, D102
        from harvester_provider.frontends.calls import Calls  # noqa: PLC0415  it takes long to import
        from harvester_provider.frontends.native.resources import Resources  # noqa: PLC0415  see above

        self._resources = Resources(Calls(settings_of(_config(decode(request.args).values))))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True)

    # Functions

    @_answered
    async def Invoke(self, request: provider_pb2.InvokeRequest) -> provider_pb2.InvokeResponse:  # noqa: N802, D102
        from harvester_provider.resources.functions import FUNCTIONS  # noqa: PLC0415  few programs ask

        asked, name = decode(request.args).values, request.tok.rsplit(":", 1)[-1]
        try:
            answer = await self.resources.ask(name, asked)
        except InvalidInputs as error:
            failures = [provider_pb2.CheckFailure(property=problem.property, reason=problem.reason) for problem in error.problems]
            return provider_pb2.InvokeResponse(failures=failures)
        return provider_pb2.InvokeResponse(**{"return": encode(conceal(FUNCTIONS[name].result, answer, Secret))})

    # Resources

    @_answered
    async def Check(self, request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:  # noqa: N802, D102
        resource, olds, news = Resource.of(request.urn), decode(request.olds), decode(request.news)
        checked = await self.resources.check(resource, olds.values, news.values, _naming(request), self.messages.on(request.urn))
        failures = [provider_pb2.CheckFailure(property=problem.property, reason=problem.reason) for problem in checked.problems]
        return provider_pb2.CheckResponse(inputs=_hidden(resource, checked.inputs, news.secrets), failures=failures)

    @_answered
    async def Diff(self, request: provider_pb2.DiffRequest) -> provider_pb2.DiffResponse:  # noqa: N802, D102
        resource, olds, news = Resource.of(request.urn), decode(request.olds), decode(request.news)
        found = await self.resources.diff(resource, request.id, olds.values, news.values, self.messages.on(request.urn))
        detail = {
            path: provider_pb2.PropertyDiff(kind=_KINDS[edit.word, edit.replaces], inputDiff=True) for path, edit in found.edits.items()
        }
        return provider_pb2.DiffResponse(
            changes=_changes(some=found.some),
            diffs=list(dict.fromkeys(_top(path) for path in detail)),
            replaces=list(dict.fromkeys(_top(path) for path, edit in found.edits.items() if edit.replaces)),
            detailedDiff=detail,
            hasDetailedDiff=True,
            deleteBeforeReplace=True,
        )

    @_answered
    async def Create(self, request: provider_pb2.CreateRequest) -> provider_pb2.CreateResponse:  # noqa: N802, D102
        resource, news = Resource.of(request.urn), decode(request.properties)
        if request.preview:
            identity, state = self.resources.foreseen_create(resource, news.values)
        else:
            found = await self.resources.create(resource, news.values, request.timeout, self.messages.on(request.urn))
            identity, state = found.id, dict(found.state)
        return provider_pb2.CreateResponse(id=identity, properties=_hidden(resource, state, news.secrets))

    @_answered
    async def Read(self, request: provider_pb2.ReadRequest) -> provider_pb2.ReadResponse:  # noqa: N802, D102
        resource, state, inputs = Resource.of(request.urn), decode(request.properties), decode(request.inputs)
        found = await self.resources.read(resource, request.id, state.values)
        if found is None:
            return provider_pb2.ReadResponse()
        secrets = state.secrets.plus(inputs.secrets)
        return provider_pb2.ReadResponse(
            id=found.id, properties=_hidden(resource, found.state, secrets), inputs=_hidden(resource, found.inputs, secrets)
        )

    @_answered
    async def Update(self, request: provider_pb2.UpdateRequest) -> provider_pb2.UpdateResponse:  # noqa: N802, D102
        resource, olds, news = Resource.of(request.urn), decode(request.olds), decode(request.news)
        if request.preview:
            state: Mapping[str, Any] = self.resources.foreseen_update(resource, olds.values, news.values)
        else:
            line = self.messages.on(request.urn)
            state = (await self.resources.update(resource, request.id, olds.values, news.values, request.timeout, line)).state
        return provider_pb2.UpdateResponse(properties=_hidden(resource, state, olds.secrets.plus(news.secrets)))

    @_answered
    async def Delete(self, request: provider_pb2.DeleteRequest) -> Empty:  # noqa: N802, D102
        state = decode(request.properties).values
        await self.resources.delete(Resource.of(request.urn), request.id, state, request.timeout, self.messages.on(request.urn))
        return Empty()

    async def close(self) -> None:
        """Cancel what is under way and close the connections."""
        if self._resources is not None:
            self._resources.cancel()
            await self._resources.close()

    def half_made(self, request: Any, error: HalfMade) -> bytes:
        """The status of a call that left an unfinished resource, which the engine keeps in its state."""
        resource = Resource.of(request.urn)
        given = [decode(getattr(request, name)).secrets for name in ("properties", "inputs", "olds", "news") if hasattr(request, name)]
        secrets = functools.reduce(Marks.plus, given, Marks())
        left = provider_pb2.ErrorResourceInitFailed(
            id=error.found.id,
            properties=_hidden(resource, error.state, secrets),
            inputs=_hidden(resource, error.found.inputs, secrets),
            reasons=[str(error)],
        )
        detail = AnyMessage()
        detail.Pack(left)
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[detail])
        return bytes(status.SerializeToString())


def _config(values: Mapping[str, Any]) -> Callable[[str], Any]:
    return lambda key: values.get(key.removeprefix(PREFIX))


def _naming(request: provider_pb2.CheckRequest) -> Naming:
    if not request.HasField("autonaming"):
        return Naming()
    options, modes = request.autonaming, provider_pb2.CheckRequest.AutonamingOptions
    return Naming(options.proposed_name, enforced=options.mode == modes.ENFORCE, disabled=options.mode == modes.DISABLE)


def _hidden(resource: Resource, values: Mapping[str, Any], secrets: Marks) -> Struct:
    """The values as the protocol wants them, with secret what the models mark and what was secret in the request."""
    kind = KINDS[resource.kind]
    return encode(secrets.apply(conceal(kind.outputs_model, conceal(kind.inputs, values, Secret), Secret)))


def _changes(*, some: bool) -> provider_pb2.DiffResponse.DiffChanges.ValueType:
    return provider_pb2.DiffResponse.DIFF_SOME if some else provider_pb2.DiffResponse.DIFF_NONE


def _top(path: str) -> str:
    return path.split(".", 1)[0].split("[", 1)[0]
