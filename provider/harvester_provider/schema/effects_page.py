"""The table of effects as a page of the documentation: docs/effects.md, from the very rows by which updates are planned.

Between the table and the reader. Nothing here knows what a change does; a row that is missing here is missing there.
"""

from collections.abc import Iterator

from harvester_provider.core.effect import Effect
from harvester_provider.resources.virtual_machine.effects import TABLE, Row

_ABOUT = """# What a change does to a running machine

`pulumi preview` says it for each change, and `pulumi up` does that and no more. This is the table by which both decide, written by
`make schema`. For each input the rows are tried from the top: the first one counts whose release the cluster has and whose conditions hold.
A machine that is off notices nothing. `update_policy` says what becomes of changes that need a stop.

| effect | what it means for the guest |
|---|---|
"""
_MEANINGS = {
    Effect.METADATA: "it notices nothing, or not before its next start",
    Effect.LIVE: "it gets the change while it runs",
    Effect.MIGRATE: "it gets the change with a live migration to another node, and runs on",
    Effect.RESTART: "it is restarted",
    Effect.STOP_MODIFY_START: "it is stopped, changed and started again, once for all changes of an update",
    Effect.REFUSED: "it notices nothing: preview says why it is not done, and what to do instead",
}
_HEAD = "\n| input | from Harvester | effect | why | where | source |\n|---|---|---|---|---|---|\n"


def effects_page() -> str:
    """The page."""
    meanings = "".join(f"| {effect.label} | {meaning} |\n" for effect, meaning in _MEANINGS.items())
    return _ABOUT + meanings + _HEAD + "".join(_lines())


def _lines() -> Iterator[str]:
    for row in TABLE:
        cells = (f"`{row.field}`", _release(row), row.effect.label, row.why, _conditions(row), row.source)
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def _release(row: Row) -> str:
    return ".".join(str(part) for part in row.since) if row.since > (0, 0) else "any"


def _conditions(row: Row) -> str:
    """In the order of their definition, so that the page does not change by itself."""
    return "; ".join(need for need in type(next(iter(row.needs))) if need in row.needs) if row.needs else ""
