"""The roles in docs/rbac: none grants more than it names, and the page, the refusals and the files agree."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from harvester_provider.core.flavour import Flavour
from harvester_provider.resources.dialects import ANYWHERE, PLAIN
from harvester_provider.resources.functions import FUNCTIONS
from harvester_provider.resources.registry import KINDS
from harvester_provider.resources.roles import CLUSTER_ADMIN, ROLES, WITHOUT_HARVESTER, needs, roles

FOLDER = Path(__file__).parents[2] / "docs" / "rbac"
FILES = {path.stem: list(yaml.safe_load_all(path.read_text())) for path in FOLDER.glob("*.yaml")}
VERBS = {"get", "list", "watch", "create", "patch", "delete", "update", "bind"}
SECRETS_OF_ALL = {"imports"}
"""Files whose roles read the Secrets of all namespaces, and say so."""


def rules(file: str) -> list[dict[str, Any]]:
    return [rule for role in FILES[file] for rule in role["rules"]]


@pytest.mark.parametrize("file", sorted(FILES))
def test_no_role_has_a_wildcard_or_a_verb_that_the_provider_does_not_use(file: str) -> None:
    for rule in rules(file):
        assert rule.keys() <= {"apiGroups", "resources", "resourceNames", "verbs"}
        assert not [part for parts in rule.values() for part in parts if "*" in part]
        assert set(rule["verbs"]) <= VERBS
        assert ("bind" not in rule["verbs"]) or rule["resourceNames"], "who may give away any role has all of them"
        assert ("update" not in rule["verbs"]) or all("/" in resource for resource in rule["resources"])


@pytest.mark.parametrize("file", sorted(FILES.keys() - SECRETS_OF_ALL))
def test_secrets_are_those_of_a_namespace(file: str) -> None:
    for role in FILES[file]:
        everywhere = role["kind"] == "ClusterRole" and role["metadata"]["annotations"]["harvester.pulumi.com/bound"] == "cluster"
        assert not (everywhere and any("secrets" in rule["resources"] for rule in role["rules"]))


def test_each_name_is_there_once() -> None:
    names = [role["metadata"]["name"] for found in FILES.values() for role in found]
    assert len(names) == len(set(names))
    assert all(name.startswith("harvester-pulumi-") for name in names)


def test_every_kind_and_function_has_its_file_and_every_file_its_use() -> None:
    assert ROLES.keys() == set(KINDS)
    asked = {file for flavour in Flavour for name in (*KINDS, *FUNCTIONS) for file in roles(name, flavour)}
    assert asked - {CLUSTER_ADMIN} == FILES.keys() - {"imports"}


def test_without_harvester_a_kind_needs_what_stands_for_it_there() -> None:
    assert {name for name in KINDS if roles(name, Flavour.KUBEVIRT)[-1] == WITHOUT_HARVESTER} <= PLAIN.keys() | ANYWHERE
    assert needs("Image", Flavour.KUBEVIRT) == "Image needs the roles in docs/rbac/reads.yaml and docs/rbac/without-harvester.yaml"
    assert needs("PoorMansCluster", Flavour.KUBERNETES) == "PoorMansCluster needs the role cluster-admin"


def test_the_page_has_every_example() -> None:
    rows = re.findall(r"^\| (\d\d-[\w-]+) \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert rows == sorted(path.name for path in (FOLDER.parents[1] / "examples").iterdir())


def test_the_page_says_which_file_a_kind_needs() -> None:
    rows = re.findall(r"^\| ([\w, ]+) \| (?:\[([\w-]+)\.yaml\]|`(cluster-admin)`)", (FOLDER / "README.md").read_text(), re.MULTILINE)
    said = {kind: file or admin for kinds, file, admin in rows for kind in kinds.split(", ")}
    assert {kind: file for kind, file in said.items() if kind in KINDS} == dict(ROLES)
