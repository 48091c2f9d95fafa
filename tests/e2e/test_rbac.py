"""The roles in docs/rbac are enough for a program, and what they do not allow is told by its name."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from declared import Estate, declared
from kubernetes import client, utils
from stack import Stack
from target import Target

ROLES = Path(__file__).resolve().parents[2] / "docs" / "rbac"
ACCOUNT = "deployer"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROLES / name).read_text()))


@pytest.fixture
def limited(target: Target) -> Iterator[str]:
    """A kubeconfig of an account that has the roles of a program with machines, in the test's namespace."""
    rbac = client.RbacAuthorizationV1Api(target.api)
    made = [role["metadata"]["name"] for role in documents("machines.yaml")]
    for role in documents("machines.yaml"):
        if not any(found.metadata.name == role["metadata"]["name"] for found in rbac.list_cluster_role().items):
            utils.create_from_dict(target.api, role)
    target.core.create_namespaced_service_account(target.namespace, {"metadata": {"name": ACCOUNT}})
    subjects = [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": target.namespace}]
    everywhere = f"{target.namespace}-reads"
    rbac.create_cluster_role_binding({"metadata": {"name": everywhere}, "roleRef": reference(made[0]), "subjects": subjects})
    try:
        body = {"metadata": {"name": ACCOUNT}, "roleRef": reference(made[1]), "subjects": subjects}
        rbac.create_namespaced_role_binding(target.namespace, body)
        asked = {"spec": {"expirationSeconds": 3600, "audiences": None}}
        token = target.core.create_namespaced_service_account_token(ACCOUNT, target.namespace, asked).status.token
        config = yaml.safe_load(target.kubeconfig)
        for user in config["users"]:
            user["user"] = {"token": token}
        yield json.dumps(config)
    finally:
        rbac.delete_cluster_role_binding(everywhere)


def reference(role: str) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}


def test_a_program_with_machines_needs_no_more_than_its_roles(limited: str, target: Target, stack_of: Callable[..., Stack]) -> None:
    stack = stack_of("03-change-a-nic")
    stack.configure({"harvester:kubeconfig": limited})
    stack.up()
    stack.shows_no_change()
    stack.configure({"secondNic": "vlanA"})
    stack.up()
    stack.refresh_shows_no_drift()
    stack.destroy()
    assert target.leftovers() == []


def test_what_the_roles_do_not_allow_is_told_with_the_verb_and_the_kind(
    limited: str, target: Target, stack_of: Callable[..., Stack]
) -> None:
    program = Path(__file__).parent / "programs" / "declared"
    here = Estate(target, stack_of(program, **{"harvester:kubeconfig": limited}))
    here.declare(declared("ClusterNetwork", "forbidden"))
    output = here.stack.fails("up", "--yes", "--skip-preview")
    assert "clusternetworks" in output
    assert "cannot create" in output
