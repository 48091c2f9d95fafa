"""What an object said before we changed it, kept on the object itself, so that a delete puts it back.

For objects that are there without us: settings, addons, nodes. The note is one annotation, written together with the first
change and never overwritten, so that it survives interruptions and a lost state. It is as readable as the object itself.
"""

import json
from collections.abc import Mapping

from harvester_provider.core.json import Json, Object, dig, dig_map, dig_str, parsed
from harvester_provider.core.ownership import OWNER
from harvester_provider.resources.kind import metadata_patch
from harvester_provider.resources.model import ResourceInputs

PREVIOUS = "harvester.pulumi.com/previous"
"""Annotation with a JSON mapping: what was changed -> what it was, null where it was not there."""


def remembered(found: Object) -> dict[str, Json]:
    """What is noted on the object; empty where nothing is."""
    return dict(dig_map(parsed(dig(found, "metadata", "annotations", PREVIOUS))))


def is_noted(found: Object) -> bool:
    """Whether the object bears a note, even an empty one."""
    return bool(dig_str(found, "metadata", "annotations", PREVIOUS))


def note(found: Object, current: Mapping[str, Json], forget: frozenset[str] = frozenset()) -> dict[str, Json]:
    """The annotation to write with a change: what is noted already, and of `current` what is not. Empty where nothing changes."""
    before = remembered(found)
    after = {key: value for key, value in {**current, **before}.items() if key not in forget}
    if after == before and is_noted(found):
        return {}
    return {PREVIOUS: json.dumps(after, sort_keys=True, separators=(",", ":"))}


def with_note(meta: Object, noted: Object) -> dict[str, Json]:
    """A patch of `metadata` with the note added to its annotations."""
    if not noted:
        return dict(meta)
    annotations = meta.get("annotations")
    return {**meta, "annotations": {**(annotations if isinstance(annotations, Mapping) else {}), **noted}}


def release(old: ResourceInputs, *, described: bool = True) -> dict[str, Json]:
    """The patch of `metadata` that lets an object go: declared labels and annotations, the note and our mark are taken away."""
    bare = old.updated(labels={}, annotations={}, tags={}, description="")
    return with_note(metadata_patch(old, bare, described=described), {PREVIOUS: None, OWNER: None})


def same(one: str, other: str) -> bool:
    """Whether two values of a setting mean the same: equal texts, or equal JSON."""
    if one == other:
        return True
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def setting_patch(found: Object, value: str, meta: Object) -> dict[str, Json]:
    """The merge patch that gives a setting its value and notes the one it had; empty where both are so already."""
    now = dig_str(found, "value")
    meta = with_note(meta, note(found, {"value": now}))
    return {**({} if same(now, value) else {"value": value}), **({"metadata": meta} if meta else {})}


def previous_value(found: Object) -> str:
    """The value that a setting had before we changed it."""
    before = remembered(found).get("value")
    return before if isinstance(before, str) else ""


def restore_setting(found: Object, meta: Object) -> dict[str, Json]:
    """The merge patch that puts a setting's previous value back."""
    return {"value": previous_value(found), "metadata": meta}
