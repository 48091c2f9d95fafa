"""Accounts that have the roles of docs/rbac and no others: what programs are run as.

Roles and bindings have names of their own for each account and go with it, so that nobody else's change what it may do.
"""

import copy
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client
from target import Target, newcomer, until_allowed
from workshop import Workshop

from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.wiring import Clusters

FILES = Path(__file__).resolve().parents[2] / "docs" / "rbac"
BOUND = "harvester.pulumi.com/bound"
"""Annotation that says where a ClusterRole is bound: `cluster`, or `namespace` for each of a program's own."""
NAME = "deployer"
Role = dict[str, Any]


def documents(file: str) -> list[Role]:
    """The roles of a file."""
    return list(yaml.safe_load_all((FILES / f"{file}.yaml").read_text()))


def read(files: Iterable[str]) -> list[Role]:
    """The roles of some files, each once."""
    return [role for file in dict.fromkeys(files) for role in documents(file)]


def of_example(example: str) -> tuple[list[Role], list[Role]]:
    """The roles that the page gives an example: on the Harvester, and on the Rancher."""
    (row,) = [line for line in (FILES / "README.md").read_text().splitlines() if line.startswith(f"| {example} |")]
    harvester, rancher = (re.findall(r"[a-z-]+", cell.partition(";")[0]) for cell in row.split("|")[2:4])
    return read(("reads", *harvester)), read(rancher)


def without(roles: Sequence[Role], resource: str, verb: str) -> list[Role]:
    """The roles with a verb on a kind of object taken away."""
    left = copy.deepcopy(list(roles))
    for rule in (rule for role in left for rule in role["rules"] if resource in rule["resources"]):
        rule["verbs"] = [each for each in rule["verbs"] if each != verb]
    for role in left:
        role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]
    return left


@contextmanager
def account(target: Target, namespace: str, roles: Sequence[Role], name: str = NAME) -> Iterator[str]:
    """The kubeconfig of a new account with the roles, from the moment on when the cluster knows of them."""
    kubeconfig = newcomer(target, namespace, name)
    with ExitStack() as stack:
        for role in roles:
            stack.enter_context(_granted(target, namespace, name, role))
        yield kubeconfig


@contextmanager
def deployer(target: Target, example: str, name: str) -> Iterator[dict[str, str]]:
    """The settings of an example that is run with no more roles than the page says."""
    harvester, rancher = of_example(example)
    with account(target, target.namespace, harvester, name) as kubeconfig:
        if not (rancher and target.local):
            yield {"harvester:kubeconfig": kubeconfig}
            return
        with account(target, target.namespace, rancher, f"{name}-on-rancher") as other:
            yield {
                "harvester:kubeconfig": kubeconfig,
                "harvester:clusters": json.dumps({"rancher": {**target.rancher, "token": token(other)}}),
            }


@asynccontextmanager
async def limited_workshop(target: Target, roles: Sequence[Role]) -> AsyncIterator[tuple[Workshop, Workshop]]:
    """A workshop of somebody who may do everything, and one in the same namespace whose account has the roles."""
    async with Workshop.on(target, f"roles-{uuid.uuid4().hex[:6]}") as shop:
        with account(target, shop.namespace, roles) as kubeconfig:
            clusters = Clusters(
                ProviderSettings(kubeconfig=kubeconfig, endpoint=target.endpoint or None, endpoint_ca=target.endpoint_ca or None)
            )
            try:
                yield shop, replace(shop, cluster=await clusters.get(None))
            finally:
                await clusters.close()


def token(kubeconfig: str) -> str:
    """The token in it."""
    return str(yaml.safe_load(kubeconfig)["users"][0]["user"]["token"])


@contextmanager
def _granted(target: Target, namespace: str, name: str, role: Role) -> Iterator[None]:
    rbac = client.RbacAuthorizationV1Api(target.api)
    meta = {"name": f"{namespace}-{name}-{role['metadata']['name']}"}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    bound = {
        "metadata": meta, "subjects": [subject],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": meta["name"]},
    }  # fmt: skip
    where = role["metadata"].get("namespace", "")
    with ExitStack() as stack:

        def made(make: Callable[..., Any], remove: Callable[..., Any], *arguments: Any) -> None:
            make(*arguments)
            stack.callback(remove, meta["name"], *arguments[:-1])

        if where:
            made(rbac.create_namespaced_role, rbac.delete_namespaced_role, where, {"metadata": meta, "rules": role["rules"]})
        else:
            made(rbac.create_cluster_role, rbac.delete_cluster_role, {"metadata": meta, "rules": role["rules"]})
            where = namespace if role["metadata"]["annotations"][BOUND] == "namespace" else ""
        if where:
            made(rbac.create_namespaced_role_binding, rbac.delete_namespaced_role_binding, where, bound)
        else:
            made(rbac.create_cluster_role_binding, rbac.delete_cluster_role_binding, bound)
        rule = role["rules"][0]
        asked = {"verb": rule["verbs"][0], "group": rule["apiGroups"][0], "resource": rule["resources"][0], "namespace": where}
        until_allowed(target, subject, {**asked, "name": rule.get("resourceNames", [""])[0]})
        yield
