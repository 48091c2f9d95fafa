"""How a resource is used, for its page in the registry: one example as programs in several languages, and how to import it.

From values to text by the conventions of Pulumi's documentation, whose short codes let each language's SDK keep its own program only.
Nothing is decided here about what a good example is: see `examples`.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from harvester_provider.schema.examples import Example
from harvester_provider.schema.package import ListOf, MapOf, ObjectRef, Package, Property, Resource, Type

_NAME = "example"
Key = Callable[[Property], str]


def usage(package: Package, resource: Resource, example: Example) -> str:
    """The sections `Example Usage` and `Import` of a resource's description."""
    programs = {
        "typescript": _typescript(resource.name, _spelled(package, resource.inputs, example.inputs, lambda item: item.name)),
        "python": _python(resource.name, _spelled(package, resource.inputs, example.inputs, lambda item: item.python_name)),
        "yaml": _yaml(resource.name, example.inputs),
    }
    fences = "\n".join(f"```{language}\n{text}```" for language, text in programs.items())
    shown = f"{{{{% examples %}}}}\n## Example Usage\n\n{{{{% example %}}}}\n{fences}\n{{{{% /example %}}}}\n{{{{% /examples %}}}}"
    return f"{shown}\n\n{_import(resource.name, example.id)}" if example.id else shown


def _import(kind: str, identity: str) -> str:
    return f"## Import\n\n```sh\npulumi import harvester:index:{kind} {_NAME} {identity}\n```"


def _spelled(package: Package, properties: tuple[Property, ...], values: Mapping[str, Any], key: Key) -> dict[str, Any]:
    """The values with their names as one language has them. Keys of the user's own maps stay as they are."""
    known = {item.name: item for item in properties}
    return {key(known[name]): _value(package, known[name].type, value, key) for name, value in values.items()}


def _value(package: Package, kind: Type, value: Any, key: Key) -> Any:
    match kind:
        case ListOf(items):
            return [_value(package, items, item, key) for item in value]
        case MapOf(values):
            return {name: _value(package, values, item, key) for name, item in value.items()}
        case ObjectRef(name):
            return _spelled(package, package.objects[name].properties, value, key)
        case _:
            return value


def _typescript(kind: str, values: Mapping[str, Any]) -> str:
    lines = "".join(f"    {name}: {_literal(value, '    ', json.dumps, _typescript_key)},\n" for name, value in values.items())
    return f'import * as harvester from "pulumi-harvester";\n\nconst {_NAME} = new harvester.{kind}("{_NAME}", {{\n{lines}}});\n'


def _python(kind: str, values: Mapping[str, Any]) -> str:
    lines = "".join(f"    {name}={_literal(value, '    ', _python_scalar, json.dumps)},\n" for name, value in values.items())
    return f'import pulumi_harvester as harvester\n\n{_NAME} = harvester.{kind}(\n    "{_NAME}",\n{lines})\n'


def _yaml(kind: str, values: Mapping[str, Any]) -> str:
    resource = {"type": f"harvester:{kind}", "properties": dict(values)}
    return yaml.dump({"resources": {_NAME: resource}}, Dumper=_Dumper, sort_keys=False, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _Dumper.represent_text)


def _typescript_key(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _python_scalar(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _literal(value: Any, indent: str, scalar: Callable[[Any], str], key: Callable[[str], str]) -> str:
    """A value as both languages write it: objects and lists of them on lines of their own, lists of plain values on one."""
    deeper = f"{indent}    "
    if isinstance(value, Mapping):
        lines = "".join(f"{deeper}{key(name)}: {_literal(item, deeper, scalar, key)},\n" for name, item in value.items())
        return f"{{\n{lines}{indent}}}"
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        lines = "".join(f"{deeper}{_literal(item, deeper, scalar, key)},\n" for item in value)
        return f"[\n{lines}{indent}]"
    return f"[{', '.join(map(scalar, value))}]" if isinstance(value, list) else scalar(value)
