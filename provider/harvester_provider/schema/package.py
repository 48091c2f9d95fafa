"""The words of a package schema: resources, object types, enumerations and their properties.

Plain values between the models (`schema.models`) and what is written from them (`schema.document`, `sdkgen`). Nothing
here knows pydantic, JSON or Python source.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Default = str | int | float | bool
"""What a default can be: the schema has no default for lists, maps and objects."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """A text, a number or a truth value."""

    name: Literal["string", "integer", "number", "boolean"]


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON value."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one type."""

    items: "Type"


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map from text to one type. Its keys are the user's and never translated."""

    values: "Type"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object type of the package, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class EnumRef:
    """An enumeration of the package, by name."""

    name: str


Type = Primitive | Anything | ListOf | MapOf | ObjectRef | EnumRef


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a resource, of an object type or of the provider's configuration."""

    name: str
    """On the wire, in the state and in the schema (camelCase)."""
    python_name: str
    type: Type
    description: str
    required: bool
    """The user has to give it."""
    always_there: bool
    """The state always holds it. Values that are empty (no text, no entries) are left out of the state."""
    default: Default | None = None
    secret: bool = False
    replaces: bool = False
    """A change of it replaces the resource."""


@dataclass(frozen=True, slots=True)
class ObjectType:
    """An object with known properties, inside a resource's inputs or outputs."""

    name: str
    description: str
    properties: tuple[Property, ...]


@dataclass(frozen=True, slots=True)
class EnumType:
    """A closed set of texts."""

    name: str
    description: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind: what the user gives, and what its state holds (the inputs, and what the provider adds)."""

    name: str
    description: str
    inputs: tuple[Property, ...]
    state: tuple[Property, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A function: what it is asked with, and what it answers."""

    name: str
    description: str
    inputs: tuple[Property, ...]
    outputs: tuple[Property, ...]


@dataclass(frozen=True, slots=True)
class Package:
    """Everything, by name, in alphabetical order."""

    resources: Mapping[str, Resource]
    objects: Mapping[str, ObjectType]
    enums: Mapping[str, EnumType]
    settings: tuple[Property, ...] = ()
    functions: Mapping[str, Question] = field(default_factory=dict)

    def reachable(self, properties: tuple[Property, ...]) -> Iterator[str]:
        """Names of the object types and enumerations that `properties` need, each before those that use it."""
        done: dict[str, None] = {}
        for item in properties:
            self._visit(item.type, done)
        return iter(done)

    def _visit(self, kind: Type, done: dict[str, None]) -> None:
        match kind:
            case ListOf(inner) | MapOf(inner):
                self._visit(inner, done)
            case EnumRef(name):
                done[name] = None
            case ObjectRef(name) if name not in done:
                for item in self.objects[name].properties:
                    self._visit(item.type, done)
                done[name] = None
            case _:
                pass

    def secret_paths(self, properties: tuple[Property, ...]) -> Iterator[tuple[str, ...]]:
        """Where the secrets are: Python names from the top down, `*` for the entries of a list or a map."""
        for item in properties:
            if item.secret:
                yield (item.python_name,)
            else:
                yield from ((item.python_name, *path) for path in self._secrets_in(item.type))

    def _secrets_in(self, kind: Type) -> Iterator[tuple[str, ...]]:
        match kind:
            case ListOf(inner) | MapOf(inner):
                yield from (("*", *path) for path in self._secrets_in(inner))
            case ObjectRef(name):
                yield from self.secret_paths(self.objects[name].properties)
            case _:
                pass


def spelled(package: Package, spelling: Callable[[Property], str]) -> Package:
    """The package with the names of properties in its descriptions spelled as in one language: `vlan_id` or `vlanId`.

    Only what stands between backticks and names properties is changed: alone, as a dotted path, or with a value (`wait_for="address"`).
    """
    every = [*package.settings, *(item for one in package.resources.values() for item in (*one.inputs, *one.state))]
    every += [item for one in package.functions.values() for item in (*one.inputs, *one.outputs)]
    every += [item for one in package.objects.values() for item in one.properties]
    names = {alias: spelling(item) for item in every for alias in (item.name, item.python_name)}

    def text(before: str) -> str:
        return re.sub(r"`([A-Za-z_][\w.]*)(=[^`]*)?`", lambda found: f"`{path(found[1])}{found[2] or ''}`", before)

    def path(before: str) -> str:
        steps = before.split(".")
        return ".".join(names[step] for step in steps) if all(step in names for step in steps) else before

    def properties(before: tuple[Property, ...]) -> tuple[Property, ...]:
        return tuple(replace(item, description=text(item.description)) for item in before)

    return Package(
        resources={
            name: Resource(name, text(item.description), properties(item.inputs), properties(item.state))
            for name, item in package.resources.items()
        },
        objects={name: ObjectType(name, text(item.description), properties(item.properties)) for name, item in package.objects.items()},
        enums=package.enums,
        settings=properties(package.settings),
        functions={
            name: Question(name, text(item.description), properties(item.inputs), properties(item.outputs))
            for name, item in package.functions.items()
        },
    )
