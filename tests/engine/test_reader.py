"""Reads side by side."""

import asyncio
import gc
from typing import Any

import pytest
from fake_cluster import FakeCluster
from gadget import GADGET

from harvester_provider.core.errors import Forbidden
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.engine.reader import look


async def test_where_all_reads_fail_one_error_is_told_and_the_event_loop_complains_of_none() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    cluster = FakeCluster()
    for verb in ("get", "list"):
        cluster.refuse(verb, Forbidden("not you", status=403))
    with pytest.raises(Forbidden, match="not you"):
        await look(cluster, [Ref(GADGET, "g1", "default"), Listing(GADGET, "default")])
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []
