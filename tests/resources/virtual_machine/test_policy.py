"""Update policy and restarts on purpose: what is refused, what waits for the next start, and what is restarted."""

from typing import Any

import pytest
from machine_room import GUEST, SAMPLE, MachineRoom, effects

from harvester_provider.core.errors import PlanRefused, Unreachable

ETH0, ETH1 = SAMPLE["networkInterfaces"]
ROOT = SAMPLE["disks"][0]
DATA = {"name": "data", "size": "5Gi", "onDelete": "delete"}
LIVE, DEFER = {"updatePolicy": "live"}, {"updatePolicy": "defer"}


@pytest.fixture
def room() -> MachineRoom:
    return MachineRoom()


class TestLive:
    async def test_a_change_that_needs_a_stop_is_refused_at_preview_with_the_way_out(self, room: MachineRoom) -> None:
        made = await room.up(**LIVE)
        lines = (await room.preview(made, **LIVE, hostname="shop", description="x")).lines
        assert any(line.startswith("hostname: refused") and "set updatePolicy to auto, or to defer" in line for line in lines)
        before = room.writes()
        with pytest.raises(PlanRefused, match="updatePolicy is live"):
            await room.up(made, **LIVE, hostname="shop", description="x")
        assert room.writes() == before

    async def test_what_the_guest_takes_while_it_runs_is_done(self, room: MachineRoom) -> None:
        made = await room.up(**LIVE)
        await room.up(made, **LIVE, description="x", disks=[{**ROOT, "size": "30Gi"}])
        assert room.starts["vm1"] == 1

    async def test_a_machine_that_is_off_takes_everything(self, room: MachineRoom) -> None:
        made = await room.up(**LIVE, runStrategy="Halted")
        await room.up(made, **LIVE, runStrategy="Halted", hostname="shop")
        assert room.spec["hostname"] == "shop"


class TestDefer:
    async def test_the_spec_is_written_the_guest_runs_on_and_the_restart_is_an_output(self, room: MachineRoom) -> None:
        made = await room.up(**DEFER)
        edit = {**DEFER, "hostname": "shop", "machineType": "pc-q35-9.1"}
        difference = await room.preview(made, **edit)
        assert effects(difference) == {"hostname": "metadata", "machineType": "metadata"}
        assert any("is left running" in line and "restartTrigger" in line for line in difference.lines)
        now = await room.up(made, **edit)
        assert room.starts["vm1"] == 1
        assert room.spec["hostname"] == "shop"
        assert now.state["restartRequired"] is True
        assert now.state["restartReason"] == "changed while the guest runs: hostname, machineType"

    async def test_it_stays_visible_until_the_guest_is_another(self, room: MachineRoom) -> None:
        now = await room.up(await room.up(**DEFER), **DEFER, hostname="shop")
        refreshed = await room.refresh(now)
        assert refreshed.inputs == now.inputs
        assert refreshed.state["restartRequired"] is True
        lines = (await room.preview(refreshed, **DEFER, hostname="shop", description="x")).lines
        assert any("a restart of the machine is due" in line for line in lines)
        room.edit(lambda vm: vm["spec"].update(runStrategy="Halted"))
        room.edit(lambda vm: vm["spec"].update(runStrategy="RerunOnFailure"))
        assert room.starts["vm1"] == 2
        assert not (await room.refresh(now)).state.get("restartRequired")

    async def test_what_kubevirt_asks_no_restart_for_stays_visible_all_the_same(self) -> None:
        room = MachineRoom("v1.7.1")
        now = await room.up(await room.up(**DEFER), **DEFER, disks=[*SAMPLE["disks"], {"name": "hot", "size": "5Gi", "hotPlug": True}])
        room.edit(lambda vm: (vm["metadata"].update(generation=2), vm["status"].update(observedGeneration=2, conditions=[])))
        assert (await room.refresh(now)).state["restartReason"] == "changed while the guest runs: disks[hot]"

    async def test_later_deferred_changes_join_the_earlier_ones(self, room: MachineRoom) -> None:
        now = await room.up(await room.up(**DEFER), **DEFER, hostname="shop")
        now = await room.up(now, **DEFER, hostname="shop", tpm=True)
        assert now.state["restartReason"] == "changed while the guest runs: hostname, tpm"

    async def test_the_volume_of_a_removed_disk_is_deleted_only_after_the_restart(self, room: MachineRoom) -> None:
        made = await room.up(**DEFER, disks=[ROOT, DATA])
        volume = made.state["volumes"]["data"]
        lines = (await room.preview(made, **DEFER)).lines
        assert any(f"still uses {volume}" in line for line in lines)
        now = await room.up(made, **DEFER)
        assert volume in room.claims()
        now = await room.up(now, **DEFER, description="x")
        assert volume in room.claims()
        await room.up(now, **DEFER, description="x", restartTrigger="1")
        assert volume not in room.claims()

    async def test_cloud_init_data_that_the_guest_still_uses_is_kept(self, room: MachineRoom) -> None:
        made = await room.up(**DEFER)
        before = len([ref for ref in room.objects if ref.name.endswith("-cloudinit")])
        await room.up(made, **DEFER, cloudInit=None)
        assert len([ref for ref in room.objects if ref.name.endswith("-cloudinit")]) == before

    async def test_a_volume_that_cannot_grow_under_a_guest_is_no_deferred_change(self) -> None:
        room = MachineRoom("v1.5.1")
        made = await room.up(**DEFER)
        edit: dict[str, Any] = {**DEFER, "disks": [{**ROOT, "size": "30Gi"}]}
        assert effects(await room.preview(made, **edit)) == {"disks[root].size": "refused"}


class TestRestartTrigger:
    async def test_another_value_restarts_the_guest_once_and_preview_says_so(self, room: MachineRoom) -> None:
        made = await room.up(restartTrigger="1")
        assert room.starts["vm1"] == 1
        difference = await room.preview(made, restartTrigger="2")
        assert effects(difference) == {"restartTrigger": "restart"}
        now = await room.up(made, restartTrigger="2")
        assert room.starts["vm1"] == 2
        assert now.state["status"] == "Running"
        assert not (await room.preview(await room.refresh(now), restartTrigger="2")).changed

    @pytest.mark.parametrize("policy", [LIVE, DEFER])
    async def test_it_restarts_whatever_the_policy_and_takes_other_changes_along(self, room: MachineRoom, policy: dict[str, str]) -> None:
        made = await room.up(**policy)
        now = await room.up(made, **policy, restartTrigger="1", hostname="shop")
        assert room.starts["vm1"] == 2
        assert room.objects[GUEST]["spec"]["hostname"] == "shop"
        assert not now.state.get("restartRequired")

    async def test_it_brings_what_was_deferred(self, room: MachineRoom) -> None:
        now = await room.up(await room.up(**DEFER), **DEFER, hostname="shop")
        now = await room.up(now, **DEFER, hostname="shop", restartTrigger="now")
        assert room.objects[GUEST]["spec"]["hostname"] == "shop"
        assert not now.state.get("restartRequired")
        assert "harvester.pulumi.com/restart-due" not in room.machine["metadata"]["annotations"]

    async def test_a_machine_that_is_off_stays_off(self, room: MachineRoom) -> None:
        made = await room.up(runStrategy="Halted")
        await room.up(made, runStrategy="Halted", restartTrigger="1")
        assert room.starts["vm1"] == 0

    async def test_taking_it_away_restarts_nothing(self, room: MachineRoom) -> None:
        await room.up(await room.up(restartTrigger="1"))
        assert room.starts["vm1"] == 1

    @pytest.mark.parametrize("killed_at", range(3))
    async def test_a_restart_that_was_killed_is_finished_and_not_done_twice(self, room: MachineRoom, killed_at: int) -> None:
        made = await room.up()
        room.kill_after(patches=killed_at)
        with pytest.raises(Unreachable):
            await room.up(made, restartTrigger="1")
        room.kill_after(patches=None)
        now = await room.up(made, restartTrigger="1")
        assert now.state["status"] == "Running"
        assert room.starts["vm1"] == 2
        again = await room.up(made, restartTrigger="1")  # the state was not saved
        assert again.state["status"] == "Running"
        assert room.starts["vm1"] == 2
