"""What the control plane's guests are reported with, from what is there."""

from typing import Any

from virt_handler import lacking, left

RAN = [{"phase": "Scheduled"}, {"phase": "Running"}]


def running(**status: Any) -> dict[str, Any]:
    domain = {"cpu": {"sockets": 2}, "memory": {"guest": "2Gi"}}
    whole = {"phase": "Running", "selinuxContext": "none", "phaseTransitionTimestamps": RAN, **status}
    return {"spec": {"domain": domain, "volumes": [{"name": "root"}]}, "status": whole}


def test_a_guest_that_came_to_run_has_a_context_and_a_time() -> None:
    found = lacking(running(selinuxContext="", phaseTransitionTimestamps=RAN[:1]))
    assert found["selinuxContext"] == "none"
    assert [entry["phase"] for entry in found["phaseTransitionTimestamps"]] == ["Scheduled", "Running"]
    assert lacking(running()) == {}
    assert lacking({"spec": {}, "status": {"phase": "Scheduled"}}) == {}


def test_memory_that_a_migration_brought_is_asked_for_no_more_and_cpus_that_are_not_there_still_are() -> None:
    asked = [{"type": "HotMemoryChange"}, {"type": "HotVCPUChange"}, {"type": "Ready", "lastProbeTime": None}]
    has = {"memory": {"guestCurrent": "2Gi"}, "currentCPUTopology": {"sockets": 1}, "conditions": asked}
    assert lacking(running(**has)) == {}
    assert lacking(running(**has, migrationState={"completed": True})) == {"conditions": asked[1:]}


def test_volumes_that_a_later_migration_took_along_are_asked_for_no_more() -> None:
    ready, moving = {"type": "Ready"}, {"type": "VolumesChange", "status": "True", "lastTransitionTime": "2026-01-01T10:00:05Z"}
    has = {"conditions": [ready, moving], "migratedVolumes": [{"volumeName": "root"}]}
    assert lacking(running(**has, migrationState={"completed": True, "startTimestamp": "2026-01-01T10:00:04Z"})) == {}
    found = lacking(running(**has, migrationState={"completed": True, "startTimestamp": "2026-01-01T10:00:06Z"}))
    assert found == {"conditions": [ready], "migratedVolumes": None}


def test_a_hot_plugged_disk_that_is_declared_no_more_is_unmounted() -> None:
    reported = [{"name": name, "hotplugVolume": {}, "phase": "Ready"} for name in ("root", "gone")]
    (kept, gone) = lacking(running(volumeStatus=reported))["volumeStatus"]
    assert (kept, gone["phase"]) == (reported[0], "UnMountedFromPod")


def test_a_launcher_ends_once_its_guest_has_left_and_the_one_that_it_never_came_to_ends_too() -> None:
    pods = {"sourcePod": "here", "targetPod": "there"}
    assert left(running()) == left(running(migrationState=pods)) == ""
    assert left(running(migrationState={**pods, "completed": True})) == "here"
    assert left(running(migrationState={**pods, "completed": True, "failed": True})) == "there"
