"""Estates in which nothing, or one thing, changes: what a look at them costs."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from tests.bench.measure import RUNS, Figure, Place, best, place, provider_memory, pulumi
from tests.e2e.stack import Stack


def estates(counts: Sequence[int]) -> Iterator[Figure]:
    """No change, a refresh and one change, for each size; and the cold start of a preview."""
    with place() as here:
        for count in counts:
            yield from _estate(here, count, largest=count == max(counts))
        yield _cold_start(here)


def _estate(here: Place, count: int, *, largest: bool) -> Iterator[Figure]:
    ours = here.stack("machines", count=str(count), memory="256Mi", runStrategy="Halted")
    floor = here.stack("no-op", count=str(count))
    for stack in (floor, ours):
        pulumi(stack, "up")
    inputs, outputs = (mine - idle for mine, idle in zip(_kept(ours), _kept(floor), strict=True))
    keeping = here.stack("no-op", count=str(count), inputs=str(inputs), outputs=str(outputs - inputs))
    pulumi(keeping, "up")
    for verb, name in (("up", "`up` without a change"), ("refresh", "`refresh`")):
        mine, idle, wide = best(*(partial(pulumi, stack, verb) for stack in (ours, floor, keeping)))
        yield Figure(f"{name}, {count} machines", mine / idle, "x", f"{count} resources that do nothing", 1.3)
        yield Figure(f"{name}, {count} machines", mine / wide, "x", f"{count} resources that do nothing and keep as many values")
        yield Figure(f"requests of it, {count} machines", _total(here.requests(partial(pulumi, ours, verb))), "requests")
    if largest:
        yield Figure(f"memory of the provider at a refresh of {count}", provider_memory(lambda: pulumi(ours, "refresh")), "MB", "", 150)
        ours.configure({"memory": "512Mi"})
        writes = [entry for entry in here.requests(lambda: pulumi(ours, "up")) if entry["method"] not in {"GET", "WATCH"}]
        yield Figure(f"writes of one change among {count}", _total(writes), "requests", "", 1)
    for stack in (floor, keeping, ours):
        pulumi(stack, "destroy")


def _kept(stack: Stack) -> tuple[int, int]:
    """How many values the state keeps of one resource: in its inputs, and in its outputs."""
    resource = next(found for found in json.loads(stack.state())["deployment"]["resources"] if "__provider" in found.get("inputs", {}))
    return _values(resource["inputs"]), _values(resource["outputs"])


def _values(kept: Any) -> int:
    inner = kept.values() if isinstance(kept, dict) else kept if isinstance(kept, list) else ()
    return 1 + sum(_values(value) for value in inner)


def _total(entries: Sequence[dict[str, int]]) -> float:
    return sum(entry["count"] for entry in entries)


def _cold_start(here: Place) -> Figure:
    ours, floor = here.stack("machines", count="1", memory="256Mi"), here.stack("no-op", count="1")
    mine, idle = best(ours.preview, floor.preview)
    return Figure("`preview` of one machine", mine / idle, "x", f"one resource that does nothing, the best of {RUNS}", 1.3)
