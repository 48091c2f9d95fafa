"""Estates in which nothing, or one thing, changes: what a look at them costs."""

from collections.abc import Iterator, Sequence
from statistics import median

from tests.bench.measure import PARALLEL, Figure, Place, place, provider_memory, seconds
from tests.e2e.stack import Stack

COLD_RUNS = 3


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
        stack.up(*PARALLEL)
    again, floor_again = seconds(lambda: ours.up(*PARALLEL)), seconds(lambda: floor.up(*PARALLEL))
    yield Figure(f"`up` without a change, {count} machines", again / floor_again, "x", f"{count} resources that do nothing", 1.3)
    yield Figure(f"requests of it, {count} machines", _total(here.requests(lambda: ours.up(*PARALLEL))), "requests")
    refresh, floor_refresh = seconds(lambda: _refresh(ours)), seconds(lambda: _refresh(floor))
    yield Figure(f"`refresh`, {count} machines", refresh / floor_refresh, "x", f"{count} resources that do nothing", 1.3)
    yield Figure(f"requests of it, {count} machines", _total(here.requests(lambda: _refresh(ours))), "requests")
    if largest:
        yield Figure(f"memory of the provider at a refresh of {count}", provider_memory(lambda: _refresh(ours)), "MB", "", 150)
        ours.configure({"memory": "512Mi"})
        writes = [entry for entry in here.requests(lambda: ours.up(*PARALLEL)) if entry["method"] not in {"GET", "WATCH"}]
        yield Figure(f"writes of one change among {count}", _total(writes), "requests", "", 1)
    for stack in (floor, ours):
        stack.run("destroy", "--yes", "--skip-preview", "--suppress-progress", *PARALLEL)


def _refresh(stack: Stack) -> None:
    stack.run("refresh", "--yes", "--skip-preview", "--suppress-progress", *PARALLEL)


def _total(entries: Sequence[dict[str, int]]) -> float:
    return sum(entry["count"] for entry in entries)


def _cold_start(here: Place) -> Figure:
    ours, floor = here.stack("machines", count="1", memory="256Mi"), here.stack("no-op", count="1")
    runs = [(seconds(ours.preview), seconds(floor.preview)) for _ in range(COLD_RUNS)]
    ratio = median(mine for mine, _ in runs) / median(idle for _, idle in runs)
    return Figure("`preview` of one machine", ratio, "x", f"one resource that does nothing, medians of {COLD_RUNS}", 1.3)
