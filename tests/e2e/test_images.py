"""Images that do not come from a URL: uploads of local files, exports of volumes, encrypted clones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from declared import Entry, Estate, StackOf, declared, estate
from images import VIRTUAL_SIZE, qcow2
from target import IMAGE, Target


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


def test_a_local_file_is_uploaded_and_only_another_content_uploads_it_again(here: Estate, simulated: Target, tmp_path: Path) -> None:
    """On the local Harvester only: the real control plane runs without the storage that takes uploads (Longhorn, CDI)."""
    file = tmp_path / "tiny.qcow2"
    file.write_bytes(qcow2())
    here.declare(declared("Image", "image", source_type="upload", file=str(file)))
    with simulated.fault(method="POST", path="action=upload", answer="reset", times=0) as struck:
        output = here.stack.fails("up", "--yes", "--skip-preview")
    assert f"upload {file} to VirtualMachineImage" in output
    assert "tried 3 of 3 times" in output
    assert "Things were put back as they were before" in output
    assert struck["POST"] == 3
    assert here.target.names(IMAGE) == []

    with simulated.fault(method="POST", path="action=upload", answer="cut"):
        assert f"the connection was lost, sending {file} once more (2 of 3)" in here.stack.up()
    status = here.target.get(IMAGE, "image")["status"]
    assert (status["size"], status["virtualSize"], status["progress"]) == (len(qcow2()), VIRTUAL_SIZE, 100)
    os.utime(file, (1, 1))
    here.stack.shows_no_change()
    file.write_bytes(qcow2() + b"\1" * 512)
    assert "its content is another one" in here.stack.preview("--diff")
    here.stack.destroy()
    assert here.target.leftovers() == []


def unused(target: Target, folder: Path) -> list[str]:
    """The images of the test's namespace that the report of unused images lists."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(target.kubeconfig)
    command = [sys.executable, "-c", "from harvester_provider.cli import main; main()", "images", "--json", "--kubeconfig", str(kubeconfig)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)
    for entry in found:
        assert entry["copies"] > 0
        assert entry["cost"] >= entry["size"] > 0
    names = [entry["image"].split("/") for entry in found]
    return [name for namespace, name in names if namespace == target.namespace]


def test_a_volume_becomes_an_image_and_its_copy_is_encrypted(here: Estate, tmp_path: Path) -> None:
    secret = f"secret-{here.target.namespace}"
    program: list[Entry] = [
        declared("Volume", "data", size="1Gi"),
        declared("Image", "exported", source_type="export-from-volume", source_volume={"$of": "data.id"}),
        declared("StorageClass", secret, encryption={"passphrase": "correct-horse-battery-staple"}),
        declared(
            "Image", "encrypted", source_type="clone", source_image={"$of": "exported.id"}, crypto_operation="encrypt",
            storage_class={"$of": f"{secret}.name"},
        ),
        declared("Volume", "copy", image={"$of": "encrypted.id"}),
    ]  # fmt: skip
    here.declare(*program).stack.up()
    made = here.target.get(IMAGE, "encrypted")
    assert made["spec"]["securityParameters"]["sourceImageName"] == "exported"
    copy = here.target.core.read_namespaced_persistent_volume_claim("copy", here.target.namespace)
    assert copy.spec.storage_class_name == made["status"]["storageClassName"]
    assert here.target.storage.read_storage_class(copy.spec.storage_class_name).parameters["encrypted"] == "true"
    assert unused(here.target, tmp_path) == ["exported"]
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
    here.stack.destroy()
    assert here.target.leftovers() == []
