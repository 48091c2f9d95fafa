"""What the plane has seen of the cluster: the newest version of each object of the watched kinds.

Fed by the watches and by the plane's own writes, read by controllers and admission; it writes nothing. Listeners are
told of each change once, in order, so that everything downstream is driven by events and nothing has to poll.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator

from harvester_local.api.kinds import Kind
from harvester_local.api.objects import Key, Obj, deleting, finalizers, key_of

Listener = Callable[[Kind, Obj | None, Obj | None], None]
"""Called with the kind, the version before (None: new) and the version after (None: gone)."""
Indexer = Callable[[Obj], Iterable[str]]

_GONE_KEPT = 20_000


class Index:
    """Objects of one kind by the words that `words` finds in them, such as the claims a machine uses."""

    def __init__(self, kind: Kind, words: Indexer) -> None:
        self.kind, self._words = kind, words
        self._keys: defaultdict[str, set[Key]] = defaultdict(set)

    def keys(self, word: str) -> list[Key]:
        """Keys of the objects that hold the word, in order."""
        return sorted(self._keys.get(word, ()))

    def update(self, before: Obj | None, after: Obj | None) -> None:
        """Follow one change of the kind."""
        if before is not None:
            for word in self._words(before):
                self._keys[word].discard(key_of(before))
                if not self._keys[word]:
                    del self._keys[word]
        if after is not None:
            for word in self._words(after):
                self._keys[word].add(key_of(after))


class Store:
    """The newest known objects, by kind and key. Objects handed out are shared: never change them in place."""

    def __init__(self) -> None:
        self._objects: defaultdict[Kind, dict[Key, Obj]] = defaultdict(dict)
        self._namespaces: defaultdict[tuple[Kind, str], dict[Key, None]] = defaultdict(dict)
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._listeners: list[Listener] = []
        self._indexes: defaultdict[Kind, list[Index]] = defaultdict(list)

    def listen(self, listener: Listener) -> None:
        """Have `listener` called on every change from now on."""
        self._listeners.append(listener)

    def index(self, kind: Kind, words: Indexer) -> Index:
        """An index that is kept up to date from now on, over all objects of the kind."""
        index = Index(kind, words)
        for obj in self.all(kind):
            index.update(None, obj)
        self._indexes[kind].append(index)
        return index

    def get(self, kind: Kind, key: Key) -> Obj | None:
        """The object, or None."""
        return self._objects[kind].get(key)

    def all(self, kind: Kind, namespace: str | None = None) -> Iterator[Obj]:
        """The objects of a kind, of one namespace or of all."""
        if namespace is None:
            yield from list(self._objects[kind].values())
        else:
            yield from [self._objects[kind][key] for key in self._namespaces[kind, namespace]]

    def find(self, index: Index, word: str) -> list[Obj]:
        """The objects that the index has under `word`."""
        return [obj for key in index.keys(word) if (obj := self.get(index.kind, key)) is not None]

    def observe(self, kind: Kind, obj: Obj) -> None:
        """Take in a version of an object; older ones than the known, and those of deleted objects, are ignored."""
        meta = obj["metadata"]
        if deleting(obj) and not finalizers(obj) and not meta.get("deletionGracePeriodSeconds"):
            self.forget(kind, obj)
            return
        key = key_of(obj)
        before = self._objects[kind].get(key)
        if meta["uid"] in self._gone or (before is not None and not _newer(obj, before)):
            return
        self._objects[kind][key] = obj
        self._namespaces[kind, key.namespace][key] = None
        self._tell(kind, before, obj)

    def forget(self, kind: Kind, obj: Obj) -> None:
        """Take in that an object has gone. A later one of the same name is another object and stays."""
        key, uid = key_of(obj), obj["metadata"]["uid"]
        self._gone[uid] = None
        while len(self._gone) > _GONE_KEPT:
            self._gone.popitem(last=False)
        before = self._objects[kind].get(key)
        if before is None or before["metadata"]["uid"] != uid:
            return
        del self._objects[kind][key]
        self._namespaces[kind, key.namespace].pop(key, None)
        self._tell(kind, before, None)

    def settle(self, kind: Kind, listed: list[Obj]) -> None:
        """Take in a whole list: what is known and not listed has gone."""
        uids = {obj["metadata"]["uid"] for obj in listed}
        for known in list(self._objects[kind].values()):
            if known["metadata"]["uid"] not in uids:
                self.forget(kind, known)
        for obj in listed:
            self.observe(kind, obj)

    def _tell(self, kind: Kind, before: Obj | None, after: Obj | None) -> None:
        for index in self._indexes[kind]:
            index.update(before, after)
        for listener in self._listeners:
            listener(kind, before, after)


def _newer(obj: Obj, known: Obj) -> bool:
    """Whether `obj` is the later one. Resource versions of one API server are numbers that only grow."""
    return int(obj["metadata"]["resourceVersion"]) > int(known["metadata"]["resourceVersion"])
