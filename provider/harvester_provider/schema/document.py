"""From a `Package` to the document that Pulumi reads: schema.json, by the rules of Pulumi's package metaschema.

Order has a meaning only for properties (that of the models); everything else is sorted, so that the file changes only
where the contract does.
"""

import json
from collections.abc import Iterable
from typing import Any

from harvester_provider.schema.examples import EXAMPLES
from harvester_provider.schema.package import (
    Anything,
    EnumRef,
    EnumType,
    ListOf,
    MapOf,
    ObjectRef,
    ObjectType,
    Package,
    Primitive,
    Property,
    Resource,
    Type,
    spelled,
)
from harvester_provider.schema.usage import usage

NAME = "harvester"
"""The package's name, and the first part of every token."""

_ABOUT = {
    "name": NAME,
    "displayName": "Harvester",
    "description": "A Pulumi provider for Harvester: clusters, networks, images and virtual machines as code",
    "keywords": ["category/infrastructure", "harvester", "kind/native", "kubevirt", "pulumi", "virtualization"],
    "license": "Apache-2.0",
    "meta": {"moduleFormat": "(.*)"},
    "language": {
        "csharp": {"respectSchemaVersion": True},
        "go": {"respectSchemaVersion": True, "generateResourceContainerTypes": True},
        "nodejs": {"packageName": "pulumi-harvester", "respectSchemaVersion": True},
        "python": {"packageName": "pulumi_harvester", "pyproject": {"enabled": True}, "respectSchemaVersion": True},
    },
}


def token(name: str) -> str:
    """The token of a resource or a type: `harvester:index:VirtualMachine`."""
    return f"{NAME}:index:{name}"


def schema_text(package: Package, version: str = "") -> str:
    """schema.json of the package; with the version where a plugin hands it out."""
    document = schema(package)
    if version:  # with it, generated SDKs are whole packages of their languages
        document |= {"version": version, "meta": {**document["meta"], "supportPack": True}}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def schema(package: Package) -> dict[str, Any]:
    """The document, with properties named in descriptions as they are on the wire."""
    package = spelled(package, lambda item: item.name)
    settings = _properties(package.settings)
    types = {name: _object(item) for name, item in package.objects.items()} | {name: _enum(item) for name, item in package.enums.items()}
    return _ABOUT | {
        "config": {"variables": settings, "defaults": [item.name for item in package.settings if not item.required]},
        "provider": {
            "description": "Which cluster, and how it is reached.",
            "inputProperties": settings,
            "requiredInputs": _required(package.settings),
        },
        "types": {token(name): item for name, item in sorted(types.items())},
        "resources": {token(name): _resource(package, item) for name, item in sorted(package.resources.items())},
        "functions": {token(name): item for name, item in sorted(_functions(package).items())},
    }


def _functions(package: Package) -> dict[str, Any]:
    return {
        name: {
            "description": item.description,
            "inputs": {"properties": _properties(item.inputs), "required": _required(item.inputs)},
            "outputs": {"properties": _properties(item.outputs), "required": [entry.name for entry in item.outputs if entry.always_there]},
        }
        for name, item in package.functions.items()
    }


def _resource(package: Package, item: Resource) -> dict[str, Any]:
    example = EXAMPLES.get(item.name)
    return {
        "description": f"{item.description}\n\n{usage(package, item, example)}" if example else item.description,
        "properties": _properties(item.state),
        "required": [entry.name for entry in item.state if entry.always_there],
        "inputProperties": _properties(item.inputs),
        "requiredInputs": _required(item.inputs),
    }


def _object(item: ObjectType) -> dict[str, Any]:
    return {
        "description": item.description,
        "type": "object",
        "properties": _properties(item.properties),
        "required": _required(item.properties),
    }


def _enum(item: EnumType) -> dict[str, Any]:
    about = {"description": item.description} if item.description else {}
    return about | {"type": "string", "enum": [{"value": value} for value in item.values]}


def _required(properties: Iterable[Property]) -> list[str]:
    return [item.name for item in properties if item.required]


def _properties(properties: Iterable[Property]) -> dict[str, Any]:
    return {item.name: _property(item) for item in properties}


def _property(item: Property) -> dict[str, Any]:
    out = _type(item.type) | {"description": item.description}
    if item.default is not None:
        out["default"] = item.default
    if item.secret:
        out["secret"] = True
    if item.replaces:
        out |= {"replaceOnChanges": True, "willReplaceOnChanges": True}
    return out


def _type(kind: Type) -> dict[str, Any]:
    match kind:
        case Primitive(name):
            return {"type": name}
        case Anything():
            return {"$ref": "pulumi.json#/Any"}
        case ListOf(items):
            return {"type": "array", "items": _type(items)}
        case MapOf(values):
            return {"type": "object", "additionalProperties": _type(values)}
        case ObjectRef(name) | EnumRef(name):
            return {"$ref": f"#/types/{token(name)}"}
