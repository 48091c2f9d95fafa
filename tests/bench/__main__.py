"""`make bench`: measures on local Harvesters, and prints a table; figures go to .local/bench.json, a plot to .local/bench.svg.

Ratios only, each against something measured in the same run: the same program with resources that do nothing, the simulator's own
boot time, a plain upload, a client that polls.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pygal
from rich.console import Console
from rich.table import Table

from tests.bench import estate, fleet, single
from tests.bench.measure import Figure

OUT = Path(__file__).resolve().parents[2] / ".local"


def parts(fleets: list[int], estates: list[int]) -> dict[str, Callable[[], Iterable[Figure]]]:
    """The measurements by name, the short ones first."""
    return {
        "plans": single.plans,
        "upload": single.upload,
        "nic": single.nic_change,
        "polling": fleet.against_polling,
        "estates": lambda: estate.estates(estates),
        "fleets": lambda: fleet.fleets(fleets),
    }


def table(figures: Iterable[Figure]) -> Table:
    out = Table("what", "figure", "aim", "against")
    for figure in figures:
        aim = f"{figure.aim:g}" if figure.aim is not None else ""
        out.add_row(figure.what, f"{figure.value:.2f} {figure.unit}", aim, figure.against)
    return out


def plot(figures: Iterable[Figure], path: Path) -> None:
    """The ratios that have an aim, as bars over it."""
    chart = pygal.HorizontalBar(title="Measured over aim: below 1 is reached", show_legend=False)
    aimed = [figure for figure in figures if figure.aim]
    chart.x_labels = [figure.what for figure in aimed]
    chart.add("", [round(figure.value / (figure.aim or 1), 3) for figure in aimed])
    path.write_bytes(chart.render())


def main() -> None:
    """Measure what is asked for, a part at a time, and keep what was measured so far."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleets", type=int, nargs="*", default=[1, 10, 50, 200], help="how many machines boot at a time")
    parser.add_argument("--estates", type=int, nargs="*", default=[50, 200, 1000], help="how many machines are looked at")
    parser.add_argument("--only", nargs="*", choices=list(parts([], [])), help="these parts alone")
    options = parser.parse_args()
    figures: list[Figure] = []
    OUT.mkdir(exist_ok=True)
    for name, measure in parts(options.fleets, options.estates).items():
        if options.only and name not in options.only:
            continue
        for figure in measure():
            print(f"{figure.what}: {figure.value:.2f} {figure.unit}", file=sys.stderr, flush=True)
            figures.append(figure)
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "date": datetime.now(UTC).date().isoformat()}
        (OUT / "bench.json").write_text(json.dumps({"machine": machine, "figures": [asdict(each) for each in figures]}, indent=2))
    plot(figures, OUT / "bench.svg")
    Console().print(table(figures))


if __name__ == "__main__":
    main()
