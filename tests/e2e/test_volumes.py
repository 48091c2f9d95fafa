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
    assert here.target.leftovers() == ["pvc/data"]  # it is the taker's
    taker.stack.destroy()
    assert here.target.leftovers() == []


PLANTED = "correct-horse-battery-staple"


def test_an_encrypted_class_hides_its_key_and_takes_it_along(here: Estate) -> None:
    fast, ceph = f"fast-{here.target.namespace}", f"ceph-{here.target.namespace}"

    def program(passphrase: str) -> list[Entry]:
        cdi = {"volume_modes": {"Block": ["ReadWriteMany"]}, "clone_strategy": "csi-clone"}
        return [
            declared("StorageClass", fast, number_of_replicas=2, disk_selector=["nvme"], encryption={"passphrase": passphrase}),
            declared("StorageClass", ceph, provisioner="rook-ceph.rbd.csi.ceph.com", parameters={"pool": "vms"}, cdi=cdi),
            declared("Volume", "data", size="1Gi", storage_class={"$of": f"{fast}.name"}),
        ]

    here.declare(*program(PLANTED)).stack.up()
    found = here.target.storage.read_storage_class(fast)
    assert (found.parameters["encrypted"], found.parameters["diskSelector"]) == ("true", "nvme")
    assert here.target.storage.read_storage_class(ceph).parameters == {"pool": "vms"}
    here.stack.shows_no_change()
    here.stack.refresh_shows_no_drift()
    changed = here.declare(*program("something-else")).stack.fails("preview", "--diff")
    assert "could not be read any more" in changed
    here.declare(*program(PLANTED))
    for text in (here.stack.state(), changed, here.stack.destroy()):
        assert PLANTED not in text
    assert f"{fast}-crypto" not in [item.metadata.name for item in here.target.core.list_namespaced_secret("longhorn-system").items]


def test_the_default_class_is_taken_over_and_given_back(here: Estate, simulated: Target) -> None:
    """On the local Harvester only: it is the cluster's one default, which cases that run beside this one rely on."""

    def default() -> list[str]:
        mark = "storageclass.kubernetes.io/is-default-class"
        classes = simulated.storage.list_storage_class().items
        return [item.metadata.name for item in classes if (item.metadata.annotations or {}).get(mark) == "true"]

    (before,) = default()
    name = f"default-{simulated.namespace}"
    here.declare(declared("StorageClass", name, default_class=True)).stack.up()
    assert default() == [name]
    here.stack.destroy()
    assert default() == [before]
