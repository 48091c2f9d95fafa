"""Volumes, their snapshots and storage classes, as a program declares them."""

import pytest
from declared import Entry, Estate, StackOf, declared, disk, estate
from target import Target, eventually


@pytest.fixture
def here(target: Target, stack_of: StackOf) -> Estate:
    return estate(target, stack_of)


def size(target: Target, name: str) -> str:
    """The capacity a volume really has."""
    return str(target.core.read_namespaced_persistent_volume_claim(name, target.namespace).status.capacity["storage"])


def attaching(here: Estate, **volume: object) -> list[Entry]:
    """A volume, a machine that has it as a disk, and a snapshot of it that another volume is made from."""
    return [
        declared("Volume", "data", **volume),
        here.vm(disks=[disk("root", on_delete="delete"), {"name": "data", "existing_volume": {"$of": "data.name"}}]),
        declared("VolumeSnapshot", "before", volume={"$of": "data.id"}),
        declared("Volume", "restored", snapshot={"$of": "before.id"}),
    ]


def test_a_volume_grows_under_a_running_machine_and_is_not_deleted_under_it(here: Estate, stack_of: StackOf) -> None:
    here.declare(*attaching(here, size="1Gi")).stack.up()
    claims, boot = here.target.claims(), here.boot()
    assert here.claims()["data"] == "data"
    here.stack.shows_no_change()

    here.declare(*attaching(here, size="2Gi"))
    preview = here.stack.preview("--diff")
    assert "grow PersistentVolumeClaim" in preview
    assert "live (it grows, also while a machine uses it)" in preview
    here.stack.up()
    eventually(lambda: size(here.target, "data") == "2Gi")
    assert (here.boot(), here.target.claims()) == (boot, claims)

    for change, said in (
        ({"size": "1Gi"}, "has 2Gi and cannot shrink to 1Gi"),
        ({"size": "2Gi", "volume_mode": "Filesystem"}, f"is attached to {here.target.namespace}/vm"),
    ):
        here.declare(*attaching(here, **change))
        assert said in here.stack.fails("preview")

    here.declare(*attaching(here, size="2Gi"))
    taker = estate(here.target, stack_of)
    taker.declare(declared("Volume", "data", size="2Gi", adopt=True)).stack.up()
    said = taker.stack.fails("destroy", "--yes", "--skip-preview")
    assert f"attached to {here.target.namespace}/vm: remove the disk there first" in said

    here.stack.destroy()
    assert here.target.leftovers() == []
