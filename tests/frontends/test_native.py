"""What the engine keeps for plugins, over the raw protocol: previews, secrets, naming, time-outs, cancel, unfinished resources."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
from fake_cluster import FakeCluster
from google.protobuf.empty_pb2 import Empty
from machine_room import SAMPLE, MachineRoom
from pulumi.runtime.proto import provider_pb2
from small_engine import InitFailed, Plugin, plugin
from test_small_kinds_lifecycle import FAILED, imported

from harvester_provider.core.errors import Refused
from harvester_provider.core.ref import Ref
from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.frontends.native.resource import UNFINISHED
from harvester_provider.frontends.native.values import Secret, decode, encode
from harvester_provider.resources.apis import IMAGE, NODE

URL = "http://x/y.qcow2"
MACHINE = {key: value for key, value in SAMPLE.items() if key not in {"name", "owner"}}
DIFF = provider_pb2.PropertyDiff


class Warehouse(FakeCluster):
    """A cluster whose images are as the test says: being imported, or imported, or failed."""

    def __init__(self) -> None:
        super().__init__()
        self.status: dict[str, Any] = {"progress": 40}
        self.on_write.append(lambda ref, body: self.place(ref, {**body, "status": self.status}))

    def report(self, status: dict[str, Any]) -> None:
        self.status = status
        for ref, body in list(self.objects.items()):
            self.place(ref, {**body, "status": status})


@pytest.fixture
def warehouse() -> Warehouse:
    return Warehouse()


@pytest.fixture
async def image(warehouse: Warehouse) -> AsyncIterator[Plugin]:
    async with plugin(warehouse, "Image") as one:
        yield one


@pytest.fixture
async def machine() -> AsyncIterator[Plugin]:
    async with plugin(MachineRoom(), "VirtualMachine", "vm1") as one:
        yield one


async def until_waiting(one: Plugin) -> None:
    """Until the provider says that it waits."""
    while not any("waiting until" in request.message for request in one.heard.requests):  # noqa: ASYNC110  messages arrive by themselves
        await asyncio.sleep(0)


async def test_a_preview_of_a_create_knows_the_inputs_the_id_and_nothing_it_cannot_know(image: Plugin) -> None:
    inputs, _ = await image.check({}, {"url": URL, "description": UNKNOWN})
    identity, state = await image.create(inputs.values, preview=True)
    assert identity == state.values["imageId"] == "default/thing"
    assert state.values["url"] == URL
    assert {state.values[name] for name in ("uid", "progress", "size", "storageClassName", "description")} == {UNKNOWN}


async def test_with_an_unknown_name_the_id_is_unknown_too(image: Plugin) -> None:
    inputs, _ = await image.check({}, {"url": URL, "name": UNKNOWN})
    identity, state = await image.create(inputs.values, preview=True)
    assert not identity
    assert state.values["imageId"] is UNKNOWN


async def test_what_an_earlier_preview_makes_is_not_called_missing() -> None:
    async with plugin(FakeCluster(), "VlanNetwork", "lan") as lan:
        inputs, _ = await lan.check({}, {"clusterNetwork": "mgmt", "vlanId": 7})
        identity, _ = await lan.create(inputs.values, preview=True)
        machine = Plugin(lan.stub, "VirtualMachine", lan.heard, "vm1")
        nics = [{"name": "a", "network": identity}, {"name": "b", "network": "default/nobody"}]
        await machine.check({}, {"memory": "1Gi", "networkInterfaces": nics})
    (said,) = [request for request in lan.heard.requests if request.urn == machine.urn]
    assert "default/nobody" in said.message
    assert identity not in said.message


async def test_a_preview_of_an_update_keeps_what_stays_and_hides_what_may_change(machine: Plugin) -> None:
    inputs, _ = await machine.check({}, MACHINE)
    identity, made = await machine.create(inputs.values)
    for change, known in (({"description": "shop"}, True), ({"cpu": 4}, False)):
        news, _ = await machine.check(inputs.values, {**MACHINE, **change})
        await machine.diff(identity, made.values, news.values)
        state = await machine.update(identity, made.values, news.values, preview=True)
        assert {**state.values, **change} == state.values
        assert state.values["uid"] == made.values["uid"]
        assert (state.values["ipAddress"] == made.values["ipAddress"]) == known
        assert known or state.values["ipAddress"] is UNKNOWN


async def test_a_diff_names_each_property_with_its_path(machine: Plugin) -> None:
    inputs, _ = await machine.check({}, MACHINE)
    identity, made = await machine.create(inputs.values)
    disks = [{**MACHINE["disks"][0], "size": "30Gi"}, {"name": "data", "size": "1Gi"}]
    news, _ = await machine.check(inputs.values, {**MACHINE, "disks": disks, "labels": {"team/name": "a"}})
    found = await machine.diff(identity, made.values, news.values)
    assert {path: edit.kind for path, edit in found.detailedDiff.items()} == {
        "disks[0].size": DIFF.UPDATE, "disks[1]": DIFF.ADD, "labels": DIFF.ADD,
    }  # fmt: skip
    assert found.hasDetailedDiff
    assert not found.replaces
    moved, _ = await machine.check(inputs.values, {**MACHINE, "namespace": "other"})
    found = await machine.diff(identity, made.values, moved.values)
    assert found.replaces == ["namespace"]
    assert found.detailedDiff["namespace"].kind == DIFF.UPDATE_REPLACE
    assert found.deleteBeforeReplace


async def test_secrets_stay_secret_at_the_users_places_and_at_the_models(machine: Plugin) -> None:
    inputs, _ = await machine.check({}, {**MACHINE, "tags": {"code": Secret("planted")}})
    _, state = await machine.create(encoded(inputs))
    for found in (inputs, state):
        assert found.secrets.below["tags"].below["code"].here
        assert found.secrets.below["cloudInit"].below["userData"].here
        assert "disks" not in found.secrets.below
        assert found.values["tags"] == {"code": "planted"}


def encoded(found: Any) -> dict[str, Any]:
    """Values with their secrets, as the engine hands them on."""
    values: dict[str, Any] = found.secrets.apply(found.values)
    return values


async def test_an_unknown_secret_stays_both(machine: Plugin) -> None:
    inputs, _ = await machine.check({}, {**MACHINE, "cloudInit": {"userData": Secret(UNKNOWN)}})
    assert inputs.values["cloudInit"]["userData"] is UNKNOWN
    assert inputs.secrets.below["cloudInit"].below["userData"].here


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (None, "thing"),
        ({"proposed_name": "thing-1a2b", "mode": 0}, "thing-1a2b"),
        ({"proposed_name": "thing-1a2b", "mode": 1}, "thing-1a2b"),
        ({"mode": 2}, None),
    ],
    ids=["no settings", "proposed", "enforced", "disabled"],
)
async def test_names_follow_the_engines_settings(image: Plugin, options: dict[str, Any] | None, name: str | None) -> None:
    more = {"autonaming": provider_pb2.CheckRequest.AutonamingOptions(**options)} if options else {}
    inputs, failures = await image.check({}, {"url": URL}, **more)
    assert inputs.values.get("name") == name
    assert set(failures) == (set() if name else {"name"})


async def test_a_name_that_was_given_or_made_up_once_is_kept(image: Plugin) -> None:
    options = provider_pb2.CheckRequest.AutonamingOptions(proposed_name="thing-2")
    kept, _ = await image.check({"name": "thing-1"}, {"url": URL}, autonaming=options)
    own, _ = await image.check({}, {"url": URL, "name": "mine"}, autonaming=options)
    assert (kept.values["name"], own.values["name"]) == ("thing-1", "mine")


async def test_a_create_that_takes_too_long_is_kept_and_the_next_update_finishes_it(image: Plugin, warehouse: Warehouse) -> None:
    inputs, _ = await image.check({}, {"url": URL})
    with pytest.raises(InitFailed, match="not imported after 1 s") as failed:
        await image.create(inputs.values, timeout=0.5)
    left = failed.value
    assert left.id == "default/thing"
    assert left.state.values["progress"] == 40
    assert left.state.values["url"] == URL
    assert "timeouts" not in left.state.values
    with pytest.raises(InitFailed, match="not imported"):
        await image.read(left.id, left.state.values)
    assert (await image.diff(left.id, left.state.values, inputs.values)).changes == provider_pb2.DiffResponse.DIFF_NONE
    finishing = asyncio.create_task(image.update(left.id, left.state.values, inputs.values))
    await until_waiting(image)
    warehouse.report(imported())
    state = await finishing
    assert state.values["progress"] == 100
    assert UNFINISHED not in state.values
    assert [verb for verb, _ in warehouse.writes()] == ["create"]


async def test_finishing_a_resource_also_takes_away_what_the_program_no_longer_declares(image: Plugin, warehouse: Warehouse) -> None:
    inputs, _ = await image.check({}, {"url": URL, "labels": {"team": "a", "stage": "test"}})
    with pytest.raises(InitFailed) as failed:
        await image.create(inputs.values, timeout=0.5)
    warehouse.report(imported())
    news, _ = await image.check(inputs.values, {"url": URL, "labels": {"team": "a"}})
    await image.update("default/thing", failed.value.state.values, news.values)
    (found,) = warehouse.objects.values()
    assert found["metadata"]["labels"] == {"team": "a"}


async def test_a_refresh_of_an_unfinished_resource_that_got_ready_ends_it(image: Plugin, warehouse: Warehouse) -> None:
    inputs, _ = await image.check({}, {"url": URL})
    with pytest.raises(InitFailed) as failed:
        await image.create(inputs.values, timeout=0.5)
    warehouse.report(imported())
    _, state, _ = await image.read("default/thing", failed.value.state.values)
    assert UNFINISHED not in state.values


async def test_a_cancel_ends_a_wait_at_once_and_keeps_what_was_made(image: Plugin, warehouse: Warehouse) -> None:
    inputs, _ = await image.check({}, {"url": URL})
    creating = asyncio.create_task(image.create(inputs.values))
    await until_waiting(image)
    await image.stub.Cancel(Empty())
    with pytest.raises(InitFailed, match="cancelled") as failed:
        await creating
    assert failed.value.id == "default/thing"
    assert list(warehouse.objects) == [Ref(IMAGE, "thing", "default")]


async def test_a_create_that_made_nothing_leaves_nothing_in_the_state(image: Plugin, warehouse: Warehouse) -> None:
    warehouse.refuse("create", Refused("no", status=422))
    inputs, _ = await image.check({}, {"url": URL})
    with pytest.raises(grpc.aio.AioRpcError, match="no"):
        await image.create(inputs.values)


async def test_a_failure_tells_the_reason_the_cluster_gives(image: Plugin, warehouse: Warehouse) -> None:
    warehouse.status = {"conditions": [{"type": "RetryLimitExceeded", "status": "True", "message": FAILED}]}
    inputs, _ = await image.check({}, {"url": URL})
    with pytest.raises(InitFailed, match="404 status code"):
        await image.create(inputs.values)


async def test_progress_is_shown_on_the_resources_own_line(image: Plugin) -> None:
    inputs, _ = await image.check({}, {"url": URL})
    with pytest.raises(InitFailed):
        await image.create(inputs.values, timeout=0.5)
    shown = [request for request in image.heard.requests if request.ephemeral]
    assert shown
    assert {request.urn for request in shown} == {image.urn}


async def test_an_import_reads_all_inputs_and_leaves_out_what_is_default(image: Plugin, warehouse: Warehouse) -> None:
    warehouse.status = imported()
    inputs, _ = await image.check({}, {"url": URL})
    await image.create(inputs.values)
    identity, state, found = await image.read("default/thing", {})
    assert identity == "default/thing"
    assert found.values == {"name": "thing", "namespace": "default", "displayName": "thing", "url": URL}
    again, failures = await image.check(found.values, found.values)
    assert not failures
    assert (await image.diff(identity, state.values, again.values)).changes == provider_pb2.DiffResponse.DIFF_NONE


async def test_what_is_gone_has_no_id(image: Plugin) -> None:
    identity, _, _ = await image.read("default/thing", {})
    assert not identity


async def test_a_call_before_the_configuration_is_told(warehouse: Warehouse) -> None:
    async with plugin(None, "Image") as one:
        with pytest.raises(grpc.aio.AioRpcError, match="before it was configured"):
            await one.check({}, {"url": URL})
        assert not warehouse.requests


async def test_settings_are_checked_and_their_secrets_hidden(image: Plugin) -> None:
    settings = {"kubeconfig": "text", "host": UNKNOWN, "clusters": json.dumps({"edge": {"token": "t"}})}
    found = await image.stub.CheckConfig(provider_pb2.CheckRequest(urn="urn:x", news=encode(settings)))
    assert not found.failures
    assert found.inputs == encode({**settings, "kubeconfig": Secret("text"), "clusters": Secret(settings["clusters"])})
    broken = await image.stub.CheckConfig(provider_pb2.CheckRequest(urn="urn:x", news=encode({"maxRequests": "many"})))
    assert "harvester:" in broken.failures[0].reason


async def test_other_settings_never_replace_anything(image: Plugin) -> None:
    request = provider_pb2.DiffRequest(urn="urn:x", olds=encode({"host": "https://a"}), news=encode({"host": "https://b"}))
    found = await image.stub.DiffConfig(request)
    assert (list(found.diffs), list(found.replaces)) == (["host"], [])


async def test_the_schema_names_every_kind_and_the_version(image: Plugin) -> None:
    document = json.loads((await image.stub.GetSchema(provider_pb2.GetSchemaRequest())).schema)
    assert "harvester:index:VirtualMachine" in document["resources"]
    assert document["version"] == (await image.stub.GetPluginInfo(Empty())).version


async def test_a_type_of_another_package_is_told(image: Plugin) -> None:
    other = Plugin(image.stub, "Nothing", image.heard)
    with pytest.raises(grpc.aio.AioRpcError, match="has no resource harvester:index:Nothing"):
        await other.check({}, {})


async def test_functions_answer_and_say_what_is_wrong_with_the_question() -> None:
    cluster = FakeCluster()
    cluster.place(Ref(NODE, "node-1"), {"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    async with plugin(cluster, "Image") as one:
        found = await one.stub.Invoke(provider_pb2.InvokeRequest(tok="harvester:index:getNodes", args=encode({})))
        assert [node["name"] for node in decode(getattr(found, "return")).values["nodes"]] == ["node-1"]
        wrong = await one.stub.Invoke(provider_pb2.InvokeRequest(tok="harvester:index:getImage", args=encode({"nam": "x"})))
        assert wrong.failures[0].property == "nam"
        with pytest.raises(grpc.aio.AioRpcError, match="has no function getNothing"):
            await one.stub.Invoke(provider_pb2.InvokeRequest(tok="harvester:index:getNothing", args=encode({})))
