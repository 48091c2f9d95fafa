"""Two programs that declare one object: the one that has lost it is told, and does not take it away from the other."""

from typing import Any

from fake_cluster import FakeCluster, Heard
from gadget import GADGET, KIND

from harvester_provider.core.ownership import owner_of
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs

REF = Ref(GADGET, "g1", "default")
FIRST, SECOND = ({"name": "g1", "owner": f"shop/{stack}/g1"} for stack in ("dev", "prod"))


async def both() -> tuple[FakeCluster, verbs.Found]:
    """A gadget that the first has made and the second has adopted; and the first's state of it."""
    cluster = FakeCluster()

    def ready(ref: Ref, body: dict[str, Any]) -> None:
        if body.get("status", {}).get("phase") != "ready":
            cluster.place(ref, {**body, "status": {"phase": "ready"}})

    cluster.on_write.append(ready)
    made = await verbs.create(KIND, cluster, {**FIRST, "size": 1}, Heard())
    await verbs.create(KIND, cluster, {**SECOND, "size": 2, "adopt": True}, Heard())
    assert owner_of(cluster.objects[REF]) == SECOND["owner"]
    return cluster, made


async def test_preview_says_to_whom_the_object_belongs_before_a_change_is_undone() -> None:
    cluster, made = await both()
    seen = await verbs.read(KIND, cluster, made.id, made.state)
    assert seen is not None
    difference = await verbs.diff(KIND, cluster, made.id, seen.state, {**FIRST, "size": 1})
    assert difference.changed == ["size"]
    assert "belongs to shop/prod/g1 by now, which adopted it" in difference.lines[-1]


async def test_a_destroy_leaves_what_another_program_has_adopted() -> None:
    cluster, made = await both()
    heard = Heard()
    await verbs.delete(KIND, cluster, made.id, made.state, heard)
    assert REF in cluster.objects
    assert "belongs to shop/prod/g1 by now, which adopted it: it is left alone" in " ".join(heard.warnings)
