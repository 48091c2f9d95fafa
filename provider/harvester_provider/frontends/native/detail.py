"""What changed, property by property, with the paths and the words of Pulumi's detailed diff (`disks[0].size`: update).

Old and new inputs are compared as values. Entries of lists are told by their names as long as the places in the list stay
true for both sides; where entries moved, the display could show only wrong pairs, so that places are compared then.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harvester_provider.frontends.native.values import Named, steps_of

Word = Literal["add", "delete", "update"]
_PLAIN = re.compile(r"[A-Za-z_$][\w$]*")


@dataclass(frozen=True, slots=True)
class Edit:
    """One changed property."""

    word: Word
    replaces: bool = False


def edits(old: Mapping[str, Any], new: Mapping[str, Any], changed: Sequence[str], replaces: Sequence[str]) -> dict[str, Edit]:
    """Edits by property path, of the `changed` properties. `replaces` are paths (or top-level names) that force a replacement."""
    out: dict[str, Edit] = {}
    for name in changed:
        for path, word in _compare(name, old.get(name), new.get(name)):
            out[path] = Edit(word, any(_within(path, forced) for forced in replaces))
    for forced in replaces:
        if not any(_within(path, forced) for path in out):
            out[forced] = Edit("update", replaces=True)
    return out


def _within(path: str, forced: str) -> bool:
    """Whether the two are one, or one is inside of the other."""
    short, long = sorted((path, forced), key=len)
    return long == short or long.startswith((f"{short}.", f"{short}["))


def _compare(path: str, old: Any, new: Any) -> Iterator[tuple[str, Word]]:
    if old == new:
        return
    if old is None or new is None:
        yield path, "add" if old is None else "delete"
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _compare(_below(path, key), old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(path, old, new)
    else:
        yield path, "update"


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if _PLAIN.fullmatch(key) else f"{path}[{json.dumps(key)}]"


def _lists(path: str, old: list[Any], new: list[Any]) -> Iterator[tuple[str, Word]]:
    before, after = steps_of(old), steps_of(new)
    if set(before) == set(after) and all(isinstance(step, Named) for step in after):
        for number, step in enumerate(after):
            yield from _compare(f"{path}[{number}]", old[before.index(step)], new[number])
        return
    for number in range(max(len(old), len(new))):
        yield from _compare(f"{path}[{number}]", *(items[number] if number < len(items) else None for items in (old, new)))
