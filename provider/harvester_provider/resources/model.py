"""What the input and output models of all kinds share: names on the wire, unknown values, units and secret marks.

Models are pydantic, frozen, and speak snake_case in Python and camelCase on the wire (the schema, the state). Nothing
in here knows a kind.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Self, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from harvester_provider.core.duration import seconds
from harvester_provider.core.quantity import Quantity
from harvester_provider.core.unknown import UNKNOWN, Unknown
from harvester_provider.resources.labels import AnnotationName, Labels, LabelValue, TagName

SECRET: dict[str, Any] = {"secret": True}
"""`Field(json_schema_extra=SECRET)` marks an input or output whose value is never shown."""
REPLACE: dict[str, Any] = {"replaceOnChanges": True}
"""`Field(json_schema_extra=REPLACE)` marks an input that can only be changed by a replacement."""

INT32 = 2**31 - 1
"""The most that the API keeps in fields of 32 bits."""

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
"""RFC 1123 label, in lower case."""
_LONGEST_NAME = 63

WHERE = frozenset({"name", "namespace", "cluster"})
"""Inputs that say where an object is."""
_EMPTY: tuple[object, ...] = (None, "", [], {})
_MAY_BE_EMPTY = "may be empty"
_PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types of values that are on the wire what they are in Python, and hold no others. Most values are of these."""


def _holds_unknown(value: object) -> bool:
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Mapping):
        return any(isinstance(item, Unknown) for item in value.values())
    return isinstance(value, list) and any(isinstance(item, Unknown) for item in value)


class Model(BaseModel):
    """The base of every model.

    A value that is not known before the update passes every field's validation as UNKNOWN; a list or a mapping that
    holds one directly becomes UNKNOWN as a whole.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid", arbitrary_types_allowed=True,
        validate_default=False, ser_json_inf_nan="null", defer_build=True,
    )  # fmt: skip

    @field_validator("*", mode="wrap")
    @classmethod
    def _let_unknown_pass(cls, value: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
        if type(value) in _PLAIN:
            return handler(value)
        if isinstance(value, Unknown) or (isinstance(value, list) and _holds_unknown(value)):
            return UNKNOWN
        if isinstance(value, Mapping) and _holds_unknown(value) and not _is_model(cls, info):
            return UNKNOWN
        return handler(value)

    @classmethod
    def wire_names(cls) -> Mapping[str, str]:
        """The names on the wire of all fields, by those in Python."""
        return _wire_names(cls)

    def wire(self) -> dict[str, Any]:
        """The values by their names on the wire, defaults filled in, absent and empty ones left out. UNKNOWN stays UNKNOWN.

        An empty value in the place of a default that is not empty, or of a required list or `TextOrEmpty`, says something, and stays.
        """
        out = {}
        for name, field in _fields(type(self)).items():
            value = _wire(getattr(self, name))
            if field.is_said_by(value):
                out[field.key] = value
        return out

    def brief(self) -> dict[str, Any]:
        """As `wire`, without what has its default anyway: what a program has to say. What says where an object is stays."""
        out = {}
        for name, field in _fields(type(self)).items():
            value = getattr(self, name)
            if name in WHERE or value != field.default:
                short = _brief(value)
                if field.is_said_by(short):
                    out[field.key] = short
        return out

    def blanks(self) -> Iterator[str]:
        """The paths of required texts that are empty, which is as good as missing. `TextOrEmpty` is for those that may be."""
        for name, inner in _bearing(type(self), _is_bare_text).items():
            key, value = _fields(type(self))[name].key, getattr(self, name)
            if inner is None and value == "":
                yield key
            listed = [(f"{key}[{number}]", item) for number, item in enumerate(value)] if isinstance(value, list) else [(key, value)]
            yield from (f"{path}.{blank}" for path, item in listed if isinstance(item, Model) for blank in item.blanks())

    def updated(self, **changes: object) -> Self:
        """A copy with other values for the named fields (already validated ones)."""
        return self.model_copy(update=changes)


def _is_model(cls: type[BaseModel], info: ValidationInfo) -> bool:
    """Whether the field holds a model, whose own fields deal with unknown values."""
    annotation = cls.model_fields[info.field_name].annotation if info.field_name else None
    options = getattr(annotation, "__args__", (annotation,))
    return any(isinstance(option, type) and issubclass(option, BaseModel) for option in options)


def _brief(value: object) -> object:
    if isinstance(value, Model):
        return value.brief()
    return [_brief(item) for item in value] if isinstance(value, list | tuple) else _wire(value)


@dataclass(frozen=True, slots=True)
class _Field:
    """What is asked of a field again and again."""

    key: str
    """Its name on the wire."""
    default: object
    filled: bool
    """Whether an empty value says something: the default is not empty, or it is a list or a `TextOrEmpty` that is required."""

    @classmethod
    def of(cls, name: str, info: FieldInfo) -> Self:
        default = info.get_default(call_default_factory=True)
        may_be_empty = get_origin(info.annotation) is list or _MAY_BE_EMPTY in info.metadata
        return cls(info.alias or name, default, may_be_empty if info.is_required() else _wire(default) not in _EMPTY)

    def is_said_by(self, value: object) -> bool:
        """Whether a value is not what is read where nothing is."""
        return value not in _EMPTY or (self.filled and value is not None)


@cache
def _fields(model: type[Model]) -> Mapping[str, _Field]:
    """The fields of a model by their names in Python."""
    return {name: _Field.of(name, info) for name, info in model.model_fields.items()}


@cache
def _wire_names(model: type[Model]) -> Mapping[str, str]:
    return {name: field.key for name, field in _fields(model).items()}


def _wire(value: object) -> object:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Model):
        return value.wire()
    if isinstance(value, list | tuple):
        return [_wire(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _wire(item) for key, item in value.items()}
    if isinstance(value, Quantity):
        return value.text
    return value


def conceal(model: type[Model], values: Mapping[str, Any], wrap: Callable[[Any], Any]) -> dict[str, Any]:
    """The values by their names on the wire, with `wrap` around those that the model marks as secret, nested ones too."""
    out = dict(values)
    for name, inner in _bearing(model, _is_secret).items():
        key = _fields(model)[name].key
        if out.get(key) is not None:
            out[key] = wrap(out[key]) if inner is None else _conceal_inner(inner, out[key], wrap)
    return out


def _is_bare_text(field: FieldInfo) -> bool:
    """Whether it is a required text without a rule of its own."""
    return field.annotation is str and field.is_required() and not field.metadata


def _is_secret(field: FieldInfo) -> bool:
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("secret"))


@cache
def _bearing(model: type[Model], holds: Callable[[FieldInfo], bool]) -> Mapping[str, type[Model] | None]:
    """The fields for which something `holds` (None), or that hold a model with such fields, by their names in Python."""
    out: dict[str, type[Model] | None] = {}
    for name, field in model.model_fields.items():
        inner = model_in(field.annotation)
        if holds(field):
            out[name] = None
        elif inner and _bearing(inner, holds):
            out[name] = inner
    return out


def _conceal_inner(model: type[Model], value: Any, wrap: Callable[[Any], Any]) -> Any:
    if isinstance(value, list):
        return [_conceal_inner(model, item, wrap) for item in value]
    return conceal(model, value, wrap) if isinstance(value, Mapping) else value


def model_in(annotation: Any) -> type[Model] | None:
    """The model that a field holds, directly, in a list, or as an option."""
    return _model_in(annotation)


@cache
def _model_in(annotation: Any) -> type[Model] | None:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _quantity(value: object) -> Quantity:
    if isinstance(value, str | int | float | Quantity) and not isinstance(value, bool):
        return Quantity(value)
    raise ValueError(f"{value!r} is not a quantity: write a number with a unit such as 512Mi, 10Gi, 2 or 500m")


def _duration(value: object) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        seconds(value)
        return str(value)
    raise ValueError(f"{value!r} is not a duration: write 30s, 10m, 1h30m or a number of seconds")


QuantityText = Annotated[
    Quantity, BeforeValidator(_quantity), PlainSerializer(lambda value: value.text, return_type=str),
    WithJsonSchema({"type": "string", "format": "quantity"}),
]  # fmt: skip
"""A Kubernetes quantity; compared as a number, kept as it was written."""

TextOrEmpty = Annotated[str, _MAY_BE_EMPTY]
"""A text whose empty value says something, also where it is required."""

DurationText = Annotated[str, BeforeValidator(_duration), WithJsonSchema({"type": "string", "format": "duration"})]
"""A duration such as `30s` or `10m`."""


def is_name(text: str) -> bool:
    """Whether it is a `Name`."""
    return len(text) <= _LONGEST_NAME and re.fullmatch(NAME, text) is not None


def _label(value: str) -> str:
    if not is_name(value):
        raise ValueError(f"{value!r} is no valid name: use at most 63 lower-case letters, digits and inner dashes")
    return value


Name = Annotated[str, AfterValidator(_label), WithJsonSchema({"type": "string", "pattern": NAME, "maxLength": _LONGEST_NAME})]
"""A DNS label (RFC 1123): at most 63 lower-case letters, digits and dashes."""


class Timeouts(Model):
    """How long each operation may take, waits included, before it fails with what was last seen."""

    create: DurationText | None = None
    """Time for the create, for example `10m`. The default depends on the kind."""
    update: DurationText | None = None
    """Time for an update."""
    delete: DurationText | None = None
    """Time for the delete."""

    def seconds(self, operation: str, default: float) -> float:
        """The time for `create`, `update` or `delete`, in seconds."""
        value = getattr(self, operation)
        return default if value is None or isinstance(value, Unknown) else seconds(value)


class ResourceInputs(Model):
    """The inputs that every kind has."""

    name: Name = Field(json_schema_extra=REPLACE)
    """Name of the object in the cluster. Default: the resource's name in the program."""
    description: str = ""
    """Free text that Harvester's UI shows beside the object."""
    tags: dict[TagName, LabelValue] = {}
    """Tags as Harvester's UI shows them: each is a label `tag.harvesterhci.io/<key>`. Tags that others set are left alone."""
    labels: Labels = {}
    """Labels of the object. Labels that others set are left alone."""
    annotations: dict[AnnotationName, str] = {}
    """Annotations of the object. Annotations that others set are left alone."""
    adopt: bool = False
    """Take over an existing object of that name. Without it, an object that this resource did not make is an error."""
    cluster: str | None = Field(default=None, json_schema_extra=REPLACE)
    """Which of the clusters in `harvester:clusters` to use. Default: the one of the provider's own settings."""
    timeouts: Timeouts = Timeouts()
    """How long each operation may take."""
    owner: str = ""
    """Set by the SDK: project, stack and name of the resource, written to every object it makes."""

    def seconds(self, operation: str, default: float) -> float:
        """The time for `create`, `update` or `delete`, in seconds."""
        return default if isinstance(self.timeouts, Unknown) else self.timeouts.seconds(operation, default)

    def going_on(self) -> Self:
        """The inputs with which a create goes on where the object is there already: its update has the time of the create."""
        if isinstance(self.timeouts, Unknown) or self.timeouts.create is None:
            return self
        return self.updated(timeouts=self.timeouts.updated(update=self.timeouts.create))


class NamespacedInputs(ResourceInputs):
    """The inputs that every kind in a namespace has."""

    namespace: Name = Field(default="default", json_schema_extra=REPLACE)
    """Namespace of the object."""


class Outputs(Model):
    """The base of what a kind adds to its inputs in the state."""

    uid: str = ""
    """UID of the object in the cluster; filled in by the engine. Another UID under the same name is another object."""
