"""The roles in docs/rbac are enough for a program, and what they do not allow is told by its name."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from declared import Estate, declared
from deployers import account, limited_workshop, read, without
from effect_cases import BASE, DATA, DISC, DRIVE, FIRST, HOT, ROOMY, ROOT, SECOND
from stack import Stack
from target import Target
from workshop import Made, furnish

from harvester_provider.core.errors import Forbidden, PlanRefused
from harvester_provider.core.json import dig_str
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.resources.apis import NODE, PCI_DEVICE_CLAIM
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.wiring import Clusters

PROGRAM = ("reads", "machines", "images", "networks")
"""The files of a program with machines in a namespace, and of what they are made of."""


@pytest.fixture
def limited(target: Target) -> Iterator[str]:
    """A kubeconfig of an account with these roles, in the namespace of the test."""
    with account(target, target.namespace, read(PROGRAM)) as kubeconfig:
        yield kubeconfig


def test_what_the_roles_do_not_allow_is_told_with_the_verb_and_the_kind(
    limited: str, target: Target, stack_of: Callable[..., Stack]
) -> None:
    program = Path(__file__).parent / "programs" / "declared"
    here = Estate(target, stack_of(program, **{"harvester:kubeconfig": limited}))
    here.declare(declared("ClusterNetwork", "forbidden"))
    output = here.stack.fails("up", "--yes", "--skip-preview")
    assert 'cannot create resource "clusternetworks"' in output
    assert "docs/rbac/cluster-networks.yaml" in output


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
    async with limited_workshop(cluster, read(PROGRAM)) as (everything, shop):
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
    async with limited_workshop(simulated, read(PROGRAM)) as (_, shop):
        machine = await shop.make("VirtualMachine", "vm", **STILL)
        starts = await machine.starts()
        for edit in ({"paused": True}, {"restartTrigger": "1"}):
            await machine.up(**STILL, **edit)
        assert await machine.starts() == starts
        await machine.destroy()


async def test_devices_of_nodes_need_a_role_of_their_own_and_machines_that_use_them_none(simulated: Target) -> None:
    card, sibling = {"name": "node3-000004000", "deviceName": "nvidia.com/GA102GL_A10"}, Ref(PCI_DEVICE_CLAIM, "node3-000004001")
    async with limited_workshop(simulated, read(("reads", "devices"))) as (_, shop):
        claim = Made(shop, "PciDeviceClaim", card["name"])
        await claim.make()
        await claim.destroy()
    async with limited_workshop(simulated, read(PROGRAM)) as (everything, shop):
        with pytest.raises(Forbidden, match=r"\"pcidevice(claim)?s\".* docs/rbac/devices.yaml"):
            await shop.make("PciDeviceClaim", card["name"])
        await everything.make("PciDeviceClaim", card["name"])
        machine = await shop.make("VirtualMachine", "vm", **{**BASE, "networkInterfaces": [], "hostDevices": [card]})
        await machine.destroy()
        await everything.cluster.delete(sibling, "Background")


GUARDED: dict[str, Any] = {**BASE, "networkInterfaces": [], "disks": [{"name": "data", "size": "1Gi", "onDelete": "delete-backed-up"}]}


async def test_what_guards_volumes_reads_backups_and_deletes_nothing_where_it_may_not(simulated: Target) -> None:
    blind = without(read(PROGRAM), "virtualmachinebackups", "list")
    async with limited_workshop(simulated, read(PROGRAM)) as (everything, shop):
        machine = await shop.make("VirtualMachine", "vm", **GUARDED)
        with pytest.raises(PlanRefused, match="no ready backup holds it"):
            await machine.destroy()
        with account(simulated, shop.namespace, blind, "blind") as kubeconfig:
            clusters = Clusters(ProviderSettings(kubeconfig=kubeconfig))
            try:
                seeing_none = replace(machine, shop=replace(shop, cluster=await clusters.get(None)))
                with pytest.raises(Forbidden, match=r"cannot list resource .virtualmachinebackups.* docs/rbac/machines.yaml"):
                    await seeing_none.destroy()
            finally:
                await clusters.close()
        assert not await machine.gone()
        assert await everything.has_claim(machine.state["volumes"]["data"])
        await machine.up(**{**GUARDED, "disks": [{**GUARDED["disks"][0], "onDelete": "delete"}]})
        await machine.destroy()
