"""One table of cases through both front ends: the same inputs, plans, calls to the cluster and outputs."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2
from rows import ROWS, Row
from small_engine import Dynamic, plugin, shown

from harvester_provider.resources.registry import KINDS
from harvester_provider.resources.virtual_machine import KIND as MACHINES


@dataclass
class Life:
    """What a user notices of a resource's life."""

    inputs: dict[str, Any] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    replaces: set[str] = field(default_factory=set)
    said: str = ""
    updated: dict[str, Any] = field(default_factory=dict)
    refreshed: dict[str, Any] = field(default_factory=dict)
    writes: list[tuple[str, Any]] = field(default_factory=list)


async def through_plugin(row: Row) -> Life:
    cluster, life = row.cluster(), Life()
    async with plugin(cluster, row.kind, row.name) as one:
        inputs, failures = await one.check({}, row.inputs)
        assert not failures
        identity, made = await one.create(inputs.values)
        news, failures = await one.check(inputs.values, {**row.inputs, **row.change})
        assert not failures
        one.heard.requests.clear()
        found = await one.diff(identity, made.values, news.values)
        life.inputs, life.made = inputs.values, made.values
        life.changed, life.replaces = set(found.diffs), set(found.replaces)
        life.said = "\n".join(request.message for request in one.heard.requests if not request.ephemeral)
        if not found.replaces:
            updated = await one.update(identity, made.values, news.values)
            _, refreshed, _ = await one.read(identity, updated.values)
            again = await one.diff(identity, refreshed.values, news.values)
            assert again.changes == provider_pb2.DiffResponse.DIFF_NONE
            life.updated, life.refreshed = updated.values, refreshed.values
            await one.delete(identity, refreshed.values)
        else:
            await one.delete(identity, made.values)
    life.writes = cluster.writes()
    return life


def through_dynamic(row: Row, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Life:
    cluster, life = row.cluster(), Life()
    one = Dynamic(cluster, row.kind, monkeypatch)
    given = {**row.inputs, "name": row.name, "owner": f"shop/dev/{row.name}"}
    checked = one.provider.check({}, given)
    assert not checked.failures
    made = one.provider.create(checked.inputs)
    assert made.id is not None
    state = one.state(made.outs)
    news = one.provider.check(checked.inputs, {**given, **row.change}).inputs
    capsys.readouterr()
    found = one.provider.diff(made.id, state, news)
    life.inputs, life.made = checked.inputs, shown(made.outs)
    life.replaces = set(found.replaces or ())
    life.said = capsys.readouterr().err.strip()
    life.changed = set(one.host.diff(row.kind, made.id, state, news).changed) if found.changes else set()
    if not found.replaces:
        life.updated = shown(one.provider.update(made.id, state, news).outs)
        life.refreshed = shown(one.provider.read(made.id, one.state(life.updated)).outs)
        refreshed = one.state(life.refreshed)
        assert not one.provider.diff(made.id, refreshed, news).changes
        assert one.provider.diff(made.id, life.refreshed, news).changes  # as the plugin keeps it: the host has to note its provider
        one.provider.delete(made.id, refreshed)
    else:
        one.provider.delete(made.id, state)
    one.host._loop.stop()
    life.writes = cluster.writes()
    return life


def test_every_kind_has_a_row() -> None:
    assert {row.kind for row in ROWS.values()} == KINDS.keys()


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_resource_lives_the_same_life_in_both_front_ends(
    row: Row, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(MACHINES, "_suffix", lambda: "xxxxx")  # of the names of volumes: made up anew for each machine
    dynamic = through_dynamic(row, monkeypatch, capsys)
    native = asyncio.run(through_plugin(row))
    assert dynamic == native
    assert native.changed


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_resource_without_a_change_waits_for_nobody(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine asks for one after another: the way to the event loop, on which all requests are made, would be half of the time."""
    one = Dynamic(row.cluster(), row.kind, monkeypatch)
    given = {**row.inputs, "name": row.name, "owner": f"shop/dev/{row.name}"}
    inputs = one.provider.check({}, given).inputs
    one.host._loop.stop()
    again = one.provider.check(inputs, given)
    assert (again.inputs, again.failures) == (inputs, [])
    assert not one.provider.diff(f"default/{row.name}", one.state(inputs), again.inputs).changes
    (wrong,) = one.provider.check(inputs, {**given, "nmae": "thing"}).failures
    assert (wrong.property, wrong.reason) == ("nmae", "there is no input of this name: check the spelling")
