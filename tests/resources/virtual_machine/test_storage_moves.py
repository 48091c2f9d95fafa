"""Disks that move to another storage class while the guest runs: announced, done without a stop, and never at the cost of data."""

import contextlib
import json
from typing import Any

import pytest
from machine_room import GUEST, REF, SAMPLE, TEMPLATES, MachineRoom

from harvester_provider.core.errors import PlanRefused, Unreachable
from harvester_provider.core.plan import Await, Call
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import PERSISTENT_VOLUME_CLAIM, STORAGE_CLASS
from harvester_provider.resources.virtual_machine import KIND
from harvester_provider.resources.virtual_machine.storage_moves import Moved

ROOT = SAMPLE["disks"][0]
DATA = {"name": "data", "size": "5Gi", "storageClass": "slow", "onDelete": "delete"}
FAST = {**DATA, "storageClass": "fast"}
HOT = {"name": "hot", "size": "5Gi", "hotPlug": True}


def movable(version: str = "v1.8.0") -> MachineRoom:
    room = MachineRoom(version)
    room.migratable = True
    return room


@pytest.fixture
def room() -> MachineRoom:
    return movable()


def why_refused(difference: verbs.Difference) -> str:
    return " ".join(change.why for change in difference.plan.refused)


def class_of(room: MachineRoom, disk: str, state: verbs.Found) -> str:
    found: Any = room.objects[Ref(PERSISTENT_VOLUME_CLAIM, state.state["volumes"][disk], "default")]
    return str(found["spec"]["storageClassName"])


class TestMove:
    async def test_preview_says_that_the_content_is_copied_and_what_becomes_of_the_former_volume(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA])
        former = made.state["volumes"]["data"]
        effect, make, copy, gone, *_ = (await room.preview(made, disks=[ROOT, FAST])).lines
        what = "its content is copied to a new volume, and the guest moves to another node"
        assert effect == f"disks[data].storageClass: migrate ({what})"
        assert make.endswith("in class fast")
        assert copy == "2. copy disk data of VirtualMachine default/vm1 to it while the guest runs"
        assert gone == f"3. delete volume default/{former} and its data, at the guest's next stop at the latest"

    async def test_the_guest_runs_on_with_a_new_volume_of_the_class_and_nothing_is_left_to_do(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA])
        former = made.state["volumes"]["data"]
        now = await room.up(made, disks=[ROOT, FAST])
        assert room.starts["vm1"] == 1
        assert class_of(room, "data", now) == "fast"
        assert former not in room.claims()
        assert (await room.refresh(now)).inputs == now.inputs
        assert not (await room.preview(now, disks=[ROOT, FAST])).changed

    async def test_the_former_volume_is_kept_where_the_disk_does_not_say_otherwise(self, room: MachineRoom) -> None:
        keep = {"onDelete": "keep"}
        made = await room.up(disks=[ROOT, DATA | keep])
        former = made.state["volumes"]["data"]
        assert any(line.endswith(f"volume {former} is kept") for line in (await room.preview(made, disks=[ROOT, FAST | keep])).lines)
        await room.up(made, disks=[ROOT, FAST | keep])
        assert former in room.claims()

    async def test_a_disk_of_an_image_moves_too_and_is_still_one_of_that_image(self, room: MachineRoom) -> None:
        made = await room.up()
        moved = {**ROOT, "storageClass": "fast"}
        now = await room.up(made, disks=[moved])
        assert class_of(room, "root", now) == "fast"
        assert (await room.refresh(now)).inputs == now.inputs
        imported = await imported_machine(room)
        (disk,) = imported["disks"]
        assert (disk["image"], disk["storageClass"]) == ("default/leap", "fast")

    async def test_the_new_volume_is_as_large_as_one_that_grew_by_other_ways(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA])
        former = Ref(PERSISTENT_VOLUME_CLAIM, made.state["volumes"]["data"], "default")
        room.place(former, {**room.objects[former], "status": {"phase": "Bound", "capacity": {"storage": "9Gi"}}})
        now = await room.up(made, disks=[ROOT, FAST])
        found: Any = room.objects[Ref(PERSISTENT_VOLUME_CLAIM, now.state["volumes"]["data"], "default")]
        assert found["spec"]["resources"]["requests"]["storage"] == "9Gi"

    async def test_beside_a_change_that_needs_a_stop_it_comes_after_the_start(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA])
        preview = await room.preview(made, disks=[ROOT, FAST], hostname="other")
        texts = " ".join(preview.lines)
        assert texts.index("start VirtualMachine default/vm1 again") < texts.index("copy disk data")
        now = await room.up(made, disks=[ROOT, FAST], hostname="other")
        assert (room.starts["vm1"], class_of(room, "data", now)) == (2, "fast")

    async def test_an_update_that_was_killed_after_its_stop_is_finished_with_the_move(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA])
        edit: dict[str, Any] = {"disks": [ROOT, FAST], "hostname": "other"}
        for patches in (1, 2, 3):
            room.kill_after(patches)
            with contextlib.suppress(Unreachable):
                await room.up(made, **edit)
            room.kill_after(None)
            now = await room.up(made, **edit)
            assert (class_of(room, "data", now), now.state["status"]) == ("fast", "Running")
            assert (await room.refresh(now)).inputs == now.inputs
            made = await room.up(now, disks=[ROOT, DATA], hostname=f"back{patches}")

    async def test_two_disks_move_one_after_the_other(self, room: MachineRoom) -> None:
        logs = {**DATA, "name": "logs"}
        made = await room.up(disks=[ROOT, DATA, logs])
        now = await room.up(made, disks=[ROOT, FAST, {**logs, "storageClass": "fast"}])
        assert (class_of(room, "data", now), class_of(room, "logs", now)) == ("fast", "fast")
        assert (await room.refresh(now)).inputs == now.inputs

    async def test_a_class_that_is_no_longer_declared_leaves_the_volume_where_it_is(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA])
        now = await room.up(made, disks=[ROOT, {**DATA, "storageClass": None}])
        assert now.state["volumes"] == made.state["volumes"]

    async def test_the_machine_is_judged_from_the_request_on_also_while_a_former_migration_goes_on(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA])
        steps = (await room.preview(made, disks=[ROOT, FAST])).plan.steps
        (request,) = [number for number, step in enumerate(steps) if isinstance(step, Call)]
        noted = steps[request + 1]
        assert isinstance(noted, Await)
        assert isinstance(noted.judge(Snapshot({REF: room.machine})), Waiting)
        await room.up(made, disks=[ROOT, FAST])
        assert isinstance(noted.judge(Snapshot({REF: room.machine})), Ready)


async def imported_machine(room: MachineRoom) -> Any:
    """`pulumi import` of the machine."""
    found = await verbs.read(KIND, room, REF.id, {})
    assert found is not None
    return found.inputs


class TestRefused:
    @pytest.mark.parametrize(
        ("version", "before", "says"),
        [
            ("v1.7.1", DATA, "cannot move to another class: give the disk another name"),
            ("v1.8.0", {**DATA, "hotPlug": True}, "only where the disk is an ordinary one without hotPlug"),
        ],
    )
    async def test_where_the_cluster_cannot_copy_it(self, version: str, before: dict[str, Any], says: str) -> None:
        room = movable(version)
        made = await room.up(disks=[ROOT, before])
        assert says in why_refused(await room.preview(made, disks=[ROOT, {**before, "storageClass": "fast"}]))

    async def test_of_a_machine_that_is_off(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA], runStrategy="Halted")
        preview = await room.preview(made, disks=[ROOT, FAST], runStrategy="Halted")
        assert "moves only under a running guest: start the machine first" in why_refused(preview)

    async def test_of_a_machine_that_is_to_be_off(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA])
        assert "the machine is to be off" in why_refused(await room.preview(made, disks=[ROOT, FAST], runStrategy="Halted"))

    async def test_while_another_volume_is_reached_from_one_node_only(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA])
        guest: Any = room.objects[GUEST]
        status = {"name": "root", "persistentVolumeClaimInfo": {"claimName": "x", "accessModes": ["ReadWriteOnce"]}}
        room.place(GUEST, {**guest, "status": {**guest["status"], "volumeStatus": [status]}})
        assert "no other volume of the machine is ReadWriteOnce" in why_refused(await room.preview(made, disks=[ROOT, FAST]))

    async def test_beside_a_change_that_is_deferred(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA], updatePolicy="defer")
        preview = await room.preview(made, disks=[ROOT, FAST], updatePolicy="defer", hostname="other")
        assert "cannot be deferred" in why_refused(preview)

    async def test_a_new_disk_of_an_image_in_another_class_is_added_in_the_images_class_first(self, room: MachineRoom) -> None:
        made = await room.up()
        more = {"name": "more", "image": "default/tools", "size": "5Gi", "storageClass": "fast"}
        assert "is made in the image's own class" in why_refused(await room.preview(made, disks=[ROOT, more]))


class TestNewMachine:
    async def test_a_disk_of_an_image_moves_to_its_class_once_the_guest_runs(self, room: MachineRoom) -> None:
        made = await room.up(disks=[{**ROOT, "storageClass": "fast"}])
        assert class_of(room, "root", made) == "fast"
        assert room.starts["vm1"] == 1
        assert (await room.refresh(made)).inputs == made.inputs

    @pytest.mark.parametrize(("version", "strategy"), [("v1.7.1", "Always"), ("v1.8.0", "Halted")])
    async def test_where_it_cannot_come_to_that_nothing_is_made(self, version: str, strategy: str) -> None:
        room = movable(version)
        with pytest.raises(PlanRefused, match="is made in the image's own class"):
            await room.up(disks=[{**ROOT, "storageClass": "fast"}], runStrategy=strategy)
        assert REF not in room.objects


class TestAfterAMove:
    async def test_a_disk_is_plugged_in_with_a_stop_because_kubevirt_plugs_nothing_until_the_next_start(self, room: MachineRoom) -> None:
        made = await room.up(disks=[ROOT, DATA])
        now = await room.up(made, disks=[ROOT, FAST])
        (line, *_) = (await room.preview(now, disks=[ROOT, FAST, HOT])).lines
        assert "disks[hot]: stop-modify-start" in line
        assert "no volume of it has moved to another storage class since its last start" in line
        then = await room.up(now, disks=[ROOT, FAST, HOT])
        assert room.starts["vm1"] == 2
        assert "disks[hot]: live" in (await room.preview(then, disks=[ROOT, FAST])).lines[0]

    async def test_a_deferred_other_volume_is_never_taken_for_a_copy_of_the_former_one(self, room: MachineRoom) -> None:
        room.place(Ref(PERSISTENT_VOLUME_CLAIM, "theirs", "default"), {"status": {"phase": "Bound"}})
        room.place(Ref(PERSISTENT_VOLUME_CLAIM, "others", "default"), {"status": {"phase": "Bound"}})
        attached = {"name": "shared", "existingVolume": "theirs"}
        defer = {"updatePolicy": "defer"}
        made = await room.up(disks=[ROOT, DATA, attached], **defer)
        now = await room.up(made, disks=[ROOT, FAST, attached], **defer)
        assert room.machine["spec"]["updateVolumesStrategy"] == "Migration"
        await room.up(now, disks=[ROOT, FAST, {**attached, "existingVolume": "others"}], **defer)
        assert "updateVolumesStrategy" not in room.machine["spec"]


class TestWhileItIsCopied:
    async def begun(self, room: MachineRoom) -> verbs.Found:
        """A machine whose disk somebody, or an interrupted update, has begun to move."""
        made = await room.up(disks=[ROOT, DATA])
        target = Ref(PERSISTENT_VOLUME_CLAIM, "vm1-data-fresh", "default")
        room.place(target, {"spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}})

        def name(body: Any) -> None:
            entries = json.loads(body["metadata"]["annotations"][TEMPLATES])
            entries[1]["targetVolume"] = target.name
            body["metadata"]["annotations"][TEMPLATES] = json.dumps(entries)

        machine = json.loads(json.dumps(room.machine))
        name(machine)
        room.place(REF, machine)
        return made

    @pytest.mark.parametrize(
        "edit",
        [{"hostname": "other"}, {"runStrategy": "Halted"}, {"disks": [ROOT, DATA, HOT]}],
        ids=["stop", "halt", "disk"],
    )
    async def test_what_would_tear_the_copy_apart_is_refused(self, room: MachineRoom, edit: dict[str, Any]) -> None:
        made = await self.begun(room)
        why = why_refused(await room.preview(made, **{"disks": [ROOT, DATA], **edit}))
        assert "is being copied to vm1-data-fresh: wait until it is there, or cancel it in Harvester's UI" in why

    async def test_the_next_update_goes_on_with_it_and_begins_no_other(self, room: MachineRoom) -> None:
        made = await self.begun(room)
        plan = (await room.preview(made, disks=[ROOT, FAST])).plan
        assert not room.calls
        assert [change.effect.label for change in plan.changes] == ["migrate"]
        assert not any("copy disk" in line for line in plan.lines())

    async def test_a_third_class_is_refused_until_it_is_there(self, room: MachineRoom) -> None:
        room.place(Ref(STORAGE_CLASS, "third"), {})
        made = await self.begun(room)
        why = why_refused(await room.preview(made, disks=[ROOT, {**DATA, "storageClass": "third"}]))
        assert "disk data is being copied to volume vm1-data-fresh" in why

    async def test_a_refresh_shows_no_other_volume_until_it_is_there(self, room: MachineRoom) -> None:
        made = await self.begun(room)
        machine = json.loads(json.dumps(room.machine))
        machine["spec"]["template"]["spec"]["volumes"][1]["persistentVolumeClaim"]["claimName"] = "vm1-data-fresh"
        room.place(REF, machine)
        assert (await room.refresh(made)).inputs == made.inputs


class TestVerdict:
    MOVED = Moved(REF, "data", "old", "new")

    def verdict(self, *, claim: str = "new", entry: Any = None, inside: str = "new", vm: Any = None, guest: Any = None) -> Verdict:
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": claim}}
        entries = json.dumps([entry or {"metadata": {"name": "new"}}])
        machine = {
            "metadata": {"annotations": {TEMPLATES: entries}},
            "spec": {"runStrategy": "Always", "template": {"spec": {"volumes": [volume]}}},
            "status": vm or {},
        }
        reported = [{"name": "data", "persistentVolumeClaimInfo": {"claimName": inside}}]
        status = {"phase": "Running", "volumeStatus": reported, **(guest or {})}
        return self.MOVED(Snapshot({REF: machine, GUEST: {"spec": {"volumes": [volume]}, "status": status}}))

    def test_it_is_over_when_guest_and_harvester_have_the_new_volume(self) -> None:
        assert isinstance(self.verdict(), Ready)

    @pytest.mark.parametrize(
        ("seen", "says"),
        [
            ({"inside": "old"}, "disk data is being copied to new"),
            ({"guest": {"conditions": [{"type": "VolumesChange", "status": "True"}]}}, "disk data is being copied to new"),
            ({"entry": {"metadata": {"name": "old"}, "targetVolume": "new"}}, "Harvester has not noted its new volume yet"),
        ],
    )
    def test_it_is_waited_for(self, seen: dict[str, Any], says: str) -> None:
        verdict = self.verdict(**seen)
        assert isinstance(verdict, Waiting)
        assert says in verdict.why

    @pytest.mark.parametrize(
        ("seen", "says"),
        [
            ({"claim": "old", "entry": {"metadata": {"name": "old"}}}, "somebody has cancelled it"),
            (
                {"vm": {"conditions": [{"type": "RestartRequired", "status": "True", "message": "is RWO"}]}},
                "under the running guest: is RWO",
            ),
            ({"guest": {"phase": "Succeeded"}}, "was not copied to its end: the guest was switched off"),
            (
                {"vm": {"conditions": [{"type": "ManualRecoveryRequired", "status": "True", "reason": "VMI was removed"}]}},
                "VMI was removed",
            ),
            (
                {"guest": {"conditions": [{"type": "VolumesChange", "status": "False", "message": "destination doesn't exist"}]}},
                "cannot be copied: destination doesn't exist",
            ),
        ],
        ids=["cancelled", "restart", "guest ended", "recovery", "no destination"],
    )
    def test_what_cannot_end_well_fails_at_once_with_a_way_out(self, seen: dict[str, Any], says: str) -> None:
        verdict = self.verdict(**seen)
        assert isinstance(verdict, Failed)
        assert says in verdict.why
        assert verdict.next_step
