"""One list and one watch per kind and namespace, shared by all who wait for something there.

An informer keeps the objects as the stream shows them and wakes its followers. What this process wrote or read is put into the
store with the answer, so that nobody judges an older state than was seen before. Objects only move forward: neither a late event nor
a late answer brings back an older version, one that was deleted, or the end of a former object of the same name.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Protocol

from harvester_provider.core.errors import HarvesterError, Overloaded, Unreachable
from harvester_provider.core.json import Json, Object, dig, dig_objects, dig_str
from harvester_provider.core.ref import Listing
from harvester_provider.kube.errors import asked_pause

PAGE = "500"
"""Objects per page of a list."""
GIVE_UP = 8
"""How many times in a row a stream may break without one event before its followers are told."""

Key = tuple[str, str]
"""Namespace and name."""
Listener = Callable[[Key], None]
"""Called with the key of a changed object; with an empty key after a fresh list or an error."""


class Source(Protocol):
    """What an informer needs of a client."""

    async def request(self, method: str, path: str, *, query: Mapping[str, str] | None = None, asked: str = "") -> Json:
        """A plain request."""
        ...

    def lines(self, path: str, query: Mapping[str, str], asked: str) -> AsyncGenerator[bytes, None]:
        """The lines of a watch."""
        ...


class _Expired(Exception):
    """The watch's resource version is too old (410): list again."""


async def list_all(source: Source, listing: Listing) -> tuple[list[dict[str, Any]], str]:
    """All objects of a listing, page by page, and the resource version to watch from."""
    objects: list[dict[str, Any]] = []
    query = {**listing.query, "limit": PAGE}
    while True:
        page = await source.request("GET", listing.api.path(listing.namespace), query=query, asked=f"list {listing}")
        head = {"apiVersion": listing.api.api_version, "kind": listing.api.kind}
        objects.extend(_slim({**head, **item}) for item in dig_objects(page, "items"))
        more = dig_str(page, "metadata", "continue")
        if not more:
            return objects, dig_str(page, "metadata", "resourceVersion")
        query = {**query, "continue": more}


class Informer:
    """The objects of one listing, kept up to date while `run` runs."""

    def __init__(self, source: Source, listing: Listing) -> None:
        self.listing = listing
        self.objects: dict[Key, Object] = {}
        self.synced = asyncio.Event()
        self.error: HarvesterError | None = None
        self._source = source
        self._listeners: set[Listener] = set()
        self._breaks = 0
        self._listed = 0
        self._gone: dict[Key, int] = {}
        """Of what the stream has shown the end of: the version at which that was."""

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at each change until the returned function is called."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    @property
    def idle(self) -> bool:
        """Whether nobody listens."""
        return not self._listeners

    def saw(self, found: Object) -> None:
        """Take in the answer that this process got for an object, unless the stream was faster."""
        self._put(found)

    async def run(self) -> None:
        """List, watch, and start over after every break, until cancelled or broken for good (`error`)."""
        while True:
            try:
                await self._list_and_watch()
            except (_Expired, Unreachable, Overloaded) as error:
                self._breaks += not isinstance(error, _Expired)
                if isinstance(error, HarvesterError) and self._breaks >= GIVE_UP:
                    self._fail(error)
                    return
                asked = asked_pause(error)
                await asyncio.sleep(min(0.1 * 2**self._breaks, 5.0) if asked is None else asked)
            except HarvesterError as error:
                self._fail(error)
                return

    async def _list_and_watch(self) -> None:
        items, version = await list_all(self._source, self.listing)
        written = {key: item for key, item in self.objects.items() if _version(item) > _number(version)}
        self.objects = {_key(item): item for item in items} | written  # a list that was on its way meanwhile does not have it
        self._listed, self._gone = _number(version), {}
        self.synced.set()
        self._tell(("", ""))
        while True:
            version = await self._watch(version)

    async def _watch(self, version: str) -> str:
        """Follow the stream from `version` until the server ends it. Returns the version to go on from."""
        query = {**self.listing.query, "watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version, "timeoutSeconds": "300"}
        async with contextlib.aclosing(
            self._source.lines(self.listing.api.path(self.listing.namespace), query, f"watch {self.listing}")
        ) as lines:
            async for line in lines:
                event = _parsed(line)
                if event is None:
                    continue
                kind, item = event
                self._breaks = 0
                version = dig_str(item, "metadata", "resourceVersion") or version
                self._apply(kind, item)
        return version

    def _apply(self, kind: str, item: Object) -> None:
        if kind == "DELETED":
            self._remove(item)
        elif kind in {"ADDED", "MODIFIED"}:
            self._put(item)
        elif kind == "ERROR":
            if dig(item, "code") == 410:
                raise _Expired
            raise Overloaded(f"watch {self.listing}: {dig_str(item, 'message')}")

    def _put(self, item: Object) -> None:
        key, known = _key(item), self.objects.get(_key(item))
        newest = _version(known) if known is not None else max(self._listed, self._gone.get(key, 0))
        if 0 < _version(item) <= newest:
            return
        self.objects[key] = item
        self._tell(key)

    def _remove(self, item: Object) -> None:
        key, known = _key(item), self.objects.get(_key(item))
        if known is None or _version(known) <= _version(item):
            self.objects.pop(key, None)
            self._gone[key] = _version(item)
        self._tell(key)

    def _tell(self, key: Key) -> None:
        for listener in tuple(self._listeners):
            listener(key)

    def _fail(self, error: HarvesterError) -> None:
        self.error = error
        self.synced.set()
        self._tell(("", ""))


def _parsed(line: bytes) -> tuple[str, dict[str, Any]] | None:
    if not line.strip():
        return None
    try:
        event = json.loads(line)
        return event["type"], _slim(event["object"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unreachable("the watch sent a broken line") from error


def _slim(item: dict[str, Any]) -> dict[str, Any]:
    """The object without `managedFields`: they are as much as all the rest of it, and nobody looks at them."""
    meta = item.get("metadata")
    if isinstance(meta, dict):
        meta.pop("managedFields", None)
    return item


def _key(item: Object) -> Key:
    return dig_str(item, "metadata", "namespace"), dig_str(item, "metadata", "name")


def _version(item: Object) -> int:
    return _number(dig_str(item, "metadata", "resourceVersion"))


def _number(version: str) -> int:
    """Resource versions of one kind are comparable numbers (KEP-5504, Kubernetes 1.35; etcd revisions before)."""
    return int(version) if version.isdigit() else 0
