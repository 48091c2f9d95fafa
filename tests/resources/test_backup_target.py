"""BackupTarget: its rules, what it keeps, and its life through the engine on a cluster in memory that answers as Harvester does."""

import base64
import json
from typing import Any

import pytest
from fake_cluster import FakeCluster, Heard
from small_kinds import with_unknowns

from harvester_provider.core.errors import NotOurs, PlanRefused, WaitTimedOut
from harvester_provider.core.ownership import OWNER
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import BACKUP, BACKUP_TARGET
from harvester_provider.resources.backup_target import KIND
from harvester_provider.resources.backup_target.model import BackupTargetInputs
from harvester_provider.resources.backup_target.value import KEYS, LONGHORN_TARGET, PREVIOUS

S3 = {
    "type": "s3", "endpoint": "http://store:9000", "bucketName": "backups", "bucketRegion": "us-east-1",
    "accessKeyId": "planted-id", "secretAccessKey": "planted-key",
}  # fmt: skip
NFS = {"type": "nfs", "endpoint": "nfs://store:/backups"}
WHOLE = {**S3, "cert": "-----BEGIN CERTIFICATE-----", "virtualHostedStyle": True, "refreshIntervalInSeconds": 60}


def news(**inputs: Any) -> dict[str, Any]:
    return {"name": "store", "owner": "demo/dev/store", **(inputs or S3)}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def takes_over(cluster: FakeCluster, ref: Ref, body: dict[str, Any]) -> None:
    """Harvester's controller: keys into the Secret, Longhorn told, the setting without keys."""
    if ref != BACKUP_TARGET:
        return
    value = json.loads(body.get("value") or "{}")
    if value.get("secretAccessKey"):
        names = {"accessKeyId": "AWS_ACCESS_KEY_ID", "secretAccessKey": "AWS_SECRET_ACCESS_KEY"}
        cluster.place(KEYS, {"data": {there: encoded(value[here]) for here, there in names.items()}})
    url = f"s3://{value.get('bucketName')}@{value.get('bucketRegion')}/" if value.get("type") == "s3" else value.get("endpoint", "")
    cluster.place(LONGHORN_TARGET, {"spec": {"backupTargetURL": url}, "status": {"available": bool(url)}})
    said = {"conditions": [{"type": "configured", "status": "True" if url else "False"}]}
    blank = {**value, "accessKeyId": "", "secretAccessKey": ""} if value else {}
    cluster.place(ref, {**body, "value": json.dumps(blank) if blank else "", "status": said})


@pytest.fixture
def cluster() -> FakeCluster:
    found = FakeCluster()
    found.on_write.append(lambda ref, body: takes_over(found, ref, body))
    found.place(BACKUP_TARGET, {"value": "", "default": "{}"})
    found.place(LONGHORN_TARGET, {})
    return found


def by_hand(cluster: FakeCluster, value: dict[str, Any]) -> None:
    body = {**cluster.objects[BACKUP_TARGET], "value": json.dumps(value)}
    takes_over(cluster, BACKUP_TARGET, body)


def setting(cluster: FakeCluster) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.objects[BACKUP_TARGET]["value"] or "{}")
    return found


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bucketName": ""}, "bucketName: missing"),
        ({"secretAccessKey": ""}, "secretAccessKey: missing"),
        ({"secretAccessKey": "key\n"}, "secretAccessKey: there is white space"),
        ({"bucketName": "Not A Bucket"}, "bucketName: 'Not A Bucket' is no name of a bucket"),
        ({"endpoint": "store:9000"}, "endpoint: 'store:9000' is no address of an S3 server"),
        ({"cert": "abc"}, "cert: no certificate in PEM"),
        ({"type": "nfs"}, "endpoint: 'http://store:9000' is no NFS share"),
        ({**NFS, "bucketName": "b"}, "bucketName: only an S3 target has it"),
        ({"type": "ftp"}, "type: Input should be 's3' or 'nfs'"),
        ({"refreshIntervalInSeconds": -1}, "refreshIntervalInSeconds: Input should be greater than or equal to 0"),
    ],
)
def test_each_broken_rule_is_named_with_its_input_and_never_with_a_key(change: dict[str, Any], told: str) -> None:
    said = [str(problem) for problem in verbs.check(KIND, news(**{**S3, **change})).problems]
    assert any(line.startswith(told) for line in said)
    assert "planted" not in " ".join(said)


@pytest.mark.parametrize("values", [S3, NFS])
def test_a_sound_target_passes_whatever_is_not_known_yet(values: dict[str, Any]) -> None:
    assert not verbs.check(KIND, news(**values)).problems
    sound = dict(BackupTargetInputs.model_validate(news(**values)))
    assert not [found for inputs in with_unknowns(sound, BackupTargetInputs) for found in KIND.check(inputs)]


@pytest.mark.parametrize("values", [S3, WHOLE, NFS])
async def test_keys_that_harvester_takes_out_of_the_setting_are_no_drift(cluster: FakeCluster, values: dict[str, Any]) -> None:
    found = await verbs.create(KIND, cluster, news(**values), Heard())
    assert found.state["available"] is True
    kept = {name: value for name, value in values.items() if "Key" not in name}
    assert {name: setting(cluster)[name] for name in kept} == kept
    refreshed = await verbs.read(KIND, cluster, found.id, found.state)
    assert refreshed is not None
    assert refreshed.state == found.state
    assert not (await verbs.diff(KIND, cluster, found.id, refreshed.state, news(**values))).changed


async def test_a_target_that_does_not_answer_is_told_in_longhorns_words_and_never_with_a_key(cluster: FakeCluster) -> None:
    said = {"type": "Unavailable", "status": "True", "message": "failed to list objects: AWS Error: NoSuchBucket"}

    def silent(ref: Ref, _body: dict[str, Any]) -> None:
        if ref == BACKUP_TARGET:
            found = cluster.objects[LONGHORN_TARGET]
            cluster.place(LONGHORN_TARGET, {**found, "status": {"available": False, "conditions": [said]}})

    cluster.on_write.append(silent)
    heard = Heard()
    with pytest.raises(WaitTimedOut, match="it does not answer: failed to list objects: AWS Error: NoSuchBucket") as told:
        await verbs.create(KIND, cluster, news(**S3, timeouts={"update": "0.05s"}), heard)
    assert "planted" not in " ".join([str(told.value), *heard.steps, *heard.infos, *heard.warnings])


async def test_keys_that_somebody_changed_are_drift(cluster: FakeCluster) -> None:
    found = await verbs.create(KIND, cluster, news(), Heard())
    by_hand(cluster, {**S3, "secretAccessKey": "another"})
    refreshed = await verbs.read(KIND, cluster, found.id, found.state)
    assert refreshed is not None
    difference = await verbs.diff(KIND, cluster, found.id, refreshed.state, news())
    assert difference.changed == ["secretAccessKey"]
    assert difference.lines == ["1. set the backup target to s3://backups@us-east-1/ with other keys"]


async def test_what_was_set_before_comes_back_with_its_keys(cluster: FakeCluster) -> None:
    by_hand(cluster, {**S3, "bucketName": "earlier", "secretAccessKey": "earlier-key"})
    found = await verbs.create(KIND, cluster, news(), Heard())
    assert setting(cluster)["bucketName"] == "backups"
    assert found.state["previous"] == "s3://earlier@us-east-1/"
    assert "earlier-key" not in json.dumps(found.state)
    await verbs.delete(KIND, cluster, found.id, found.state, Heard())
    assert setting(cluster)["bucketName"] == "earlier"
    assert base64.b64decode(cluster.objects[KEYS]["data"]["AWS_SECRET_ACCESS_KEY"]).decode() == "earlier-key"
    assert PREVIOUS not in cluster.objects
    assert OWNER not in cluster.objects[BACKUP_TARGET]["metadata"].get("annotations", {})


async def test_a_reset_on_delete_leaves_no_target(cluster: FakeCluster) -> None:
    by_hand(cluster, NFS)
    found = await verbs.create(KIND, cluster, news(**S3, onDelete="reset"), Heard())
    await verbs.delete(KIND, cluster, found.id, found.state, Heard())
    assert setting(cluster) == {}
    assert PREVIOUS not in cluster.objects


async def test_the_target_of_another_program_is_left_alone(cluster: FakeCluster) -> None:
    await verbs.create(KIND, cluster, news(), Heard())
    stranger = {**news(**NFS), "owner": "other/dev/store"}
    with pytest.raises(NotOurs, match="it belongs to demo/dev/store"):
        await verbs.create(KIND, cluster, stranger, Heard())
    (problem,) = (await verbs.foresee(KIND, cluster, stranger)).problems
    assert "belongs to demo/dev/store" in problem.reason


async def test_an_interrupted_create_does_not_take_its_own_target_for_the_one_before(cluster: FakeCluster) -> None:
    by_hand(cluster, NFS)
    await verbs.create(KIND, cluster, news(), Heard())
    again = await verbs.create(KIND, cluster, news(), Heard())
    await verbs.delete(KIND, cluster, again.id, again.state, Heard())
    assert setting(cluster)["endpoint"] == NFS["endpoint"]


def backup(cluster: FakeCluster, name: str, **status: Any) -> None:
    cluster.place(Ref(BACKUP, name, "default"), {"spec": {"type": "backup"}, "status": status})


async def test_another_target_is_explained_while_backups_are_on_this_one(cluster: FakeCluster) -> None:
    found = await verbs.create(KIND, cluster, news(), Heard())
    backup(cluster, "nightly", readyToUse=True)
    lines = (await verbs.diff(KIND, cluster, found.id, found.state, news(**S3 | {"bucketName": "other"}))).lines
    assert lines[-1] == (
        "default/nightly: on s3://backups@us-east-1/; they cannot be restored, and their data stays there, until that is the target again"
    )


async def test_a_backup_that_runs_is_waited_for(cluster: FakeCluster) -> None:
    found = await verbs.create(KIND, cluster, news(), Heard())
    backup(cluster, "nightly", readyToUse=False)
    changed = news(**S3 | {"bucketName": "other"})
    difference = await verbs.diff(KIND, cluster, found.id, found.state, changed)
    assert any("VirtualMachineBackup default/nightly: not finished" in line for line in difference.lines)
    heard = Heard()
    heard.progress = lambda _text: backup(cluster, "nightly", readyToUse=True)  # type: ignore[method-assign]  # it ends while it is waited for
    await verbs.update(KIND, cluster, found.id, found.state, changed, heard)
    assert setting(cluster)["bucketName"] == "other"


async def test_a_backup_that_failed_is_named_at_preview(cluster: FakeCluster) -> None:
    found = await verbs.create(KIND, cluster, news(), Heard())
    backup(cluster, "nightly", readyToUse=False, error={"message": "no"})
    changed = news(**S3 | {"bucketName": "other"})
    difference = await verbs.diff(KIND, cluster, found.id, found.state, changed)
    assert "default/nightly): delete them first" in difference.plan.refused[0].why
    with pytest.raises(PlanRefused):
        await verbs.update(KIND, cluster, found.id, found.state, changed, Heard())


async def test_an_import_reads_the_target_with_its_keys(cluster: FakeCluster) -> None:
    by_hand(cluster, S3)
    found = await verbs.read(KIND, cluster, "backup-target", {})
    assert found is not None
    assert {name: found.inputs[name] for name in S3} == S3
