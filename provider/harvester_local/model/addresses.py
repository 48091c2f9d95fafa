"""Ranges of addresses and who gets one: pools of the load balancer.

Pure. Upstream: load-balancer-harvester pkg/ipam/{allocator,selector}.go; the texts of errors are its own.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harvester_local.api.objects import Obj, annotations, items, labels, part

PREFIX = "loadbalancer.harvesterhci.io"
GLOBAL = f"{PREFIX}/global-ip-pool"
VID = f"{PREFIX}/vid"
ALL = "*"
SELECTED_BY = ("project", "namespace", "guestCluster")


@dataclass(frozen=True)
class Span:
    """The addresses of one range, both ends included, its gateway left out."""

    subnet: ipaddress.IPv4Network | ipaddress.IPv6Network
    start: int
    end: int
    gateway: int | None

    def __contains__(self, address: int) -> bool:
        return self.start <= address <= self.end

    def __iter__(self) -> Iterator[int]:
        return (number for number in range(self.start, self.end + 1) if number != self.gateway)

    @property
    def total(self) -> int:
        """How many addresses can be given out."""
        return self.end - self.start + 1 - (self.gateway is not None and self.gateway in self)

    def text(self, address: int) -> str:
        """An address as it is written."""
        return str(self.subnet.network_address + (address - int(self.subnet.network_address)))


def spans(pool: Obj) -> list[Span]:
    """The ranges of a pool. Raises ValueError in upstream's words."""
    return [_span(entry) for entry in items(pool, "spec", "ranges")]


def _span(entry: Mapping[str, Any]) -> Span:
    text = entry.get("subnet") or ""
    try:
        subnet = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"invalid CIDR address: {text}, a valid example is 192.168.1.0/24") from error
    first, last = int(subnet.network_address), int(subnet.broadcast_address)
    gateway: int | None = None
    if subnet.num_addresses > 1:
        gateway, first, last = first + 1, first + 1, last - (subnet.version == 4)
    start = _address(entry.get("rangeStart"), subnet, first, "range start")
    end = _address(entry.get("rangeEnd"), subnet, last, "range end")
    given = _address(entry.get("gateway"), subnet, gateway if gateway is not None else -1, "gateway")
    return Span(subnet, min(start, end), max(start, end), given if given >= 0 else None)


def _address(text: str | None, subnet: ipaddress.IPv4Network | ipaddress.IPv6Network, default: int, what: str) -> int:
    if not text:
        return default
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError(f"invalid {what} {text}: invalid IP {text}") from error
    if address not in subnet:
        raise ValueError(f"invalid {what} {text}: IP {text} is out of subnet {subnet}")
    if address == subnet.network_address:
        raise ValueError(f"invalid {what} {text}: IP {text} is the network address")
    if address == subnet.broadcast_address:
        raise ValueError(f"invalid {what} {text}: IP {text} is the broadcast address")
    return int(address)


def overlap(one: Span, other: Span) -> bool:
    """Whether two ranges have an address in common."""
    return one.subnet.version == other.subnet.version and one.start <= other.end and other.start <= one.end


def next_address(pool: Obj, holder: str) -> tuple[str, Span] | None:
    """The address that `holder` (`namespace/name`) gets: the one it had before, else the next after the last; None where none is free."""
    status = part(pool, "status")
    taken, history = status.get("allocated") or {}, status.get("allocatedHistory") or {}
    every = [(span.text(number), span) for span in spans(pool) for number in span]
    free = {text: span for text, span in every if text not in taken}
    before = next((text for text, who in history.items() if who == holder and text in free), None)
    if before is not None:
        return before, free[before]
    order = [text for text, _ in every]
    at = order.index(status["lastAllocated"]) + 1 if status.get("lastAllocated") in order else 0
    return next(((text, free[text]) for text in order[at:] + order[:at] if text in free), None)


def is_global(pool: Obj) -> bool:
    """Whether it is the pool of everybody without another."""
    scope = items(pool, "spec", "selector", "scope")
    return len(scope) == 1 and all(scope[0].get(name) == ALL for name in SELECTED_BY)


def serves(pool: Obj, wanted: Mapping[str, str], *, network: str = "") -> bool:
    """Whether the pool's selector matches; `wanted` has project, namespace and guestCluster."""
    selector = part(pool, "spec", "selector")
    if (selector.get("network") or "") != network:
        return False
    return any(in_common(entry, wanted) for entry in items(selector, "scope"))


def in_common(scope: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two entries of selectors have somebody in common; `*` is everybody."""
    pairs = [(scope.get(name) or "", other.get(name) or "") for name in SELECTED_BY]
    return all(ALL in pair or pair[0] == pair[1] for pair in pairs)


def pool_for(balancer: Obj, pools: Iterable[Obj]) -> Obj | None:
    """The pool that a load balancer without a named one gets its address from."""
    marks = annotations(balancer)
    wanted = {
        "project": marks.get(f"{PREFIX}/project", ""),
        "namespace": marks.get(f"{PREFIX}/namespace", "") or balancer["metadata"]["namespace"],
        "guestCluster": marks.get(f"{PREFIX}/cluster", ""),
    }
    everybody = list(pools)
    fitting = [p for p in everybody if labels(p).get(GLOBAL) != "true" and serves(p, wanted, network=marks.get(f"{PREFIX}/network", ""))]
    if fitting:
        return max(fitting, key=lambda pool: part(pool, "spec", "selector").get("priority") or 0)
    return next((pool for pool in everybody if labels(pool).get(GLOBAL) == "true"), None)
