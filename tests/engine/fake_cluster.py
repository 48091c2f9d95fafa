"""A cluster in memory that keeps the contract of `core.cluster.Cluster`.

`on_write` callbacks stand for controllers: they see each written object and may write others. `refuse` makes a request
fail once, in the words of a cluster.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from harvester_provider.core.errors import AlreadyExists, Conflict, HarvesterError, NotFound, Refused
from harvester_provider.core.flavour import Flavour
from harvester_provider.core.json import Json, Object, dig_str
from harvester_provider.core.plan import Call, Upload
from harvester_provider.core.ref import Listing, Ref, Want
from harvester_provider.core.snapshot import Snapshot


def merged(old: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    out = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out


def json_patched(document: Any, operations: Sequence[Object]) -> Any:
    """RFC 6902, for add, remove and test. Raises Refused where an operation cannot be done."""
    out = copy.deepcopy(document)
    for operation in operations:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in str(operation["path"]).split("/")[1:]]
        try:
            parent = out
            for step in steps[:-1]:
                parent = parent[int(step)] if isinstance(parent, list) else parent[step]
            _operate(parent, steps[-1], operation)
        except (KeyError, IndexError, ValueError) as error:
            raise Refused(f"cannot {operation['op']} {operation['path']}: {error}", status=422) from error
    return out


def _operate(parent: Any, key: str, operation: Object) -> None:
    where: Any = (len(parent) if key == "-" else int(key)) if isinstance(parent, list) else key
    match operation["op"]:
        case "add" if isinstance(parent, list):
            parent.insert(where, copy.deepcopy(operation["value"]))
        case "add":
            parent[where] = copy.deepcopy(operation["value"])
        case "remove":
            del parent[where]
        case "test" if parent[where] != operation["value"]:
            raise ValueError("it is another value")


def _selected(body: Any, listing: Listing) -> bool:
    return all(dig_str(body, *path.split(".")) == value for path, value in listing.fields)


class FakeCluster:
    def __init__(self) -> None:
        self.objects: dict[Ref, dict[str, Any]] = {}
        self.requests: list[tuple[str, Ref | str]] = []
        self.on_write: list[Callable[[Ref, dict[str, Any]], None]] = []
        self._refusals: list[tuple[str, HarvesterError]] = []
        self._changed: set[asyncio.Event] = set()
        self._count = 0
        self.finalized: set[Ref] = set()
        self.on_apply: Callable[[str], None] = lambda _source: None
        self.sort = Flavour.HARVESTER

    @property
    def shared(self) -> "FakeCluster":
        """All reads are cheap here."""
        return self

    def refuse(self, verb: str, error: HarvesterError, times: int = 1) -> None:
        self._refusals += [(verb, error)] * times

    def place(self, ref: Ref, body: Object) -> None:
        """Put an object there, as a controller or a person would."""
        self._count += 1
        known = self.objects.get(ref)
        meta = {"name": ref.name, "uid": f"uid-{self._count}", **({"namespace": ref.namespace} if ref.namespace else {})}
        meta |= {"uid": known["metadata"]["uid"]} if known else {}
        full = copy.deepcopy(dict(body))
        full["metadata"] = {**full.get("metadata", {}), **meta, "resourceVersion": str(self._count)}
        self.objects[ref] = full
        for event in self._changed:
            event.set()

    def vanish(self, ref: Ref) -> None:
        self.objects.pop(ref, None)
        for event in self._changed:
            event.set()

    def _asked(self, verb: str, what: Ref | str) -> None:
        self.requests.append((verb, what))
        for entry in self._refusals:
            if entry[0] == verb:
                self._refusals.remove(entry)
                raise entry[1]

    def writes(self) -> list[tuple[str, Ref | str]]:
        return [entry for entry in self.requests if entry[0] not in {"get", "list"}]

    async def flavour(self) -> Flavour:
        return self.sort

    async def get(self, ref: Ref) -> Object | None:
        self._asked("get", ref)
        return copy.deepcopy(self.objects.get(ref))

    async def list(self, listing: Listing) -> tuple[Object, ...]:
        self._asked("list", str(listing))
        return self._listed(listing)

    def _listed(self, listing: Listing) -> tuple[Object, ...]:
        return tuple(
            copy.deepcopy(body)
            for ref, body in self.objects.items()
            if ref.api == listing.api and listing.namespace in {"", ref.namespace} and _selected(body, listing)
        )

    async def apply(self, source: str) -> None:
        self._asked("apply", source)
        self.on_apply(source)

    async def create(self, ref: Ref, body: Object) -> Object:
        self._asked("create", ref)
        if ref in self.objects:
            raise AlreadyExists(f"{ref} already exists", status=409)
        return self._write(ref, dict(body))

    async def patch(self, ref: Ref, body: Object | Sequence[Object]) -> Object:
        self._asked("patch", ref)
        if ref not in self.objects:
            raise NotFound(f"{ref} not found", status=404)
        change = merged if isinstance(body, dict) else json_patched
        return self._write(ref, change(self.objects[ref], body))

    def _write(self, ref: Ref, body: dict[str, Any]) -> Object:
        self.place(ref, body)
        for react in self.on_write:
            react(ref, self.objects[ref])
        return copy.deepcopy(self.objects[ref])

    async def delete(self, ref: Ref, propagation: Literal["Foreground", "Background"], uid: str = "") -> None:  # noqa: ARG002  the Protocol's signature
        self._asked("delete", ref)
        if ref not in self.objects:
            raise NotFound(f"{ref} not found", status=404)
        if uid and self.objects[ref]["metadata"]["uid"] != uid:
            raise Conflict("Precondition failed: UID", status=409)
        if ref not in self.finalized:
            self.vanish(ref)

    async def call(self, call: Call) -> Json:
        self._asked("call", call.path)
        return None

    async def upload(self, step: Upload, progress: Callable[[int], None]) -> None:
        self._asked("upload", step.ref)
        progress(step.size)
        if step.ref in self.objects:
            self._write(step.ref, self.objects[step.ref])

    @asynccontextmanager
    async def follow(self, wants: Sequence[Want]) -> AsyncIterator[AsyncIterator[Snapshot]]:
        event = asyncio.Event()
        self._changed.add(event)

        async def snapshots() -> AsyncIterator[Snapshot]:
            while True:
                event.clear()
                yield Snapshot(
                    {want: copy.deepcopy(self.objects.get(want)) for want in wants if isinstance(want, Ref)},
                    {want: self._listed(want) for want in wants if isinstance(want, Listing)},
                )
                await event.wait()

        try:
            yield snapshots()
        finally:
            self._changed.discard(event)


class Heard:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.infos: list[str] = []
        self.warnings: list[str] = []
        self.steps: list[str] = []

    def info(self, text: str) -> None:
        self.infos.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def progress(self, text: str) -> None:
        self.steps.append(text)
