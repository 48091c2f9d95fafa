"""Failures that can be asked for per call, and counts of calls, both through `/local` with the administrator's token.

A fault is matched by method and path before anything else happens; what it then does to the call is the server's
business. Nothing here sends a byte.
"""

import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from harvester_local.api.objects import Obj

WORDS = ("hang", "reset", "cut", "truncate", "lost")
"""hang: no answer ever. reset: the connection is cut, nothing happens. cut: the connection is cut when half of the request's
body has come, nothing happens. truncate: the call happens, its answer is cut half-way. lost: the call happens and the
connection is cut without an answer."""


@dataclass
class Fault:
    """One failure. It lets `after` matching calls through, then fails `times` of them (0: all that follow)."""

    path: str
    answer: int | str
    method: str = "*"
    times: int = 1
    after: int = 0
    message: str = ""
    seen: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        re.compile(self.path)
        if isinstance(self.answer, bool) or (isinstance(self.answer, str) and self.answer not in WORDS):
            raise ValueError(f"answer: {self.answer!r} is neither a status code nor one of {', '.join(WORDS)}")
        if isinstance(self.answer, int) and not 400 <= self.answer <= 599:
            raise ValueError(f"answer: {self.answer} is no failure; choose 400 to 599")

    def strikes(self, method: str, path: str) -> bool:
        """Whether this call fails; counts it."""
        if self.method not in {"*", method} or not re.search(self.path, path):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times and self.hits >= self.times):
            return False
        self.hits += 1
        return True


def fault_from(data: Obj) -> Fault:
    """From the JSON of a request. Raises ValueError, TypeError or re.error when it is not of this shape."""
    known = {"method", "path", "answer", "times", "after", "message"}
    unknown = sorted(set(data) - known)
    if unknown or "path" not in data or "answer" not in data:
        raise ValueError(f"fault: give path (a regular expression) and answer, and perhaps method, times, after, message; not {unknown}")
    return Fault(**{**data, "method": str(data.get("method", "*")).upper()})


@dataclass
class Faults:
    """The failures that are set."""

    active: list[Fault] = field(default_factory=list)

    def strike(self, method: str, path: str) -> Fault | None:
        """The first failure that this call meets, None for none. Every matching one counts the call."""
        struck = [fault for fault in self.active if fault.strikes(method, path)]
        return struck[0] if struck else None

    def listed(self) -> list[dict[str, Any]]:
        """All failures with their counts, JSON-ready."""
        return [asdict(fault) for fault in self.active]


_NAMESPACED = re.compile(r"/namespaces/([^/]+)/([^/]+)/([^/]+)(/.*)?$")
_CLUSTER = re.compile(r"^((?:/k8s/clusters/local)?/(?:api/v1|apis/[^/]+/[^/]+))/([^/]+)/([^/]+)$")


def shape_of(path: str) -> str:
    """A path with {namespace} and {name} in place of the names in it."""
    if "/namespaces/" in path:
        shape = _NAMESPACED.sub(lambda m: f"/namespaces/{{namespace}}/{m[2]}/{{name}}{m[4] or ''}", path)
        return re.sub(r"/namespaces/(?!\{namespace\})[^/]+", "/namespaces/{namespace}", shape)
    return _CLUSTER.sub(r"\1/\2/{name}", path)


class Requests:
    """Counts of requests by method and shape of path."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, method: str, path: str, *, watch: bool) -> None:
        """Count one request."""
        self._counts[("WATCH" if watch else method), shape_of(path)] += 1

    def clear(self) -> None:
        """Start again from nothing."""
        self._counts.clear()

    def listed(self) -> dict[str, Any]:
        """Total and counts, most first, JSON-ready."""
        rows = [{"method": method, "path": path, "count": count} for (method, path), count in self._counts.most_common()]
        return {"total": self._counts.total(), "requests": rows}
