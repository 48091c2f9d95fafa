"""The front door of the whole local Harvester: proxy, first login, Harvester's own calls, uploads, failures on request."""

import json
import threading
import uuid
from collections.abc import Iterator

import pytest
import requests
import yaml
from plane_client import PROXY, Answered, User

from harvester_local.api import kinds
from harvester_local.api.objects import Obj, is_true
from harvester_local.cluster import LocalHarvester


@pytest.fixture
def user(local_harvester: LocalHarvester) -> Iterator[User]:
    """An administrator in a namespace of its own, with no faults and counts left before and after."""
    found = User(local_harvester, f"test-{uuid.uuid4().hex[:8]}")
    found.create(kinds.NAMESPACE, found.namespace)
    found.call("DELETE", "/local/requests")
    yield found
    found.call("DELETE", "/local/faults")
    found.delete(kinds.NAMESPACE, found.namespace)


def fault(user: User, **parts: object) -> None:
    assert user.call("POST", "/local/faults", parts).status_code == 201


# Proxy --------------------------------------------------------------------------------------------------------------


def test_the_caller_s_own_rights_count(user: User) -> None:
    guest = User(user.local, user.namespace, user.local.tokens["guest"])
    with pytest.raises(Answered) as refusal:
        guest.names(kinds.MACHINE)
    assert refusal.value.code == 403
    with pytest.raises(Answered) as subresource:
        guest.subresource("vm", "start")
    assert subresource.value.code == 403
    stranger = User(user.local, user.namespace, "wrong")
    with pytest.raises(Answered) as unknown:
        stranger.names(kinds.MACHINE)
    assert unknown.value.code == 401


def test_a_watch_streams_while_it_is_open(user: User) -> None:
    query = {"watch": "true", "timeoutSeconds": "30"}
    with user.call("GET", PROXY + user.path(kinds.CONFIG_MAP), params=query, stream=True) as answer:
        lines = answer.iter_lines()
        user.create(kinds.CONFIG_MAP, "one")
        assert json.loads(next(lines))["object"]["metadata"]["name"] == "one"


def test_elsewhere_there_is_nothing(user: User) -> None:
    assert user.call("GET", "/api/v1/namespaces").status_code == 404
    assert user.call("GET", "/v1/harvester/nonsense").status_code == 404
    with pytest.raises(Answered) as missing:
        user.subresource("vm", "explode")
    assert missing.value.code == 404


# First login --------------------------------------------------------------------------------------------------------


def test_the_first_login_leads_to_a_kubeconfig_that_works(user: User) -> None:
    login = {"username": "admin", "password": "admin", "responseType": "token"}
    path = "/v3-public/localProviders/local?action=login"
    stranger = User(user.local, user.namespace, "none")
    assert stranger.call("POST", path, {**login, "password": "wrong"}).status_code == 401
    token = stranger.call("POST", path, login).json()["token"]
    known = User(user.local, user.namespace, token)
    assert stranger.call("POST", "/v1/management.cattle.io.clusters/local?action=generateKubeconfig").status_code == 401
    answer = known.call("POST", "/v1/management.cattle.io.clusters/local?action=generateKubeconfig").json()
    config = yaml.safe_load(answer["config"])
    assert config["clusters"][0]["cluster"]["server"] == f"{user.local.endpoint}{PROXY}"
    assert config["users"][0]["user"]["token"] == token


def test_a_password_is_changed_with_the_old_one_and_not_too_short(user: User) -> None:
    path = "/v3/users?action=changepassword"
    assert user.call("POST", path, {"currentPassword": "wrong", "newPassword": "a-long-enough-one"}).status_code == 422
    assert user.call("POST", path, {"currentPassword": "admin", "newPassword": "short"}).status_code == 422


def test_a_guest_cluster_gets_a_kubeconfig_of_its_own(user: User) -> None:
    asked = {"clusterRoleName": "view", "namespace": user.namespace, "serviceAccountName": "guest-cluster"}
    config = yaml.safe_load(user.call("POST", "/v1/harvester/kubeconfig", asked).json())
    guest = User(user.local, user.namespace, config["users"][0]["user"]["token"])
    assert guest.names(kinds.CONFIG_MAP) is not None
    with pytest.raises(Answered) as refusal:
        guest.names(kinds.NODE)
    assert refusal.value.code == 403


# Harvester's own calls ----------------------------------------------------------------------------------------------


def own(user: User, kind: str, name: str = "") -> str:
    return f"/v1/harvester/{kind}/{user.namespace}" + (f"/{name}" if name else "")


def test_objects_have_an_id_and_actions(user: User) -> None:
    user.machine("vm", "Halted")
    found = user.call("GET", own(user, "kubevirt.io.virtualmachines", "vm")).json()
    assert (found["id"], found["type"]) == (f"{user.namespace}/vm", "kubevirt.io.virtualmachine")
    assert {"start", "stop", "migrate"} <= set(found["actions"])
    listed = user.call("GET", own(user, "kubevirt.io.virtualmachines")).json()
    assert (listed["count"], listed["data"][0]["id"]) == (1, f"{user.namespace}/vm")


def test_actions_do_what_the_buttons_do(user: User) -> None:
    path = own(user, "kubevirt.io.virtualmachines", "vm")
    user.machine("vm", "Always")
    user.wait_running("vm")
    assert user.call("POST", f"{path}?action=stop").status_code == 204
    stopped = user.wait_for("vm", "Stopped")
    assert stopped["spec"]["runStrategy"] == "Halted"
    assert user.call("POST", f"{path}?action=start").status_code == 204
    user.wait_running("vm")
    assert user.get(kinds.MACHINE, "vm")["spec"]["runStrategy"] == "Always"
    assert user.call("POST", f"{path}?action=start").status_code == 409
    assert user.call("POST", f"{path}?action=explode").status_code == 422
    guest = User(user.local, user.namespace, user.local.tokens["guest"])
    assert guest.call("POST", f"{path}?action=stop").status_code == 403


def test_a_volume_is_plugged_in_and_out_by_action(user: User) -> None:
    path = own(user, "kubevirt.io.virtualmachines", "vm")
    spec = {"accessModes": ["ReadWriteMany"], "volumeMode": "Block", "storageClassName": "harvester-longhorn"}
    user.create(kinds.VOLUME_CLAIM, "data", spec={**spec, "resources": {"requests": {"storage": "1Gi"}}})
    user.machine("vm")
    user.wait_running("vm")
    answer = user.call("POST", f"{path}?action=addVolume", {"diskName": "data", "volumeSourceName": "data"})
    assert answer.status_code == 204, answer.text
    user.wait(kinds.INSTANCE, "vm", lambda o: any(v.get("phase") == "Ready" for v in o["status"].get("volumeStatus", [])))
    assert user.call("POST", f"{path}?action=removeVolume", {"diskName": "data"}).status_code == 204
    user.wait(kinds.INSTANCE, "vm", lambda o: not o["spec"]["volumes"])
    assert user.get(kinds.VOLUME_CLAIM, "data")["status"]["phase"] == "Bound"
    assert not is_true(user.get(kinds.MACHINE, "vm"), "RestartRequired")


def test_a_deletion_takes_the_disks_it_is_told_to(user: User) -> None:
    user.machine("vm", image=user.image())
    user.wait_running("vm")
    assert user.call("DELETE", f"{own(user, 'kubevirt.io.virtualmachines', 'vm')}?removedDisks=root").status_code == 200
    user.wait_gone(kinds.VOLUME_CLAIM, "vm-root")


def uploading(user: User, size: int, **more: object) -> tuple[requests.Response, Obj]:
    user.create(kinds.IMAGE, "up", spec={"displayName": "up", "sourceType": "upload"})
    user.wait(kinds.IMAGE, "up", lambda o: is_true(o, "Initialized"))
    path = f"{own(user, 'harvesterhci.io.virtualmachineimages', 'up')}?action=upload&size={more.get('announced', size)}"
    files = {str(more.get("field", "chunk")): ("disk.img", b"\0" * size)}
    answer = user.session.post(user.local.endpoint + path, files=files, timeout=60)
    return answer, user.get(kinds.IMAGE, "up")


def test_an_upload_becomes_an_image(user: User) -> None:
    answer, _ = uploading(user, 4 << 20)
    assert answer.status_code == 200, answer.text
    image = user.wait(kinds.IMAGE, "up", lambda o: is_true(o, "Imported"))
    assert image["status"]["size"] == 4 << 20


def test_an_upload_of_odd_size_fails_as_longhorn_says(user: User) -> None:
    answer, _ = uploading(user, 1000)
    assert answer.status_code == 500
    failed = user.wait(kinds.IMAGE, "up", lambda o: any(c.get("reason") == "UploadFailed" for c in o["status"]["conditions"]))
    assert "should be a multiple of 512 bytes" in json.dumps(failed["status"])


@pytest.mark.parametrize("more", [{"field": "file"}, {"announced": 1024}])
def test_an_upload_that_is_not_what_it_says_is_refused(user: User, more: dict[str, object]) -> None:
    answer, image = uploading(user, 512, **more)
    assert answer.status_code == 422
    assert not is_true(image, "Imported")


def test_an_upload_whose_sender_leaves_half_way_fails_for_good(user: User) -> None:
    def half() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="chunk"; filename="disk.img"\r\n\r\n'
        yield from [b"\0" * (1 << 20)] * 64  # more than all buffers on the way hold: the other side has begun to read
        raise KeyboardInterrupt

    user.create(kinds.IMAGE, "up", spec={"displayName": "up", "sourceType": "upload"})
    user.wait(kinds.IMAGE, "up", lambda o: is_true(o, "Initialized"))
    url = f"{user.local.endpoint}{own(user, 'harvesterhci.io.virtualmachineimages', 'up')}?action=upload&size={128 << 20}"
    with pytest.raises(KeyboardInterrupt):
        user.session.post(url, data=half(), headers={"Content-Type": "multipart/form-data; boundary=x"}, timeout=60)
    user.session.close()
    failed = user.wait(kinds.IMAGE, "up", lambda o: any(c.get("reason") == "UploadFailed" for c in o["status"]["conditions"]))
    assert "context canceled" in json.dumps(failed["status"])


# Sample images ------------------------------------------------------------------------------------------------------


def test_sample_images_answer_as_a_mirror_does(user: User) -> None:
    url, session = user.local.images_url, requests.Session()
    session.trust_env = False
    head = session.head(f"{url}/a.qcow2", timeout=10)
    whole = session.get(f"{url}/a.qcow2", timeout=10).content
    piece = session.get(f"{url}/a.qcow2", headers={"Range": "bytes=4-7"}, timeout=10)
    assert int(head.headers["Content-Length"]) == len(whole)
    assert (piece.status_code, piece.content) == (206, whole[4:8])
    assert session.head(f"{url}/missing.qcow2", timeout=10).status_code == 404
    assert session.get(f"{url}/a.qcow2", headers={"Range": "bytes=99999999-"}, timeout=10).status_code == 416


# Failures on request ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"), [(409, "Conflict"), (429, "TooManyRequests"), (500, "InternalError"), (503, "ServiceUnavailable")]
)
def test_a_call_fails_as_asked_and_then_no_more(user: User, code: int, reason: str) -> None:
    fault(user, method="POST", path="/configmaps$", answer=code)
    refused = user.call("POST", PROXY + user.path(kinds.CONFIG_MAP), {"metadata": {"name": "one"}})
    assert (refused.status_code, refused.json()["reason"]) == (code, reason)
    assert ("Retry-After" in refused.headers) == (code in {429, 503})
    user.create(kinds.CONFIG_MAP, "one")
    assert user.call("GET", "/local/faults").json()["faults"][0]["struck"] == {"POST": 1}


def test_a_reset_call_has_not_happened_and_a_lost_one_has(user: User) -> None:
    for name, answer in (("reset", "reset"), ("lost", "lost")):
        fault(user, method="POST", path="/configmaps$", answer=answer)
        with pytest.raises(requests.ConnectionError):
            user.create(kinds.CONFIG_MAP, name)
    assert "reset" not in user.names(kinds.CONFIG_MAP)
    assert "lost" in user.names(kinds.CONFIG_MAP)


def test_a_truncated_answer_is_a_broken_connection(user: User) -> None:
    fault(user, method="GET", path="/configmaps$", answer="truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        user.names(kinds.CONFIG_MAP)
    user.create(kinds.CONFIG_MAP, "one")
    fault(user, method="WATCH", path="/configmaps", answer="truncate")
    with (
        user.call("GET", PROXY + user.path(kinds.CONFIG_MAP), params={"watch": "true"}, stream=True) as answer,
        pytest.raises(requests.exceptions.RequestException),
    ):
        list(answer.iter_lines())


def test_a_hanging_call_ends_with_the_caller_s_patience(user: User) -> None:
    fault(user, method="GET", path="/configmaps$", answer="hang")
    with pytest.raises(requests.exceptions.ReadTimeout):
        user.session.get(user.local.endpoint + PROXY + user.path(kinds.CONFIG_MAP), timeout=0.2)


def test_a_silent_call_has_happened_and_a_slow_one_is_answered(user: User) -> None:
    fault(user, method="POST", path="/configmaps$", answer="silent")
    with pytest.raises(requests.exceptions.ReadTimeout):
        user.session.post(user.local.endpoint + PROXY + user.path(kinds.CONFIG_MAP), json={"metadata": {"name": "silent"}}, timeout=1)
    fault(user, method="GET", path="/configmaps", answer="slow")
    assert "silent" in user.names(kinds.CONFIG_MAP)


def test_garbage_an_unknown_object_and_an_expired_watch_are_answers_as_they_come(user: User) -> None:
    where = PROXY + user.path(kinds.CONFIG_MAP)
    fault(user, method="GET", path="/configmaps$", answer="garbage")
    assert "<html>" in user.call("GET", where).text
    user.create(kinds.CONFIG_MAP, "one")
    fault(user, method="GET", path="/configmaps/one$", answer="unknown")
    found = user.call("GET", f"{where}/one")
    assert (found.status_code, found.json()["details"]["name"]) == (404, "one")
    fault(user, method="WATCH", path="/configmaps", answer="expired")
    watched = user.call("GET", where, params={"watch": "true"}).json()
    assert (watched["type"], watched["object"]["code"]) == ("ERROR", 410)


def test_faults_are_for_administrators_and_must_make_sense(user: User) -> None:
    guest = User(user.local, user.namespace, user.local.tokens["guest"])
    assert guest.call("GET", "/local/faults").status_code == 401
    assert user.call("POST", "/local/faults", {"path": "(", "answer": 500}).status_code == 422
    assert user.call("POST", "/local/faults", {"path": "x", "answer": "explode"}).status_code == 422


def test_calls_are_counted(user: User) -> None:
    for name in ("a", "b"):
        user.create(kinds.CONFIG_MAP, name)
    rows = {(r["method"], r["path"]): r["count"] for r in user.call("GET", "/local/requests").json()["requests"]}
    assert rows["POST", f"{PROXY}/api/v1/namespaces/{{namespace}}/configmaps"] == 2


def test_many_callers_at_once_are_served(user: User) -> None:
    failures: list[Exception] = []

    def create(number: int) -> None:
        try:
            User(user.local, user.namespace).create(kinds.CONFIG_MAP, f"c{number}")
        except Exception as error:  # noqa: BLE001  reported by the test below
            failures.append(error)

    threads = [threading.Thread(target=create, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len([name for name in user.names(kinds.CONFIG_MAP) if name.startswith("c")]) == 16
