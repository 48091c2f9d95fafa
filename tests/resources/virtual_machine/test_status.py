"""Verdicts, on streams recorded from Harvester's own control plane (1.8.0, KubeVirt 1.7.0) and on endings written after its source.

Each entry of a recording is what was seen at one moment. A wait must not end before the last one.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harvester_provider.core.plan import Judge
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Verdict, Waiting
from harvester_provider.resources.apis import IMAGE, PERSISTENT_VOLUME_CLAIM, VIRTUAL_MACHINE
from harvester_provider.resources.virtual_machine.live import Live, instance_of
from harvester_provider.resources.virtual_machine.outputs import outputs
from harvester_provider.resources.virtual_machine.status import Addressed, Claim, Grown, Running, Stopped, addresses

RECORDINGS = Path(__file__).parents[2] / "recordings" / "virtual_machine"
REF = Ref(VIRTUAL_MACHINE, "m1", "default")
ROOT = Ref(PERSISTENT_VOLUME_CLAIM, "m1-root-b0a1e", "default")
TINY = Ref(IMAGE, "tiny", "default")
RUNNING = Running(REF, (Claim(ROOT, made=True, image=TINY),))
Moment = dict[str, Any]


def recorded(name: str) -> list[Moment]:
    found: list[Moment] = json.loads((RECORDINGS / f"{name}.json").read_text())
    return found


def snapshot(moment: Moment) -> Snapshot:
    claims = {Ref(PERSISTENT_VOLUME_CLAIM, each["metadata"]["name"], "default"): each for each in moment["PersistentVolumeClaim"]}
    image = {TINY: moment.get("VirtualMachineImage", {"status": {}})}
    return Snapshot({REF: moment["VirtualMachine"], instance_of(REF): moment["VirtualMachineInstance"], ROOT: None, **claims, **image})


def verdicts(name: str, judge: Judge) -> list[Verdict]:
    return [judge(snapshot(moment)) for moment in recorded(name)]


@pytest.mark.parametrize(
    ("recording", "judge", "end"),
    [
        ("made", RUNNING, Ready),
        ("made", Addressed(RUNNING), Ready),
        ("stopped", Stopped(REF), Ready),
        ("started_again", RUNNING, Ready),
        ("started_again", Addressed(RUNNING), Ready),
        ("grown", Grown(ROOT, "2Gi"), Ready),
        ("unschedulable", RUNNING, Failed),
    ],
)
def test_a_wait_ends_with_the_recording_and_not_before(recording: str, judge: Judge, end: type[Verdict]) -> None:
    *before, last = verdicts(recording, judge)
    assert {type(verdict) for verdict in before} == {Waiting}
    assert isinstance(last, end)


def test_progress_says_what_is_waited_for() -> None:
    told = [verdict.why for verdict in verdicts("made", RUNNING) if isinstance(verdict, Waiting)]
    assert f"volume {ROOT.id} is being made" in told
    assert any(why.startswith("WaitingForVolumeBinding") for why in told)
    assert any(why.startswith("Starting") for why in told)


def test_a_machine_that_no_node_takes_says_so_in_the_schedulers_words_and_what_to_do() -> None:
    last = verdicts("unschedulable", RUNNING)[-1]
    assert isinstance(last, Failed)
    assert last.why == "no node takes it: 0/3 nodes are available: node(s) didn't match Pod's node affinity/selector."
    assert "nodeSelector" in last.next_step


def starting(change: Callable[[Moment], None]) -> Verdict:
    """The verdict on a machine that is starting, after `change`."""
    moment = copy.deepcopy(next(each for each in recorded("made") if each["VirtualMachine"]["status"].get("printableStatus") == "Starting"))
    change(moment)
    return RUNNING(snapshot(moment))


def printed(
    status: str, *, instance: dict[str, Any] | None = None, machine: dict[str, Any] | None = None, **more: Any
) -> Callable[[Moment], None]:
    """The printable status, a condition of the instance, one of the machine, and more of the machine's status."""

    def change(moment: Moment) -> None:
        moment["VirtualMachine"]["status"] |= {"printableStatus": status, **more}
        for where, found in (("VirtualMachineInstance", instance), ("VirtualMachine", machine)):
            if found:
                moment[where]["status"]["conditions"] = [found]

    return change


def no_claims(moment: Moment) -> None:
    moment["PersistentVolumeClaim"] = []
    moment["VirtualMachine"]["status"]["printableStatus"] = "ErrorPvcNotFound"


def no_claims_and_no_image(moment: Moment) -> None:
    no_claims(moment)
    moment["VirtualMachineImage"] = None


def lost_claim(moment: Moment) -> None:
    moment["PersistentVolumeClaim"][0]["status"] = {"phase": "Lost"}


def being_deleted(moment: Moment) -> None:
    moment["VirtualMachine"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"


def no_quota(moment: Moment) -> None:
    moment["VirtualMachine"]["spec"]["runStrategy"] = "Halted"
    moment["VirtualMachine"]["metadata"]["annotations"]["harvesterhci.io/insufficient-resource-quota"] = "memory: 2Gi of 1Gi"


def refused(moment: Moment) -> None:
    moment["VirtualMachineInstance"] = None
    text = 'admission webhook "x" denied the request: too small'
    moment["VirtualMachine"]["status"]["conditions"] = [{"type": "Failure", "status": "True", "message": text}]


def shut_itself_down(moment: Moment) -> None:
    moment["VirtualMachineInstance"]["status"]["phase"] = "Succeeded"


def run_once_and_failed(moment: Moment) -> None:
    moment["VirtualMachine"]["spec"]["runStrategy"] = "Once"
    moment["VirtualMachineInstance"]["status"]["phase"] = "Failed"


def deleted(moment: Moment) -> None:
    moment["VirtualMachine"] = None


NO_IMAGE = {"type": "Synchronized", "status": "False", "reason": "ImagePullBackOff", "message": "Back-off pulling image quay.io/none"}
UNBOUND = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "pod has unbound immediate PersistentVolumeClaims",
}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (printed("ImagePullBackOff", instance=NO_IMAGE), "Back-off pulling image quay.io/none"),
        (
            printed("DataVolumeError", machine={"type": "Failure", "status": "True", "message": "no space"}),
            "a volume cannot be made: no space",
        ),
        (printed("CrashLoopBackOff", startFailure={"consecutiveFailCount": 3}), "failed to start 3 times in a row"),
        (no_claims_and_no_image, "image default/tiny does not exist"),
        (lost_claim, "is lost"),
        (being_deleted, "is being deleted"),
        (no_quota, "the quota of the namespace is used up: memory: 2Gi of 1Gi"),
        (refused, "denied the request: too small"),
        (shut_itself_down, "the guest shut itself down"),
        (run_once_and_failed, "is run once"),
        (deleted, "was deleted meanwhile"),
    ],
)
def test_what_cannot_end_well_ends_the_wait_with_the_clusters_words(change: Callable[[Moment], None], why: str) -> None:
    verdict = starting(change)
    assert isinstance(verdict, Failed)
    assert why in verdict.why
    assert verdict.next_step


@pytest.mark.parametrize(
    "change",
    [
        printed("ErrorUnschedulable", instance=UNBOUND),
        printed("ErrorUnschedulable", instance={**UNBOUND, "message": "PVC default/vm1-root does not exist, waiting for it to appear"}),
        printed("ErrorUnschedulable"),
        printed("CrashLoopBackOff", startFailure={"consecutiveFailCount": 1}),
        printed("ErrImagePull"),
        printed("Starting", machine={"type": "Failure", "status": "True", "message": "the object has been modified"}),
        no_claims,
    ],
)
def test_what_passes_by_itself_is_waited_out(change: Callable[[Moment], None]) -> None:
    assert isinstance(starting(change), Waiting)


def test_an_image_that_a_watch_does_not_show_is_looked_for_a_while() -> None:
    verdict = starting(no_claims_and_no_image)
    assert isinstance(verdict, Failed)
    assert verdict.retried > 0


def test_a_volume_that_was_to_be_attached_and_is_missing_ends_the_wait_unless_it_is_a_watch_that_is_behind() -> None:
    attached = Running(REF, (Claim(Ref(PERSISTENT_VOLUME_CLAIM, "gone", "default")),))
    verdict = attached(Snapshot({**snapshot(recorded("made")[-3]).objects, attached.claims[0].ref: None, instance_of(REF): None}))
    assert isinstance(verdict, Failed)
    assert "volume default/gone does not exist" in verdict.why
    assert verdict.retried > 0


class TestAddresses:
    def test_link_local_loopback_and_prefixes_are_no_addresses(self) -> None:
        reported = ["fe80::1", "169.254.0.5", "127.0.0.1", "2001:db8::7/64", "10.0.0.9/24", "nonsense", "10.0.0.9"]
        assert addresses({"status": {"interfaces": [{"name": "a", "ipAddresses": reported}]}}, "a") == ["10.0.0.9", "2001:db8::7"]

    def test_the_order_is_that_of_the_cluster_and_not_of_the_alphabet(self) -> None:
        interface = {"name": "a", "ipAddresses": ["10.0.0.9", "10.0.0.10"]}
        assert addresses({"status": {"interfaces": [interface]}}, "a") == ["10.0.0.9", "10.0.0.10"]

    def test_a_vlan_nic_is_not_waited_for_where_no_agent_can_report_it(self) -> None:
        assert isinstance(self._with_addresses("eth0"), Ready)
        assert isinstance(self._with_addresses("eth1"), Waiting)

    def test_with_an_agent_every_nic_is_waited_for(self) -> None:
        verdict = self._with_addresses("eth0", agent=True)
        assert isinstance(verdict, Waiting)
        assert "no address yet on eth1" in verdict.why

    def test_a_nic_that_must_have_an_address_is_waited_for_and_the_message_says_what_it_takes(self) -> None:
        verdict = self._with_addresses("eth0", must=("eth1",))
        assert isinstance(verdict, Waiting)
        assert "qemu-guest-agent" in verdict.why

    def test_a_nic_that_is_not_to_be_waited_for_is_not(self) -> None:
        assert isinstance(self._with_addresses("eth0", agent=True, skip=("eth1",)), Ready)

    def _with_addresses(self, *nics: str, agent: bool = False, must: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> Verdict:
        moment = recorded("made")[-1]
        status = moment["VirtualMachineInstance"]["status"]
        status["interfaces"] = [{"name": nic, "ipAddress": "10.0.0.1"} for nic in nics]
        status["conditions"] = [{"type": "AgentConnected", "status": "True"}] if agent else []
        return Addressed(RUNNING, must, skip)(snapshot(moment))


class TestOutputs:
    def test_they_say_where_it_runs_and_with_what(self) -> None:
        found = outputs(Live.of(REF, snapshot(recorded("made")[-1])))
        assert found.status == "Running"
        assert found.node_name
        assert set(found.interfaces) == {"eth0", "eth1"}
        assert found.ip_address == found.interfaces["eth0"].ip_addresses[0]
        assert found.volumes == {"root": ROOT.name}

    def test_a_restart_that_is_due_is_told_with_its_reason(self) -> None:
        moment = recorded("made")[-1]
        moment["VirtualMachine"]["status"]["conditions"].append(
            {"type": "RestartRequired", "status": "True", "message": "a field was changed"}
        )
        found = outputs(Live.of(REF, snapshot(moment)))
        assert found.restart_required
        assert found.restart_reason == "a field was changed"

    def test_no_restart_is_due_of_a_machine_that_is_off_although_kubevirt_keeps_the_condition(self) -> None:
        moment = recorded("stopped")[-1]
        moment["VirtualMachine"]["status"]["conditions"].append(
            {"type": "RestartRequired", "status": "True", "message": "a field was changed"}
        )
        found = outputs(Live.of(REF, snapshot(moment)))
        assert not found.restart_required
        assert found.restart_reason == ""

    def test_a_machine_that_is_off_keeps_its_macs_and_has_no_address(self) -> None:
        found = outputs(Live.of(REF, snapshot(recorded("stopped")[-1])))
        assert found.ip_addresses == []
        assert found.node_name == ""
        assert all(nic.mac_address for nic in found.interfaces.values())


class TestGrowth:
    def test_a_file_system_that_grows_at_the_next_start_is_not_waited_for(self) -> None:
        claim = {"status": {"phase": "Bound", "conditions": [{"type": "FileSystemResizePending", "status": "True"}]}}
        assert isinstance(Grown(ROOT, "2Gi")(Snapshot({ROOT: claim})), Ready)

    def test_a_volume_that_waits_for_its_first_consumer_is_not_waited_for(self) -> None:
        assert isinstance(Grown(ROOT, "2Gi")(Snapshot({ROOT: {"status": {"phase": "Pending"}}})), Ready)

    def test_an_error_of_the_storage_is_shown(self) -> None:
        conditions = [{"type": "ControllerResizeError", "status": "True", "message": "no space"}]
        claim = {"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "conditions": conditions}}
        verdict = Grown(ROOT, "2Gi")(Snapshot({ROOT: claim}))
        assert verdict == Waiting("it has 1Gi of 2Gi: no space")
