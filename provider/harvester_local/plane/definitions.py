"""Installing the CustomResourceDefinitions: those of a folder, and the built-in ones that it lacks.

Ends when each is served, so that everything after it finds its kinds. Knows no kind by name.
"""

import asyncio
from pathlib import Path
from typing import Any

import yaml

from harvester_local.api.client import Api, ApiError
from harvester_local.api.kinds import CRD, in_plain
from harvester_local.api.objects import Key, Obj

BUILT_IN = Path(__file__).parent.parent / "crds"
_AT_ONCE = 8
_PAUSE_SECONDS = 0.05
_SERVED_WITHIN_SECONDS = 60.0


def read_definitions(folder: Path) -> list[Obj]:
    """Every CustomResourceDefinition in the folder's *.yaml files, in the order of their names."""
    found: list[Obj] = []
    for path in sorted(folder.glob("*.yaml")):
        documents = yaml.load_all(path.read_text(), _loader())
        found += [_lean(d) for d in documents if isinstance(d, dict) and d.get("kind") == "CustomResourceDefinition"]
    if not found:
        raise ValueError(f"{folder}: holds no CustomResourceDefinition: give a folder of *.yaml files that do")
    return found


def _loader() -> type[yaml.SafeLoader]:
    """The C loader where PyYAML has it: upstream's definitions are megabytes."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _lean(definition: Obj) -> Obj:
    """Without what only a release process or an API server writes, and without the schema's texts for people.

    No rule depends on these texts, and they are two thirds of upstream's definitions.
    """
    definition.pop("status", None)
    for version in definition["spec"]["versions"]:
        _drop_descriptions(version.get("schema"))
    return definition


def _drop_descriptions(schema: Any) -> None:
    """In place. What is no text is the schema of a field of that name."""
    if isinstance(schema, list):
        for each in schema:
            _drop_descriptions(each)
    elif isinstance(schema, dict):
        if isinstance(schema.get("description"), str):
            del schema["description"]
        for each in schema.values():
            _drop_descriptions(each)


async def install_definitions(api: Api, folder: Path | None, *, plain: bool = False) -> int:
    """Create or update the definitions and wait until each is served; their number."""
    definitions = await asyncio.to_thread(_chosen, folder)
    if plain:
        definitions = [each for each in definitions if in_plain(each["spec"]["group"])]
    slots = asyncio.Semaphore(_AT_ONCE)

    async def install(definition: Obj) -> None:
        async with slots:
            await _put(api, definition)
            await _served(api, definition)

    async with asyncio.timeout(_SERVED_WITHIN_SECONDS), asyncio.TaskGroup() as group:
        for definition in definitions:
            group.create_task(install(definition))
    return len(definitions)


def _chosen(folder: Path | None) -> list[Obj]:
    """The built-in definitions, or those of the folder with the built-in ones that it lacks."""
    built_in = read_definitions(BUILT_IN)
    given = read_definitions(folder) if folder else []
    names = {definition["metadata"]["name"] for definition in given}
    return given + [definition for definition in built_in if definition["metadata"]["name"] not in names]


async def _put(api: Api, definition: Obj) -> None:
    try:
        await api.create(CRD, definition)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        known = await api.get(CRD, Key("", definition["metadata"]["name"]))
        if known["spec"]["versions"] != definition["spec"]["versions"]:
            version = known["metadata"]["resourceVersion"]
            await api.replace(CRD, {**definition, "metadata": {**definition["metadata"], "resourceVersion": version}})


async def _served(api: Api, definition: Obj) -> None:
    """Wait until the kind's first list is answered; before that the server says 404 or 429."""
    spec = definition["spec"]
    version = next(v["name"] for v in spec["versions"] if v["storage"])
    path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}?limit=1"
    while not await _answers(api, path):  # noqa: ASYNC110  the API server has no event for it
        await asyncio.sleep(_PAUSE_SECONDS)


async def _answers(api: Api, path: str) -> bool:
    try:
        await api.call("GET", path)
    except ApiError as error:
        if error.status not in {404, 429}:
            raise
        return False
    return True
