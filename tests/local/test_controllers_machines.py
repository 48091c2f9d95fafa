"""When a machine has an instance, what it says of itself, and what of a change reaches the instance."""

import copy
from typing import Any

import pytest
from plane_objects import claim, instance_of, machine, node, obj, world

from harvester_local.api import kinds
from harvester_local.api.objects import Obj, condition, part
from harvester_local.api.versions import rules_for
from harvester_local.controllers.guest import address_of, migratable, reported_interfaces
from harvester_local.controllers.instance_spec import build_instance
from harvester_local.controllers.live_update import NOT_LIVE, LiveUpdate, departed_interfaces, live_update
from harvester_local.controllers.machine_status import conditions, printable_status, status_of
from harvester_local.controllers.power import Action, decide
from harvester_local.controllers.scheduling import Scheduler, Unschedulable
from harvester_local.model.machines import template_spec

# Power --------------------------------------------------------------------------------------------------------------


def seen(vm: Obj, strategy: str | None = None, *requests: Obj) -> Obj:
    """The machine as it has been seen under a strategy, with requests to start or stop."""
    vm["status"] = {"runStrategy": strategy or vm["spec"]["runStrategy"], "stateChangeRequests": list(requests)}
    return vm


@pytest.mark.parametrize(
    ("strategy", "new", "again"),
    [
        ("Always", Action.START, Action.START),
        ("RerunOnFailure", Action.START, Action.NOTHING),
        ("Once", Action.START, Action.NOTHING),
        ("Manual", Action.NOTHING, Action.NOTHING),
        ("Halted", Action.NOTHING, Action.NOTHING),
    ],
)
def test_a_stopped_machine_starts_by_its_strategy(strategy: str, new: Action, again: Action) -> None:
    assert decide(machine(strategy=strategy), None).action is new
    assert decide(seen(machine(strategy=strategy)), None).action is again


@pytest.mark.parametrize(
    ("strategy", "succeeded", "failed"),
    [
        ("Always", Action.STOP, Action.STOP),
        ("RerunOnFailure", Action.STOP, Action.STOP),
        ("Once", Action.NOTHING, Action.NOTHING),
        ("Manual", Action.NOTHING, Action.NOTHING),
        ("Halted", Action.STOP, Action.STOP),
    ],
)
def test_an_ended_instance_is_removed_by_the_strategy(strategy: str, succeeded: Action, failed: Action) -> None:
    vm = seen(machine(strategy=strategy))
    assert decide(vm, instance_of(vm, phase="Succeeded")).action is succeeded
    assert decide(vm, instance_of(vm, phase="Failed")).action is failed


def test_a_guest_that_shut_down_stays_down_and_one_that_crashed_comes_back() -> None:
    vm = seen(machine())
    assert decide(vm, instance_of(vm, phase="Succeeded")).requests == []
    crashed = decide(vm, instance_of(vm, phase="Failed"))
    assert crashed.requests == [{"action": "Start"}]
    assert decide(seen(vm, None, *crashed.requests), None).action is Action.START


def test_a_restart_is_a_stop_of_this_instance_and_a_start() -> None:
    vm = machine()
    running = instance_of(vm)
    seen(vm, None, {"action": "Stop", "uid": running["metadata"]["uid"]}, {"action": "Start"})
    assert decide(vm, running).action is Action.STOP
    after = decide(vm, None)
    assert (after.action, after.requests) == (Action.START, [])


def test_a_request_to_stop_another_instance_is_dropped() -> None:
    vm = seen(machine(), None, {"action": "Stop", "uid": "old"})
    decision = decide(vm, instance_of(vm))
    assert (decision.action, decision.requests) == (Action.NOTHING, [])


# Status -------------------------------------------------------------------------------------------------------------


def with_condition(vm: Obj, kind: str, status: str, **more: str) -> Obj:
    return instance_of(vm, phase=more.pop("phase", "Running"), conditions=[{"type": kind, "status": status, **more}])


@pytest.mark.parametrize(
    ("instance", "word"),
    [
        (None, "Stopped"),
        (instance_of(machine(), phase="Pending"), "Starting"),
        (instance_of(machine(), phase="Scheduled"), "Starting"),
        (instance_of(machine()), "Running"),
        (instance_of(machine(), phase="Succeeded"), "Stopped"),
        (with_condition(machine(), "Paused", "True"), "Paused"),
        (with_condition(machine(), "Synchronized", "False", reason="FailedPvcNotFound", phase="Pending"), "ErrorPvcNotFound"),
        (with_condition(machine(), "PodScheduled", "False", reason="Unschedulable", phase="Scheduling"), "ErrorUnschedulable"),
        (instance_of(machine(), migrationState={"startTimestamp": "now"}), "Migrating"),
        (instance_of(machine(), migrationState={"startTimestamp": "now", "completed": True}), "Running"),
    ],
)
def test_one_word_says_where_a_machine_stands(instance: Obj | None, word: str) -> None:
    assert printable_status(machine(), instance, []) == word


def test_unbound_volumes_and_deletions_have_their_own_words() -> None:
    vm = machine()
    assert printable_status(vm, instance_of(vm, phase="Pending"), ["vm-root"]) == "WaitingForVolumeBinding"
    ending = instance_of(vm)
    ending["metadata"]["deletionTimestamp"] = "now"
    assert printable_status(vm, ending, []) == "Stopping"
    vm["metadata"]["deletionTimestamp"] = "now"
    assert printable_status(vm, ending, []) == "Terminating"


def test_a_machine_that_fails_to_start_is_in_a_crash_loop_only_while_it_would_start() -> None:
    vm = machine()
    vm["status"] = {"startFailure": {"consecutiveFailCount": 1}}
    assert printable_status(vm, None, []) == "CrashLoopBackOff"
    vm["spec"]["runStrategy"] = "Halted"
    assert printable_status(vm, None, []) == "Stopped"


def test_conditions_come_from_the_instance_and_outlive_it() -> None:
    vm = machine()
    vm["status"] = {"conditions": conditions(vm, instance_of(vm), restart="")}
    assert {c["type"]: c["status"] for c in vm["status"]["conditions"]} == {"Ready": "True", "LiveMigratable": "True"}
    gone = {"status": {"conditions": conditions(vm, None, restart="")}}
    ready = condition(gone, "Ready")
    assert ready is not None
    assert (ready["status"], ready["reason"]) == ("False", "VMINotExists")


def test_a_pending_restart_holds_back_the_observed_generation() -> None:
    vm = machine()
    vm["metadata"]["generation"], vm["status"] = 2, {"observedGeneration": 1}
    assert status_of(vm, None, [], restart=NOT_LIVE, seen_strategy="Always")["observedGeneration"] == 1
    assert status_of(vm, None, [], restart="", seen_strategy="Always")["observedGeneration"] == 2


# Live changes -------------------------------------------------------------------------------------------------------


def change(edit: Any, vm: Obj | None = None, *, minor: tuple[int, int] = (1, 8), pending: bool = False, **status: Any) -> LiveUpdate:
    """The update for a machine whose template `edit` changes while it runs."""
    before = vm or machine()
    running = instance_of(before, **status)
    after = copy.deepcopy(before)
    edit(template_spec(after))
    return live_update(template_spec(before), after, running, rules_for(minor), pending=pending)


def hotplug_machine(**domain: Any) -> Obj:
    vm = machine()
    template_spec(vm)["domain"] |= {"memory": {"guest": "2Gi", "maxGuest": "8Gi"}, "resources": {"requests": {"cpu": "200m"}}, **domain}
    return vm


def test_nothing_changed_is_nothing_to_do() -> None:
    assert change(lambda _: None) == LiveUpdate()


@pytest.mark.parametrize(
    "edit",
    [
        lambda spec: spec["domain"]["resources"]["limits"].update(memory="3Gi"),
        lambda spec: spec["domain"]["cpu"].update(cores=2),
        lambda spec: spec.update(hostname="other"),
        lambda spec: spec["volumes"].append({"name": "more", "emptyDisk": {"capacity": "1Gi"}}),
        lambda spec: spec["domain"]["devices"]["interfaces"].clear(),
        lambda spec: spec["domain"]["devices"]["interfaces"][0].update(model="e1000"),
        lambda spec: spec["domain"]["devices"].update(tpm={}),
        lambda spec: spec.update(evictionStrategy="None"),
    ],
)
def test_most_changes_wait_for_a_restart(edit: Any) -> None:
    update = change(edit)
    assert (update.restart, update.spec, update.migration) == (NOT_LIVE, {}, [])


def test_placement_is_live_and_needs_no_migration() -> None:
    update = change(lambda spec: spec.update(nodeSelector={"rack": "a"}))
    assert (update.restart, update.spec, update.migration) == ("", {"nodeSelector": {"rack": "a"}}, [])


def test_placement_waits_while_a_restart_is_pending() -> None:
    assert change(lambda spec: spec.update(nodeSelector={"rack": "a"}), pending=True).spec == {}


def test_more_sockets_are_plugged_in_up_to_the_most() -> None:
    update = change(lambda spec: spec["domain"]["cpu"].update(sockets=4), hotplug_machine())
    assert (update.restart, update.migration) == ("", ["HotVCPUChange"])
    assert update.spec["domain"] == {"cpu": {"sockets": 4}, "resources": {"requests": {"cpu": "400m"}}}


@pytest.mark.parametrize(
    ("sockets", "text"),
    [
        (1, "Reduction of CPU socket count requires a restart"),
        (9, "CPU sockets updated in template spec to a value higher than what's available"),
    ],
)
def test_fewer_or_too_many_sockets_wait_for_a_restart(sockets: int, text: str) -> None:
    update = change(lambda spec: spec["domain"]["cpu"].update(sockets=sockets), hotplug_machine())
    assert (update.restart, update.migration) == (text, [])


def test_memory_is_plugged_in() -> None:
    update = change(lambda spec: spec["domain"]["memory"].update(guest="4Gi"), hotplug_machine())
    assert (update.restart, update.migration) == ("", ["HotMemoryChange"])
    assert update.spec["domain"]["memory"] == {"guest": "4Gi"}


@pytest.mark.parametrize(
    ("guest", "text"),
    [
        ("9Gi", "memory hotplug not supported, Guest memory is greater than the configured maxGuest memory"),
        ("2049Mi", "memory hotplug not supported, Guest memory must be 2Mi aligned"),
        ("512Mi", "memory hotplug not supported, Memory hotplug is only available for VMs with at least 1Gi of guest memory"),
        ("1Gi", "memory updated in template spec to a value lower than what the VM started with"),
    ],
)
def test_other_memory_waits_for_a_restart(guest: str, text: str) -> None:
    update = change(lambda spec: spec["domain"]["memory"].update(guest=guest), hotplug_machine())
    assert (update.restart, update.migration) == (text, [])


def test_memory_of_a_machine_held_to_its_node_waits_for_a_restart() -> None:
    held = [{"type": "LiveMigratable", "status": "False"}]
    update = change(lambda spec: spec["domain"]["memory"].update(guest="4Gi"), hotplug_machine(), conditions=held)
    assert update.restart == "memory updated in template spec. Memory-hotplug is only available for migratable VMs"


NEW_NIC = {"name": "lan", "bridge": {}, "model": "virtio", "macAddress": "02:00:00:00:00:09"}


def add_nic(spec: Obj) -> None:
    spec["domain"]["devices"]["interfaces"].append(NEW_NIC)
    spec["networks"].append({"name": "lan", "multus": {"networkName": "lan"}})


@pytest.mark.parametrize("pending", [False, True])
def test_a_bridge_interface_is_plugged_in_even_while_a_restart_is_pending(pending: bool) -> None:  # noqa: FBT001  a parameter of the test
    update = change(add_nic, pending=pending)
    assert (update.restart, update.migration) == ("", ["MigrationRequired"])
    assert update.spec["domain"]["devices"]["interfaces"][-1] == NEW_NIC
    assert [n["name"] for n in update.spec["networks"]] == ["default", "lan"]


def with_lan() -> Obj:
    vm = machine()
    add_nic(template_spec(vm))
    return vm


def test_an_interface_leaves_by_being_marked_absent() -> None:
    update = change(lambda spec: spec["domain"]["devices"]["interfaces"][1].update(state="absent"), with_lan())
    assert (update.restart, update.migration) == ("", ["MigrationRequired"])
    assert update.spec["domain"]["devices"]["interfaces"][1]["state"] == "absent"


def test_a_link_goes_down_without_a_migration() -> None:
    update = change(lambda spec: spec["domain"]["devices"]["interfaces"][1].update(state="down"), with_lan())
    assert (update.restart, update.migration) == ("", [])
    assert update.spec["domain"]["devices"]["interfaces"][1]["state"] == "down"


def test_an_absent_interface_is_dropped_once_no_instance_has_it() -> None:
    vm = with_lan()
    template_spec(vm)["domain"]["devices"]["interfaces"][1]["state"] = "absent"
    assert departed_interfaces(vm, instance_of(vm)) == []
    assert departed_interfaces(vm, instance_of(machine())) == ["lan"]
    assert departed_interfaces(vm, None) == ["lan"]


def plug_disk(spec: Obj) -> None:
    spec["domain"]["devices"]["disks"].append({"name": "data", "disk": {"bus": "scsi"}})
    spec["volumes"].append({"name": "data", "persistentVolumeClaim": {"claimName": "data", "hotpluggable": True}})


def test_a_hotpluggable_disk_follows_the_spec_from_1_8_on() -> None:
    update = change(plug_disk)
    assert (update.restart, update.migration) == ("", [])
    assert [v["name"] for v in update.spec["volumes"]] == ["root", "data"]
    assert [d["name"] for d in update.spec["domain"]["devices"]["disks"]] == ["root", "data"]
    assert change(plug_disk, minor=(1, 7)) == LiveUpdate()


def test_a_hotpluggable_disk_that_was_there_at_the_start_leaves_without_a_restart() -> None:
    vm = machine()
    plug_disk(template_spec(vm))
    update = change(lambda spec: (spec["volumes"].pop(), spec["domain"]["devices"]["disks"].pop()), vm)
    assert update.restart == ""
    assert [v["name"] for v in update.spec["volumes"]] == ["root"]


def test_a_medium_leaves_its_cdrom_drive_behind() -> None:
    vm = machine()
    template_spec(vm)["domain"]["devices"]["disks"].append({"name": "cd", "cdrom": {"bus": "sata"}})
    template_spec(vm)["volumes"].append({"name": "cd", "persistentVolumeClaim": {"claimName": "iso", "hotpluggable": True}})
    update = change(lambda spec: spec["volumes"].pop(), vm)
    assert update.restart == ""
    assert [d["name"] for d in update.spec["domain"]["devices"]["disks"]] == ["root", "cd"]
    assert change(lambda spec: (spec["volumes"].pop(), spec["domain"]["devices"]["disks"].pop()), vm).restart == NOT_LIVE


def test_a_volume_moves_to_another_claim_only_when_asked_to_migrate() -> None:
    def move(spec: Obj) -> None:
        spec["volumes"][0]["persistentVolumeClaim"]["claimName"] = "other"

    assert change(move).restart == NOT_LIVE
    vm = machine()
    vm["spec"]["updateVolumesStrategy"] = "Migration"
    update = change(move, vm)
    assert (update.restart, update.migration) == ("", ["VolumesChange"])
    assert update.spec["volumes"][0]["persistentVolumeClaim"] == {"claimName": "other"}


# Instances ----------------------------------------------------------------------------------------------------------


def test_an_instance_knows_the_most_that_can_be_plugged_in() -> None:
    spec = build_instance(hotplug_machine(memory={"guest": "2Gi"}), 4)["spec"]
    assert spec["domain"]["memory"] == {"guest": "2Gi", "maxGuest": "8Gi"}
    assert spec["domain"]["cpu"]["maxSockets"] == 8


def test_addresses_are_remembered_across_starts() -> None:
    vm = machine(annotations={"harvesterhci.io/mac-address": '{"default":"02:00:00:00:00:42"}'})
    del template_spec(vm)["domain"]["devices"]["interfaces"][0]["macAddress"]
    assert build_instance(vm, 4)["spec"]["domain"]["devices"]["interfaces"][0]["macAddress"] == "02:00:00:00:00:42"


def test_addresses_are_reported_only_when_the_guest_tells_them() -> None:
    running = instance_of(machine())
    (silent,) = reported_interfaces(running, addresses=False)
    (told,) = reported_interfaces(running, addresses=True)
    assert "ipAddress" not in silent
    assert told["ipAddress"] == address_of(running, "default")
    assert told["mac"] == silent["mac"]


def test_a_disk_for_one_node_holds_its_machine_there() -> None:
    running = instance_of(machine())
    found = migratable([], running, lambda name: claim(name, modes=("ReadWriteOnce",)))
    assert [(c["type"], c["status"], c["reason"]) for c in found] == [("LiveMigratable", "False", "DisksNotLiveMigratable")]
    assert migratable([], running, claim)[0]["status"] == "True"


# Scheduling ---------------------------------------------------------------------------------------------------------


class Nodes:
    """Nodes and the scheduler that places instances on them."""

    def __init__(self, *nodes: Obj) -> None:
        self.store = world(*nodes).store
        self.scheduler = Scheduler(self.store)

    def place(self, instance: Obj) -> str:
        """The node of an instance that the store knows."""
        self.store.observe(kinds.INSTANCE, instance)
        return self.scheduler.place(instance)


def pending(name: str, **spec: Any) -> Obj:
    vm = machine(name, **spec)
    template_spec(vm)["domain"]["resources"]["requests"] = {"cpu": "1", "memory": "6Gi"}
    waiting = instance_of(vm, phase="Pending")
    waiting["status"].pop("nodeName")
    return waiting


def test_room_taken_at_once_is_not_given_twice() -> None:
    nodes = Nodes(node("a"), node("b"))
    placed = [nodes.place(pending(f"vm{number}")) for number in range(4)]
    assert sorted(placed) == ["a", "a", "b", "b"]
    with pytest.raises(Unschedulable, match="0/2 nodes are available: 2 Insufficient memory"):
        nodes.place(pending("one-too-many"))


def test_room_of_an_ended_instance_is_free_as_soon_as_its_end_is_known() -> None:
    nodes = Nodes(node("a", memory="8Gi"))
    first, second, third = pending("first"), pending("second"), pending("third")
    nodes.place(first)
    with pytest.raises(Unschedulable):
        nodes.place(second)
    version = str(int(second["metadata"]["resourceVersion"]) + 1)
    nodes.store.observe(
        kinds.INSTANCE, {**first, "metadata": first["metadata"] | {"resourceVersion": version}, "status": {"phase": "Succeeded"}}
    )
    assert nodes.place(second) == "a"
    nodes.store.forget(kinds.INSTANCE, second)
    assert nodes.place(third) == "a"


def test_selectors_affinity_and_cordons_are_obeyed() -> None:
    cordoned = node("c", rack="a")
    cordoned["spec"]["unschedulable"] = True
    nodes = Nodes(node("a"), node("b", rack="a"), cordoned)
    terms = [{"matchExpressions": [{"key": "rack", "operator": "Exists"}]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    assert nodes.place(pending("one", affinity=affinity)) == "b"
    with pytest.raises(Unschedulable, match="2 node\\(s\\) didn't match Pod's node affinity/selector, 1 node\\(s\\) were unschedulable"):
        nodes.place(pending("two", nodeSelector={"rack": "z"}))


def labelled(name: str, app: str, **spec: Any) -> Obj:
    found = pending(name, **spec)
    found["metadata"]["labels"] = {"app": app}
    return found


def rule(app: str) -> Obj:
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "rack"}
    return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}


def test_instances_stay_near_to_and_apart_from_others() -> None:
    nodes = Nodes(node("a", rack="1"), node("b", rack="1"), node("c", rack="2"))
    first = labelled("first", "shop")
    nodes.place(first)
    second = labelled("second", "shop", affinity={"podAntiAffinity": rule("shop")})
    assert {nodes.place(first), nodes.place(second)} in ({"a", "c"}, {"b", "c"})
    third = labelled("third", "other", affinity={"podAffinity": rule("shop"), "podAntiAffinity": rule("shop")})
    with pytest.raises(Unschedulable, match="3 node\\(s\\) didn't match pod anti-affinity rules"):
        nodes.place(third)
    with pytest.raises(Unschedulable, match="3 node\\(s\\) didn't match pod affinity rules"):
        nodes.place(labelled("fourth", "other", affinity={"podAffinity": rule("nobody")}))


def test_a_tainted_node_takes_only_who_bears_it() -> None:
    tainted = node("a")
    tainted["spec"]["taints"] = [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]
    nodes = Nodes(tainted)
    with pytest.raises(Unschedulable, match="1 node\\(s\\) had untolerated taint"):
        nodes.place(pending("one", tolerations=[{"key": "gpu", "value": "no"}]))
    assert nodes.place(pending("two", tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}])) == "a"


def test_a_migration_goes_to_another_node() -> None:
    scheduler = Scheduler(world(node("node1"), node("node2")).store)
    running = instance_of(machine())
    assert scheduler.target(running, None) == "node2"
    with pytest.raises(Unschedulable):
        scheduler.target(running, {"kubernetes.io/hostname": "node1"})


def test_unknown_parts_of_an_object_are_no_surprise() -> None:
    bare = obj(kinds.MACHINE, "bare", spec={"runStrategy": "Halted", "template": {"spec": {"domain": {"devices": {}}}}})
    assert part(build_instance(bare, 4), "spec", "domain", "cpu")["maxSockets"] == 4
    assert decide(bare, None).action is Action.NOTHING
