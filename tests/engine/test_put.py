"""What a create does where an object is there already: ours from a run or a request whose end nobody saw, or somebody else's."""

import pytest
from fake_cluster import FakeCluster, Heard
from gadget import GADGET

from harvester_provider.core.errors import NotOurs, Refused
from harvester_provider.core.ownership import mark
from harvester_provider.core.plan import Plan, Put
from harvester_provider.core.ref import Ref
from harvester_provider.engine.runner import run

REF = Ref(GADGET, "g1", "default")
BODY = {"metadata": {"name": "g1", "annotations": mark("p/s/g1")}, "spec": {"size": 1}}
REFUSAL = Refused("gadget g1 has a twin already", status=400)


async def put(cluster: FakeCluster) -> None:
    await run(cluster, Plan((Put(REF, BODY),)), "p/s/g1", Heard())


async def test_what_is_there_as_it_shall_be_is_left_alone() -> None:
    cluster = FakeCluster()
    cluster.place(REF, {**BODY, "status": {"phase": "ready"}})
    await put(cluster)
    assert cluster.writes() == [("create", REF)]


async def test_a_webhook_that_refuses_a_second_one_in_its_own_words_is_answered_by_the_first() -> None:
    cluster = FakeCluster()
    cluster.place(REF, {**BODY, "spec": {"size": 2}})
    cluster.refuse("create", REFUSAL)
    await put(cluster)
    assert cluster.objects[REF]["spec"] == {"size": 1}


async def test_a_refusal_is_told_where_nothing_of_that_name_is_there() -> None:
    cluster = FakeCluster()
    cluster.refuse("create", REFUSAL)
    with pytest.raises(Refused, match="a twin already"):
        await put(cluster)


async def test_what_somebody_else_has_made_is_named_whatever_the_webhook_says() -> None:
    cluster = FakeCluster()
    cluster.place(REF, {"spec": {"size": 1}})
    cluster.refuse("create", REFUSAL)
    with pytest.raises(NotOurs, match="it was not made by this program"):
        await put(cluster)
