"""The mark that makes an interrupted create resumable and keeps other people's objects safe.

Every object the provider makes carries one annotation with the owner: `project/stack/logical name`. An object with
our mark is found again and continued; one without it is somebody else's, and touched only where `adopt` says so.
"""

from collections.abc import Mapping

from harvester_provider.core.json import Object, dig_map, dig_str

OWNER = "harvester.pulumi.com/owner"
"""Annotation with the owner of an object."""


def mark(owner: str) -> dict[str, str]:
    """The annotation of an object that `owner` makes; none where the owner is not known."""
    return {OWNER: owner} if owner else {}


def owner_of(found: Object) -> str:
    """Who made the object, or an empty text."""
    return dig_str(found, "metadata", "annotations", OWNER)


def is_ours(found: Object, owner: str) -> bool:
    """Whether `owner` made the object."""
    return bool(owner) and owner_of(found) == owner


def foreign(entries: Mapping[str, str]) -> dict[str, str]:
    """Annotations without our own mark."""
    return {key: value for key, value in entries.items() if key != OWNER}


def uid(found: Object) -> str:
    """The object's UID, or an empty text."""
    return dig_str(dig_map(found, "metadata"), "uid")
