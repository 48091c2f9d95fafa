"""Settings, addons and NICs that are there without us: taken over, changed, and put back as they were."""

import json
from typing import Any

import pytest
from fake_cluster import FakeCluster, Heard
from small_kinds import OWNER, applied, reasons, snapshot

from harvester_provider.core.errors import InvalidInputs, NotOurs
from harvester_provider.core.json import Object
from harvester_provider.core.ownership import owner_of
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.engine import verbs
from harvester_provider.resources import addon, setting, sriov_network_device
from harvester_provider.resources.addon import AddonInputs, Settled
from harvester_provider.resources.previous import PREVIOUS, remembered
from harvester_provider.resources.setting import SettingInputs

LOG = {"metadata": {"name": "log-level", "annotations": {"theirs": "x"}}, "value": "warn", "default": "info"}
INPUTS = {"name": "log-level", "value": "debug", "owner": OWNER}
REF = setting.KIND.ref(SettingInputs.model_validate(INPUTS))


@pytest.fixture
def cluster() -> FakeCluster:
    found = FakeCluster()
    found.place(REF, LOG)
    return found


async def test_a_setting_is_taken_over_without_adopt_and_put_back_by_a_delete(cluster: FakeCluster) -> None:
    assert not (await verbs.foresee(setting.KIND, cluster, INPUTS)).problems
    found = await verbs.create(setting.KIND, cluster, INPUTS, Heard())
    assert cluster.objects[REF]["value"] == "debug"
    assert owner_of(cluster.objects[REF]) == OWNER
    await verbs.delete(setting.KIND, cluster, found.id, found.state, Heard())
    assert cluster.objects[REF]["value"] == "warn"
    assert cluster.objects[REF]["metadata"]["annotations"] == {"theirs": "x"}


async def test_a_second_change_does_not_forget_the_first_value(cluster: FakeCluster) -> None:
    found = await verbs.create(setting.KIND, cluster, INPUTS, Heard())
    again = await verbs.update(setting.KIND, cluster, found.id, found.state, {**INPUTS, "value": "trace"}, Heard())
    assert remembered(cluster.objects[REF]) == {"value": "warn"}
    await verbs.delete(setting.KIND, cluster, again.id, again.state, Heard())
    assert cluster.objects[REF]["value"] == "warn"


async def test_an_empty_value_puts_a_setting_to_its_default(cluster: FakeCluster) -> None:
    checked = verbs.check(setting.KIND, {**INPUTS, "value": ""})
    assert not checked.problems
    found = await verbs.create(setting.KIND, cluster, checked.inputs, Heard())
    assert cluster.objects[REF]["value"] == ""
    assert not (await verbs.diff(setting.KIND, cluster, found.id, found.state, checked.inputs)).changed
    await verbs.delete(setting.KIND, cluster, found.id, found.state, Heard())
    assert cluster.objects[REF]["value"] == "warn"


async def test_a_setting_at_its_default_is_imported_with_the_empty_value_that_it_has(cluster: FakeCluster) -> None:
    cluster.place(REF, {"value": "", "default": "info"})
    found = await verbs.read(setting.KIND, cluster, REF.id, {})
    assert found is not None
    assert found.inputs["value"] == ""
    checked = verbs.check(setting.KIND, found.inputs, olds=found.inputs)
    assert not checked.problems
    assert not (await verbs.diff(setting.KIND, cluster, found.id, found.state, checked.inputs)).changed


async def test_a_setting_that_another_program_has_is_left_alone(cluster: FakeCluster) -> None:
    await verbs.create(setting.KIND, cluster, {**INPUTS, "owner": "other/dev/x"}, Heard())
    (problem,) = (await verbs.foresee(setting.KIND, cluster, INPUTS)).problems
    assert "belongs to other/dev/x" in problem.reason
    with pytest.raises(NotOurs):
        await verbs.create(setting.KIND, cluster, INPUTS, Heard())


async def test_a_setting_that_the_release_does_not_have_is_told() -> None:
    with pytest.raises(InvalidInputs, match="this release has no such setting"):
        await verbs.create(setting.KIND, FakeCluster(), INPUTS, Heard())


def test_a_setting_that_only_harvester_writes_is_refused() -> None:
    assert "can only be read" in reasons(setting.KIND, SettingInputs(name="server-version", value="v2"))["name"]


def test_json_in_another_notation_is_no_change_and_no_drift() -> None:
    old = SettingInputs.model_validate({**INPUTS, "value": '{"cpu": 1000, "memory": 150}'})
    new = old.updated(value='{"memory":150,"cpu":1000}')
    found = {"metadata": {"name": "log-level", "annotations": {PREVIOUS: '{"value":""}'}}, "value": new.value}
    seen = snapshot(setting.KIND, old, found)
    assert not setting.KIND.update(old, new, seen).steps
    assert setting.KIND.observe(REF, old, seen).value == old.value


def test_a_value_changed_by_hand_is_drift() -> None:
    old = SettingInputs.model_validate(INPUTS)
    assert setting.KIND.observe(REF, old, Snapshot({REF: LOG})).value == "warn"


def inputs(**values: Any) -> AddonInputs:
    return AddonInputs.model_validate({"name": "rancher-monitoring", "owner": OWNER, **values})


def addon_object(status: str = "AddonDisabled", *, enabled: bool = False, values: str = "", **conditions: str) -> Object:
    listed = [{"type": kind, "status": value} for kind, value in conditions.items()]
    spec = {"repo": "r", "chart": "rancher-monitoring", "version": "1", "enabled": enabled, "valuesContent": values}
    return {"metadata": {"name": "rancher-monitoring"}, "spec": spec, "status": {"status": status, "conditions": listed}}


def test_an_addon_waits_for_the_operation_under_way_before_it_is_changed() -> None:
    old, new = inputs(enabled=False), inputs()
    free, patch, wait = addon.KIND.update(old, new, snapshot(addon.KIND, old, addon_object())).steps
    assert (free.until, wait.until) == ("free for a change", "running")  # type: ignore[union-attr]  # the first and last are waits
    assert patch.says == "enable Addon harvester-system/rancher-monitoring"


def test_an_addon_gets_back_its_state_and_values() -> None:
    old, new = inputs(enabled=False), inputs(values_content="a: 1")
    before = addon_object(values="b: 2")
    changed = applied(before, addon.KIND.update(old, new, snapshot(addon.KIND, old, before)))
    assert changed["spec"]["enabled"] is True  # type: ignore[index,call-overload]  # the object's shape is known
    back = applied(changed, addon.KIND.delete(new, snapshot(addon.KIND, new, changed)))
    assert back["spec"] == before["spec"]
    assert back["metadata"] == {"name": "rancher-monitoring", "annotations": {}}


def test_the_success_before_a_change_of_values_is_none() -> None:
    found = addon_object("AddonDeploySuccessful", enabled=True, Completed="True")
    old, new = inputs(values_content="a: 1"), inputs(values_content="a: 2")
    wait = addon.KIND.update(old, new, snapshot(addon.KIND, old, found)).steps[-1]
    ref = addon.KIND.ref(new)
    assert isinstance(wait.judge(Snapshot({ref: found})), Waiting)  # type: ignore[union-attr]  # it is the wait
    after = addon_object("AddonDeploySuccessful", enabled=True, Completed="True", InProgress="False")
    assert isinstance(wait.judge(Snapshot({ref: after})), Ready)  # type: ignore[union-attr]  # it is the wait


def test_a_failed_operation_ends_the_wait_with_the_clusters_words() -> None:
    ref = addon.KIND.ref(inputs())
    found = {"status": {"status": "", "conditions": [{"type": "OperationFailed", "status": "True", "message": "no such image"}]}}
    verdict = Settled(ref, enabled=True)(Snapshot({ref: found}))
    assert isinstance(verdict, Failed)
    assert "no such image" in verdict.why


def test_values_that_are_no_yaml_mapping_are_refused() -> None:
    assert "no YAML mapping" in reasons(addon.KIND, inputs(values_content="- a\n- b"))["valuesContent"]


def test_a_new_addon_needs_repo_and_version() -> None:
    assert set(reasons(addon.KIND, inputs(chart="c"))) == {"repo", "version"}


def test_the_number_of_functions_goes_back() -> None:
    kind = sriov_network_device.KIND
    new = sriov_network_device.SriovNetworkDeviceInputs(name="node1-eth2", virtual_functions=4, owner=OWNER)
    before = {"metadata": {"name": "node1-eth2", "annotations": {}}, "spec": {"numVFs": 2}}
    changed = applied(before, kind.update(new.updated(virtual_functions=2), new, snapshot(kind, new, before)))
    assert json.loads(changed["metadata"]["annotations"][PREVIOUS]) == {"numVFs": 2}  # type: ignore[index,call-overload]
    assert applied(changed, kind.delete(new, snapshot(kind, new, changed))) == before
