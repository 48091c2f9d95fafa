"""Images below the Pulumi CLI: on other storage than Longhorn, by CDI, and images that somebody uploaded by hand."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from images import VIRTUAL_SIZE, qcow2
from ranch import Heard, cut_off
from target import Target
from workshop import Made, Workshop

from harvester_provider.core.errors import WaitFailed, WaitTimedOut
from harvester_provider.core.json import dig_objects, dig_str
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import DATA_VOLUME, IMAGE, PERSISTENT_VOLUME_CLAIM
from harvester_provider.resources.registry import KINDS

pytestmark = pytest.mark.usefixtures("simulated")
"""On the local Harvester only: the real control plane runs without CDI and Longhorn, which store images."""

LVM = {
    "provisioner": "lvm.driver.harvesterhci.io", "parameters": {"type": "striped", "vgName": "vg0"},
    "volumeBindingMode": "WaitForFirstConsumer", "cdi": {"volumeModes": {"Block": ["ReadWriteOnce"]}},
}  # fmt: skip


@pytest.fixture
async def shop(cluster: Target) -> AsyncIterator[Workshop]:
    async with Workshop.on(cluster, f"images-{uuid.uuid4().hex[:6]}") as found:
        yield found


@pytest.fixture
async def lvm(shop: Workshop) -> AsyncIterator[str]:
    """A storage class of another driver than Longhorn, whose volumes wait for their first user."""
    made = await shop.make("StorageClass", f"lvm-{shop.namespace}", **LVM)
    yield made.id
    await made.destroy()


async def test_an_image_on_other_storage_is_imported_by_cdi_and_so_are_the_disks_made_from_it(
    cluster: Target, shop: Workshop, lvm: str
) -> None:
    image = await shop.make("Image", "leap", url=cluster.image_url, backend="cdi", storageClass=lvm)
    outputs = ("storageClassName", "size", "virtualSize", "progress")
    assert [image.state[name] for name in outputs] == [lvm, len(qcow2()), VIRTUAL_SIZE, 100]
    assert await image.drift() == []

    root = {"name": "root", "image": "~/leap", "size": "1Gi", "bootOrder": 1, "accessMode": "ReadWriteOnce", "onDelete": "delete"}
    machine = await shop.make("VirtualMachine", "vm", memory="256Mi", disks=[root], waitFor="running")
    volume = (await machine.belongings())["disk root"]
    claim = await shop.cluster.get(Ref(PERSISTENT_VOLUME_CLAIM, volume, shop.namespace))
    assert (dig_str(claim, "spec", "storageClassName"), dig_str(claim, "status", "phase")) == (lvm, "Bound")
    assert [dig_str(owner, "kind") for owner in dig_objects(claim, "metadata", "ownerReferences")] == ["DataVolume"]
    assert await machine.drift() == []
    await machine.destroy()
    assert not await shop.has_claim(volume)
    await image.destroy()
    assert await shop.listed(DATA_VOLUME) == ()


async def test_what_cdi_cannot_fetch_is_told_in_its_words(cluster: Target, shop: Workshop, lvm: str) -> None:
    image, heard = Made(shop, "Image", "leap"), Heard()
    with pytest.raises(WaitFailed, match="import failed: retry attempted 1/1 failed due to error: failed to fetch image virtual size"):
        await image.make(url="http://127.0.0.1:9/dead.qcow2", backend="cdi", storageClass=lvm, retry=1)
    await shop.remove(Ref(IMAGE, "leap", shop.namespace))
    nothing = {"url": cluster.image_url.replace("tiny", "nothing"), "backend": "cdi", "storageClass": lvm}
    made = verbs.create(image.speaks, shop.cluster, image.checked(nothing), heard)
    await cut_off(made, lambda: any("Unable to connect to http data source" in line and "404" in line for line in heard.lines))
    with pytest.raises(WaitTimedOut, match="not imported after 1 s"):
        await image.make(**nothing, timeouts={"create": "1s"})
    await shop.remove(Ref(IMAGE, "leap", shop.namespace))


async def test_cdi_takes_uploads_of_any_size(shop: Workshop, lvm: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.qcow2"
    file.write_bytes(qcow2() + b"\1")
    image = await shop.make("Image", "leap", sourceType="upload", file=str(file), backend="cdi", storageClass=lvm)
    assert (image.state["size"], image.state["virtualSize"]) == (len(qcow2()) + 1, VIRTUAL_SIZE)
    assert await image.drift() == []
    await image.destroy()


async def test_the_import_of_an_image_that_was_uploaded_by_hand_changes_nothing(shop: Workshop, tmp_path: Path) -> None:
    file = tmp_path / "tiny.qcow2"
    file.write_bytes(qcow2())
    image = await shop.make("Image", "leap", sourceType="upload", file=str(file))
    notes: dict[str, Any] = dict.fromkeys(f"harvester.pulumi.com/{name}" for name in ("owner", "content-sha512", "uploaded-sha512"))
    await image.edited_by_hand({"metadata": {"annotations": notes}})
    found = await verbs.read(KINDS["Image"], shop.cluster, image.id, {})
    assert found is not None
    image.keep(found)
    assert await image.preview(sourceType="upload") == verbs.Difference()
    assert await image.preview(sourceType="upload", file=str(file)) == verbs.Difference()
    file.write_bytes(qcow2() + b"\1" * 512)
    assert (await image.preview(sourceType="upload", file=str(file))).replaces == ("file",)
