"""From what was found in a cluster to a Pulumi program in Python, as text: resources, references, secrets from the configuration.

Pure. Names in the program are those of the objects, and where two kinds share one, with the kind's name behind.
"""

import keyword
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harvester_provider.core.quantity import Quantity
from harvester_provider.core.ref import Ref
from harvester_provider.engine.estate import Adopted
from harvester_provider.resources.model import Model
from harvester_provider.schema.document import token
from harvester_provider.schema.models import HIDDEN

HEAD = '''"""Adopted from a living cluster. Secrets are in the configuration of the stack."""

import pulumi

import pulumi_harvester as harvester

config = pulumi.Config()
kept = pulumi.ResourceOptions(protect=True)  # a resource that disappears from the program is not deleted
'''


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource of the program: the object, its name in Pulumi and its variable in Python."""

    found: Adopted
    name: str
    variable: str


@dataclass(slots=True)
class Program:
    """The text, the import file's content, and the secrets that the configuration has to hold."""

    text: str = ""
    imports: list[dict[str, str]] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)


def write(adopted: Sequence[Adopted]) -> Program:
    """The program that declares all of `adopted`."""
    entries = {entry.found.ref: entry for entry in _named(adopted)}
    out, parts = Program(), [HEAD]
    for entry in _ordered(entries):
        parts.append(_Writer(entry, _references(entry, entries), out.secrets).text())
        out.imports.append({"type": token(entry.found.kind.name), "name": entry.name, "id": entry.found.ref.id})
    out.text = "\n".join(parts)
    return out


def _named(adopted: Sequence[Adopted]) -> list[Entry]:
    """Each with a name that no other of its kind has, and a variable that nothing else has."""
    names = Counter((found.kind.name, found.ref.name) for found in adopted)
    taken: set[str] = {"config", "kept", "pulumi", "harvester"}
    out = []
    for found in adopted:
        alone = names[found.kind.name, found.ref.name] == 1
        name = found.ref.name if alone else f"{found.ref.namespace}-{found.ref.name}"
        out.append(Entry(found, name, _variable(name, found.kind.name, taken)))
    return out


def _variable(name: str, kind: str, taken: set[str]) -> str:
    plain = re.sub(r"\W", "_", name)
    plain = f"_{plain}" if plain[0].isdigit() or keyword.iskeyword(plain) else plain
    suffix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
    candidates = (plain, f"{plain}_{suffix}", *(f"{plain}_{suffix}_{number}" for number in range(2, len(taken) + 3)))
    found = next(candidate for candidate in candidates if candidate not in taken)
    taken.add(found)
    return found


def _references(entry: Entry, entries: Mapping[Ref, Entry]) -> dict[str, str]:
    """The IDs of other resources of the program that this one names, with their variables; none that could mean two of them."""
    needed = {need.ref for need in entry.found.kind.requires(entry.found.inputs) if need.ref in entries}
    count = Counter(ref.id for ref in needed)
    return {ref.id: entries[ref].variable for ref in needed if count[ref.id] == 1 and "/" in ref.id}


def _ordered(entries: Mapping[Ref, Entry]) -> Iterable[Entry]:
    """Each after those that it refers to."""
    done: dict[Ref, Entry] = {}

    def visit(entry: Entry) -> None:
        if entry.found.ref in done:
            return
        for need in entry.found.kind.requires(entry.found.inputs):
            if need.ref in entries and need.ref != entry.found.ref:
                visit(entries[need.ref])
        done[entry.found.ref] = entry

    for entry in entries.values():
        visit(entry)
    return done.values()


class _Writer:
    """Writes one resource, and puts its secrets aside."""

    def __init__(self, entry: Entry, references: Mapping[str, str], secrets: dict[str, str]) -> None:
        self._entry = entry
        self._references = references
        self._secrets = secrets

    def text(self) -> str:
        """The statement that declares the resource."""
        entry = self._entry
        lines = [f"{entry.variable} = harvester.{entry.found.kind.name}(", f"    {entry.name!r},", "    opts=kept,"]
        lines += [f"    {name}={value}," for name, value in self._arguments(entry.found.inputs, "    ", ())]
        return "\n".join([*lines, ")"]) + "\n"

    def _arguments(self, model: Model, indent: str, path: tuple[str, ...]) -> Iterable[tuple[str, str]]:
        short = model.brief()
        for name, spec in type(model).model_fields.items():
            if (spec.alias or name) in short and name not in HIDDEN:
                extra = spec.json_schema_extra
                value = getattr(model, name)
                if isinstance(extra, dict) and extra.get("secret"):
                    yield name, self._secret((*path, name), value)
                else:
                    yield name, self._value(value, indent, (*path, name))

    def _value(self, value: Any, indent: str, path: tuple[str, ...]) -> str:
        deeper = f"{indent}    "
        if isinstance(value, Model):
            inner = [f"{deeper}{name}={item},\n" for name, item in self._arguments(value, deeper, path)]
            return f"harvester.{type(value).__name__}Args(\n{''.join(inner)}{indent})"
        if isinstance(value, list | tuple):
            items = [f"{deeper}{self._value(item, deeper, (*path, str(number)))},\n" for number, item in enumerate(value)]
            return f"[\n{''.join(items)}{indent}]"
        if isinstance(value, Mapping):
            items = [f"{deeper}{key!r}: {self._value(item, deeper, (*path, key))},\n" for key, item in value.items()]
            return f"{{\n{''.join(items)}{indent}}}"
        if isinstance(value, str) and value in self._references and path[-1] not in {"name", "namespace"}:
            return f"{self._references[value]}.id"
        return repr(value.text if isinstance(value, Quantity) else value)

    def _secret(self, path: tuple[str, ...], value: str) -> str:
        key = "-".join((self._entry.variable, *path))
        self._secrets[key] = value
        return f"config.require_secret({key!r})"
