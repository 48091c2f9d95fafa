"""Changes that a running guest cannot take: it is stopped, changed and started again, or is as it was before."""

import copy
from typing import Any

import pytest
from fake_cluster import Heard
from machine_room import OWN_SECRET, REF, SAMPLE, MachineRoom, effects

from harvester_provider.core.errors import Refused, Unreachable, WaitFailed, WaitTimedOut
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.virtual_machine import KIND

ETH0, ETH1 = SAMPLE["networkInterfaces"]
ROOT = SAMPLE["disks"][0]
DATA = {"name": "data", "size": "5Gi"}
STOPPED = "harvester.pulumi.com/stopped-for-update"


@pytest.fixture
def room() -> MachineRoom:
    return MachineRoom()


class TestStopModifyStart:
    @pytest.mark.parametrize(
        ("edit", "changed"),
        [
            ({"networkInterfaces": [ETH0]}, "networkInterfaces[eth1]"),
            ({"networkInterfaces": [ETH0, ETH1, {"name": "eth2", "network": "default/vlan200"}]}, "networkInterfaces[eth2]"),
            ({"networkInterfaces": [ETH0, {**ETH1, "network": "default/vlan200"}]}, "networkInterfaces[eth1].network"),
            ({"networkInterfaces": [ETH0, {**ETH1, "macAddress": "02:00:00:00:00:01"}]}, "networkInterfaces[eth1].macAddress"),
            ({"networkInterfaces": [ETH0, {**ETH1, "model": "e1000"}]}, "networkInterfaces[eth1].model"),
            ({"cpu": 4}, "cpu"),
            ({"memory": "8Gi"}, "memory"),
            ({"disks": [ROOT, DATA]}, "disks[data]"),
            ({"disks": [{**ROOT, "bus": "scsi"}]}, "disks[root].bus"),
            ({"efi": True, "secureBoot": True}, "efi"),
            ({"tpm": True}, "tpm"),
            ({"hostname": "shop"}, "hostname"),
            ({"machineType": "pc-q35-9.1"}, "machineType"),
            ({"evictionStrategy": "None"}, "evictionStrategy"),
            ({"terminationGracePeriodSeconds": 30}, "terminationGracePeriodSeconds"),
            ({"cloudInit": {"secretName": "shared"}}, "cloudInit"),
        ],
    )
    async def test_the_guest_is_started_once_again_and_has_what_is_declared(
        self, room: MachineRoom, edit: dict[str, Any], changed: str
    ) -> None:
        room.place(Ref(OWN_SECRET.api, "shared", "default"), {"data": {"userdata": "", "networkdata": ""}})
        made = await room.up()
        difference = await room.preview(made, **edit)
        assert effects(difference)[changed] == "stop-modify-start"
        now = await room.up(made, **edit)
        assert room.starts["vm1"] == 2
        assert now.state["status"] == "Running"
        refreshed = await room.refresh(now)
        assert refreshed.inputs == now.inputs
        assert not (await room.preview(refreshed, **edit)).changed

    async def test_preview_prints_the_change_its_effect_and_the_steps(self, room: MachineRoom) -> None:
        made = await room.up()
        lines = (await room.preview(made, networkInterfaces=[ETH0], stop={"deadline": "90s", "then": "force"})).lines
        assert lines == [
            "networkInterfaces[eth1]: stop-modify-start (a NIC is removed; without a stop only where the machine can be migrated)",
            "1. stop VirtualMachine default/vm1 (the guest has 90 s to shut down; after that it is switched off)",
            "2. change networkInterfaces[eth1] of VirtualMachine default/vm1",
            "3. start VirtualMachine default/vm1 again",
        ]

    async def test_several_fields_share_one_stop(self, room: MachineRoom) -> None:
        made = await room.up()
        await room.up(made, cpu=4, memory="8Gi", networkInterfaces=[ETH0], disks=[ROOT, DATA], description="x")
        assert room.starts["vm1"] == 2

    async def test_removing_the_first_nic_keeps_the_second_mac(self, room: MachineRoom) -> None:
        made = await room.up()
        before = room.macs()
        await room.up(made, networkInterfaces=[ETH1])
        assert room.macs() == {"eth1": before["eth1"]}

    async def test_removing_the_first_disk_keeps_the_second_volume(self, room: MachineRoom) -> None:
        made = await room.up(disks=[DATA, ROOT])
        now = await room.up(made, disks=[ROOT])
        assert now.state["volumes"] == {"root": made.state["volumes"]["root"]}
        assert room.claims() == set(made.state["volumes"].values())

    async def test_a_mac_that_only_the_guest_knows_is_written_down_before_the_stop_forgets_it(self, room: MachineRoom) -> None:
        made = await room.up()
        macs = room.macs()
        for nic in room.devices["interfaces"]:
            del nic["macAddress"]
        await room.up(made, networkInterfaces=[ETH1])
        assert room.macs() == {"eth1": macs["eth1"]}

    async def test_the_machine_goes_back_to_the_strategy_it_had(self, room: MachineRoom) -> None:
        made = await room.up(runStrategy="Always")
        await room.up(made, runStrategy="Always", cpu=4)
        assert room.machine["spec"]["runStrategy"] == "Always"
        assert STOPPED not in room.machine["metadata"]["annotations"]

    async def test_a_machine_that_people_start_is_started_again_as_well(self, room: MachineRoom) -> None:
        made = await room.up()
        made = await room.up(made, runStrategy="Manual")
        await room.up(made, runStrategy="Manual", cpu=4)
        assert room.starts["vm1"] == 2
        assert room.machine["spec"]["runStrategy"] == "Manual"

    async def test_a_refused_change_leaves_the_machine_running_as_it_was(self, room: MachineRoom) -> None:
        made = await room.up()
        spec = copy.deepcopy(room.spec)
        room.refused_change = Refused("the webhook does not like it")
        with pytest.raises(Refused, match="does not like it. Things were put back as they were before"):
            await room.up(made, networkInterfaces=[ETH0])
        assert room.spec == spec
        assert room.starts["vm1"] == 2
        assert room.machine["spec"]["runStrategy"] == "RerunOnFailure"
        assert STOPPED not in room.machine["metadata"]["annotations"]

    async def test_a_start_that_fails_with_the_new_spec_is_not_undone(self, room: MachineRoom) -> None:
        made = await room.up()
        room.unschedulable = True
        with pytest.raises(WaitFailed, match="3 Insufficient memory.*If you take the change back.*`pulumi up --refresh`"):
            await room.up(made, memory="500Gi")
        assert room.spec["domain"]["resources"]["limits"]["memory"] == "500Gi"

    async def test_a_machine_that_no_node_took_is_started_anew_with_another_node_selector(self, room: MachineRoom) -> None:
        room.unschedulable = True
        with pytest.raises(WaitFailed, match="no node takes it"):
            await room.up(nodeSelector={"zone": "nowhere"})
        room.unschedulable = False
        assert (await room.up(nodeSelector={"zone": "a"})).state["status"] == "Running"
        assert STOPPED not in room.machine["metadata"]["annotations"]

    @pytest.mark.parametrize("killed_at", range(4))
    async def test_an_update_that_was_killed_is_finished_by_the_next_up(self, room: MachineRoom, killed_at: int) -> None:
        made = await room.up()
        room.kill_after(patches=killed_at)
        edit = {"networkInterfaces": [ETH1], "cpu": 4}
        if killed_at < 3:
            with pytest.raises(Unreachable):
                await room.up(made, **edit)
        else:
            await room.up(made, **edit)
        room.kill_after(patches=None)
        now = await room.up(made, **edit)
        assert now.state["status"] == "Running"
        assert room.macs() == {"eth1": made.state["interfaces"]["eth1"]["macAddress"]}
        assert STOPPED not in room.machine["metadata"]["annotations"]
        assert room.starts["vm1"] == 2

    async def test_a_refusal_after_a_killed_update_starts_the_machine_again_as_it_was(self, room: MachineRoom) -> None:
        made = await room.up()
        room.kill_after(patches=1)
        with pytest.raises(Unreachable):
            await room.up(made, cpu=4)
        room.kill_after(patches=None)
        room.refused_change = Refused("no")
        with pytest.raises(Refused, match="Things were put back as they were before"):
            await room.up(made, cpu=4)
        assert room.machine["status"]["printableStatus"] == "Running"
        assert room.spec["domain"]["cpu"]["cores"] == 2

    async def test_a_refresh_after_a_killed_update_shows_that_the_machine_is_off(self, room: MachineRoom) -> None:
        made = await room.up()
        room.kill_after(patches=1)
        with pytest.raises(Unreachable):
            await room.up(made, cpu=4)
        room.kill_after(patches=None)
        refreshed = await room.refresh(made)
        assert refreshed.inputs["runStrategy"] == "Halted"
        now = await room.up(refreshed)
        assert now.state["status"] == "Running"


@pytest.mark.looptime
class TestAGuestThatDoesNotStop:
    async def test_by_default_the_update_is_given_up_and_the_machine_runs_again_as_it_was(self, room: MachineRoom) -> None:
        made = await room.up()
        room.stubborn = True
        with pytest.raises(
            WaitTimedOut, match=r"not off after 30 s: the guest is shutting down.*`stop\.deadline` gives.*Things were put back"
        ):
            await room.up(made, cpu=4, stop={"deadline": "30s"})
        assert room.spec["domain"]["cpu"]["cores"] == 2
        assert room.machine["status"]["printableStatus"] == "Running"
        assert STOPPED not in room.machine["metadata"]["annotations"]

    async def test_without_a_deadline_of_its_own_it_has_its_grace_period(self, room: MachineRoom) -> None:
        made = await room.up()
        room.stubborn = True
        now = await room.up(made, cpu=4)
        assert now.state["status"] == "Running"
        assert room.spec["domain"]["cpu"]["cores"] == 4

    async def test_it_is_waited_for_longer_where_the_policy_says_so(self, room: MachineRoom) -> None:
        made = await room.up()
        room.stubborn = True
        await room.up(made, cpu=4, stop={"deadline": "30s", "then": "wait"})
        assert room.spec["domain"]["cpu"]["cores"] == 4

    async def test_by_force_it_is_switched_off_and_changed(self, room: MachineRoom) -> None:
        made = await room.up()
        room.stubborn = True
        now = await room.up(made, cpu=4, stop={"deadline": "30s", "then": "force"})
        assert [(call.path.rsplit("/", 1)[1], call.body) for call in room.calls] == [("stop", {"gracePeriod": 0})]
        assert now.state["status"] == "Running"
        assert room.spec["domain"]["cpu"]["cores"] == 4

    async def test_by_force_it_is_switched_off_when_it_is_deleted_as_well(self, room: MachineRoom) -> None:
        made = await room.up(stop={"deadline": "30s", "then": "force"})
        room.stubborn = True
        await verbs.delete(KIND, room, REF.id, made.state, Heard())
        assert [call.body for call in room.calls] == [{"gracePeriod": 0}]
        assert REF not in room.objects
