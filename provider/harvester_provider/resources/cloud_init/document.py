"""YAML documents of the builders: from plain values to text, always the same text for the same values.

Shared by user data and network data. Knows neither; refuses values that are no plain ones before anything looks at them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass

import yaml

from harvester_provider.core.json import Json

_OTHER_BREAKS = frozenset("\r\x85\u2028\u2029")
"""Line breaks to YAML 1.1 that PyYAML writes as they are and reads back as others."""


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, as people write them; no line is folded."""


def _represent(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if _OTHER_BREAKS.intersection(value) else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _represent)
_Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]  # cloud-init's readers are not asked to know anchors


def text_of(value: Mapping[str, Json]) -> str:
    """The value as YAML, in its own order."""
    return yaml.dump(dict(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31 - 1)


def refuse(what: str, problems: Iterable[str]) -> None:
    """Raise ValueError with all problems, if there are any."""
    found = list(problems)
    if found:
        raise ValueError(f"{what}: {'; '.join(found)}")


def strangers(value: object, path: str = "") -> Iterable[str]:
    """Every value in a builder that YAML has no word for, first of all outputs of Pulumi."""
    if isinstance(value, str | int | float | None):
        return
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            item, where = getattr(value, field.name), f"{path}.{field.name}" if path else field.name
            if field.default == () and isinstance(item, str):
                yield f"{where}: a text where a list is expected: write it in brackets"
            yield from strangers(item, where)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from strangers(item, f"{path}[{key}]")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from strangers(item, f"{path}[{number}]")
    else:
        yield (
            f"{path}: {type(value).__name__} is no plain value. For outputs call the builder when they are known: "
            "`pulumi.Output.all(a=..., b=...).apply(lambda known: ... .text())`"
        )
