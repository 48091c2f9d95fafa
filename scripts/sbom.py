"""Writes dist/sbom.cdx.json, the SBOM in CycloneDX 1.6: the packages of requirements.lock, and who needs them as they say themselves.

Nothing in it depends on when or where it is written, so that anybody can write the same file from the same commit.
"""

import hashlib
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
OUT = ROOT / "dist" / "sbom.cdx.json"
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(?:;\s*([^\\]+?))?\s*\\?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Package:
    """A locked package. `hashes` are those of all its files; `marker` says on which systems it is used, empty for all."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def locked(text: str) -> Iterator[Package]:
    """The packages of a lock file. Raises ValueError for a line that is none of its form."""
    for block in re.split(r"\n(?=\S)", text.strip()):
        head, *rest = block.splitlines()
        found = _ENTRY.match(head)
        if found is None:
            raise ValueError(f"requirements.lock: {head!r} is no locked package")
        hashes = tuple(_HASH.findall("\n".join(rest)))
        yield Package(str(canonicalize_name(found[1])), found[2], (found[3] or "").strip(), hashes)


def needs(requirement: Requirement) -> Iterator[Requirement]:
    """What a package needs here, as it says itself; nothing of one that is not installed."""
    try:
        given = requires(requirement.name) or []
    except PackageNotFoundError:
        return
    for text in given:
        needed = Requirement(text)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)):
            yield needed


def closure(roots: Iterable[str]) -> set[str]:
    """The names of some requirements and of all that they need."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(text) for text in roots]
    while waiting:
        requirement = waiting.pop()
        key = (str(canonicalize_name(requirement.name)), frozenset(requirement.extras))
        if key not in seen:
            seen.add(key)
            waiting.extend(needs(requirement))
    return {name for name, _ in seen}


def component(package: Package, scope: str) -> Mapping[str, Any]:
    """A package as CycloneDX has it."""
    found: dict[str, Any] = {
        "type": "library", "bom-ref": package.purl, "name": package.name, "version": package.version, "scope": scope,
        "hashes": [{"alg": "SHA-256", "content": content} for content in package.hashes], "purl": package.purl,
    }  # fmt: skip
    if package.marker:
        found["properties"] = [{"name": "pulumi-harvester:marker", "value": package.marker}]
    return found


def document() -> Mapping[str, Any]:
    """The whole SBOM. `required` is what every installation has, `optional` what the local Harvester needs on top, `excluded` the rest,
    which only tests and checks use."""
    text = LOCK.read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required, optional = closure(project["dependencies"]), closure(project["optional-dependencies"]["local"])
    packages = sorted(locked(text), key=lambda each: (each.name, each.version))

    def scope(name: str) -> str:
        return "required" if name in required else "optional" if name in optional else "excluded"

    own = f"pkg:pypi/{project['name']}@{project['version']}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, own + hashlib.sha256(text.encode()).hexdigest())}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library", "bom-ref": own, "name": project["name"], "version": project["version"], "purl": own,
                "licenses": [{"license": {"id": project["license"]}}],
            },
        },
        "components": [component(package, scope(package.name)) for package in packages],
        "dependencies": [{"ref": own, "dependsOn": sorted(each.purl for each in packages if scope(each.name) != "excluded")}],
    }  # fmt: skip


def main() -> int:
    """Write it, and say how many packages are in it."""
    found = document()
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{OUT.relative_to(ROOT)}: {len(found['components'])} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
