"""Estates in which nothing, or one thing, changes: what a look at them costs."""

from collections.abc import Iterator, Sequence

from tests.bench.measure import RUNS, Figure, Place, best, place, provider_memory, pulumi


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
    again, floor_again = best(lambda: pulumi(ours, "up"), lambda: pulumi(floor, "up"))
    yield Figure(f"`up` without a change, {count} machines", again / floor_again, "x", f"{count} resources that do nothing", 1.3)
    yield Figure(f"requests of it, {count} machines", _total(here.requests(lambda: pulumi(ours, "up"))), "requests")
    refresh, floor_refresh = best(lambda: pulumi(ours, "refresh"), lambda: pulumi(floor, "refresh"))
    yield Figure(f"`refresh`, {count} machines", refresh / floor_refresh, "x", f"{count} resources that do nothing", 1.3)
    yield Figure(f"requests of it, {count} machines", _total(here.requests(lambda: pulumi(ours, "refresh"))), "requests")
    if largest:
        yield Figure(f"memory of the provider at a refresh of {count}", provider_memory(lambda: pulumi(ours, "refresh")), "MB", "", 150)
        ours.configure({"memory": "512Mi"})
        writes = [entry for entry in here.requests(lambda: pulumi(ours, "up")) if entry["method"] not in {"GET", "WATCH"}]
        yield Figure(f"writes of one change among {count}", _total(writes), "requests", "", 1)
    for stack in (floor, ours):
        pulumi(stack, "destroy")


def _total(entries: Sequence[dict[str, int]]) -> float:
    return sum(entry["count"] for entry in entries)


def _cold_start(here: Place) -> Figure:
    ours, floor = here.stack("machines", count="1", memory="256Mi"), here.stack("no-op", count="1")
    mine, idle = best(ours.preview, floor.preview)
    return Figure("`preview` of one machine", mine / idle, "x", f"one resource that does nothing, the best of {RUNS}", 1.3)
