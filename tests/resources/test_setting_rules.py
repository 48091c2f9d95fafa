"""What Harvester refuses of a setting because of the cluster as it is, said before it is asked."""

import json
from typing import Any

import pytest
from small_kinds import OWNER

from harvester_provider.core.json import Object
from harvester_provider.core.ref import Listing, Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import LONGHORN_NODE, NODE, SETTING, VIRTUAL_MACHINE, VOLUME_SNAPSHOT_CLASS
from harvester_provider.resources.previous import PREVIOUS
from harvester_provider.resources.setting import KIND, SettingInputs
from harvester_provider.resources.setting_rules import refusal, wants


def network(subnet: str = "10.5.0.0/24", **more: Any) -> str:
    return json.dumps({"vlan": 5, "clusterNetwork": "fast", "range": subnet, **more})


def machine(name: str, status: str) -> Object:
    return {"metadata": {"name": name, "namespace": "default"}, "status": {"printableStatus": status}}


def node(name: str, address: str, **labels: str) -> Object:
    return {"metadata": {"name": name, "labels": labels}, "status": {"addresses": [{"type": "InternalIP", "address": address}]}}


def seen(*machines: Object, **settings: Object) -> Snapshot:
    """Three nodes with one disk each, of which one is a witness, and one class of snapshots; settings by name with `_` for `-`."""
    disks = ({"spec": {"disks": {"a": {}}}},) * 3
    nodes = (node("node1", "10.0.0.1"), node("node2", "10.0.0.2"), node("node3", "10.0.0.3", **{"node-role.harvesterhci.io/witness": ""}))
    objects: dict[Ref, Object | None] = {Ref(SETTING, name.replace("_", "-")): body for name, body in settings.items()}
    listings = {
        Listing(VIRTUAL_MACHINE): machines,
        Listing(NODE): nodes,
        Listing(LONGHORN_NODE, "longhorn-system"): disks,
        Listing(VOLUME_SNAPSHOT_CLASS): ({"metadata": {"name": "longhorn"}},),
    }
    return Snapshot(objects, listings)


def proxy(*direct: str) -> str:
    return json.dumps({"httpProxy": "http://proxy:3128", "noProxy": ",".join(direct)})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("storage-network", network("10.5.0.0/28"), ""),
        ("storage-network", network("10.5.0.0/29"), "its range has 6 addresses, and this cluster needs 12: two for each node"),
        ("storage-network", network("10.5.0.0/28", exclude=["10.5.0.8/29"]), "has 7 addresses"),
        ("vm-migration-network", network("10.5.0.0/30"), ""),
        ("vm-migration-network", network("10.5.0.0/31", exclude=["10.5.0.0/32"]), "needs 2: one for each node"),
        ("http-proxy", proxy("10.0.0.0/24"), ""),
        ("http-proxy", proxy("10.0.0.1", " 10.0.0.3", "example.org"), "by address or subnet: 10.0.0.2 are missing"),
        ("http-proxy", json.dumps({"noProxy": ""}), ""),
        ("volume-snapshot-class", "longhorn", ""),
        ("volume-snapshot-class", "fast", "there is no VolumeSnapshotClass fast: there are longhorn"),
        ("log-level", "debug", ""),
    ],
)
def test_a_value_that_the_cluster_cannot_have_is_told_with_the_reason(name: str, value: str, words: str) -> None:
    said = refusal(name, value, seen())
    assert words in said if words else not said


def test_the_storage_network_is_not_changed_under_machines() -> None:
    cluster = seen(machine("web", "Running"), machine("old", "Stopped"), machine("db", "Starting"), storage_network={"value": network()})
    assert "stop default/db, default/web first" in refusal("storage-network", "", cluster)
    assert not refusal("storage-network", network(), cluster), "the same value is no change"
    assert not refusal("storage-network", "", seen(machine("old", "Stopped"), storage_network={"value": network()}))


def test_networks_of_the_nodes_do_not_share_addresses() -> None:
    cluster = seen(vm_migration_network={"value": network("10.5.0.0/25")})
    assert "has addresses of vm-migration-network in it" in refusal("storage-network", network("10.5.0.0/24"), cluster)
    assert not refusal("storage-network", network("10.5.0.0/24", exclude=["10.5.0.0/25"]), cluster)


def test_a_change_that_is_still_carried_out_is_waited_for_unless_it_is_taken_back() -> None:
    busy = {"type": "configured", "status": "False", "reason": "In Progress", "message": "Stopping pods"}
    cluster = seen(storage_network={"value": network(), "status": {"conditions": [busy]}})
    assert "(Stopping pods): wait for it" in refusal("storage-network", network("10.6.0.0/24"), cluster)
    assert not refusal("storage-network", "", cluster)


def test_a_setting_refuses_in_its_plans_before_anything_is_written() -> None:
    given = SettingInputs.model_validate({"name": "storage-network", "value": network(), "owner": OWNER})
    ref = KIND.ref(given)
    running = seen(machine("web", "Running"), storage_network={"value": ""})
    assert set(wants(["storage-network"])) <= {*KIND.reads(ref, given, running)}
    plan = KIND.update(given.updated(value=""), given, running)
    assert not plan.steps
    assert [(change.property, "all machines are off" in change.why) for change in plan.refused] == [("value", True)]
    note = {"metadata": {"annotations": {PREVIOUS: '{"value":""}'}}, "value": network()}
    back = KIND.delete(given, seen(machine("web", "Running"), storage_network=note))
    assert "cannot go back" in back.refused[0].why
