"""What is to be said of a cluster: its requirements, its support, and whether releases fit together. Pure.

Sources: Harvester's documentation of hardware requirements (for tests, not for production), its README for supported
releases, and the Rancher that each release embeds (scripts/version-rancher at each tag).
"""

from collections.abc import Iterable, Sequence

from harvester_provider.core.json import Object, dig_str, dig_strings, is_true
from harvester_provider.core.quantity import Quantity
from harvester_provider.resources.apis import ETCD_ROLE

CPUS, MEMORY, DISK = 8, Quantity("32Gi"), Quantity("140Gi")
"""The least a node must have."""
_SHORT = Quantity("1Gi")
"""What the firmware and the kernel keep of the memory."""
OLDEST_SUPPORTED = (1, 7)
RANCHER = {(1, 5): (2, 11), (1, 6): (2, 12), (1, 7): (2, 13), (1, 8): (2, 14), (1, 9): (2, 15)}
"""The Rancher of each release: an older one cannot manage it."""


def release(text: str) -> tuple[int, ...]:
    """`v1.8.0-rc1` -> (1, 8, 0). Empty where it is no release, such as `dev`."""
    numbers = text.strip().removeprefix("v").split("-")[0].split(".")
    return tuple(int(number) for number in numbers) if len(numbers) >= 2 and all(number.isdigit() for number in numbers) else ()


def report(version: str, nodes: Sequence[Object], rancher: str | None) -> list[str]:
    """Everything that is below the requirements or not supported, a sentence each."""
    return [*_support(version), *_quorum(nodes), *(line for node in nodes for line in _node(node)), *rancher_problem(version, rancher)]


def _support(version: str) -> Iterable[str]:
    found = release(version)
    if found and found[:2] < OLDEST_SUPPORTED:
        yield f"Harvester {version} is no longer supported: {'.'.join(map(str, OLDEST_SUPPORTED))} is the oldest release that is"


def _quorum(nodes: Sequence[Object]) -> Iterable[str]:
    members = sum(ETCD_ROLE in dig_strings(node, "metadata", "labels") for node in nodes)
    if members and members % 2 == 0:
        yield f"{members} nodes hold etcd: an even number survives no more failures than {members - 1} would"


def _node(node: Object) -> Iterable[str]:
    name = dig_str(node, "metadata", "name")
    cpu, memory, disk = (Quantity(dig_str(node, "status", "capacity", key) or "0") for key in ("cpu", "memory", "ephemeral-storage"))
    if cpu < Quantity(CPUS):
        yield f"node {name} has {cpu} CPUs: {CPUS} are the least, 16 for production"
    if memory.value + _SHORT.value < MEMORY.value:
        yield f"node {name} has {memory} of memory: {MEMORY} is the least, 64Gi for production"
    if disk.value and disk < DISK:
        yield f"node {name} has a disk of {disk}: {DISK} is the least, 500Gi for production"
    if not is_true(node, "Ready"):
        yield f"node {name} is not ready"


def rancher_problem(version: str, rancher: str | None) -> Iterable[str]:
    """Why that Rancher cannot manage that Harvester."""
    have, needed = release(rancher or ""), RANCHER.get(release(version)[:2])  # type: ignore[arg-type]  # two numbers, or none
    if have and needed and have[:2] < needed:
        yield f"Harvester {version} needs Rancher {needed[0]}.{needed[1]} or newer, this one is {rancher}"
