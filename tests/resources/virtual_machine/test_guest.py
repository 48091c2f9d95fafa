"""What a create waits for in the guest: its agent, its addresses by family, and the end of cloud-init."""

from typing import Any

import pytest
from machine_room import GUEST, MachineRoom

from harvester_provider.core.errors import WaitTimedOut
from harvester_provider.engine import verbs
from harvester_provider.resources.virtual_machine import KIND
from harvester_provider.resources.virtual_machine.guest import RESULT

CLOUD_INIT = {"waitFor": "cloud-init"}
PROBED = ["test", "-f", RESULT]


class SlowGuests(MachineRoom):
    """Guests whose agent connects, and whose probe passes, only when `report` says so."""

    def report(self, *conditions: str) -> None:
        guest = self.objects[GUEST]
        told = [{"type": kind, "status": "True"} for kind in conditions]
        unready = (
            [] if "Ready" in conditions else [{"type": "Ready", "status": "False", "message": "containers with unready status: [compute]"}]
        )
        self.place(GUEST, {**guest, "status": {**guest["status"], "conditions": [*told, *unready]}})

    def _boot(self) -> None:
        super()._boot()
        self.report()


async def stuck(room: MachineRoom, **inputs: Any) -> str:
    with pytest.raises(WaitTimedOut) as error:
        await room.up(**inputs, timeouts={"create": "0.05s"})
    return str(error.value)


class TestAgent:
    async def test_a_create_that_waits_for_the_agent_says_what_the_guest_lacks(self) -> None:
        message = await stuck(SlowGuests(), waitFor="agent")
        assert "its guest agent is not connected yet" in message
        assert "install and start it" in message

    async def test_it_ends_when_the_agent_is_connected_and_the_output_says_so(self) -> None:
        made = await MachineRoom().up(waitFor="agent")
        assert made.state["agentConnected"] is True


class TestCloudInit:
    async def test_the_machine_gets_a_probe_that_looks_for_what_cloud_init_leaves(self) -> None:
        room = MachineRoom()
        await room.up(waitFor="nothing")
        assert "readinessProbe" not in room.spec
        room = MachineRoom()
        with pytest.raises(WaitTimedOut):
            await room.up(**CLOUD_INIT, timeouts={"create": "0.05s"})
        assert room.spec["readinessProbe"]["exec"]["command"] == PROBED

    async def test_a_create_ends_when_the_probe_passes_and_not_before(self) -> None:
        room = SlowGuests()
        message = await stuck(room, **CLOUD_INIT)
        assert "cloud-init is not done yet, its guest agent is not connected yet" in message
        assert "guest-exec" in message
        room.report("AgentConnected")
        assert "cloud-init is not done yet (containers with unready status" in await stuck(room, **CLOUD_INIT)
        room.report("AgentConnected", "Ready")
        assert (await room.up(**CLOUD_INIT)).state["status"] == "Running"

    async def test_asking_for_it_later_leaves_the_running_guest_alone_and_sets_the_probe_at_the_next_start(self) -> None:
        room = SlowGuests()
        made = await room.up()
        now = await room.up(made, **CLOUD_INIT)
        assert room.starts["vm1"] == 1
        assert "readinessProbe" not in room.spec
        room.report("AgentConnected")
        with pytest.raises(WaitTimedOut):
            await room.up(now, **CLOUD_INIT, hostname="shop", timeouts={"update": "0.05s"})
        assert room.spec["readinessProbe"]["exec"]["command"] == PROBED

    async def test_the_probe_of_somebody_else_is_left_alone(self) -> None:
        room = MachineRoom()
        made = await room.up()
        theirs = {"tcpSocket": {"port": 80}}
        room.edit(lambda vm: vm["spec"]["template"]["spec"].update(readinessProbe=theirs))
        await room.up(made, hostname="shop")
        assert room.spec["readinessProbe"] == theirs

    async def test_a_guest_whose_own_probe_fails_counts_as_running(self) -> None:
        room = SlowGuests()
        made = await room.up()
        room.edit(lambda vm: vm["spec"]["template"]["spec"].update(readinessProbe={"tcpSocket": {"port": 80}}))
        now = await room.up(made, hostname="shop")
        assert now.state["status"] == "Running"

    def test_without_data_it_is_refused_before_anything_is_made(self) -> None:
        found = verbs.check(KIND, {"name": "vm1", "disks": [{"name": "root", "size": "1Gi"}], **CLOUD_INIT})
        assert [problem.property for problem in found.problems] == ["waitFor"]


async def test_addresses_are_kept_apart_by_family() -> None:
    room = MachineRoom()
    made = await room.up()
    guest = room.objects[GUEST]
    nics = [{"name": "eth0", "ipAddresses": ["fe80::1", "2001:db8::7"]}, {"name": "eth1", "ipAddresses": ["10.0.0.9", "2001:db8::8"]}]
    room.place(GUEST, {**guest, "status": {**guest["status"], "interfaces": nics}})
    state = (await room.refresh(made)).state
    assert (state["ipv4Address"], state["ipv6Address"]) == ("10.0.0.9", "2001:db8::7")
    assert state["interfaces"]["eth0"]["ipv6Addresses"] == ["2001:db8::7"]
    assert "ipv4Addresses" not in state["interfaces"]["eth0"]
