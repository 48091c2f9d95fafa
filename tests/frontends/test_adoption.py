"""From a cluster to a program: what is adopted, what is left out and why, and that the program declares just that."""

import ast
import json
from pathlib import Path

import pytest
from fake_cluster import FakeCluster, Heard, merged
from machine_room import SAMPLE, MachineRoom

from harvester_provider.cli.adopt import save
from harvester_provider.cli.program import write
from harvester_provider.core.errors import NotHarvester
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.engine.estate import Estate, survey
from harvester_provider.resources.apis import (
    ADDON,
    BACKUP,
    CLUSTER_NETWORK,
    IMAGE,
    NAMESPACE,
    NODE,
    SECRET,
    SERVICE_ACCOUNT,
    SETTING,
    SRIOV_NETWORK_DEVICE,
    VIRTUAL_MACHINE,
)
from harvester_provider.resources.registry import KINDS

SOME = {name: KINDS[name] for name in ("CloudInit", "ClusterNetwork", "Image", "SshKey", "VirtualMachine")}
NFS = json.dumps({"type": "nfs", "endpoint": "nfs://10.0.0.1:/backups"})
CLOUD_CONFIG = "I2Nsb3VkLWNvbmZpZwp7fQo="
PLANTED = "#cloud-config\npassword: correct-horse\n"


@pytest.fixture
async def room() -> MachineRoom:
    room = MachineRoom()
    for ref in list(room.objects):
        if ref.api == IMAGE:
            room.place(ref, {**room.objects[ref], "spec": {"displayName": ref.name, "sourceType": "download", "url": "http://x/y.qcow2"}})
    await verbs.create(KINDS["VirtualMachine"], room, {**SAMPLE, "cloudInit": {"userData": PLANTED}}, Heard())
    return room


async def adopted(cluster: FakeCluster, *namespaces: str) -> Estate:
    return await survey(SOME, cluster, namespaces)


async def test_a_machine_its_image_and_their_link_become_a_program(room: MachineRoom) -> None:
    found = await adopted(room)
    assert {(each.kind.name, each.ref.id) for each in found.adopted} >= {("VirtualMachine", "default/vm1"), ("Image", "default/leap")}
    program = write(found.adopted)
    tree = ast.parse(program.text)
    assigned = [node.targets[0].id for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)]
    assert assigned.index("leap") < assigned.index("vm1")
    assert "image=leap.id" in program.text
    assert {"type": "harvester:index:VirtualMachine", "name": "vm1", "id": "default/vm1"} in program.imports


async def test_secrets_are_in_the_configuration_and_not_in_the_program(room: MachineRoom, tmp_path: Path) -> None:
    found = await adopted(room)
    program = write(found.adopted)
    assert "correct-horse" not in program.text
    assert program.secrets == {"vm1-cloud_init-user_data": PLANTED}
    assert "config.require_secret('vm1-cloud_init-user_data')" in program.text
    save(tmp_path / "shop", program, found)
    secrets = tmp_path / "shop" / "secrets.json"
    assert secrets.stat().st_mode & 0o077 == 0
    assert json.loads(secrets.read_text()) == {"shop:vm1-cloud_init-user_data": {"value": PLANTED, "secret": True}}
    assert "secrets.json" in (tmp_path / "shop" / ".gitignore").read_text()


async def test_what_belongs_to_others_or_to_the_cluster_is_left_out_with_the_reason(room: MachineRoom) -> None:
    room.place(Ref(CLUSTER_NETWORK, "mgmt"), {})
    room.place(Ref(CLUSTER_NETWORK, "going"), {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    room.place(Ref(SECRET, "tls", "default"), {"data": {"tls.crt": "eA=="}})
    room.place(Ref(IMAGE, "hidden", "harvester-system"), {"spec": {"url": "http://x/y"}})
    found = await adopted(room)
    reasons = {each.what: each.why for each in found.left_out}
    assert reasons["ClusterNetwork mgmt"] == "it comes with the cluster"
    assert reasons["ClusterNetwork going"] == "it is being deleted"
    assert any("it belongs to VirtualMachine vm1" in why for what, why in reasons.items() if what.startswith("CloudInit"))
    assert not [what for what in reasons if "tls" in what or "hidden" in what]


async def test_each_object_becomes_a_resource_of_one_kind_also_where_kinds_share_an_api() -> None:
    cluster = FakeCluster()
    for name in ("kube-system", "cattle-system", "team"):
        cluster.place(Ref(NAMESPACE, name), {})
    for name, value in (("log-level", "debug"), ("ntp-servers", ""), ("server-version", "v1.8.0"), ("backup-target", NFS)):
        cluster.place(Ref(SETTING, name), {"value": value})
    for name, keys in (("tls", ("tls.crt",)), ("data", ("userdata",)), ("other", ("userdata", "kubeconfig"))):
        cluster.place(Ref(SECRET, name, "team"), {"data": dict.fromkeys(keys, CLOUD_CONFIG)})
    cluster.place(Ref(SERVICE_ACCOUNT, "default", "team"), {})
    cluster.place(Ref(NODE, "node-1"), {})
    for name, enabled in (("on", True), ("off", False)):
        cluster.place(Ref(ADDON, name, "harvester-system"), {"spec": {"enabled": enabled}})
    for name, functions in (("split", 4), ("whole", 0)):
        cluster.place(Ref(SRIOV_NETWORK_DEVICE, name), {"spec": {"numVFs": functions}})
    cluster.place(Ref(VIRTUAL_MACHINE, "vm", "team"), {})
    for kind in ("backup", "snapshot"):
        source = {"kind": "VirtualMachine", "name": "vm"}
        cluster.place(Ref(BACKUP, kind, "team"), {"spec": {"type": kind, "source": source}})
    kinds = {name: kind for name, kind in KINDS.items() if name != "VirtualMachine"}  # this one has nothing but a name
    found = await survey(kinds, cluster)
    assert {(each.kind.name, each.ref.id) for each in found.adopted} == {
        ("Cluster", "kube-system"), ("Namespace", "team"), ("Setting", "log-level"), ("BackupTarget", "backup-target"),
        ("CloudInit", "team/data"), ("Node", "node-1"), ("Addon", "harvester-system/on"), ("SriovNetworkDevice", "split"),
        ("VirtualMachineBackup", "team/backup"), ("VirtualMachineSnapshot", "team/snapshot"),
    }  # fmt: skip
    assert not found.left_out


async def test_a_machine_that_rancher_made_is_left_out(room: MachineRoom) -> None:
    machine = next(ref for ref in room.objects if ref.api == VIRTUAL_MACHINE)
    room.place(
        machine, merged(room.objects[machine], {"metadata": {"labels": {"harvesterhci.io/creator": "docker-machine-driver-harvester"}}})
    )
    reasons = {each.what: each.why for each in (await adopted(room)).left_out}
    assert "Rancher made it" in reasons["VirtualMachine default/vm1"]


async def test_only_the_namespaces_that_are_asked_for_are_read(room: MachineRoom) -> None:
    assert not [each for each in (await adopted(room, "elsewhere")).adopted if each.ref.namespace]


async def test_two_objects_of_one_name_get_names_of_their_own(room: MachineRoom) -> None:
    leap = Ref(IMAGE, "leap", "default")
    room.place(Ref(IMAGE, "leap", "other"), {key: value for key, value in room.objects[leap].items() if key != "metadata"})
    program = write((await adopted(room)).adopted)
    assert {entry["name"] for entry in program.imports if entry["type"].endswith(":Image")} >= {"default-leap", "other-leap"}


async def test_a_release_without_a_kind_is_no_error() -> None:
    cluster = FakeCluster()
    cluster.refuse("list", NotHarvester("not served"), times=len(SOME))
    assert await adopted(cluster) == Estate((), ())


async def test_adopting_changes_nothing(room: MachineRoom) -> None:
    before = len(room.writes())
    await adopted(room)
    assert len(room.writes()) == before
