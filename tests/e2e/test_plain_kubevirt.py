"""The same inputs on a cluster with KubeVirt and without Harvester: images, networks, keys, volumes and machines, below the CLI."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from deployers import limited_workshop, read
from images import checksum, qcow2
from plain import DV, kubevirt_cluster
from target import NAD, VM, Target
from workshop import Workshop, furnish

from harvester_provider.cli.program import write
from harvester_provider.core.effect import Effect
from harvester_provider.core.errors import InvalidInputs, WaitFailed
from harvester_provider.engine.estate import survey
from harvester_provider.engine.invoke import invoke
from harvester_provider.engine.reporter import Silent
from harvester_provider.frontends.calls import Calls
from harvester_provider.resources.dialects import asks, spoken
from harvester_provider.resources.provider import ProviderSettings

MACHINE = {
    "memory": "256Mi",
    "disks": [{"name": "root", "image": "~/disc", "size": "10Gi", "onDelete": "delete"}, {"name": "data", "size": "1Gi"}],
    "networkInterfaces": [{"name": "default"}, {"name": "red", "network": "~/red"}],
    "sshKeys": ["~/ada"],
    "cloudInit": {
        "userData": "#cloud-config\n{}\n",
        "networkData": "version: 2\nethernets:\n  enp1s0: {addresses: [10.0.101.5/24]}\n",
        "device": "cd-rom",
    },
    "waitFor": "address",
}


@pytest.fixture(scope="module")
def plain(request: pytest.FixtureRequest, images: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with kubevirt_cluster(request.config, tmp_path_factory.mktemp("plain"), f"{images}/tiny.qcow2") as found:
        yield found


Shops = tuple[Workshop, Workshop]


@pytest.fixture
async def shops(plain: Target) -> AsyncIterator[Shops]:
    """A workshop of somebody who may do everything, and one whose account has the roles for such a cluster and no others."""
    async with limited_workshop(plain, read(("reads", "without-harvester"))) as found:
        yield found


@pytest.fixture
async def shop(plain: Target, shops: Shops) -> Workshop:
    """The second one, where networks, an image, a key and storage classes are there."""
    everything, limited = shops
    await furnish(everything, plain.image_url)
    return limited


async def test_a_machine_with_its_image_network_and_key_lives_as_on_a_harvester(plain: Target, shop: Workshop) -> None:
    found = Target(**{**vars(plain), "namespace": shop.namespace})
    assert found.get(DV, "disc")["spec"]["source"] == {"http": {"url": plain.image_url}}
    network = json.loads(found.get(NAD, "red")["spec"]["config"])
    assert (network["type"], network["bridge"], network["vlan"]) == ("bridge", "br0", 11)

    vm = await shop.make("VirtualMachine", "vm", **MACHINE)
    assert vm.state["ipAddress"]
    assert not await vm.drift()
    volumes = vm.state["volumes"]
    assert found.get(DV, volumes["root"])["spec"]["source"] == {"pvc": {"namespace": shop.namespace, "name": "disc"}}
    assert found.get(DV, volumes["data"])["spec"]["source"] == {"blank": {}}
    spec = found.get(VM, "vm")["spec"]["template"]["spec"]
    drive = next(disk for disk in spec["domain"]["devices"]["disks"] if disk["name"] == "cloudinitdisk")
    assert drive["cdrom"]["bus"] == "sata"
    texts = found.core.read_namespaced_secret("vm-cloudinit", shop.namespace).data
    assert "ssh-ed25519" in base64.b64decode(texts["userdata"]).decode()
    assert "10.0.101.5/24" in base64.b64decode(texts["networkdata"]).decode()

    bigger = {**MACHINE, "memory": "512Mi", "disks": [*MACHINE["disks"], {"name": "more", "size": "2Gi"}]}
    belongings = await vm.belongings()
    plan = (await vm.preview(**bigger)).plan
    assert {change.property: change.effect for change in plan.changes} == dict.fromkeys(("memory", "disks[more]"), Effect.STOP_MODIFY_START)
    await vm.up(**bigger)
    assert belongings.items() <= (await vm.belongings()).items()
    assert await vm.starts() == 2
    assert not await vm.drift()

    await vm.destroy()
    assert await vm.gone()
    assert not await shop.has_claim(volumes["root"])
    assert await shop.has_claim(volumes["data"])


async def test_what_is_there_is_told_by_functions_and_becomes_a_program(shops: Shops, shop: Workshop) -> None:
    await shop.make("Volume", "blank", size="1Gi")
    await shop.make("Volume", "clone", size="10Gi", image="~/disc")
    vm = await shop.make("VirtualMachine", "vm", **MACHINE)

    async def told(name: str, /, **args: str) -> Any:
        return await invoke(asks(name, shop.flavour), shop.cluster, args)

    inside = {"namespace": shop.namespace}
    assert (await told("getImage", name="disc", **inside)).ready
    assert (await told("getNetwork", name="red", **inside)).vlan_id == 11
    assert (await told("getVirtualMachine", name="vm", **inside)).ip_address == vm.state["ipAddress"]
    assert (await told("getStorageClass")).name == "local-path"
    cluster, nodes = await told("getCluster"), (await told("getNodes")).nodes
    assert (cluster.version, cluster.nodes) == ("", len(nodes))
    assert nodes[0].ready

    found = await survey(spoken(shop.flavour), shops[0].cluster, [shop.namespace])
    adopted = {(each.kind.name, each.ref.name) for each in found.adopted if each.ref.namespace}
    assert adopted == {
        *(("VirtualMachine", "vm"), ("Image", "disc"), ("SshKey", "ada"), ("CloudInit", "answers")),
        *(("VlanNetwork", "red"), ("VlanNetwork", "blue"), ("Volume", "blank"), ("Volume", "clone")),
    }, found.left_out
    program = write(found.adopted)
    assert "image=disc.id" in program.text
    await vm.destroy()


async def test_what_local_volumes_cannot_do_is_refused_at_preview(shop: Workshop) -> None:
    blank = {"memory": "256Mi", "disks": [{"name": "root", "size": "1Gi", "onDelete": "delete"}]}
    vm = await shop.make("VirtualMachine", "vm", **blank)
    (change,) = (await vm.preview(**{**blank, "disks": [{**blank["disks"][0], "size": "2Gi"}]})).plan.refused
    assert "its storage class local-path does not let volumes grow" in change.why
    for more, words in (
        ({"migrateTo": "node2"}, "live migration takes volumes that are ReadWriteMany"),
        ({"evictionStrategy": "LiveMigrate"}, "a drain would wait for ever"),
        ({"hotPlug": {"maxCpu": 4, "maxMemory": "4Gi"}, "memory": "1Gi"}, "leave it out"),
        ({"maintenanceModeStrategy": "Shutdown"}, "maintenance mode is Harvester's"),
    ):
        with pytest.raises(InvalidInputs, match=words):
            await vm.preview(**{**blank, **more})
    await vm.destroy()


async def test_an_import_that_fails_says_why_and_is_made_again(plain: Target, shops: Shops) -> None:
    _, shop = shops
    missing = plain.image_url.replace("tiny", "missing")
    with pytest.raises(WaitFailed, match="404"):
        await shop.make("Image", "disc", url=missing, retry=1)
    image = await shop.make("Image", "disc", url=plain.image_url, retry=1)
    assert image.state["progress"] == 100
    assert not await image.drift()


async def test_a_local_file_is_uploaded_through_cdis_proxy(plain: Target, shops: Shops, tmp_path: Path) -> None:
    _, shop = shops
    if plain.local is None:
        pytest.skip("CDI's upload proxy: docs/conformance.md")
    file = tmp_path / "disc.qcow2"
    file.write_bytes(qcow2())
    with plain.fault(method="POST", path="upload-form", answer="cut") as struck:
        image = await shop.make("Image", "disc", sourceType="upload", file=str(file))
    assert struck == {"POST": 1}
    assert (image.state["progress"], image.state["fileSha512"]) == (100, checksum())
    assert not await image.drift()
    file.write_bytes(qcow2() + bytes(512))
    assert (await image.preview(sourceType="upload", file=str(file))).replaces


async def test_volumes_are_blank_or_clones_of_an_image_and_go_with_their_data(shop: Workshop) -> None:
    blank = await shop.make("Volume", "blank", size="1Gi")
    clone = await shop.make("Volume", "clone", size="10Gi", image="~/disc")
    for volume in (blank, clone):
        assert not await volume.drift()
    vm = await shop.make(
        "VirtualMachine", "vm", memory="256Mi", disks=[{"name": name, "existingVolume": name} for name in ("blank", "clone")]
    )
    await vm.destroy()
    for volume in (blank, clone):
        await volume.destroy()
        assert await volume.gone()


async def test_what_is_harvesters_alone_is_refused_with_the_reason_before_anything_is_made(plain: Target) -> None:
    calls = Calls(ProviderSettings(kubeconfig=plain.kubeconfig))
    try:
        found = await calls.check("BackupTarget", {}, {"owner": "a/b/c", "type": "nfs", "endpoint": "nfs://10.0.0.1:/b"}, Silent())
    finally:
        await calls.close()
    assert "this is a cluster with KubeVirt and without Harvester: backups and snapshots of machines are Harvester's" in str(found.problems)
