"""NICs, disks and media that come and go while the guest runs, and what an older release makes of the same edits."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from declared import Entry, Estate, StackOf, declared, disk, estate
from stack import Stack
from target import Target, connect, namespace

from harvester_local.cluster import LocalHarvester
from harvester_local.settings import Settings

FIRST = {"name": "default"}
SECOND = {"name": "second", "network": {"$of": "red.id"}}
ROOT = disk("root", on_delete="delete")
HOT = disk("hot", hot_plug=True, on_delete="delete")
DRIVE = {"name": "cd", "type": "cd-rom"}


def network() -> Entry:
    return declared("VlanNetwork", "red", cluster_network="mgmt", vlan_id=11)


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


def test_a_nic_is_plugged_in_and_out_without_a_restart(here: Estate) -> None:
    here.declare(network(), here.vm()).stack.up()
    before, boot = here.macs(), here.boot()
    here.declare(network(), here.vm(network_interfaces=[FIRST, SECOND]))
    assert "networkInterfaces[second]: migrate" in here.stack.preview()
    here.stack.up()
    assert (here.boot(), here.macs()["default"]) == (boot, before["default"])
    assert here.macs()["second"]
    assert not here.wants_restart()
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
    here.declare(network(), here.vm(network_interfaces=[FIRST])).stack.up()
    assert (here.boot(), here.macs()) == (boot, before)
    assert len(here.object()["spec"]["template"]["spec"]["domain"]["devices"]["interfaces"]) == 1
    assert not here.wants_restart()
    here.stack.shows_no_change()


def test_a_disk_is_plugged_in_and_out_without_a_restart(here: Estate) -> None:
    here.declare(here.vm()).stack.up()
    boot = here.boot()
    here.declare(here.vm(disks=[ROOT, HOT]))
    assert "disks[hot]: live" in here.stack.preview()
    here.stack.up()
    assert (here.boot(), here.plugged()["hot"]) == (boot, "Ready")
    assert not here.wants_restart()
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
    volume = here.claims()["hot"]
    here.declare(here.vm(disks=[ROOT])).stack.up()
    assert here.boot() == boot
    assert "hot" not in here.plugged()
    assert volume not in here.target.claims()
    assert not here.wants_restart()
    here.stack.shows_no_change()


def test_a_medium_is_inserted_and_ejected_without_a_restart(here: Estate) -> None:
    here.declare(here.image(), here.vm(disks=[ROOT, DRIVE])).stack.up()
    boot = here.boot()
    loaded = {**DRIVE, "image": {"$of": "image.id"}, "hot_plug": True}
    here.declare(here.image(), here.vm(disks=[ROOT, loaded]))
    assert "disks[cd].image: live" in here.stack.preview()
    here.stack.up()
    assert (here.boot(), here.plugged()["cd"]) == (boot, "Ready")
    assert not here.wants_restart()
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
    first, other = here.claims()["cd"], declared("Image", "other", url=here.target.image_url)
    here.declare(here.image(), other, here.vm(disks=[ROOT, {**loaded, "image": {"$of": "other.id"}}])).stack.up()
    assert here.boot() == boot
    assert here.claims()["cd"] != first
    assert first not in here.target.claims()
    assert not here.wants_restart()
    here.declare(here.image(), other, here.vm(disks=[ROOT, DRIVE])).stack.up()
    assert here.boot() == boot
    assert "cd" not in here.plugged()
    assert not here.wants_restart()
    here.stack.shows_no_change()


@pytest.fixture
def older(request: pytest.FixtureRequest, images: str, tmp_path: Path) -> Iterator[Target]:
    """A local Harvester 1.6."""
    if request.config.getoption("--kubeconfig"):
        pytest.skip("another release can be asked of the local Harvester only")
    with LocalHarvester(Settings(version="1.6.1"), folder=tmp_path / "older") as local, connect(local.kubeconfig_text) as api:
        whole = Target(local.kubeconfig_text, local.endpoint, f"{images}/tiny.qcow2", "", api, local)
        with namespace(whole.core, "older"):
            yield Target(whole.kubeconfig, whole.endpoint, whole.image_url, "older", api, local)


def test_harvester_1_6_stops_the_machine_once_for_both(older: Target, stack_of: Callable[..., Stack]) -> None:
    settings = {"harvester:kubeconfig": older.kubeconfig, "namespace": older.namespace, "harvester:endpoint": older.endpoint}
    here = Estate(older, stack_of(Path(__file__).parent / "programs" / "declared", **settings))
    here.declare(network(), here.vm()).stack.up()
    boot = here.boot()
    here.declare(network(), here.vm(network_interfaces=[FIRST, SECOND], disks=[ROOT, HOT]))
    preview = here.stack.preview()
    assert "networkInterfaces[second]: stop-modify-start" in preview
    assert "disks[hot]: stop-modify-start" in preview
    here.stack.up()
    assert here.boot() != boot
    assert not here.wants_restart()
    here.stack.shows_no_change()
    here.stack.destroy()
