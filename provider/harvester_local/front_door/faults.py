"""Failures that can be asked for per call, and counts of calls, both through `/local` with the administrator's token.

A fault is matched by method and path before anything else happens; what it then does to the call is the server's
business. Nothing here sends a byte.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any

from harvester_local.api.objects import Obj

WORDS = ("hang", "reset", "cut", "truncate", "lost", "silent", "slow", "garbage", "expired", "unknown")
"""hang: no answer ever. reset: the connection is cut, nothing happens. cut: the connection is cut when half of the request's
body has come, nothing happens. truncate: the call happens, its answer is cut half-way. lost: the call happens and the
connection is cut without an answer. silent: the call happens, and no answer comes, ever. slow: the call happens, and its answer
trickles. garbage: an answer that is no JSON, nothing happens. expired: a watch begins and says that its resource version is too
old. unknown: the API server's own word that there is no such object."""


@dataclass
class Fault:
    """One failure. It lets `after` matching calls through, then fails `times` of them (0: all that follow).

    With `each`, that is counted for every method and path by itself. The method of a watch is `WATCH`; `*` is every method, and
    several are written with `|` between them. `bearer` narrows it to calls with that token, as after a token was taken back. A 429 or
    503 asks to come again after `retry_after` seconds.
    """

    path: str
    answer: int | str
    method: str = "*"
    times: int = 1
    after: int = 0
    message: str = ""
    each: bool = False
    bearer: str = ""
    retry_after: int = 1
    seen: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        re.compile(self.path)
        if isinstance(self.answer, bool) or (isinstance(self.answer, str) and self.answer not in WORDS):
            raise ValueError(f"answer: {self.answer!r} is neither a status code nor one of {', '.join(WORDS)}")
        if isinstance(self.answer, int) and not 400 <= self.answer <= 599:
            raise ValueError(f"answer: {self.answer} is no failure; choose 400 to 599")

    def strikes(self, call: "Asked") -> bool:
        """Whether this call fails; counts it."""
        if self.method != "*" and call.method not in self.method.split("|"):
            return False
        if not re.search(self.path, call.path) or (self.bearer and self.bearer != call.bearer):
            return False
        key = f"{call.method} {call.path.partition('?')[0]}" if self.each else ""
        self.seen[key] += 1
        if not self.after < self.seen[key] <= (self.after + self.times if self.times else math.inf):
            return False
        self.struck[call.method] += 1
        return True


@dataclass(frozen=True)
class Asked:
    """A call, as far as faults and counts tell calls apart. The path is as it was sent, query and all."""

    method: str
    path: str
    bearer: str = ""


def fault_from(data: Obj) -> Fault:
    """From the JSON of a request. Raises ValueError, TypeError or re.error when it is not of this shape."""
    known = {field.name for field in fields(Fault)} - {"seen", "struck"}
    unknown = sorted(set(data) - known)
    if unknown or "path" not in data or "answer" not in data:
        perhaps = ", ".join(sorted(known - {"path", "answer"}))
        raise ValueError(f"fault: give path (a regular expression) and answer, and perhaps {perhaps}; not {unknown}")
    return Fault(**{**data, "method": str(data.get("method", "*")).upper()})


@dataclass
class Faults:
    """The failures that are set."""

    active: list[Fault] = field(default_factory=list)

    def strike(self, call: Asked) -> Fault | None:
        """The first failure that this call meets, None for none. Every matching one counts the call."""
        struck = [fault for fault in self.active if fault.strikes(call)]
        return struck[0] if struck else None

    def listed(self) -> list[dict[str, Any]]:
        """All failures with their counts, JSON-ready."""
        return [{**vars(fault), "seen": fault.seen.total(), "struck": dict(fault.struck)} for fault in self.active]


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

    def count(self, call: Asked) -> None:
        """Count one request."""
        self._counts[call.method, shape_of(call.path.partition("?")[0])] += 1

    def clear(self) -> None:
        """Start again from nothing."""
        self._counts.clear()

    def listed(self) -> dict[str, Any]:
        """Total and counts, most first, JSON-ready."""
        rows = [{"method": method, "path": path, "count": count} for (method, path), count in self._counts.most_common()]
        return {"total": self._counts.total(), "requests": rows}
