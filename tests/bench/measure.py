"""What the measurements share: a figure, a local Harvester with its stacks, and what a command costs."""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from harvester_local.cluster import LocalHarvester
from harvester_local.settings import Settings
from pulumi_harvester import VirtualMachine
from tests.e2e.images import serving
from tests.e2e.stack import Stack
from tests.e2e.target import Target, connect, namespace

PROGRAMS = Path(__file__).parent / "programs"
PARALLEL = "1000"
"""The engine's own limit is four operations per core, whatever a provider can do."""
RUNS = 3
LONG = 3600.0
"""Seconds that one command may take."""
WIDTH = sum(isinstance(item, property) for item in vars(VirtualMachine).values())
"""The properties of a machine. Pulumi's SDK works for each property of a resource, whatever its provider does."""
NAMESPACE = "bench"


@dataclass(frozen=True)
class Figure:
    """One measured ratio or count. `aim` is what it is to stay below."""

    what: str
    value: float
    unit: str
    against: str = ""
    aim: float | None = None


def seconds(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def best(*acts: Callable[[], object]) -> list[float]:
    """The shortest time of each of them out of some runs, in turn.

    What else the machine does falls on all of them alike, and least on the shortest.
    """
    times = [[seconds(act) for act in acts] for _ in range(RUNS)]
    return [min(each) for each in zip(*times, strict=True)]


def pulumi(stack: Stack, verb: str) -> None:
    """`up`, `refresh` or `destroy`, as wide as the provider can go."""
    stack.run(verb, "--yes", "--skip-preview", "--suppress-progress", "--parallel", PARALLEL, seconds=LONG)


@dataclass
class Place:
    """A local Harvester, and stacks of the benchmark's programs in it."""

    local: LocalHarvester
    target: Target
    image_url: str
    work: Path
    _stacks: list[Stack] = field(default_factory=list)

    def stack(self, program: str, **config: str) -> Stack:
        """A new stack of `machines`, or of `no-op`."""
        work = self.work / f"stack{len(self._stacks)}"
        work.mkdir()
        ours = {"harvester:kubeconfig": self.target.kubeconfig, "namespace": NAMESPACE} if program == "machines" else {"width": str(WIDTH)}
        self._stacks.append(Stack.of(PROGRAMS / program, work, f"bench{len(self._stacks)}", {**ours, **config}, {}))
        return self._stacks[-1]

    def requests(self, act: Callable[[], object]) -> list[dict[str, Any]]:
        """The requests that reach the front door while `act` runs, by method and path."""
        url, head = f"{self.local.endpoint}/local/requests", {"Authorization": f"Bearer {self.local.tokens['admin']}"}
        requests.delete(url, headers=head, verify=str(self.local.ca), timeout=30).raise_for_status()
        act()
        found: list[dict[str, Any]] = requests.get(url, headers=head, verify=str(self.local.ca), timeout=30).json()["requests"]
        return found


@contextmanager
def place(**settings: Any) -> Iterator[Place]:
    """A local Harvester of these settings, with an empty namespace and a server of images."""
    with ExitStack() as stack:
        local = stack.enter_context(LocalHarvester(Settings(**settings), report=lambda line: print(line, file=sys.stderr)))
        target = Target(local.kubeconfig_text, local.endpoint, "", NAMESPACE, stack.enter_context(connect(local.kubeconfig_text)), local)
        stack.enter_context(namespace(target.core, NAMESPACE))
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (work / "images").mkdir()
        url = stack.enter_context(serving(work / "images"))
        yield Place(local, target, f"{url}/tiny.qcow2", work)


def provider_memory(act: Callable[[], object]) -> float:
    """The most memory (MB, resident) that a provider process had while `act` ran."""
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.05):
            for process in psutil.Process().children(recursive=True):
                try:
                    if "pulumi.dynamic" in process.cmdline():
                        most = max(most, process.memory_info().rss)
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        act()
    finally:
        done.set()
        watcher.join()
    return most / 1e6
