"""Measures on a local Harvester and prints a table; the figures go to .local/bench.json.

Ratios only, each against something measured in the same run: the same program with resources that do nothing, or the
simulator's own boot time. `--count N` sets the number of machines.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from timeit import timeit

import requests
from rich.console import Console
from rich.table import Table

from harvester_local.cluster import LocalHarvester
from harvester_local.settings import Settings
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.virtual_machine import KIND
from tests.e2e.stack import Stack
from tests.e2e.target import Target, connect, namespace

PROGRAMS = Path(__file__).parent / "programs"
OUT = Path(__file__).resolve().parents[2] / ".local" / "bench.json"
BOOT = 5.0


@dataclass
class Figure:
    what: str
    value: float
    unit: str
    against: str


PARALLEL = ("--parallel", "1000")
"""The engine's own limit is four operations per core, whatever a provider can do."""


def seconds(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def requests_of(local: LocalHarvester, act: Callable[[], object]) -> int:
    """How many requests reach the cluster's front door while `act` runs."""
    url, head, ca = f"{local.endpoint}/local/requests", {"Authorization": f"Bearer {local.tokens['admin']}"}, str(local.ca)
    requests.delete(url, headers=head, verify=ca, timeout=30).raise_for_status()
    act()
    found = requests.get(url, headers=head, verify=ca, timeout=30).json()
    return sum(entry["count"] for entry in found["requests"])


def on_a_cluster(count: int) -> list[Figure]:
    """The figures that need a cluster and the real CLI."""
    with ExitStack() as stack:
        local = stack.enter_context(
            LocalHarvester(Settings(boot_seconds=BOOT, address_seconds=0), report=lambda line: print(line, file=sys.stderr))
        )
        api = stack.enter_context(connect(local.kubeconfig_text))
        target = Target(local.kubeconfig_text, local.endpoint, "", "bench", api, local)
        stack.enter_context(namespace(target.core, "bench"))
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for part in ("ours", "floor"):
            (work / part).mkdir()
        settings = {"harvester:kubeconfig": target.kubeconfig, "namespace": "bench", "count": str(count), "memory": "256Mi"}
        ours = Stack.of(PROGRAMS / "machines", work / "ours", "bench", settings, {})
        floor = Stack.of(PROGRAMS / "no-op", work / "floor", "bench", {"count": str(count)}, {})
        return _measured(local, ours, floor, count)


def _measured(local: LocalHarvester, ours: Stack, floor: Stack, count: int) -> list[Figure]:
    floor_up, ours_up = seconds(lambda: floor.up(*PARALLEL)), seconds(lambda: ours.up(*PARALLEL))
    floor_again, ours_again = seconds(floor.up), seconds(ours.up)
    again = requests_of(local, ours.up)
    refresh = requests_of(local, ours.refresh_shows_no_drift)
    ours.configure({"memory": "512Mi"})
    one = requests_of(local, ours.up)
    ours.destroy()
    floor.destroy()
    return [
        Figure(f"up of {count} machines", (ours_up - floor_up) / BOOT, "x", f"one boot ({BOOT:g} s), the engine's own time taken off"),
        Figure(f"up of {count} machines without a change", ours_again / floor_again, "x", f"{count} resources that do nothing"),
        Figure(f"requests of an up of {count} without a change", again, "requests", ""),
        Figure(f"requests of a refresh of {count}", refresh / count, "requests", "each machine"),
        Figure(f"requests of a change to one of {count}", one, "requests", ""),
    ]


def without_a_cluster() -> list[Figure]:
    """The pure part: a diff and a plan of one machine, and how they grow."""
    return [_plan_figure(disks) for disks in (1, 8)]


def _plan_figure(disks: int) -> Figure:
    values = {
        "name": "vm",
        "disks": [{"name": f"d{number}", "size": "1Gi"} for number in range(disks)],
        "networkInterfaces": [{"name": "default"}],
    }
    old = KIND.inputs.model_validate(values)
    new = KIND.inputs.model_validate({**values, "memory": "2Gi"})
    ref = Ref(KIND.api, "vm", "default")
    seen = Snapshot()
    while wants := seen.missing([ref, *KIND.reads(ref, old, seen)]):
        seen = seen.plus(
            Snapshot({want: None for want in wants if isinstance(want, Ref)}, {want: () for want in wants if not isinstance(want, Ref)})
        )
    (put,) = KIND.create(old, seen).steps
    seen = seen.plus(Snapshot({ref: put.body}))
    while wants := seen.missing([ref, *KIND.reads(ref, old, seen)]):
        seen = seen.plus(
            Snapshot({want: None for want in wants if isinstance(want, Ref)}, {want: () for want in wants if not isinstance(want, Ref)})
        )
    rounds = 200
    return Figure(
        f"diff and plan of a machine with {disks} disks",
        timeit(lambda: KIND.update(old, new, seen), number=rounds) / rounds * 1e6,
        "us",
        "",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="how many machines (default: 20)")
    options = parser.parse_args()
    figures = [*without_a_cluster(), *on_a_cluster(options.count)]
    table = Table("what", "figure", "against")
    for figure in figures:
        table.add_row(figure.what, f"{figure.value:.2f} {figure.unit}", figure.against)
    Console().print(table)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([asdict(figure) for figure in figures], indent=2))


if __name__ == "__main__":
    main()
