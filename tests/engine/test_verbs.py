"""The verbs, against a cluster in memory."""

from typing import Any

import pytest
from fake_cluster import FakeCluster, Heard
from gadget import GADGET, KIND, STORE

from harvester_provider.core.errors import (
    Changed,
    Conflict,
    Forbidden,
    InvalidInputs,
    NotOurs,
    PlanRefused,
    Refused,
    Unreachable,
    WaitFailed,
    WaitTimedOut,
)
from harvester_provider.core.ownership import OWNER
from harvester_provider.core.ref import Ref
from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.engine import verbs

REF = Ref(GADGET, "g1", "default")
INPUTS = {"name": "g1", "owner": "p/s/g1"}


def gets_ready(cluster: FakeCluster, ref: Ref, body: dict[str, Any]) -> None:
    if ref.api == GADGET and body.get("status", {}).get("phase") != "ready":
        cluster.place(ref, {**body, "status": {"phase": "ready"}})


@pytest.fixture
def cluster() -> FakeCluster:
    cluster = FakeCluster()
    cluster.on_write.append(lambda ref, body: gets_ready(cluster, ref, body))
    return cluster


async def made(cluster: FakeCluster, **inputs: object) -> verbs.Found:
    return await verbs.create(KIND, cluster, {**INPUTS, **inputs}, Heard())


class TestCheck:
    def test_defaults_are_filled_in(self) -> None:
        checked = verbs.check(KIND, INPUTS)
        assert not checked.problems
        assert checked.inputs["size"] == 1
        assert checked.inputs["namespace"] == "default"

    def test_every_problem_is_told_at_once_with_its_property(self) -> None:
        checked = verbs.check(KIND, {"name": "Not A Name", "size": "many", "colou": "red"})
        assert {problem.property for problem in checked.problems} == {"name", "size", "colou"}

    def test_an_unknown_value_is_kept_and_breaks_no_rule(self) -> None:
        checked = verbs.check(KIND, {**INPUTS, "size": UNKNOWN})
        assert not checked.problems
        assert checked.inputs["size"] is UNKNOWN

    async def test_a_name_that_somebody_else_uses_is_a_problem_before_the_create(self, cluster: FakeCluster) -> None:
        cluster.place(REF, {"spec": {}})
        (problem,) = (await verbs.foresee(KIND, cluster, INPUTS)).problems
        assert problem.property == "name"
        assert "adopt=True" in problem.reason

    async def test_a_name_that_an_interrupted_run_of_ours_used_is_fine(self, cluster: FakeCluster) -> None:
        await made(cluster)
        assert await verbs.foresee(KIND, cluster, INPUTS) == verbs.Foreseen()

    async def test_what_does_not_exist_yet_is_foreseen_and_is_no_problem(self, cluster: FakeCluster) -> None:
        found = await verbs.foresee(KIND, cluster, {**INPUTS, "store": "s1"})
        assert [str(missing) for missing in found.missing] == ["store: Store default/s1 does not exist: make it first"]
        assert not found.problems


class TestCreate:
    async def test_the_state_holds_inputs_outputs_and_the_uid(self, cluster: FakeCluster) -> None:
        found = await made(cluster, size=3)
        assert found.id == "default/g1"
        assert found.state["size"] == 3
        assert found.state["phase"] == "ready"
        assert found.state["uid"] == cluster.objects[REF]["metadata"]["uid"]

    async def test_a_missing_requirement_is_told_before_anything_is_made(self, cluster: FakeCluster) -> None:
        with pytest.raises(InvalidInputs, match="store: Store default/s1 does not exist: make it first"):
            await made(cluster, store="s1")
        assert not cluster.writes()

    async def test_a_present_requirement_is_fine(self, cluster: FakeCluster) -> None:
        cluster.place(Ref(STORE, "s1", "default"), {})
        assert (await made(cluster, store="s1")).id == "default/g1"

    async def test_an_object_of_somebody_else_is_left_alone(self, cluster: FakeCluster) -> None:
        cluster.place(
            REF, {"spec": {"size": 1, "colour": "red"}, "metadata": {"annotations": {"harvester.pulumi.com/owner": "p/other/g1"}}}
        )
        with pytest.raises(NotOurs, match="it belongs to p/other/g1"):
            await made(cluster)
        assert not cluster.writes()

    async def test_adopt_takes_an_object_over_and_changes_only_what_differs(self, cluster: FakeCluster) -> None:
        cluster.place(REF, {"spec": {"size": 1, "colour": "red", "extra": "theirs"}})
        found = await made(cluster, size=2, adopt=True)
        assert found.state["size"] == 2
        assert cluster.objects[REF]["spec"]["extra"] == "theirs"

    async def test_an_adopted_object_is_marked_as_ours_and_goes_on_without_adopt(self, cluster: FakeCluster) -> None:
        cluster.place(REF, {"spec": {"size": 1, "colour": "red"}, "metadata": {"annotations": {"theirs": "x"}}})
        await made(cluster, adopt=True)
        assert cluster.objects[REF]["metadata"]["annotations"] == {"theirs": "x", OWNER: "p/s/g1"}
        assert (await made(cluster)).id == "default/g1"

    async def test_adopt_refuses_what_cannot_be_changed_in_place(self, cluster: FakeCluster) -> None:
        cluster.place(REF, {"spec": {"size": 1, "colour": "blue"}})
        with pytest.raises(NotOurs, match="colour cannot be changed in place"):
            await made(cluster, adopt=True)
        assert not cluster.writes()

    async def test_an_interrupted_create_is_resumed_without_a_second_object(self, cluster: FakeCluster) -> None:
        await made(cluster)
        identity = cluster.objects[REF]["metadata"]["uid"]
        found = await made(cluster)
        assert found.state["uid"] == identity
        assert [entry for entry in cluster.requests if entry[0] == "create"] == [("create", REF)]

    async def test_a_resumed_create_still_waits_until_the_object_is_ready(self) -> None:
        cluster = FakeCluster()
        cluster.place(REF, {"spec": {"size": 1, "colour": "red"}, "metadata": {"annotations": {"harvester.pulumi.com/owner": "p/s/g1"}}})
        cluster.place(REF, {**cluster.objects[REF], "status": {"phase": "broken"}})
        with pytest.raises(WaitFailed, match=r"it is broken.*Next: mend it"):
            await made(cluster)

    @pytest.mark.looptime
    async def test_a_resumed_create_has_the_time_of_a_create_for_what_is_left_to_change(self) -> None:
        cluster = FakeCluster()
        cluster.place(REF, {"spec": {"size": 1, "colour": "red"}, "metadata": {"annotations": {"harvester.pulumi.com/owner": "p/s/g1"}}})
        with pytest.raises(WaitTimedOut, match="not ready after 5 s"):
            await made(cluster, size=2, timeouts={"create": "5s"})

    async def test_a_left_over_of_ours_that_cannot_be_changed_is_made_again(self, cluster: FakeCluster) -> None:
        await made(cluster, colour="red")
        found = await made(cluster, colour="blue")
        assert found.state["colour"] == "blue"
        assert cluster.objects[REF]["spec"]["colour"] == "blue"

    @pytest.mark.looptime
    async def test_a_time_out_names_the_object_and_what_was_last_seen(self) -> None:
        with pytest.raises(WaitTimedOut, match=r"Gadget default/g1: not ready after 1800 s: nobody takes care of it"):
            await made(FakeCluster())

    @pytest.mark.looptime
    async def test_a_refusal_that_passes_by_itself_is_waited_out(self, cluster: FakeCluster) -> None:
        cluster.refuse("create", Refused("failed to get storage class", transient=True), times=3)
        assert (await made(cluster)).id == "default/g1"

    async def test_a_refusal_for_good_is_told_at_once(self, cluster: FakeCluster) -> None:
        cluster.refuse("create", Refused("a rule"))
        with pytest.raises(Refused, match="a rule"):
            await made(cluster)


class TestDiff:
    async def test_no_change_asks_the_cluster_nothing(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.requests.clear()
        difference = await verbs.diff(KIND, cluster, found.id, found.state, {**INPUTS, "size": 1})
        assert not difference.changed
        assert not cluster.requests

    async def test_the_printed_plan_is_what_update_runs(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        difference = await verbs.diff(KIND, cluster, found.id, found.state, {**INPUTS, "size": 2})
        assert difference.changed == ["size"]
        assert difference.lines == ["size: stop-modify-start (it must stand still)", "1. stop it", "2. make it larger", "3. start it"]

    async def test_what_the_kind_calls_the_same_is_no_change(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        assert not (await verbs.diff(KIND, cluster, found.id, found.state, {**INPUTS, "store": "s1"})).changed

    async def test_a_changed_name_replaces(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        assert (await verbs.diff(KIND, cluster, found.id, found.state, {**INPUTS, "name": "g2"})).replaces == ("name",)

    async def test_an_unknown_value_is_said_to_decide_later(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        difference = await verbs.diff(KIND, cluster, found.id, found.state, {**INPUTS, "size": UNKNOWN})
        assert difference.changed == ["size"]
        assert "known only when size is known" in difference.lines[0]

    async def test_an_object_that_vanished_is_said_to_be_made_again(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.vanish(REF)
        difference = await verbs.diff(KIND, cluster, found.id, found.state, {**INPUTS, "size": 2})
        assert not difference.replaces
        assert "gone" in difference.lines[0]


class TestUpdate:
    async def test_an_update_changes_the_object_and_the_state(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        after = await verbs.update(KIND, cluster, found.id, found.state, {**INPUTS, "size": 5}, Heard())
        assert after.state["size"] == 5
        assert cluster.objects[REF]["spec"] == {"size": 5, "colour": "red"}

    async def test_an_imported_object_is_marked_by_its_first_update(self, cluster: FakeCluster) -> None:
        cluster.place(REF, {"spec": {"size": 1, "colour": "red"}, "status": {"phase": "ready"}})
        imported = await verbs.read(KIND, cluster, "default/g1", {})
        assert imported is not None
        await verbs.update(KIND, cluster, "default/g1", imported.state, {**INPUTS, "size": 2}, Heard())
        assert cluster.objects[REF]["metadata"]["annotations"][OWNER] == "p/s/g1"

    async def test_the_mark_of_a_program_that_adopted_it_stays(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.objects[REF]["metadata"]["annotations"][OWNER] = "p/other/g1"
        await verbs.update(KIND, cluster, "default/g1", found.state, {**INPUTS, "size": 2}, Heard())
        assert cluster.objects[REF]["metadata"]["annotations"][OWNER] == "p/other/g1"

    async def test_a_refused_change_stops_before_the_first_step(self, cluster: FakeCluster) -> None:
        found = await made(cluster, size=3)
        cluster.requests.clear()
        with pytest.raises(PlanRefused, match="a gadget cannot shrink"):
            await verbs.update(KIND, cluster, found.id, found.state, {**INPUTS, "size": 2}, Heard())
        assert not cluster.writes()

    async def test_a_refusal_half_way_puts_things_back_and_says_so(self, cluster: FakeCluster) -> None:
        found = await made(cluster)

        def refuse_after_stop(_ref: Ref, body: dict[str, Any]) -> None:
            if body["spec"].get("stopped"):
                cluster.refuse("patch", Refused("too large"))

        cluster.on_write.append(refuse_after_stop)
        with pytest.raises(Refused, match=r"too large\. Things were put back"):
            await verbs.update(KIND, cluster, found.id, found.state, {**INPUTS, "size": 9}, Heard())
        assert cluster.objects[REF]["spec"] == {"size": 1, "colour": "red"}

    async def test_an_object_that_somebody_changes_meanwhile_is_looked_at_and_planned_for_again(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.refuse("patch", Changed("it was changed"), times=2)
        heard = Heard()
        after = await verbs.update(KIND, cluster, found.id, found.state, {**INPUTS, "size": 5}, heard)
        assert after.state["size"] == 5
        assert len(heard.infos) == 2

    async def test_an_object_that_never_stands_still_is_put_back_and_told(self, cluster: FakeCluster) -> None:
        found = await made(cluster)

        def disturb(_ref: Ref, body: dict[str, Any]) -> None:
            if body["spec"].get("stopped"):
                cluster.refuse("patch", Changed("it was changed"))

        cluster.on_write.append(disturb)
        with pytest.raises(Changed, match="put back"):
            await verbs.update(KIND, cluster, found.id, found.state, {**INPUTS, "size": 5}, Heard())
        assert "stopped" not in cluster.objects[REF]["spec"]

    async def test_a_vanished_object_is_made_again(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.vanish(REF)
        after = await verbs.update(KIND, cluster, found.id, found.state, {**INPUTS, "size": 2}, Heard())
        assert after.state["uid"] != found.state["uid"]
        assert cluster.objects[REF]["spec"]["size"] == 2


class TestRead:
    async def test_a_change_made_by_hand_is_seen(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.objects[REF]["spec"]["size"] = 7
        after = await verbs.read(KIND, cluster, found.id, found.state)
        assert after is not None
        assert after.inputs["size"] == 7

    async def test_not_found_means_gone(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.vanish(REF)
        assert await verbs.read(KIND, cluster, found.id, found.state) is None

    @pytest.mark.parametrize("error", [Unreachable("down"), Forbidden("no")])
    async def test_any_other_error_keeps_the_state(self, cluster: FakeCluster, error: Exception) -> None:
        found = await made(cluster)
        cluster.refuse("get", error)  # type: ignore[arg-type]  both are of the error tree
        with pytest.raises(type(error)):
            await verbs.read(KIND, cluster, found.id, found.state)

    async def test_an_import_reads_every_input_from_the_object(self, cluster: FakeCluster) -> None:
        await made(cluster, size=4, colour="green")
        found = await verbs.read(KIND, cluster, "default/g1", {})
        assert found is not None
        assert (found.inputs["size"], found.inputs["colour"]) == (4, "green")

    async def test_another_object_of_the_same_name_is_not_ours(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.vanish(REF)
        cluster.place(REF, {"spec": {"size": 1, "colour": "red"}})
        assert await verbs.read(KIND, cluster, found.id, found.state) is None


class TestDelete:
    async def test_the_object_is_gone_afterwards(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        await verbs.delete(KIND, cluster, found.id, found.state, Heard())
        assert REF not in cluster.objects

    async def test_an_object_that_is_gone_already_is_fine(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.vanish(REF)
        await verbs.delete(KIND, cluster, found.id, found.state, Heard())

    async def test_another_object_of_the_same_name_is_left_alone(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.vanish(REF)
        cluster.place(REF, {"spec": {"size": 1, "colour": "red"}})
        heard = Heard()
        await verbs.delete(KIND, cluster, found.id, found.state, heard)
        assert REF in cluster.objects
        assert "left alone" in heard.warnings[0]

    @pytest.mark.looptime
    async def test_a_refusal_that_passes_by_itself_is_waited_out(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.refuse("delete", Refused("being used by volume default/disk", transient=True), times=4)
        heard = Heard()
        await verbs.delete(KIND, cluster, found.id, found.state, heard)
        assert REF not in cluster.objects
        assert [text for text in heard.steps if "trying again for up to 300 s: being used by volume default/disk" in text]

    @pytest.mark.looptime
    async def test_an_object_that_stays_in_use_stays_there_with_the_way_out(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.refuse("delete", Refused("being used by volume default/disk", transient=True), times=1000)
        with pytest.raises(Refused, match=r"volume default/disk\. .*Remove what uses it first.*retain_on_delete=True"):
            await verbs.delete(KIND, cluster, found.id, found.state, Heard())
        assert REF in cluster.objects

    @pytest.mark.looptime
    async def test_a_lost_lock_is_taken_again(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.refuse("delete", Conflict("the object has been modified"), times=2)
        await verbs.delete(KIND, cluster, found.id, found.state, Heard())
        assert REF not in cluster.objects

    async def test_an_object_that_takes_the_name_in_between_is_left_alone(self) -> None:
        class Quick(FakeCluster):
            """Somebody is faster: ours is gone and another one is there when the request arrives."""

            async def delete(self, ref: Ref, *args: Any) -> None:
                self.vanish(ref)
                self.place(ref, {"spec": {}})
                await super().delete(ref, *args)

        cluster, heard = Quick(), Heard()
        cluster.on_write.append(lambda ref, body: gets_ready(cluster, ref, body))
        found = await made(cluster)
        await verbs.delete(KIND, cluster, found.id, found.state, heard)
        assert cluster.objects[REF]["metadata"]["uid"] != found.state["uid"]
        assert "left alone" in heard.warnings[0]

    @pytest.mark.looptime
    async def test_an_object_that_does_not_go_is_told_with_what_holds_it(self, cluster: FakeCluster) -> None:
        found = await made(cluster)
        cluster.finalized.add(REF)
        cluster.objects[REF]["metadata"]["finalizers"] = ["example.org/hold"]
        with pytest.raises(WaitTimedOut, match="held by example.org/hold"):
            await verbs.delete(KIND, cluster, found.id, found.state, Heard())
