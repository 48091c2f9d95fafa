"""Claims and what they wait for, whatever the order in which the store hears of it."""

from memory_api import MemoryApi
from plane_objects import claim, storage_class

from harvester_local.api import kinds
from harvester_local.api.objects import Key
from harvester_local.api.store import Store
from harvester_local.api.versions import rules_for
from harvester_local.controllers.events import Recorder
from harvester_local.controllers.runtime import Context
from harvester_local.controllers.volumes import Volumes
from harvester_local.settings import Settings


async def test_a_claim_that_is_heard_of_before_its_class_is_looked_at_again() -> None:
    store = Store()
    api = MemoryApi(store)
    volumes = Volumes(Context(api, store, Settings(), rules_for((1, 8))), Recorder(api))
    waiting = {**claim("data", cls="late"), "status": {"phase": "Pending"}}
    store.observe(kinds.VOLUME_CLAIM, waiting)
    assert await volumes.reconcile(Key("default", "data")) is None
    assert store.get(kinds.VOLUME_CLAIM, Key("default", "data")) == waiting
    assert list(volumes.watches[kinds.STORAGE_CLASS](storage_class("late"))) == [Key("default", "data")]
