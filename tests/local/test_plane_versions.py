"""What differs between releases, on a whole local Harvester of the oldest and of the newest one."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from plane_client import User

from harvester_local.api import kinds
from harvester_local.api.objects import Obj, is_true
from harvester_local.cluster import LocalHarvester
from harvester_local.settings import Settings


@pytest.fixture
def user(request: pytest.FixtureRequest, tools: Mapping[str, Path]) -> Iterator[User]:
    """An administrator of a Harvester of the version that the test names."""
    quick = Settings(version=request.param, boot_seconds=0.1, address_seconds=0.1, shutdown_seconds=0.1, import_seconds=0.1)
    with LocalHarvester(quick, tools=tools) as local:
        yield User(local, "default")


def resize(user: User, memory: str) -> None:
    user.patch(kinds.MACHINE, "vm", {"spec": {"template": {"spec": {"domain": {"resources": {"limits": {"memory": memory}}}}}}})


def nic_of(machine: Obj) -> Obj:
    nic: Obj = machine["spec"]["template"]["spec"]["domain"]["devices"]["interfaces"][0]
    return nic


@pytest.mark.parametrize("user", ["1.6.1"], indirect=True)
def test_1_6_names_classes_after_images_and_learns_addresses_when_a_machine_stops(user: User) -> None:
    image = user.image()
    assert image["status"]["storageClassName"] == "longhorn-ubuntu"
    created = user.machine("vm", image=image)
    assert "macAddress" not in nic_of(created)
    assert "firmware" not in created["spec"]["template"]["spec"]["domain"]
    seen = user.wait_running("vm")["status"]["interfaces"][0]["mac"]
    user.patch(kinds.MACHINE, "vm", {"spec": {"runStrategy": "Halted"}})
    stopped = user.wait(kinds.MACHINE, "vm", lambda o: nic_of(o).get("macAddress"))
    assert nic_of(stopped)["macAddress"] == seen


@pytest.mark.parametrize("user", ["1.9.0"], indirect=True)
def test_1_9_takes_a_pending_restart_back_with_the_change_and_labels_images_at_once(user: User) -> None:
    url = f"{user.local.images_url}/missing.qcow2"
    spec = {"displayName": "named", "sourceType": "download", "url": url}
    created = user.create(kinds.IMAGE, "bad", spec=spec)
    assert created["metadata"]["labels"] == {"harvesterhci.io/imageDisplayName": "named"}
    user.machine("vm")
    user.wait_running("vm")
    resize(user, "512Mi")
    user.wait(kinds.MACHINE, "vm", lambda o: is_true(o, "RestartRequired"))
    resize(user, "256Mi")
    user.wait(kinds.MACHINE, "vm", lambda o: not is_true(o, "RestartRequired"))
