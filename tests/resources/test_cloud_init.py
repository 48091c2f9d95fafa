"""CloudInit Secrets: documents that cloud-init would ignore are refused, and texts stay secret and exact."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_kinds import OWNER, applied, made, only_patch, reasons, snapshot, with_unknowns

from harvester_provider.core.json import Json
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.cloud_init import KIND, CloudInitInputs

USER = "#cloud-config\npassword: geheim\n"
NETWORK = "version: 2\nethernets: {eth0: {dhcp4: true}}\n"


def cloud_init(**values: Any) -> CloudInitInputs:
    return CloudInitInputs.model_validate({"name": "web", "owner": OWNER, **values})


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_one_of_the_two_texts_is_needed() -> None:
    assert "missing" in reasons(KIND, cloud_init())["userData"]
    assert reasons(KIND, cloud_init(user_data=USER)) == {}
    assert reasons(KIND, cloud_init(network_data=NETWORK)) == {}
    assert reasons(KIND, cloud_init(user_data=USER, network_data=NETWORK)) == {}


@pytest.mark.parametrize("first", ["# cloud-config", "#cloud_config", "#Cloud-config", "##cloud-config", "#cloud-config:", "#cloudconfig"])
def test_a_misspelt_first_line_is_refused_because_cloud_init_would_ignore_all_of_it(first: str) -> None:
    assert "exactly #cloud-config" in reasons(KIND, cloud_init(user_data=f"{first}\nhostname: a\n"))["userData"]


OTHERS = [
    "#!/bin/sh\nreboot\n",
    "#include\nhttp://x\n",
    "## template: jinja\n#cloud-config\n{% if %}\n",
    '{"ignition": {}}',
    "#cloud-config-archive\n- a\n",
    "x: [",
    "#cloud-boothook\n:",
]


@pytest.mark.parametrize("text", OTHERS)
def test_user_data_of_other_kinds_is_left_to_the_image(text: str) -> None:
    assert reasons(KIND, cloud_init(user_data=text)) == {}


@pytest.mark.parametrize(
    "text", ["#cloud-config\n", "#cloud-config\n# only a comment\n", "#cloud-config\n- a\n", "\n#cloud-config\njust text\n"]
)
def test_a_cloud_config_is_a_mapping(text: str) -> None:
    assert "userData" in reasons(KIND, cloud_init(user_data=text))


def test_broken_yaml_names_the_line_and_never_the_text() -> None:
    reason = reasons(KIND, cloud_init(user_data="#cloud-config\nhostname: a\npassword: geheim: nein\n"))["userData"]
    assert "line 3" in reason
    assert "geheim" not in reason


@pytest.mark.parametrize(
    "text", ["eth0: {}", "version: 3\nconfig: []", "network: {ethernets: {}}", "- a", "network: 3", "[", "version: '2'"]
)
def test_network_data_without_a_version_is_refused(text: str) -> None:
    assert "networkData" in reasons(KIND, cloud_init(network_data=text))


@pytest.mark.parametrize("text", ["version: 1\nconfig: []", "network:\n  version: 2\n", "network: {config: disabled}", "config: disabled"])
def test_both_versions_are_accepted_with_and_without_network_around_them(text: str) -> None:
    assert reasons(KIND, cloud_init(network_data=text)) == {}


def test_more_than_a_secret_can_hold_is_refused() -> None:
    assert "1 MiB" in reasons(KIND, cloud_init(user_data="#!" + "x" * 1024 * 1024))["userData"]


@given(st.text(max_size=80))
def test_no_text_breaks_the_check(text: str) -> None:
    KIND.check(cloud_init(user_data="#cloud-config\n" + text, network_data=text))


def test_deep_nesting_does_not_break_the_check() -> None:
    assert reasons(KIND, cloud_init(user_data="#cloud-config\n" + "[" * 5000))


def test_values_that_are_not_known_yet_break_no_rule() -> None:
    for inputs in with_unknowns({"name": "web", "user_data": USER}, CloudInitInputs):
        assert not KIND.check(inputs)


def test_the_secret_has_the_keys_that_kubevirt_reads() -> None:
    found = made(KIND, cloud_init(user_data=USER, network_data=NETWORK))
    assert found["data"] == {"userdata": encoded(USER), "networkdata": encoded(NETWORK)}
    assert "networkdata" not in made(KIND, cloud_init(user_data=USER))["data"]


def test_a_changed_text_is_patched_alone_and_a_dropped_one_removed() -> None:
    old = cloud_init(user_data=USER, network_data=NETWORK)
    new = cloud_init(user_data="#!/bin/sh\n")
    plan = KIND.update(old, new, snapshot(KIND, old, made(KIND, old)))
    assert only_patch(plan) == {"data": {"userdata": encoded("#!/bin/sh\n"), "networkdata": None}}
    assert "first boot" in plan.changes[0].why


def test_neither_plan_nor_change_tells_a_secret() -> None:
    old, new = cloud_init(user_data=USER), cloud_init(user_data=USER + "# geheim2\n")
    plan = KIND.update(old, new, snapshot(KIND, old, made(KIND, old)))
    assert "geheim" not in " ".join([*plan.lines(), *map(str, plan.changes), *KIND.create(new, Snapshot()).lines()])


def test_a_text_that_somebody_changed_is_drift_and_one_that_is_not_declared_is_not() -> None:
    inputs = cloud_init(user_data=USER)
    found = made(KIND, inputs, {"data": {"userdata": encoded("#!/bin/sh\n"), "networkdata": encoded(NETWORK), "other": "AAAA"}})
    assert KIND.observe(KIND.ref(inputs), inputs, snapshot(KIND, inputs, found)) == cloud_init(user_data="#!/bin/sh\n")


def test_an_import_reads_both_texts() -> None:
    ref = Ref(KIND.api, "web", "default")
    inputs = KIND.observe(ref, None, Snapshot({ref: {"data": {"userdata": encoded(USER), "networkdata": encoded(NETWORK)}}}))
    assert (inputs.user_data, inputs.network_data) == (USER, NETWORK)


@pytest.mark.parametrize(
    "broken", [{}, {"data": None}, {"data": {"userdata": "%%%"}}, {"data": {"userdata": "ä"}}, {"data": {"userdata": "/w=="}}]
)
def test_an_object_of_unknown_shape_breaks_nothing(broken: dict[str, Json]) -> None:
    seen = snapshot(KIND, cloud_init(user_data=USER), broken)
    for prior in (None, cloud_init(user_data=USER)):
        assert KIND.observe(KIND.ref(cloud_init()), prior, seen).user_data != USER


texts = st.none() | st.text(min_size=1, max_size=40)
entries = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)
secrets = st.builds(cloud_init, user_data=texts, network_data=texts, description=st.sampled_from(["", "one"]), tags=entries)


@given(secrets)
def test_what_was_made_shows_no_drift(inputs: CloudInitInputs) -> None:
    seen = snapshot(KIND, inputs, made(KIND, inputs))
    observed = KIND.observe(KIND.ref(inputs), inputs, seen)
    assert observed == inputs
    assert not KIND.update(observed, inputs, seen).steps


@given(secrets, secrets)
def test_an_update_brings_any_secret_to_the_new_texts(old: CloudInitInputs, new: CloudInitInputs) -> None:
    found = made(KIND, old)
    after: Any = applied(found, KIND.update(old, new, snapshot(KIND, old, found)))
    assert KIND.observe(KIND.ref(new), new, snapshot(KIND, new, after)) == new
    assert set(after["data"]) == {key for key, text in (("userdata", new.user_data), ("networkdata", new.network_data)) if text}
