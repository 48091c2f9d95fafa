"""Makes what `resources.json` lists: kind, name, inputs; reads what has a "get" with an ID instead.

An input {"$of": "image.id"} is an output of another of them; "after" names those that must be there before; "options" are Pulumi's own.
"""

import json
from pathlib import Path
from typing import Any

import pulumi

import pulumi_harvester as harvester

made: dict[str, Any] = {}


def value(given: Any) -> Any:
    if isinstance(given, dict) and "$of" in given:
        name, output = given["$of"].split(".")
        return getattr(made[name], output)
    if isinstance(given, dict):
        return {key: value(item) for key, item in given.items()}
    return [value(item) for item in given] if isinstance(given, list) else given


for entry in json.loads(Path("resources.json").read_text()):
    kind = getattr(harvester, entry["kind"])
    name = entry["name"]
    options = pulumi.ResourceOptions(depends_on=[made[other] for other in entry.get("after", [])], **entry.get("options", {}))
    made[name] = kind.get(name, entry["get"]) if "get" in entry else kind(name, **value(entry["inputs"]), opts=options)

for name, resource in made.items():
    pulumi.export(
        name,
        {
            "id": resource.id,
            **({"interfaces": resource.interfaces, "volumes": resource.volumes} if hasattr(resource, "interfaces") else {}),
        },
    )
