"""What Kubernetes takes as labels and annotations; an object with any other is refused as a whole.

Upstream: apimachinery, pkg/util/validation/validation.go. A machine may have selectors and tolerations of any shape, but its pod is then
refused at the start: they are held to the same here.
"""

import re
from typing import Annotated

from pydantic import AfterValidator

LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
"""A value that is not empty, and the part of a name after its prefix."""
SHAPE = "use at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends"
_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_DOMAIN = 253
_SHOWN = 80


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _is_name(name: str) -> bool:
    prefix, slash, rest = name.rpartition("/")
    domain = not slash or (len(prefix) <= _LONGEST_DOMAIN and _DOMAIN.fullmatch(prefix) is not None)
    return domain and LABEL_VALUE.fullmatch(rest) is not None


def _name(name: str) -> str:
    if not _is_name(name):
        raise ValueError(f"{_shown(name)} is no name of a label: {SHAPE}, after a domain and a slash or without")
    return name


def _name_or_nothing(name: str) -> str:
    return name and _name(name)


def _annotation(name: str) -> str:
    if not _is_name(name.lower()):
        raise ValueError(f"{_shown(name)} is no name of an annotation: {SHAPE}, after a domain and a slash or without")
    return name


def _tag(name: str) -> str:
    if LABEL_VALUE.fullmatch(name) is None:
        raise ValueError(f"{_shown(name)} is no name of a tag: {SHAPE}")
    return name


def _value(value: str) -> str:
    if value and LABEL_VALUE.fullmatch(value) is None:
        raise ValueError(f"{_shown(value)} is no value of a label: {SHAPE}")
    return value


LabelName = Annotated[str, AfterValidator(_name)]
"""Name of a label, with or without a domain: `app`, `example.org/team`."""
LabelNameOrEmpty = Annotated[str, AfterValidator(_name_or_nothing)]
"""The same where an empty one says something."""
LabelValue = Annotated[str, AfterValidator(_value)]
"""Value of a label. It may be empty."""
AnnotationName = Annotated[str, AfterValidator(_annotation)]
"""Name of an annotation. Its domain may have capitals."""
TagName = Annotated[str, AfterValidator(_tag)]
"""Name of a tag of Harvester's UI, which puts a domain of its own before it."""
Labels = dict[LabelName, LabelValue]
"""Labels of an object, or those that a selector asks for."""
