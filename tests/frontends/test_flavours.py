"""What a preview says on clusters that are no Harvester."""

from typing import Any

import pytest
from fake_cluster import FakeCluster, Heard
from small_engine import CallsOn

from harvester_provider.core.errors import InvalidInputs, NotHarvester
from harvester_provider.core.flavour import Flavour
from harvester_provider.core.ref import Ref
from harvester_provider.kube.errors import translate
from harvester_provider.resources.apis import DATA_VOLUME

IMAGE: dict[str, Any] = {"name": "disc", "namespace": "default", "owner": "shop/dev/disc", "url": "https://example.org/disc.qcow2"}
TARGET: dict[str, Any] = {"owner": "shop/dev/target", "type": "nfs", "endpoint": "nfs://10.0.0.1:/backups"}


@pytest.fixture
def cluster() -> FakeCluster:
    found = FakeCluster()
    found.sort = Flavour.KUBEVIRT
    return found


async def test_what_is_harvesters_alone_is_a_problem_with_its_reason(cluster: FakeCluster) -> None:
    (problem,) = (await CallsOn(cluster).check("BackupTarget", {}, TARGET, Heard())).problems
    assert "without Harvester: backups and snapshots of machines are Harvester's" in problem.reason
    assert not cluster.requests


async def test_an_input_that_means_nothing_there_is_a_problem_of_the_preview(cluster: FakeCluster) -> None:
    found = await CallsOn(cluster).check("Image", {}, {**IMAGE, "checksum": "0" * 128}, Heard())
    assert [problem.property for problem in found.problems] == ["checksum"]


async def test_a_template_is_refused_for_what_it_is_and_not_for_what_it_would_have_given(cluster: FakeCluster) -> None:
    machine = {"name": "web", "namespace": "default", "owner": "shop/dev/web", "template": "default/base"}
    (problem,) = (await CallsOn(cluster).check("VirtualMachine", {}, machine, Heard())).problems
    assert (problem.property, "templates are Harvester's, and this cluster has none" in problem.reason) == ("template", True)
    assert not cluster.requests


async def test_the_same_input_given_later_is_refused_by_the_diff(cluster: FakeCluster) -> None:
    cluster.place(Ref(DATA_VOLUME, "disc", "default"), {})
    with pytest.raises(InvalidInputs, match="CDI does not verify it"):
        await CallsOn(cluster).diff("Image", "default/disc", IMAGE, {**IMAGE, "checksum": "0" * 128}, Heard())


async def test_a_resource_without_a_change_asks_no_cluster(cluster: FakeCluster) -> None:
    cluster.sort = Flavour.KUBERNETES
    assert not (await CallsOn(cluster).diff("BackupTarget", "backup-target", TARGET, TARGET, Heard())).changed
    assert not cluster.requests


async def test_before_kubevirt_is_installed_a_preview_says_what_is_missing_and_goes_on(cluster: FakeCluster) -> None:
    cluster.sort, heard = Flavour.KUBERNETES, Heard()
    cluster.refuse("get", NotHarvester("not served"), times=2)
    found = await CallsOn(cluster).check("Image", {}, IMAGE, heard)
    assert not found.problems
    assert "Until a PoorMansCluster installs them it cannot be made" in heard.warnings[0]


async def test_a_harvester_that_is_too_old_for_a_kind_is_told_at_preview(cluster: FakeCluster) -> None:
    cluster.sort = Flavour.HARVESTER
    cluster.refuse("get", translate(404, {}, b"404 page not found", "read ScheduleVMBackup default/nightly"), times=2)
    schedule = {"name": "nightly", "namespace": "default", "owner": "shop/dev/nightly", "virtualMachine": "vm1", "cron": "0 3 * * *"}
    (problem,) = (await CallsOn(cluster).check("BackupSchedule", {}, schedule, Heard())).problems
    assert "ScheduleVMBackup default/nightly: this kind is not served there: is it a Harvester" in problem.reason
    assert not cluster.writes()
