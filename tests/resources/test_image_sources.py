"""Images that are uploaded, exported or cloned, through the engine, on a cluster in memory."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster, Heard
from small_kinds import OWNER

from harvester_provider.core.errors import BadFile, HarvesterError, InvalidInputs, NotOurs, PlanRefused, UploadCutOff, UploadFailed
from harvester_provider.core.ref import Ref
from harvester_provider.engine import verbs
from harvester_provider.resources.apis import IMAGE, PERSISTENT_VOLUME_CLAIM, STORAGE_CLASS
from harvester_provider.resources.image import KIND

REF = Ref(IMAGE, "ubuntu", "default")
DONE = {
    "progress": 100, "size": 512, "virtualSize": 512, "storageClassName": "lh-1",
    "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Imported", "status": "True"}],
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ubuntu.img"
    path.write_bytes(b"x" * 512)
    return path


class Longhorn:
    """Initializes an image at once, and has imported an upload when all of it came."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        cluster.on_write.append(self.react)

    def react(self, ref: Ref, body: dict[str, Any]) -> None:
        if ref.api != IMAGE or body.get("status") == DONE:
            return
        uploaded = "harvester.pulumi.com/uploaded-sha512" in body["metadata"].get("annotations", {})
        waits = body["spec"]["sourceType"] == "upload" and not uploaded
        self._cluster.place(ref, {**body, "status": {"conditions": [{"type": "Initialized", "status": "True"}]} if waits else DONE})


@pytest.fixture
def cluster() -> FakeCluster:
    found = FakeCluster()
    Longhorn(found)
    return found


def news(file: Path | None = None, **more: Any) -> dict[str, Any]:
    upload = {"sourceType": "upload", "file": str(file)} if file else {}
    return {"name": "ubuntu", "owner": OWNER, **upload, **more}


def checked(values: dict[str, Any], olds: dict[str, Any] | None = None) -> dict[str, Any]:
    found = verbs.check(KIND, values, olds=olds)
    assert not found.problems
    return dict(found.inputs)


def verbs_of(cluster: FakeCluster) -> list[str]:
    return [verb for verb, _ in cluster.writes()]


async def test_an_upload_comes_after_the_image_and_is_noted_when_it_is_done(cluster: FakeCluster, file: Path) -> None:
    found = await verbs.create(KIND, cluster, checked(news(file)), Heard())
    assert verbs_of(cluster) == ["create", "upload", "patch"]
    assert found.state["progress"] == 100
    body = cluster.objects[REF]
    assert body["spec"]["checksum"] == found.inputs["fileSha512"] == body["metadata"]["annotations"]["harvester.pulumi.com/content-sha512"]
    assert body["spec"]["url"] == ""


async def test_the_content_decides_and_not_the_path_or_the_date(cluster: FakeCluster, file: Path) -> None:
    first = checked(news(file))
    found = await verbs.create(KIND, cluster, first, Heard())
    elsewhere = file.with_name("copy.img")
    elsewhere.write_bytes(b"x" * 512)
    assert not (await verbs.diff(KIND, cluster, found.id, found.state, checked(news(elsewhere), first))).changed
    elsewhere.write_bytes(b"y" * 512)
    difference = await verbs.diff(KIND, cluster, found.id, found.state, checked(news(elsewhere), first))
    assert difference.replaces == ("file",)
    assert "its content is another one" in "\n".join(difference.lines)


@pytest.mark.parametrize("error", [UploadFailed("no space left"), BadFile("it was changed since the update began")])
async def test_a_failed_upload_leaves_no_image_behind_and_the_next_up_makes_it(
    cluster: FakeCluster, file: Path, error: HarvesterError
) -> None:
    cluster.refuse("upload", error)
    with pytest.raises(type(error), match=f"{error}. Things were put back"):
        await verbs.create(KIND, cluster, checked(news(file)), Heard())
    assert REF not in cluster.objects
    await verbs.create(KIND, cluster, checked(news(file)), Heard())
    assert cluster.objects[REF]["status"] == DONE


@pytest.mark.looptime
async def test_an_upload_whose_connection_is_lost_is_sent_again_to_a_new_image(cluster: FakeCluster, file: Path) -> None:
    cluster.refuse("upload", UploadCutOff("no answer"), times=2)
    heard = Heard()
    found = await verbs.create(KIND, cluster, checked(news(file)), heard)
    assert verbs_of(cluster) == ["create", "upload", *["delete", "create", "upload"] * 2, "patch"]
    assert found.state["progress"] == 100
    assert [f"once more ({number} of 3): no answer" in line for number, line in zip((2, 3), heard.warnings, strict=True)] == [True, True]


@pytest.mark.looptime
async def test_an_upload_that_is_lost_again_and_again_is_given_up_and_leaves_nothing(cluster: FakeCluster, file: Path) -> None:
    cluster.refuse("upload", UploadCutOff("no answer"), times=3)
    with pytest.raises(UploadCutOff, match=r"no answer \(tried 3 of 3 times\). Things were put back"):
        await verbs.create(KIND, cluster, checked(news(file)), Heard())
    assert REF not in cluster.objects


@pytest.mark.looptime
async def test_another_try_has_the_seconds_that_are_left(cluster: FakeCluster, file: Path) -> None:
    cluster.refuse("upload", UploadCutOff("no answer"))
    with pytest.raises(UploadCutOff, match=r"tried 1 of 3 times"):
        await verbs.create(KIND, cluster, checked(news(file, timeouts={"create": "2s"})), Heard())


async def test_an_upload_that_was_cut_off_is_made_again_from_the_start(cluster: FakeCluster, file: Path) -> None:
    inputs = checked(news(file))
    (put, *_) = KIND.create(KIND.inputs.model_validate(inputs), verbs.Snapshot({REF: None})).steps
    await cluster.create(REF, put.body)  # type: ignore[union-attr]  # the first step makes the image
    before = cluster.objects[REF]["metadata"]["uid"]
    found = await verbs.create(KIND, cluster, inputs, Heard())
    assert found.state["uid"] != before
    assert found.state["progress"] == 100


async def test_an_upload_that_is_whole_is_only_waited_for(cluster: FakeCluster, file: Path) -> None:
    inputs = checked(news(file))
    found = await verbs.create(KIND, cluster, inputs, Heard())
    assert (await verbs.create(KIND, cluster, inputs, Heard())).state["uid"] == found.state["uid"]
    assert verbs_of(cluster).count("upload") == 1


async def test_an_upload_without_a_file_is_told_at_preview_and_makes_nothing(cluster: FakeCluster) -> None:
    inputs = checked(news(sourceType="upload"))
    (problem,) = (await verbs.foresee(KIND, cluster, inputs)).problems
    assert str(problem) == "file: missing: the path of the qcow2, raw or ISO file to upload"
    with pytest.raises(InvalidInputs, match="file: missing"):
        await verbs.create(KIND, cluster, inputs, Heard())
    assert not cluster.writes()


def uploaded_by_hand(cluster: FakeCluster, **spec: Any) -> None:
    """An image that somebody uploaded in the UI, with what the webhook adds."""
    filled = {"displayName": "sles", "sourceType": "upload", "targetStorageClassName": "harvester-longhorn", "retry": 3, **spec}
    cluster.place(
        REF, {"metadata": {"annotations": {"harvesterhci.io/storageClassName": "harvester-longhorn"}}, "spec": filled, "status": DONE}
    )


async def imported(cluster: FakeCluster, **inputs: Any) -> verbs.Difference:
    """The preview after an import."""
    found = await verbs.read(KIND, cluster, REF.id, {})
    assert found is not None
    return await verbs.diff(
        KIND, cluster, found.id, found.state, checked(news(**{"displayName": "sles", "sourceType": "upload", **inputs}))
    )


@pytest.mark.parametrize("spec", [{}, {"checksum": hashlib.sha512(b"x" * 512).hexdigest()}])
async def test_the_import_of_an_image_that_somebody_uploaded_changes_nothing(cluster: FakeCluster, file: Path, spec: Any) -> None:
    uploaded_by_hand(cluster, **spec)
    for given in ({}, {"file": str(file)}, {"file": str(file), "storageClass": "harvester-longhorn"}):
        assert await imported(cluster, **given) == verbs.Difference()


@pytest.mark.parametrize(("spec", "size"), [({}, 1024), ({"checksum": "ab" * 64}, 512)])
async def test_a_file_that_is_not_the_imported_image_replaces_it(cluster: FakeCluster, file: Path, spec: Any, size: int) -> None:
    uploaded_by_hand(cluster, **spec)
    other = file.with_name("other.img")
    other.write_bytes(b"x" * size)
    assert (await imported(cluster, file=str(other))).replaces == ("file",)


async def test_an_image_that_somebody_uploaded_is_adopted_as_it_is_and_not_with_another_file(cluster: FakeCluster, file: Path) -> None:
    uploaded_by_hand(cluster)
    other = file.with_name("other.img")
    other.write_bytes(b"x" * 1024)
    adopting = news(displayName="sles", sourceType="upload", adopt=True)
    with pytest.raises(NotOurs, match="it cannot be adopted: file cannot be changed in place"):
        await verbs.create(KIND, cluster, checked({**adopting, "file": str(other)}), Heard())
    found = await verbs.create(KIND, cluster, checked({**adopting, "file": str(file)}), Heard())
    assert verbs_of(cluster) == ["patch"]
    assert not (await verbs.diff(KIND, cluster, found.id, found.state, checked({**adopting, "file": str(file)}))).changed
    refreshed = await verbs.read(KIND, cluster, found.id, found.state)
    assert refreshed is not None
    assert refreshed.state == found.state


async def test_an_image_without_its_content_is_not_made_again_where_no_file_is_given(cluster: FakeCluster, file: Path) -> None:
    inputs = checked(news(file))
    (put, *_) = KIND.create(KIND.inputs.model_validate(inputs), verbs.Snapshot({REF: None})).steps
    await cluster.create(REF, put.body)  # type: ignore[union-attr]  # the first step makes the image
    with pytest.raises(PlanRefused, match="its upload was cut off; missing: the path"):
        await verbs.create(KIND, cluster, checked(news(sourceType="upload")), Heard())
    assert REF in cluster.objects


async def test_a_refresh_of_an_upload_shows_no_drift(cluster: FakeCluster, file: Path) -> None:
    found = await verbs.create(KIND, cluster, checked(news(file)), Heard())
    refreshed = await verbs.read(KIND, cluster, found.id, found.state)
    assert refreshed is not None
    assert refreshed.state == found.state


@pytest.mark.parametrize(
    ("content", "more", "path", "said"),
    [
        (b"", {}, "file", "is empty"),
        (b"x" * 500, {}, "file", "whole sectors of 512 bytes"),
        (b"x" * 512, {"checksum": "ab" * 64}, "checksum", "another file, or a damaged one"),
    ],
)
def test_a_file_that_longhorn_would_not_take_is_told_before(file: Path, content: bytes, more: Any, path: str, said: str) -> None:
    file.write_bytes(content)
    (problem,) = verbs.check(KIND, news(file, **more)).problems
    assert problem.property == path
    assert said in problem.reason


def test_cdi_takes_files_of_any_size(file: Path) -> None:
    file.write_bytes(b"x" * 500)
    assert not verbs.check(KIND, news(file, backend="cdi")).problems


def test_a_file_that_is_not_there_is_a_problem_of_the_input(tmp_path: Path) -> None:
    (problem,) = verbs.check(KIND, news(tmp_path / "nothing.img")).problems
    assert problem.property == "file"
    assert "No such file" in problem.reason


async def test_a_volume_is_exported_from_any_namespace(cluster: FakeCluster) -> None:
    cluster.place(Ref(PERSISTENT_VOLUME_CLAIM, "data", "lab"), {})
    inputs = checked(news(sourceType="export-from-volume", sourceVolume="lab/data"))
    found = await verbs.create(KIND, cluster, inputs, Heard())
    spec = cluster.objects[REF]["spec"]
    assert (spec["sourceType"], spec["pvcName"], spec["pvcNamespace"]) == ("export-from-volume", "data", "lab")
    assert not (await verbs.diff(KIND, cluster, found.id, found.state, inputs)).changed
    refreshed = await verbs.read(KIND, cluster, found.id, {})
    assert refreshed is not None
    assert refreshed.inputs["sourceVolume"] == "lab/data"


async def test_a_clone_names_the_image_and_what_to_do_with_it(cluster: FakeCluster) -> None:
    cluster.place(Ref(IMAGE, "plain", "default"), {"spec": {"sourceType": "download"}, "status": DONE})
    cluster.place(Ref(STORAGE_CLASS, "secret"), {})
    inputs = checked(news(sourceType="clone", sourceImage="plain", cryptoOperation="encrypt", storageClass="secret"))
    found = await verbs.create(KIND, cluster, inputs, Heard())
    assert cluster.objects[REF]["spec"]["securityParameters"] == {
        "cryptoOperation": "encrypt", "sourceImageName": "plain", "sourceImageNamespace": "default",
    }  # fmt: skip
    assert not (await verbs.diff(KIND, cluster, found.id, found.state, {**inputs, "sourceImage": "default/plain"})).changed


@pytest.mark.parametrize(
    ("values", "path", "said"),
    [
        ({"sourceType": "clone", "sourceImage": "a/b", "cryptoOperation": "encrypt"}, "storageClass", "encryption"),
        ({"sourceType": "clone", "sourceImage": "a/b", "cryptoOperation": "decrypt", "backend": "cdi"}, "backend", "only Longhorn"),
        ({"sourceType": "export-from-volume", "sourceVolume": "lab/data", "backend": "cdi"}, "sourceVolume", "own namespace"),
        ({"sourceType": "export-from-volume", "sourceVolume": "a/b/c"}, "sourceVolume", "write namespace/name"),
    ],
)
def test_what_harvester_would_refuse_is_told_before(values: Any, path: str, said: str) -> None:
    found = {problem.property: problem.reason for problem in verbs.check(KIND, news(**values)).problems}
    assert said in found[path]
