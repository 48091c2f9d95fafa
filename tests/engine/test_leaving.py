"""A removal whose object ends by itself between the look and the first step, as that of a destroy that was cut off does."""

import pytest
from fake_cluster import FakeCluster, Heard
from gadget import GADGET

from harvester_provider.core.errors import NotFound
from harvester_provider.core.plan import Patch, Plan, Remove
from harvester_provider.core.ref import Ref
from harvester_provider.engine.runner import run

REF, VOLUME = Ref(GADGET, "g1", "default"), Ref(GADGET, "g1-root", "default")


async def test_what_has_gone_needs_no_mark_and_the_rest_is_removed() -> None:
    cluster = FakeCluster()
    cluster.place(VOLUME, {})
    mark = Patch(REF, {"metadata": {"annotations": {"doomed": VOLUME.name}}}, leaving=True)
    await run(cluster, Plan(steps=(mark, Remove(REF), Remove(VOLUME))), "", Heard())
    assert cluster.objects == {}


async def test_a_change_of_what_has_gone_is_an_error() -> None:
    with pytest.raises(NotFound):
        await run(FakeCluster(), Plan(steps=(Patch(REF, {"spec": {"size": 2}}),)), "", Heard())
