"""Property values of the plugin protocol, both ways: a protobuf Struct, and plain values with UNKNOWN and Secret in their places.

The verbs know no secrets: `Decoded.values` are plain, and `Decoded.secrets` remembers where secrets were. Entries of lists
are remembered by their name where they have one, so that a list that was put into another order hides the right entry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value

from harvester_provider.core.unknown import UNKNOWN, Unknown

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key by which an object is a special value (upstream sdk/go/common/resource/sig)."""
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a signature of the protocol
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWNS = frozenset({
    UNKNOWN_TEXT, "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", "3eeb2bf0-c639-47a8-9e75-3b44932eb421", "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58", "e48ece36-62e2-4504-bad9-02848725956a", "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
})  # fmt: skip
"""Texts that stand for an unknown value of one type each (upstream sdk/go/common/resource/plugin/rpc.go)."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value to be kept secret."""

    value: Any


@dataclass(frozen=True, slots=True)
class Named:
    """A step to the entry of a list that has this name."""

    name: str


Step = str | int | Named


@dataclass(slots=True)
class Marks:
    """Where secrets are, as a tree of steps. `here` hides all that is below."""

    here: bool = False
    below: "dict[Step, Marks]" = field(default_factory=dict)

    def add(self, path: Sequence[Step]) -> None:
        """Remember one more secret."""
        found = self
        for step in path:
            found = found.below.setdefault(step, Marks())
        found.here = True

    def plus(self, other: "Marks") -> "Marks":
        """All secrets of both."""
        steps = {**self.below, **other.below}
        both = {step: self.below.get(step, Marks()).plus(other.below.get(step, Marks())) for step in steps}
        return Marks(self.here or other.here, both)

    def apply(self, value: Any) -> Any:
        """The value with its secrets in Secret. A list whose entries cannot be told any more is hidden as a whole."""
        if self.here and not isinstance(value, Secret):
            return Secret(value)
        if not self.below or value is None or isinstance(value, Secret):
            return value
        if isinstance(value, Mapping):
            return {key: self.below[key].apply(item) if key in self.below else item for key, item in value.items()}
        if isinstance(value, list):
            return self._entries(value)
        return Secret(value)  # an unknown value, or of another shape than it was: what it will be may be secret

    def _entries(self, values: list[Any]) -> Any:
        steps = steps_of(values)
        if any(isinstance(step, int) for step in self.below) and not all(step in steps for step in self.below):
            return Secret(values)
        return [self.below[step].apply(value) if step in self.below else value for step, value in zip(steps, values, strict=True)]


@dataclass(frozen=True, slots=True)
class Decoded:
    """Plain values, and where secrets were among them."""

    values: dict[str, Any]
    secrets: Marks


def steps_of(values: Sequence[Any]) -> list[Step]:
    """How the entries of a list are told: by name where each has one of its own, else by number."""
    names = [value.get("name") if isinstance(value, Mapping) else None for value in values]
    if all(isinstance(name, str) for name in names) and len(set(names)) == len(names):
        return [Named(name) for name in names if isinstance(name, str)]
    return list(range(len(values)))


def decode(struct: Struct) -> Decoded:
    """From the protocol. Properties without a value are left out."""
    values = {key: _decode(value) for key, value in struct.fields.items()}
    secrets = Marks()
    return Decoded({key: _strip(value, (key,), secrets) for key, value in values.items() if value is not None}, secrets)


def _decode(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value in UNKNOWNS else value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_decode(item) for item in value.list_value.values]
        case "struct_value":
            return _decode_object(value.struct_value)
        case _:
            return None


def _decode_object(struct: Struct) -> Any:
    fields = {key: _decode(value) for key, value in struct.fields.items()}
    match fields.get(SIGNATURE):
        case str() as kind if kind == SECRET:
            return Secret(fields.get("value"))
        case str() as kind if kind == OUTPUT:
            value = fields.get("value", UNKNOWN)
            return Secret(value) if fields.get("secret") else value
        case str() as kind if kind == REFERENCE:  # a resource where its ID is wanted
            return fields.get("id") or UNKNOWN
        case _:
            return {key: value for key, value in fields.items() if value is not None}


def _strip(value: Any, path: tuple[Step, ...], secrets: Marks) -> Any:
    """The value without Secret; where they were is added to `secrets`."""
    if isinstance(value, Secret):
        secrets.add(path)
        return _strip(value.value, path, Marks())
    if isinstance(value, Mapping):
        return {key: _strip(item, (*path, key), secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_strip(item, (*path, step), secrets) for step, item in zip(steps_of(value), value, strict=True)]
    return value


def encode(values: Mapping[str, Any]) -> Struct:
    """To the protocol, with UNKNOWN and Secret in their places."""
    return Struct(fields={key: _encode(value) for key, value in values.items()})


def _encode(value: Any) -> Value:  # noqa: PLR0911  one line per form
    match value:
        case Secret(inner):
            hidden = inner.value if isinstance(inner, Secret) else inner
            return Value(struct_value=Struct(fields={SIGNATURE: Value(string_value=SECRET), "value": _encode(hidden)}))
        case Unknown():
            return Value(string_value=UNKNOWN_TEXT)
        case None:
            return Value(null_value=0)
        case bool():
            return Value(bool_value=value)
        case int() | float():
            return Value(number_value=value)
        case str():
            return Value(string_value=value)
        case Mapping():
            return Value(struct_value=encode(value))
        case list() | tuple():
            out = Value()
            out.list_value.values.extend([_encode(item) for item in value])
            return out
        case _:
            raise TypeError(f"{value!r} has no form in the plugin protocol")
