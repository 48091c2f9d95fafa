"""The report of unused images: what counts as a use, and what an image costs."""

import json
from typing import Any

import pytest

from harvester_provider.core.json import Object
from harvester_provider.core.ref import Listing
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources import image_usage as report

MIB = 2**20


def image(name: str = "ubuntu", **spec: Any) -> Object:
    status = {"size": 100 * MIB, "storageClassName": f"lh-{name}"}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"displayName": name.title(), **spec}, "status": status}


def backing(name: str, *disks: str, size: int = 100 * MIB, state: str = "ready") -> Object:
    files = {disk: {"state": state} for disk in disks}
    note = {"harvesterhci.io/imageId": f"default/{name}"}
    return {
        "metadata": {"name": f"vmi-{name}", "annotations": note},
        "status": {"size": size, "realSize": size, "diskFileStatusMap": files},
    }


def at(name: str, annotations: dict[str, str] | None = None, **parts: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "lab", "annotations": annotations or {}}, **parts}


def found(**listed: tuple[Object, ...]) -> list[report.Usage]:
    listings: dict[Listing, tuple[Object, ...]] = dict.fromkeys(report.WANTS, ())
    listings |= {getattr(report, name.upper()): objects for name, objects in listed.items()}
    return report.usages(Snapshot({}, listings))


NAMED = {"harvesterhci.io/imageId": "default/ubuntu"}
TEMPLATES = {"harvesterhci.io/volumeClaimTemplates": json.dumps([{"metadata": {"name": "root", "annotations": NAMED}}])}
CLAIM = {"metadata": {}, "spec": {"storageClassName": "lh-ubuntu"}}


@pytest.mark.parametrize(
    ("listing", "user", "said"),
    [
        ("claims", at("disk", spec={"storageClassName": "lh-ubuntu"}), "volume lab/disk"),
        ("claims", at("disk", NAMED, spec={"storageClassName": "other"}), "volume lab/disk"),
        ("machines", at("vm", TEMPLATES), "machine lab/vm"),
        ("snapshots", at("before", NAMED), "snapshot lab/before"),
        ("templates", at("v1", spec={"imageId": "default/ubuntu"}), "template lab/v1"),
        ("templates", at("v1", spec={"vm": {"metadata": {"annotations": TEMPLATES}}}), "template lab/v1"),
        ("backups", at("b1", status={"volumeBackups": [{"persistentVolumeClaim": CLAIM}]}), "backup lab/b1"),
    ],
)
def test_whatever_holds_an_image_counts_as_its_user(listing: str, user: Object, said: str) -> None:
    (usage,) = found(images=(image(),), **{listing: (user,)})
    assert usage.users == (said,)
    assert not usage.unused


def test_an_image_that_nobody_names_is_unused() -> None:
    others = at("disk", {"harvesterhci.io/imageId": "default/other"}, spec={"storageClassName": "fast"})
    broken = at("vm", {"harvesterhci.io/volumeClaimTemplates": "{broken"})
    (usage,) = found(images=(image(),), claims=(others,), machines=(broken,))
    assert usage.unused


def test_it_costs_its_size_on_each_disk_that_has_a_copy() -> None:
    nodes = tuple({"metadata": {"name": f"node{n}"}, "status": {"diskStatus": {"d": {"diskUUID": f"u{n}"}}}} for n in (1, 2, 3))
    (usage,) = found(images=(image(),), backing_images=(backing("ubuntu", "u1", "u3"),), longhorn_nodes=nodes)
    assert (usage.copies, usage.cost, usage.nodes) == (2, 200 * MIB, ("node1", "node3"))


def test_a_copy_that_is_not_ready_costs_nothing_yet() -> None:
    (usage,) = found(images=(image(),), backing_images=(backing("ubuntu", "u1", state="in-progress"),))
    assert (usage.copies, usage.cost) == (0, 0)


def test_the_most_expensive_comes_first() -> None:
    stored = (backing("small", "u1", size=MIB), backing("big", "u1", size=9 * MIB))
    assert [usage.image for usage in found(images=(image("small"), image("big")), backing_images=stored)] == [
        "default/big",
        "default/small",
    ]


def test_the_volume_that_cdi_keeps_an_image_in_is_its_cost_and_no_user() -> None:
    golden = {
        "metadata": {"name": "ubuntu", "namespace": "default", "annotations": NAMED},
        "spec": {"storageClassName": "lvm"}, "status": {"capacity": {"storage": "2Gi"}},
    }  # fmt: skip
    cdi = {**image(backend="cdi"), "status": {"size": 5, "storageClassName": "lvm"}}
    (usage,) = found(images=(cdi,), claims=(golden, at("disk", spec={"storageClassName": "lvm"})))
    assert usage.unused
    assert usage.cost == 2 << 30


def test_the_image_of_an_upgrade_is_used() -> None:
    upgrade = image()
    upgrade["metadata"]["annotations"] = {"harvesterhci.io/os-upgrade-image": "True"}  # type: ignore[index,call-overload]  # it is a dict
    (usage,) = found(images=(upgrade,))
    assert usage.users == ("the upgrade of Harvester",)
