"""Images: what an import tells while it runs, how it ends, and what a change of an image does."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from small_kinds import OWNER, applied, made, only_patch, only_put, reasons, snapshot, with_unknowns

from harvester_provider.core.json import Json, Object
from harvester_provider.core.plan import Await, Put, Remove
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.resources.apis import DATA_VOLUME, STORAGE_CLASS
from harvester_provider.resources.image import KIND, ImageInputs, Imported

URL = "https://images.example.org/ubuntu.qcow2"
SHA512 = "ab" * 64
FAILURE = "retry attempted 3/3 failed due to error: got 404 status code from https://images.example.org/ubuntu.qcow2"


def image(**values: Any) -> ImageInputs:
    return ImageInputs.model_validate({"name": "ubuntu", "url": URL, "owner": OWNER, **values})


def conditions(*entries: tuple[str, str, str]) -> Json:
    return [{"type": kind, "status": status, "message": message} for kind, status, message in entries]


WEBHOOK = {
    "metadata": {
        "annotations": {"harvesterhci.io/storageClassName": "harvester-longhorn"},
        "labels": {"harvesterhci.io/imageDisplayName": "ubuntu"},
    },
    "spec": {
        "targetStorageClassName": "harvester-longhorn",
        "storageClassParameters": {"migratable": "true", "numberOfReplicas": "3", "staleReplicaTimeout": "30"},
    },
}
IMPORTED = {
    "status": {
        "progress": 100, "size": 700, "virtualSize": 3500, "storageClassName": "lh-0b1c",
        "conditions": conditions(("Initialized", "True", ""), ("Imported", "True", "")),
    }
}  # fmt: skip
FAILED = {
    "status": {
        "progress": 0,
        "failed": 4,
        "conditions": conditions(("Initialized", "False", FAILURE), ("RetryLimitExceeded", "True", FAILURE)),
    }
}
IMPORTING = {"status": {"progress": 42, "conditions": conditions(("Initialized", "True", ""), ("Imported", "Unknown", ""))}}


def verdict(*write_backs: Json, inputs: ImageInputs | None = None) -> Ready | Waiting | Failed:
    what = inputs or image()
    return Imported(KIND.ref(what))(snapshot(KIND, what, made(KIND, what, *write_backs)))


def test_an_image_without_a_url_is_refused() -> None:
    assert "missing" in reasons(KIND, image(url=None))["url"]


@pytest.mark.parametrize("url", ["ubuntu.qcow2", "ftp://example.org/x", "file:///x", "http://", "https://a b/c", "http://[::1"])
def test_only_http_and_https_addresses_are_accepted(url: str) -> None:
    assert "http" in reasons(KIND, image(url=url))["url"]


def test_a_source_of_another_type_is_a_problem_like_any_other() -> None:
    with pytest.raises(ValidationError):
        image(source_type=["upload"])


@pytest.mark.parametrize(
    ("source", "missing"), [("upload", set[str]()), ("export-from-volume", {"sourceVolume"}), ("clone", {"sourceImage", "cryptoOperation"})]
)
def test_each_source_asks_for_what_it_needs_and_for_nothing_of_another(source: str, missing: set[str]) -> None:
    said = reasons(KIND, image(source_type=source, storage_class="secret"))
    assert set(said) == {*missing, "url"}
    assert "belongs to the source type download" in said["url"]


@pytest.mark.parametrize("checksum", ["sha512:" + SHA512, SHA512.upper(), SHA512[:-1], "ab" * 32, ""])
def test_a_checksum_is_128_hexadecimal_digits(checksum: str) -> None:
    assert "SHA-512" in reasons(KIND, image(checksum=checksum))["checksum"]


def test_a_sha256_is_told_apart() -> None:
    assert "SHA-256" in reasons(KIND, image(checksum="ab" * 32))["checksum"]


def test_a_checksum_that_nobody_would_verify_is_refused() -> None:
    assert reasons(KIND, image(checksum=SHA512)) == {}
    assert "cdi does not verify" in reasons(KIND, image(checksum=SHA512, backend="cdi"))["checksum"]


@pytest.mark.parametrize("size", ["0", "-1Gi"])
def test_the_volume_of_an_image_has_a_size(size: str) -> None:
    assert "write for example 10Gi" in reasons(KIND, image(volume_size=size))["volumeSize"]


@pytest.mark.parametrize("name", ["", "-x", "x" * 64, "a b", "Größe"])
def test_a_display_name_must_be_a_label_value(name: str) -> None:
    assert "63" in reasons(KIND, image(display_name=name))["displayName"]


def test_values_that_are_not_known_yet_break_no_rule() -> None:
    for inputs in with_unknowns({"name": "ubuntu", "url": URL}, ImageInputs):
        assert not KIND.check(inputs)
        assert not KIND.requires(inputs)


def test_the_display_name_is_the_name_unless_it_is_given() -> None:
    assert made(KIND, image())["spec"]["displayName"] == "ubuntu"
    assert made(KIND, image(display_name="Ubuntu.24"))["spec"]["displayName"] == "Ubuntu.24"


def test_the_storage_class_is_written_where_every_release_reads_it() -> None:
    found = made(KIND, image(storage_class="fast"))
    assert found["metadata"]["annotations"]["harvesterhci.io/storageClassName"] == "fast"
    assert found["spec"]["targetStorageClassName"] == "fast"


def test_a_named_storage_class_must_exist() -> None:
    (requirement,) = KIND.requires(image(storage_class="fast"))
    assert (requirement.property, requirement.ref) == ("storageClass", Ref(STORAGE_CLASS, "fast"))
    assert not KIND.requires(image())


def test_an_import_shows_its_progress() -> None:
    assert verdict(IMPORTING) == Waiting("importing 42 %")


def test_an_image_is_ready_when_it_is_imported_to_the_end() -> None:
    assert verdict(IMPORTED) == Ready()


def test_an_import_at_its_end_is_not_ready_before_the_cluster_says_so() -> None:
    assert isinstance(verdict(IMPORTING, {"status": {"progress": 100}}), Waiting)
    assert isinstance(verdict(IMPORTED, {"status": {"progress": 99}}), Waiting)


def test_a_failed_try_is_shown_and_waited_out() -> None:
    tried = "retry attempted 1/3 failed due to error: connection refused"
    assert verdict(IMPORTING, {"status": {"conditions": conditions(("RetryLimitExceeded", "False", tried))}}) == Waiting(
        f"importing 42 %, {tried}", trouble=tried
    )


def test_the_last_failed_try_ends_the_wait_with_the_clusters_words_and_the_address() -> None:
    result = verdict(FAILED)
    assert isinstance(result, Failed)
    assert FAILURE in result.why
    assert f"check url ({URL})" in result.next_step


def test_a_failed_import_with_a_checksum_points_at_the_checksum_too() -> None:
    result = verdict(FAILED, inputs=image(checksum=SHA512))
    assert isinstance(result, Failed)
    assert "checksum" in result.next_step


def test_an_import_by_cdi_tells_why_it_does_not_run() -> None:
    inputs = image(backend="cdi")
    ref = KIND.ref(inputs)
    volume = {"status": {"conditions": [{"type": "Running", "status": "False", "message": "Unable to connect to http data source"}]}}
    (wait,) = KIND.settle(inputs, snapshot(KIND, inputs, made(KIND, inputs)))
    assert isinstance(wait, Await)
    seen = Snapshot({ref: made(KIND, inputs, IMPORTING), Ref(DATA_VOLUME, "ubuntu", "default"): volume})
    assert set(wait.wants) == set(seen.objects)
    assert wait.judge(seen) == Waiting(
        "importing 42 %, Unable to connect to http data source", trouble="Unable to connect to http data source"
    )


def test_a_create_waits_for_the_import_as_long_as_it_is_told_to() -> None:
    inputs = image(timeouts={"create": "2h"})
    (wait,) = KIND.settle(inputs, snapshot(KIND, inputs, made(KIND, inputs, IMPORTING)))
    assert isinstance(wait, Await)
    assert wait.seconds == 7200
    assert not KIND.settle(inputs, snapshot(KIND, inputs, made(KIND, inputs, IMPORTED)))


CHANGED = [
    ("url", URL + "?2"),
    ("display_name", "Other"),
    ("checksum", SHA512),
    ("storage_class", "fast"),
    ("backend", "cdi"),
    ("name", "x"),
]


@pytest.mark.parametrize(("field", "value"), CHANGED)
def test_what_is_imported_cannot_be_changed_in_place(field: str, value: str) -> None:
    old, new = image(), image(**{field: value})
    plan = KIND.update(old, new, snapshot(KIND, old, made(KIND, old, IMPORTED)))
    assert ImageInputs.model_fields[field].alias in plan.replaces
    assert not plan.steps


@pytest.mark.parametrize("written", [{"display_name": "ubuntu"}, {"displayName": "ubuntu"}, {"display_name": None}])
def test_writing_down_the_default_display_name_changes_nothing(written: dict[str, str]) -> None:
    assert image(**written) == image()


def test_description_tags_and_retries_are_patched_alone() -> None:
    old = image(description="old", tags={"a": "1", "b": "2"}, labels={"x": "1"})
    new = image(description="new", tags={"a": "3"}, labels={"x": "1"}, retry=0)
    plan = KIND.update(old, new, snapshot(KIND, old, made(KIND, old, IMPORTED)))
    assert only_patch(plan) == {
        "metadata": {"labels": {"tag.harvesterhci.io/a": "3", "tag.harvesterhci.io/b": None}},
        "spec": {"description": "new", "retry": 0},
    }
    assert {change.property for change in plan.changes} == {"description", "tags", "retry"}


def test_our_import_that_failed_for_good_is_deleted_and_made_again() -> None:
    inputs = image()
    plan = KIND.update(inputs, inputs, snapshot(KIND, inputs, made(KIND, inputs, FAILED)))
    assert [type(step) for step in plan.steps] == [Remove, Put, Await]
    assert FAILURE in plan.notes[0]


def test_a_failed_import_of_somebody_else_is_left_alone() -> None:
    inputs = image(owner="", adopt=True)
    plan = KIND.update(inputs, inputs, snapshot(KIND, inputs, made(KIND, inputs, FAILED)))
    assert [type(step) for step in plan.steps] == [Await]


def test_an_update_during_the_import_waits_for_it() -> None:
    inputs = image()
    plan = KIND.update(inputs, inputs, snapshot(KIND, inputs, made(KIND, inputs, IMPORTING)))
    assert [type(step) for step in plan.steps] == [Await]


def test_outputs_name_the_storage_class_of_volumes_made_from_it() -> None:
    assert KIND.outputs(image(), snapshot(KIND, image(), made(KIND, image(), IMPORTED))) == {
        "imageId": "default/ubuntu", "storageClassName": "lh-0b1c", "size": 700, "virtualSize": 3500, "progress": 100,
    }  # fmt: skip


def test_an_image_made_in_the_ui_can_be_imported_whatever_its_source() -> None:
    found: Object = {
        "metadata": {"name": "image-x7k2p", "namespace": "default", "labels": {"tag.harvesterhci.io/os": "sles"}},
        "spec": {"displayName": "sles.iso", "sourceType": "upload", "checksum": "", "retry": 3, "description": "by hand"},
    }
    ref = Ref(KIND.api, "image-x7k2p", "default")
    inputs = KIND.observe(ref, None, Snapshot({ref: found}))
    assert (inputs.display_name, inputs.source_type, inputs.url) == ("sles.iso", "upload", None)
    assert (inputs.description, inputs.tags) == ("by hand", {"os": "sles"})


@pytest.mark.parametrize(
    "broken", [{}, {"spec": None}, {"spec": [], "status": 3, "metadata": {"labels": None}}, {"status": {"conditions": "x"}}]
)
def test_an_object_of_unknown_shape_breaks_nothing(broken: Object) -> None:
    seen = snapshot(KIND, image(), broken)
    for prior in (None, image()):
        KIND.observe(KIND.ref(image()), prior, seen)
    KIND.outputs(image(), seen)
    assert isinstance(Imported(KIND.ref(image()))(seen), Waiting)


words = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
entries = st.dictionaries(words, words, max_size=3)
images = st.builds(
    image,
    display_name=st.none() | words,
    checksum=st.none() | st.just(SHA512),
    storage_class=st.none() | st.just("harvester-longhorn"),
    retry=st.integers(0, 10),
    description=st.just("") | words,
    tags=entries,
    labels=entries,
    annotations=entries,
)


@given(images)
def test_what_was_made_shows_no_drift(inputs: ImageInputs) -> None:
    seen = snapshot(KIND, inputs, made(KIND, inputs, WEBHOOK, IMPORTED))
    observed = KIND.observe(KIND.ref(inputs), inputs, seen)
    assert observed == inputs
    plan = KIND.update(observed, inputs, seen)
    assert not plan.steps
    assert not plan.changes


@given(images, images)
def test_an_update_brings_any_image_to_the_new_inputs_or_replaces_it(old: ImageInputs, new: ImageInputs) -> None:
    found = made(KIND, old, WEBHOOK, IMPORTED)
    plan = KIND.update(old, new, snapshot(KIND, old, found))
    if not plan.replaces:
        after = snapshot(KIND, new, applied(found, plan))
        assert not KIND.update(KIND.observe(KIND.ref(new), new, after), new, after).changes


def test_a_second_put_carries_the_mark_of_its_owner() -> None:
    assert only_put(KIND.create(image(), Snapshot()))["metadata"]["annotations"]["harvester.pulumi.com/owner"] == OWNER
