"""Machines, images and networks on the whole simulated control plane, as a user lives through them."""

import json
import uuid
from collections.abc import Iterator

import pytest
from plane_client import PROXY, Answered, User

from harvester_local.api import kinds
from harvester_local.api.objects import Obj, condition, deleting, finalizers, is_true
from harvester_local.cluster import LocalHarvester


@pytest.fixture
def user(local_harvester: LocalHarvester) -> Iterator[User]:
    """An administrator in a namespace of its own, which is deleted afterwards."""
    found = User(local_harvester, f"test-{uuid.uuid4().hex[:8]}")
    found.create(kinds.NAMESPACE, found.namespace)
    yield found
    found.delete(kinds.NAMESPACE, found.namespace)


def bridge(name: str, on: str = "mgmt", vlan: int = 100) -> Obj:
    return {"config": json.dumps({"cniVersion": "0.3.1", "name": name, "type": "bridge", "bridge": f"{on}-br", "vlan": vlan, "ipam": {}})}


def conditions_of(obj: Obj) -> dict[str, str]:
    return {c["type"]: c["status"] for c in obj.get("status", {}).get("conditions", [])}


# Machines -----------------------------------------------------------------------------------------------------------


def test_a_machine_from_an_image_runs_with_an_address_and_leaves_nothing_behind(user: User) -> None:
    user.machine("vm", image=user.image())
    machine = user.wait_for("vm", "Running")
    instance = user.wait_running("vm")
    assert machine["metadata"]["annotations"]["harvesterhci.io/vmRunStrategy"] == "RerunOnFailure"
    (nic,) = instance["status"]["interfaces"]
    assert nic["mac"] == machine["spec"]["template"]["spec"]["domain"]["devices"]["interfaces"][0]["macAddress"]
    claim = user.get(kinds.VOLUME_CLAIM, "vm-root")
    assert (claim["status"]["phase"], claim["status"]["capacity"]) == ("Bound", {"storage": "1Gi"})

    user.patch(kinds.MACHINE, "vm", {"metadata": {"annotations": {"harvesterhci.io/removedPersistentVolumeClaims": "vm-root"}}})
    user.delete(kinds.MACHINE, "vm", propagationPolicy="Foreground")
    user.wait_gone(kinds.MACHINE, "vm")
    user.wait_gone(kinds.VOLUME_CLAIM, "vm-root")
    user.wait_gone(kinds.VOLUME, f"pvc-{claim['metadata']['uid']}")
    user.delete(kinds.IMAGE, "ubuntu")
    user.wait_gone(kinds.IMAGE, "ubuntu")
    assert user.names(kinds.INSTANCE) == user.names(kinds.VOLUME_CLAIM) == []


def test_no_foreign_mark_is_written_on_objects(user: User) -> None:
    user.machine("vm", image=user.image())
    user.wait_running("vm")
    for kind, name in ((kinds.MACHINE, "vm"), (kinds.INSTANCE, "vm"), (kinds.IMAGE, "ubuntu"), (kinds.VOLUME_CLAIM, "vm-root")):
        found = user.get(kind, name)
        assert "kopf" not in json.dumps(found["metadata"]).lower()
        owners = ("kubevirt.io/", "wrangler.cattle.io/", "kubernetes.io/", "harvesterhci.io/")
        assert all(f.startswith(owners) for f in finalizers(found))


def test_halting_and_starting_keeps_the_strategy_and_the_address_of_the_card(user: User) -> None:
    created = user.machine("vm", "Always")
    first = user.wait_running("vm")
    user.patch(kinds.MACHINE, "vm", {"spec": {"runStrategy": "Halted"}})
    user.wait_for("vm", "Stopped")
    started = user.patch(kinds.MACHINE, "vm", {"spec": {"runStrategy": "RerunOnFailure"}})
    assert started["spec"]["runStrategy"] == "Always"
    second = user.wait_running("vm")
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    cards = {o["spec"]["domain"]["devices"]["interfaces"][0]["macAddress"] for o in (first, second)}
    assert cards == {created["spec"]["template"]["spec"]["domain"]["devices"]["interfaces"][0]["macAddress"]}


def test_a_stopped_machine_under_rerun_on_failure_needs_a_start_call(user: User) -> None:
    user.machine("vm")
    user.wait_running("vm")
    user.subresource("vm", "stop")
    stopped = user.wait_for("vm", "Stopped")
    assert stopped["spec"]["runStrategy"] == "RerunOnFailure"
    with pytest.raises(Answered, match="VM is not running") as again:
        user.subresource("vm", "stop")
    assert again.value.code == 409
    user.subresource("vm", "start")
    user.wait_running("vm")
    with pytest.raises(Answered, match="VM is already running"):
        user.subresource("vm", "start")


def test_a_restart_is_another_instance(user: User) -> None:
    user.machine("vm")
    first = user.wait_running("vm")["metadata"]["uid"]
    user.subresource("vm", "restart")
    user.wait(kinds.INSTANCE, "vm", lambda o: o["metadata"]["uid"] != first and is_true(o, "Ready"))


def test_a_paused_machine_says_so_and_goes_on(user: User) -> None:
    user.machine("vm")
    user.wait_running("vm")
    user.subresource("vm", "pause", plural="virtualmachineinstances")
    user.wait_for("vm", "Paused")
    user.subresource("vm", "unpause", plural="virtualmachineinstances")
    user.wait_for("vm", "Running")


def test_a_restart_is_required_for_more_memory_and_no_more_after_it(user: User) -> None:
    user.machine("vm")
    user.wait_running("vm")
    user.patch(kinds.MACHINE, "vm", {"spec": {"template": {"spec": {"domain": {"resources": {"limits": {"memory": "512Mi"}}}}}}})
    waiting = user.wait(kinds.MACHINE, "vm", lambda o: is_true(o, "RestartRequired"))
    assert waiting["spec"]["template"]["spec"]["domain"]["memory"]["guest"] == "512Mi"
    assert waiting["status"]["observedGeneration"] < waiting["status"]["desiredGeneration"]
    user.subresource("vm", "restart")
    user.wait(kinds.INSTANCE, "vm", lambda o: o["spec"]["domain"]["memory"]["guest"] == "512Mi" and is_true(o, "Ready"))
    user.wait(kinds.MACHINE, "vm", lambda o: not is_true(o, "RestartRequired") and o["status"].get("ready"))


def test_what_is_changed_with_the_stop_is_a_required_restart_until_the_next_start(user: User) -> None:
    """Seen on the real control plane; vm.go, sync: the comparison follows the stop and still has the instance."""
    user.machine("vm")
    user.wait_running("vm")
    user.patch(kinds.MACHINE, "vm", {"spec": {"runStrategy": "Halted", "template": {"spec": {"hostname": "shop"}}}})
    assert is_true(user.wait_for("vm", "Stopped"), "RestartRequired")
    user.patch(kinds.MACHINE, "vm", {"spec": {"runStrategy": "Always"}})
    user.wait(kinds.MACHINE, "vm", lambda o: not is_true(o, "RestartRequired") and o["status"].get("ready"))


def test_an_interface_comes_and_goes_while_the_machine_runs(user: User) -> None:
    user.create(kinds.NETWORK, "lan", spec=bridge("lan"))
    user.wait(kinds.NETWORK, "lan", lambda o: o["metadata"].get("labels", {}).get("network.harvesterhci.io/ready") == "true")
    user.machine("vm")
    before = user.wait_running("vm")["metadata"]["uid"]
    devices = "/spec/template/spec/domain/devices/interfaces"
    plug = [
        {"op": "add", "path": f"{devices}/-", "value": {"name": "lan", "bridge": {}, "model": "virtio"}},
        {
            "op": "add",
            "path": "/spec/template/spec/networks/-",
            "value": {"name": "lan", "multus": {"networkName": f"{user.namespace}/lan"}},
        },
    ]
    user.patch(kinds.MACHINE, "vm", plug)
    plugged = user.wait(kinds.INSTANCE, "vm", lambda o: len([n for n in o["status"]["interfaces"] if n.get("ipAddress")]) == 2)
    assert plugged["metadata"]["uid"] == before
    with pytest.raises(Answered, match="must be stopped at first"):
        user.delete(kinds.NETWORK, "lan")

    user.patch(kinds.MACHINE, "vm", [{"op": "add", "path": f"{devices}/1/state", "value": "absent"}])
    user.wait(kinds.MACHINE, "vm", lambda o: len(o["spec"]["template"]["spec"]["networks"]) == 1)
    user.wait(kinds.INSTANCE, "vm", lambda o: len(o["status"]["interfaces"]) == 1)
    assert "RestartRequired" not in conditions_of(user.get(kinds.MACHINE, "vm"))
    user.delete_when_let(kinds.NETWORK, "lan")


def test_a_migration_moves_the_machine_and_is_over(user: User) -> None:
    user.machine("vm")
    node = user.wait_running("vm")["status"]["nodeName"]
    user.subresource("vm", "migrate")
    moved = user.wait(kinds.INSTANCE, "vm", lambda o: o["status"].get("migrationState", {}).get("completed"))
    assert moved["status"]["nodeName"] != node
    user.wait_for("vm", "Running")


def test_a_volume_grows_and_its_machine_keeps_running(user: User) -> None:
    created = user.machine("vm", image=user.image())
    user.wait_running("vm")
    text = created["metadata"]["annotations"]["harvesterhci.io/volumeClaimTemplates"].replace('"1Gi"', '"2Gi"')
    user.patch(kinds.MACHINE, "vm", {"metadata": {"annotations": {"harvesterhci.io/volumeClaimTemplates": text}}})
    user.wait(kinds.VOLUME_CLAIM, "vm-root", lambda o: o["status"]["capacity"] == {"storage": "2Gi"})
    assert "RestartRequired" not in conditions_of(user.get(kinds.MACHINE, "vm"))


# Machines that fail -------------------------------------------------------------------------------------------------


def test_a_machine_that_fits_nowhere_says_why(user: User) -> None:
    user.machine("vm", nodeSelector={"rack": "none"})
    machine = user.wait_for("vm", "ErrorUnschedulable")
    scheduled = condition(machine, "PodScheduled")
    assert scheduled is not None
    assert scheduled["message"].startswith("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector")
    user.patch(kinds.MACHINE, "vm", {"spec": {"runStrategy": "Halted"}})
    user.wait_for("vm", "Stopped")


def test_a_machine_waits_for_a_claim_that_does_not_exist_and_goes_on_when_it_does(user: User) -> None:
    user.machine("vm", volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "late"}}])
    user.wait_for("vm", "ErrorPvcNotFound")
    spec = {"accessModes": ["ReadWriteMany"], "volumeMode": "Block", "storageClassName": "harvester-longhorn"}
    user.create(kinds.VOLUME_CLAIM, "late", spec={**spec, "resources": {"requests": {"storage": "1Gi"}}})
    user.wait_for("vm", "Running")


@pytest.mark.parametrize(("fault", "word"), [("unschedulable", "ErrorUnschedulable"), ("crash-loop", "CrashLoopBackOff")])
def test_a_fault_on_request_can_be_taken_back(user: User, fault: str, word: str) -> None:
    user.machine("vm", "Always", annotations={"local.harvester/fault": fault})
    user.wait_for("vm", word)
    user.patch(kinds.MACHINE, "vm", {"metadata": {"annotations": {"local.harvester/fault": None}}})
    user.wait_for("vm", "Running")


def test_a_machine_that_never_boots_stays_starting_and_can_be_deleted(user: User) -> None:
    user.machine("vm", annotations={"local.harvester/fault": "never-boots"})
    user.wait(kinds.INSTANCE, "vm", lambda o: o["status"]["phase"] == "Scheduled")
    user.wait_for("vm", "Starting")
    user.delete(kinds.MACHINE, "vm", propagationPolicy="Foreground")
    user.wait_gone(kinds.MACHINE, "vm")


def test_a_guest_that_ignores_its_shutdown_is_killed_when_its_grace_is_over(user: User) -> None:
    user.machine("vm", annotations={"local.harvester/fault": "ignores-shutdown"}, terminationGracePeriodSeconds=1)
    user.wait_running("vm")
    user.patch(kinds.MACHINE, "vm", {"spec": {"runStrategy": "Halted"}})
    user.wait_for("vm", "Stopped")


def test_a_guest_that_never_stops_ends_by_force_alone(user: User) -> None:
    user.machine("vm", annotations={"local.harvester/fault": "never-stops"}, terminationGracePeriodSeconds=1)
    user.wait_running("vm")
    user.patch(kinds.MACHINE, "vm", {"spec": {"runStrategy": "Halted"}})
    user.wait_for("vm", "Stopping")
    user.subresource("vm", "stop", {"gracePeriod": 0})
    user.wait_for("vm", "Stopped")


def test_a_guest_that_powers_off_stays_off_and_one_that_crashes_comes_back(user: User) -> None:
    user.machine("vm")
    first = user.wait_running("vm")["metadata"]["uid"]
    user.patch(kinds.INSTANCE, "vm", {"metadata": {"annotations": {"local.harvester/guest": "crash"}}})
    user.wait(kinds.INSTANCE, "vm", lambda o: o["metadata"]["uid"] != first and is_true(o, "AgentConnected"))
    user.patch(kinds.INSTANCE, "vm", {"metadata": {"annotations": {"local.harvester/guest": "shutdown"}}})
    assert user.wait_for("vm", "Stopped")["spec"]["runStrategy"] == "RerunOnFailure"


# Images -------------------------------------------------------------------------------------------------------------


def test_an_image_tells_its_sizes_and_has_a_class_of_its_own(user: User) -> None:
    status = user.image()["status"]
    assert (status["size"], status["virtualSize"]) == (256 << 10, 256 << 20)
    uid = user.get(kinds.IMAGE, "ubuntu")["metadata"]["uid"]
    assert status["storageClassName"] == f"lh-{uid}"
    assert user.get(kinds.STORAGE_CLASS, f"lh-{uid}")["parameters"]["backingImage"] == f"vmi-{uid}"


def test_a_download_that_fails_is_tried_again_and_then_given_up(user: User) -> None:
    url = f"{user.local.images_url}/missing.qcow2"
    user.create(kinds.IMAGE, "bad", spec={"displayName": "bad", "sourceType": "download", "url": url, "retry": 1})
    ended = user.wait(kinds.IMAGE, "bad", lambda o: is_true(o, "RetryLimitExceeded"))
    text = f"retry attempted 1/1 failed due to error: got 404 status code from {url}"
    assert ended["status"]["failed"] == 2
    assert {c["type"]: (c["status"], c["message"]) for c in ended["status"]["conditions"]} == {
        "RetryLimitExceeded": ("True", text),
        "Initialized": ("False", text),
    }


def test_a_wrong_checksum_is_a_failed_import(user: User) -> None:
    spec = {"displayName": "bad", "sourceType": "download", "url": f"{user.local.images_url}/a.img", "checksum": "0" * 128, "retry": 0}
    user.create(kinds.IMAGE, "bad", spec=spec)
    ended = user.wait(kinds.IMAGE, "bad", lambda o: is_true(o, "RetryLimitExceeded"))
    found = condition(ended, "Imported")
    assert found is not None
    assert found["message"] == "failed due to error: the checksum of the downloaded file does not match"


def test_an_image_in_use_and_a_taken_name_are_refused(user: User) -> None:
    user.machine("vm", "Halted", image=user.image())
    user.wait(kinds.VOLUME_CLAIM, "vm-root", lambda o: o.get("status", {}).get("phase") == "Bound")
    with pytest.raises(Answered, match="being used by volume") as refusal:
        user.delete(kinds.IMAGE, "ubuntu")
    assert refusal.value.code == 422
    with pytest.raises(Answered, match="A resource with the same name exists") as taken:
        user.create(kinds.IMAGE, "twin", spec={"displayName": "ubuntu", "sourceType": "upload"})
    assert taken.value.code == 409


def test_an_image_by_cdi_lives_in_the_class_it_is_given(user: User) -> None:
    image = user.image("disk", backend="cdi", targetStorageClassName="longhorn", checksum="ignored by CDI")
    assert image["status"]["storageClassName"] == "longhorn"
    user.machine("vm", image=image)
    user.wait_for("vm", "Running")


def test_a_volume_is_exported_as_an_image_of_its_size(user: User) -> None:
    spec = {"accessModes": ["ReadWriteMany"], "volumeMode": "Block", "storageClassName": "harvester-longhorn"}
    user.create(kinds.VOLUME_CLAIM, "data", spec={**spec, "resources": {"requests": {"storage": "3Gi"}}})
    user.wait(kinds.VOLUME_CLAIM, "data", lambda o: o.get("status", {}).get("phase") == "Bound")
    source = {"sourceType": "export-from-volume", "pvcName": "data", "pvcNamespace": user.namespace}
    user.create(kinds.IMAGE, "copy", spec={"displayName": "copy", **source})
    image = user.wait(kinds.IMAGE, "copy", lambda o: is_true(o, "Imported"))
    assert image["status"]["virtualSize"] == 3 << 30


def test_a_disk_smaller_than_its_image_is_never_bound(user: User) -> None:
    image = user.image()
    spec = {"accessModes": ["ReadWriteMany"], "volumeMode": "Block", "storageClassName": image["status"]["storageClassName"]}
    meta = {"annotations": {"harvesterhci.io/imageId": f"{user.namespace}/ubuntu"}}
    user.create(kinds.VOLUME_CLAIM, "small", metadata=meta, spec={**spec, "resources": {"requests": {"storage": "1Mi"}}})
    query = {"watch": "true", "fieldSelector": "involvedObject.name=small", "timeoutSeconds": "30"}
    with user.call("GET", f"{PROXY}{user.path(kinds.EVENT)}", params=query, stream=True) as events:
        event = json.loads(next(events.iter_lines()))["object"]
    assert event["reason"] == "ProvisioningFailed"
    assert user.get(kinds.VOLUME_CLAIM, "small")["status"]["phase"] == "Pending"


# Networks and the rest ----------------------------------------------------------------------------------------------


def test_an_uplink_comes_up_on_each_matched_node_and_goes_again(user: User) -> None:
    user.create(kinds.CLUSTER_NETWORK, "blue")
    uplink = {"nics": ["eth1"], "linkAttributes": {"mtu": 9000}}
    spec = {"clusterNetwork": "blue", "uplink": uplink, "nodeSelector": {"kubernetes.io/hostname": "node2"}}
    config = user.create_when_let(kinds.VLAN_CONFIG, "blue-one", spec=spec)
    assert json.loads(config["metadata"]["annotations"]["network.harvesterhci.io/matched-nodes"]) == ["node2"]
    user.wait(kinds.CLUSTER_NETWORK, "blue", lambda o: is_true(o, "ready"))
    user.wait(kinds.NODE, "node2", lambda o: o["metadata"]["labels"].get("network.harvesterhci.io/blue") == "true")
    user.create_when_let(kinds.NETWORK, "lan", spec=bridge("lan", "blue", 7))
    lan = user.wait(kinds.NETWORK, "lan", lambda o: o["metadata"].get("labels"))
    assert json.loads(lan["spec"]["config"])["mtu"] == 9000
    assert lan["metadata"]["labels"]["network.harvesterhci.io/vlan-id"] == "7"
    with pytest.raises(Answered, match="under this clusternetwork are still existing"):
        user.delete(kinds.CLUSTER_NETWORK, "blue")

    user.delete_when_let(kinds.NETWORK, "lan")
    with user.controllers_away():
        user.delete_when_let(kinds.VLAN_CONFIG, "blue-one")
        assert deleting(user.get(kinds.VLAN_CONFIG, "blue-one")), "or its statuses are collected before the node's label is gone"
    user.wait(kinds.NODE, "node2", lambda o: "network.harvesterhci.io/blue" not in o["metadata"]["labels"])
    user.wait(kinds.CLUSTER_NETWORK, "blue", lambda o: not is_true(o, "ready"))
    user.delete_when_let(kinds.CLUSTER_NETWORK, "blue")


def test_a_machine_on_a_vlan_runs_only_where_the_uplink_is(user: User) -> None:
    user.create(kinds.CLUSTER_NETWORK, "green")
    spec = {"clusterNetwork": "green", "uplink": {"nics": ["eth1"]}, "nodeSelector": {"kubernetes.io/hostname": "node3"}}
    user.create_when_let(kinds.VLAN_CONFIG, "green-one", spec=spec)
    user.wait(kinds.CLUSTER_NETWORK, "green", lambda o: is_true(o, "ready"))
    user.create_when_let(kinds.NETWORK, "lan", spec=bridge("lan", "green"))
    user.wait(kinds.NETWORK, "lan", lambda o: o["metadata"].get("labels"))
    nic = {"name": "default", "bridge": {}, "model": "virtio"}
    domain = {"cpu": {"cores": 1}, "resources": {"limits": {"cpu": "1", "memory": "256Mi"}}, "devices": {"disks": [], "interfaces": [nic]}}
    user.machine("vm", networks=[{"name": "default", "multus": {"networkName": f"{user.namespace}/lan"}}], domain=domain)
    assert user.wait_running("vm")["status"]["nodeName"] == "node3"
    with pytest.raises(Answered, match="it is blocked by VM"):
        user.delete(kinds.VLAN_CONFIG, "green-one")

    user.delete(kinds.MACHINE, "vm")
    user.wait_gone(kinds.INSTANCE, "vm")
    user.wait_gone(kinds.MACHINE, "vm")
    user.delete_when_let(kinds.NETWORK, "lan")
    user.delete_when_let(kinds.VLAN_CONFIG, "green-one")
    user.delete_when_let(kinds.CLUSTER_NETWORK, "green")


def test_an_uplink_that_fails_on_request_is_never_ready(user: User) -> None:
    user.create(kinds.CLUSTER_NETWORK, "red")
    meta = {"annotations": {"local.harvester/fault": "uplink-fails"}}
    spec = {"clusterNetwork": "red", "uplink": {"nics": ["eth9"]}, "nodeSelector": {"kubernetes.io/hostname": "node1"}}
    config = user.create_when_let(kinds.VLAN_CONFIG, "red-one", metadata=meta, spec=spec)
    label = f"network.harvesterhci.io/vlanconfig={config['metadata']['name']}"
    events = user.call(
        "GET",
        "/k8s/clusters/local/apis/network.harvesterhci.io/v1beta1/vlanstatuses",
        params={"watch": "true", "labelSelector": label, "timeoutSeconds": "30"},
        stream=True,
    )
    with events:
        status = json.loads(next(events.iter_lines()))["object"]
    found = condition(status, "ready")
    assert found is not None
    assert (found["status"], status["status"]["node"]) == ("False", "node1")
    assert "Link not found" in found["message"]
    user.delete(kinds.VLAN_CONFIG, "red-one")
    user.delete_when_let(kinds.CLUSTER_NETWORK, "red")


def test_a_key_pair_gets_its_fingerprint_once(user: User) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILQY7SCJi1od/fVmjEPbVnNzZ5ZebnOKG2bpFvNvp/TT me@host"
    user.create(kinds.KEY_PAIR, "key", spec={"publicKey": key})
    pair = user.wait(kinds.KEY_PAIR, "key", lambda o: is_true(o, "validated"))
    assert pair["status"]["fingerPrint"] == "ef:29:34:13:0f:b9:5b:ea:dc:78:8c:3b:21:37:d3:9f"


def test_template_versions_are_numbered_and_the_first_is_the_default(user: User) -> None:
    user.create(kinds.TEMPLATE, "base", spec={"description": "d"})
    template = f"{user.namespace}/base"
    for name in ("one", "two"):
        user.create_when_let(
            kinds.TEMPLATE_VERSION,
            name,
            spec={
                "templateId": template,
                "vm": {
                    "metadata": {},
                    "spec": {"template": {"spec": {"domain": {"devices": {}, "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}}}},
                },
            },
        )
        user.wait(kinds.TEMPLATE_VERSION, name, lambda o: is_true(o, "assigned"))
    found = user.wait(kinds.TEMPLATE, "base", lambda o: o.get("status", {}).get("latestVersion") == 2)
    assert found["spec"]["defaultVersionId"] == f"{user.namespace}/one"
    assert found["status"]["defaultVersion"] == 1
    with pytest.raises(Answered) as refusal:
        user.patch(kinds.TEMPLATE_VERSION, "two", {"spec": {"imageId": "x"}})
    assert refusal.value.code == 405
    user.delete(kinds.TEMPLATE, "base", propagationPolicy="Foreground")
    user.wait_gone(kinds.TEMPLATE, "base")


def test_a_fresh_harvester_is_furnished(user: User) -> None:
    assert user.get(kinds.SETTING, "server-version")["value"] == f"v{user.local.last_settings().version}"
    gates = user.api("GET", "/apis/kubevirt.io/v1/namespaces/harvester-system/kubevirts/kubevirt")
    assert gates["spec"]["configuration"]["vmRolloutStrategy"] == "LiveUpdate"
    assert [is_true(user.get(kinds.NODE, name), "Ready") for name in user.names(kinds.NODE)] == [True] * 3
    assert {"harvester-longhorn", "longhorn-static", "vmstate-persistence"} <= set(user.names(kinds.STORAGE_CLASS))
    assert is_true(user.get(kinds.CLUSTER_NETWORK, "mgmt"), "ready")
