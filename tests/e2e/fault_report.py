"""The table that `make faults` prints and writes to docs/faults.md, from what the tests of the matrix recorded."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
PROPERTY = "fault"


@dataclass(frozen=True)
class Outcome:
    """What became of one fault."""

    fault: str
    does: str
    told: bool
    kinds: int
    steps: int
    calls: int
    again: int
    lost: int
    duplicates: int
    wrong: int

    def plus(self, other: "Outcome") -> "Outcome":
        """Both together, of the same fault."""
        counts = ("kinds", "steps", "calls", "again", "lost", "duplicates", "wrong")
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in counts})

    def recorded(self) -> dict[str, Any]:
        """As a property of a test's report, which passes between processes as JSON."""
        return asdict(self)


def outcomes(reports: Iterable[Any]) -> list[Outcome]:
    """What the tests recorded, in the order of the faults' names: one for each, however many clusters it was brought about on."""
    found: dict[str, Outcome] = {}
    for value in (value for report in reports for name, value in report.user_properties if name == PROPERTY):
        each = Outcome(**value)
        found[each.fault] = found[each.fault].plus(each) if each.fault in found else each
    return [found[fault] for fault in sorted(found)]


def table(found: Iterable[Outcome]) -> list[str]:
    """Lines of Markdown: a row for each fault, and the sums."""
    rows = list(found)
    head = ("fault", "what it does", "the provider", "kinds", "steps", "calls struck", "lost objects", "duplicates", "wrong final states")
    lines = [_line(head), "|---|---|---|" + "---:|" * 6]
    for row in rows:
        answer = "ends with an error, and the next run goes on" if row.told else "waits it out"
        lines.append(_line((row.fault, row.does, answer, row.kinds, row.steps, row.calls, row.lost, row.duplicates, row.wrong)))
    sums: Mapping[str, int] = {name: sum(getattr(row, name) for row in rows) for name in ("steps", "calls", "lost", "duplicates", "wrong")}
    lines.append(_line((f"**{len(rows)} faults**", "", "", "", *(f"**{value}**" for value in sums.values()))))
    return lines


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def write(found: Iterable[Outcome]) -> None:
    """Put the table into the page."""
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    PAGE.write_text(head + BEGIN + "\n".join(table(found)) + "\n" + END + rest.partition(END)[2])
