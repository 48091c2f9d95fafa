"""The roles in docs/rbac are enough for a program, and what they do not allow is told by its name."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from declared import Estate, declared
from effect_cases import BASE, DATA, DISC, DRIVE, FIRST, HOT, ROOMY, ROOT, SECOND
from kubernetes import client
from kubernetes.client.rest import ApiException
from stack import Stack
from target import Target, newcomer
from workshop import Made, Workshop, furnish

from harvester_provider.core.errors import Forbidden
from harvester_provider.core.json import dig_str
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.resources.apis import NODE, PCI_DEVICE_CLAIM
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.wiring import Clusters

ROLES = Path(__file__).resolve().parents[2] / "docs" / "rbac"
ACCOUNT = "deployer"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROLES / name).read_text()))


@contextmanager
def account(target: Target, namespace: str, *everywhere: str) -> Iterator[str]:
    """A kubeconfig of an account that has the roles of a program with machines in a namespace, and more roles in the whole cluster."""
    rbac = client.RbacAuthorizationV1Api(target.api)
    reads, machines, *more = roles(target, "machines.yaml", *everywhere)
    kubeconfig = newcomer(target, namespace, ACCOUNT)
    subjects = [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}]
    body = {"metadata": {"name": ACCOUNT}, "roleRef": reference(machines), "subjects": subjects}
    rbac.create_namespaced_role_binding(namespace, body)
    names = [f"{namespace}-{role}" for role in (reads, *more)]
    for name, role in zip(names, (reads, *more), strict=True):
        rbac.create_cluster_role_binding({"metadata": {"name": name}, "roleRef": reference(role), "subjects": subjects})
    try:
        yield kubeconfig
    finally:
        for name in names:
            rbac.delete_cluster_role_binding(name)


def roles(target: Target, *files: str) -> list[str]:
    """The names of the roles in the files, which are in the cluster from now on. Other tests may make the same ones."""
    rbac = client.RbacAuthorizationV1Api(target.api)
    found = [role for name in files for role in documents(name)]
    for role in found:
        try:
            rbac.create_cluster_role(role)
        except ApiException as error:
            if error.status != 409:
                raise
    return [role["metadata"]["name"] for role in found]


@pytest.fixture
def limited(target: Target) -> Iterator[str]:
    """A kubeconfig of such an account, in the namespace of the test."""
    with account(target, target.namespace) as kubeconfig:
        yield kubeconfig


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


@asynccontextmanager
async def limited_workshop(target: Target, *everywhere: str) -> AsyncIterator[tuple[Workshop, Workshop]]:
    """A workshop of somebody who may do everything, and one in the same namespace whose account has the roles."""
    async with Workshop.on(target, f"roles-{uuid.uuid4().hex[:6]}") as shop:
        with account(target, shop.namespace, *everywhere) as kubeconfig:
            clusters = Clusters(
                ProviderSettings(kubeconfig=kubeconfig, endpoint=target.endpoint or None, endpoint_ca=target.endpoint_ca or None)
            )
            try:
                yield shop, replace(shop, cluster=await clusters.get(None))
            finally:
                await clusters.close()


async def test_what_is_done_to_a_running_machine_needs_no_more_than_the_roles(cluster: Target) -> None:
    """Devices, CPUs, memory and media come and go, a volume grows and moves to another class, the guest moves and is stopped for a change."""
    before = {**BASE, **ROOMY, "disks": [ROOT, DATA, DRIVE], "sysprep": {"autounattend": "<a/>"}}
    edits: tuple[dict[str, Any], ...] = (
        {"networkInterfaces": [FIRST, SECOND], "cpu": 2, "memory": "1536Mi"},
        {"networkInterfaces": [FIRST], "disks": [{**ROOT, "size": "2Gi"}, DATA, DISC, HOT]},
        {"disks": [{**ROOT, "size": "2Gi"}, DATA, DRIVE]},
        {"disks": [{**ROOT, "size": "2Gi"}, {**DATA, "storageClass": "~-fast"}, DRIVE]},
        {"sysprep": {"autounattend": "<b/>"}, "nodeSelector": {"kubernetes.io/os": "linux"}},
        {"hostname": "shop", "priorityClass": "system-cluster-critical"},
    )
    async with limited_workshop(cluster) as (everything, shop):
        await furnish(everything, cluster.image_url)
        machine = await shop.make("VirtualMachine", "vm", **before)
        await machine.settled(restart_required=False)
        now = before
        for edit in edits:
            now = {**now, **edit}
            expected = (await machine.preview(**now)).plan
            assert not expected.refused
            starts = await machine.starts()
            await machine.up(**now)
            assert await machine.starts() - starts == int(expected.effect.stops_guest)
            assert await machine.drift() == []
        await machine.settled(restart_required=False)
        nodes = {dig_str(node, "metadata", "name") for node in await shop.cluster.list(Listing(NODE))}
        await machine.up(**now, migrateTo=max(nodes - {machine.state["nodeName"]}))
        assert machine.state["nodeName"] == machine.state["migrateTo"]
        await machine.destroy()


STILL: dict[str, Any] = {**BASE, "networkInterfaces": [], "restartMode": "soft"}


async def test_verbs_of_a_running_guest_need_no_more_than_the_roles(simulated: Target) -> None:
    async with limited_workshop(simulated) as (_, shop):
        machine = await shop.make("VirtualMachine", "vm", **STILL)
        starts = await machine.starts()
        for edit in ({"paused": True}, {"restartTrigger": "1"}):
            await machine.up(**STILL, **edit)
        assert await machine.starts() == starts
        await machine.destroy()


async def test_devices_of_nodes_need_a_role_of_their_own_and_machines_that_use_them_none(simulated: Target) -> None:
    card, sibling = {"name": "node3-000004000", "deviceName": "nvidia.com/GA102GL_A10"}, Ref(PCI_DEVICE_CLAIM, "node3-000004001")
    async with limited_workshop(simulated, "devices.yaml") as (_, shop):
        claim = Made(shop, "PciDeviceClaim", card["name"])
        await claim.make()
        await claim.destroy()
    async with limited_workshop(simulated) as (everything, shop):
        with pytest.raises(Forbidden, match="pcideviceclaims"):
            await shop.make("PciDeviceClaim", card["name"])
        await everything.make("PciDeviceClaim", card["name"])
        machine = await shop.make("VirtualMachine", "vm", **{**BASE, "networkInterfaces": [], "hostDevices": [card]})
        await machine.destroy()
        await everything.cluster.delete(sibling, "Background")
