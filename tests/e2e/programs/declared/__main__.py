"""Makes what `resources.json` lists: kind, name, inputs; reads what has a "get" with an ID instead.

An input {"$of": "image.id"} is an output of another of them, {"$secret": "text"} a secret of the program's; "after" names those that must be
there before, "create" is how long its making may take; "options" are Pulumi's own.
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
    if isinstance(given, dict) and "$secret" in given:
        return pulumi.Output.secret(given["$secret"])
    if isinstance(given, dict):
        return {key: value(item) for key, item in given.items()}
    return [value(item) for item in given] if isinstance(given, list) else given


for entry in json.loads(Path("resources.json").read_text()):
    kind = getattr(harvester, entry["kind"])
    name = entry["name"]
    patience = pulumi.CustomTimeouts(create=entry["create"]) if "create" in entry else None
    before = [made[other] for other in entry.get("after", [])]
    options = pulumi.ResourceOptions(depends_on=before, custom_timeouts=patience, **entry.get("options", {}))
    made[name] = kind.get(name, entry["get"]) if "get" in entry else kind(name, **value(entry["inputs"]), opts=options)

for name, resource in made.items():
    pulumi.export(
        name,
        {
            "id": resource.id,
            **({"interfaces": resource.interfaces, "volumes": resource.volumes} if hasattr(resource, "interfaces") else {}),
        },
    )
