"""From the pydantic models of the kinds to a `Package`.

Names, types, defaults and marks are read from the fields, descriptions from the docstrings below them, so that each is
written once. A type that the schema cannot express is an error here, with the field's name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from pydantic import BaseModel, WithJsonSchema
from pydantic.alias_generators import to_pascal
from pydantic.fields import FieldInfo

from harvester_provider.core.quantity import Quantity
from harvester_provider.resources.model import Model
from harvester_provider.schema.docstrings import field_docstrings
from harvester_provider.schema.package import (
    Anything,
    Default,
    EnumRef,
    EnumType,
    ListOf,
    MapOf,
    ObjectRef,
    ObjectType,
    Package,
    Primitive,
    Property,
    Question,
    Resource,
    Type,
)

HIDDEN = frozenset({"owner", "file_sha512", "file_size", "file_stamp"})
"""Inputs that the front end sets itself."""
NAMED_BY_PROGRAM = "name"
"""The input that the front end fills with the resource's name in the program, where the user gives none."""

_PRIMITIVES: dict[object, Primitive] = {
    str: Primitive("string"),
    int: Primitive("integer"),
    float: Primitive("number"),
    bool: Primitive("boolean"),
}


class KindModels(Protocol):
    """What the schema needs to know of a kind."""

    @property
    def inputs(self) -> type[Any]:
        """The model of the inputs."""
        ...

    @property
    def outputs_model(self) -> type[Any]:
        """The model of what the state holds besides the inputs."""
        ...


class FunctionModels(Protocol):
    """What the schema needs to know of a function."""

    @property
    def args(self) -> type[Any]:
        """The model of what it is asked with."""
        ...

    @property
    def result(self) -> type[Any]:
        """The model of its answer."""
        ...


def read_package(
    kinds: Mapping[str, KindModels], settings: type[BaseModel] | None = None, functions: Mapping[str, FunctionModels] | None = None
) -> Package:
    """The package of these kinds and functions, with `settings` as the configuration. TypeError for what has no form in a schema."""
    reader = _Reader()
    resources = {name: reader.resource(name, kinds[name]) for name in sorted(kinds)}
    configuration = reader.properties(settings) if settings else ()
    questions = {name: reader.question(name, found) for name, found in sorted((functions or {}).items())}
    if clash := sorted(reader.objects.keys() & reader.enums.keys()):
        raise TypeError(f"{', '.join(clash)}: a model and the Literal of a field would have the same name in the schema, rename one")
    return Package(resources, dict(sorted(reader.objects.items())), dict(sorted(reader.enums.items())), configuration, questions)


class _Reader:
    """Reads models, and remembers the object types and enumerations it meets."""

    def __init__(self) -> None:
        self.objects: dict[str, ObjectType] = {}
        self.enums: dict[str, EnumType] = {}
        self._models: dict[str, type[BaseModel]] = {}

    def resource(self, name: str, kind: KindModels) -> Resource:
        inputs = _own_first(kind.inputs, [item for item in self.properties(kind.inputs, name) if item.python_name not in HIDDEN])
        outputs = {item.name: item for item in self.properties(kind.outputs_model, name)}
        state = {item.name: item for item in inputs} | outputs
        return Resource(name, _doc(kind.inputs), tuple(map(_optional_name, inputs)), tuple(state.values()))

    def question(self, name: str, function: FunctionModels) -> Question:
        return Question(name, _doc(function.result), self.properties(function.args), self.properties(function.result))

    def properties(self, model: type[BaseModel], owner: str | None = None) -> tuple[Property, ...]:
        prefix, docs = owner or model.__name__, field_docstrings(model)
        return tuple(self._property(prefix, name, field, docs.get(name, "")) for name, field in model.model_fields.items())

    def _property(self, owner: str, name: str, field: FieldInfo, description: str) -> Property:
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        return Property(
            name=field.alias or name,
            python_name=name,
            type=self._type(field.annotation, field.metadata, owner, name),
            description=description,
            required=field.is_required(),
            always_there=field.is_required() or not _left_out(field.get_default(call_default_factory=False)),
            default=_default(field),
            secret=bool(extra.get("secret")),
            replaces=bool(extra.get("replaceOnChanges")),
        )

    def _type(self, annotation: Any, metadata: Sequence[object], owner: str, name: str) -> Type:  # noqa: PLR0911  one line per form
        for note in metadata:
            if isinstance(note, WithJsonSchema) and note.json_schema is not None:
                return Primitive(note.json_schema["type"])
        if annotation in _PRIMITIVES:
            return _PRIMITIVES[annotation]
        if annotation is Any:
            return Anything()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self._object(annotation)
        origin, args = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._type(args[0], args[1:], owner, name)
        if origin is Literal:
            return self._enum(owner + to_pascal(name), args)
        if origin in (Union, UnionType):
            options = [arg for arg in args if arg is not NoneType]
            if len(options) == 1:
                return self._type(options[0], (), owner, name)
        if origin is list or (origin is tuple and args[1:] == (...,)):
            return ListOf(self._type(args[0], (), owner, name))
        if origin in (dict, Mapping) and (get_args(args[0]) or args)[0] is str:
            return MapOf(self._type(args[1], (), owner, name))
        forms = "a text, a number, a list, a map, a Literal of texts or a Model"
        raise TypeError(f"{owner}.{name}: {annotation!r} has no form in the schema: use {forms}")

    def _object(self, model: type[BaseModel]) -> ObjectRef:
        name = model.__name__
        known = self._models.setdefault(name, model)
        if known is not model:
            raise TypeError(
                f"{name}: {known.__module__} and {model.__module__} have a model of that name: the schema knows names alone, rename one"
            )
        if name not in self.objects:
            self.objects[name] = ObjectType(name, _doc(model), ())
            self.objects[name] = ObjectType(name, _doc(model), self.properties(model))
        return ObjectRef(name)

    def _enum(self, name: str, values: tuple[Any, ...]) -> EnumRef:
        if not all(isinstance(value, str) for value in values):
            raise TypeError(f"{name}: {values!r} has no form in the schema: the values of a Literal must be texts")
        known = self.enums.setdefault(name, EnumType(name, "", values))
        if known.values != values:
            raise TypeError(f"{name}: {known.values!r} and {values!r} would have the same name in the schema, rename one of the fields")
        return EnumRef(name)


def _own_first(model: type[BaseModel], properties: Sequence[Property]) -> list[Property]:
    """Names first, then what the model itself declares, then what all kinds have."""
    ranks = dict.fromkeys(model.__annotations__, 1) | {NAMED_BY_PROGRAM: 0, "namespace": 0}
    return sorted(properties, key=lambda item: ranks.get(item.python_name, 2))


def _optional_name(item: Property) -> Property:
    if item.python_name != NAMED_BY_PROGRAM:
        return item
    return replace(item, required=False)


def _doc(model: type[BaseModel]) -> str:
    return cleandoc(model.__doc__ or "")


def _left_out(value: object) -> bool:
    """Whether `Model.wire` leaves such a value out of the state."""
    return value in (None, "", [], (), {}) or (isinstance(value, Model) and not value.wire())


def _default(field: FieldInfo) -> Default | None:
    value = field.get_default(call_default_factory=False)
    if isinstance(value, Quantity):
        return value.text
    return value if isinstance(value, str | int | float | bool) and value != "" else None
