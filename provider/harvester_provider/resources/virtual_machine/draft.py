"""A JSON patch, written by editing: each edit is made on a copy of what was seen, and noted as operations where it changes it.

List entries are found by name and guarded by `test`, so that a patch made from what was seen never hits a neighbour
when somebody else changed the list meanwhile. Nothing here knows a machine.
"""

import copy
from collections.abc import Mapping
from typing import Any, cast

from harvester_provider.core.json import Json, Object

Path = tuple[str | int, ...]


class Draft:
    """The edits of one object. `patch` are the operations so far (RFC 6902)."""

    def __init__(self, seen: Object) -> None:
        self._document: Any = _mutable(seen)
        self.patch: list[Object] = []

    @property
    def document(self) -> Object:
        """The object with all edits made."""
        return cast("Object", self._document)

    def get(self, *path: str | int) -> Json:
        """The value at `path` as edited, or None where there is none."""
        value: Any = self._document
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return cast("Json", value)

    def put(self, value: Json, *path: str | int) -> None:
        """Set the member of a mapping; mappings on the way are made. Nothing is noted where it is so already."""
        if self.get(*path) == value:
            return
        for depth in range(1, len(path)):
            if self.get(*path[:depth]) is None:
                self._add({}, path[:depth])
        self._add(value, path)

    def drop(self, *path: str | int) -> None:
        """Remove the member of a mapping. One that somebody else removed meanwhile is no error."""
        parent = self._parent(path)
        if not isinstance(parent, dict) or path[-1] not in parent:
            return
        self._note("add", path, "")
        self._note("remove", path)
        del parent[path[-1]]

    def merge(self, values: Mapping[str, Json], *path: str | int) -> None:
        """Set the members of a mapping; None removes one."""
        for key, value in values.items():
            if value is None:
                self.drop(*path, key)
            else:
                self.put(value, *path, key)

    def replace_text(self, value: str, *path: str | int) -> None:
        """Set a text that others write as well: the patch fails where it is not what was seen."""
        before = self.get(*path)
        if isinstance(before, str) and before != value:
            self._note("test", path, before)
        self.put(value, *path)

    def index(self, name: str, *path: str | int) -> int | None:
        """Where the entry called `name` is in a list."""
        entries = self.get(*path)
        found = entries if isinstance(entries, list) else []
        return next((number for number, entry in enumerate(found) if isinstance(entry, dict) and entry.get("name") == name), None)

    def append(self, entry: Object, *path: str | int) -> None:
        """Add an entry at the end of a list, which is made where there is none.

        The patch fails where the list is not what was seen: one that was applied without us learning of it adds nothing twice.
        """
        before = self.get(*path)
        if not isinstance(before, list):
            self.put([], *path)
        elif before:
            self._note("test", path, copy.deepcopy(before))
        self._note("add", (*path, "-"), entry)
        cast("list[Any]", self.get(*path)).append(_mutable(entry))

    def remove_entry(self, name: str, *path: str | int) -> None:
        """Remove the entry called `name` from a list."""
        where = self.index(name, *path)
        if where is None:
            return
        self._guard(name, (*path, where))
        self._note("remove", (*path, where))
        del cast("list[Any]", self.get(*path))[where]

    def edit_entry(self, name: str, values: Mapping[str, Json], *path: str | int) -> None:
        """Set members of the entry called `name`; None removes one."""
        where = self.index(name, *path)
        if where is None:
            return
        entry = cast("Object", self.get(*path, where))
        changed = {key: value for key, value in values.items() if entry.get(key) != value or (value is None and key in entry)}
        if changed:
            self._guard(name, (*path, where))
            self.merge(changed, *path, where)

    def _guard(self, name: str, path: Path) -> None:
        self._note("test", (*path, "name"), name)

    def _add(self, value: Json, path: Path) -> None:
        self._note("add", path, value)
        self._parent(path)[path[-1]] = _mutable(value)

    def _parent(self, path: Path) -> Any:
        return self.get(*path[:-1])

    def _note(self, operation: str, path: Path, *value: Json) -> None:
        where = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
        self.patch.append({"op": operation, "path": where, **({"value": value[0]} if value else {})})


def _mutable(value: Json) -> Any:
    """A deep copy that can be changed, also of read-only mappings."""
    if isinstance(value, Mapping):
        return {key: _mutable(item) for key, item in value.items()}
    return [_mutable(item) for item in value] if isinstance(value, list | tuple) else copy.copy(value)
