"""Edits as JSON patches: applied to what was seen they give what was edited, and they never hit a neighbour."""

from typing import Any

import pytest
from fake_cluster import json_patched
from hypothesis import given
from hypothesis import strategies as st

from harvester_provider.core.errors import Refused
from harvester_provider.resources.virtual_machine.draft import Draft

SEEN: dict[str, Any] = {"labels": {"a": "1", "b/c~d": "2"}, "nics": [{"name": "x", "mac": "1"}, {"name": "y", "mac": "2"}]}


def test_a_name_with_slashes_and_tildes_is_a_name() -> None:
    draft = Draft(SEEN)
    draft.put("3", "labels", "b/c~d")
    assert json_patched(SEEN, draft.patch)["labels"]["b/c~d"] == "3"


def test_what_is_so_already_is_not_written() -> None:
    draft = Draft(SEEN)
    draft.put("1", "labels", "a")
    draft.drop("labels", "none")
    draft.edit_entry("x", {"mac": "1", "model": None}, "nics")
    draft.remove_entry("none", "nics")
    assert draft.patch == []


def test_mappings_on_the_way_are_made() -> None:
    draft = Draft({})
    draft.put(1, "a", "b", "c")
    draft.append({"name": "n"}, "a", "list")
    assert json_patched({}, draft.patch) == {"a": {"b": {"c": 1}, "list": [{"name": "n"}]}} == draft.document


def test_an_entry_that_moved_meanwhile_is_not_mistaken_for_its_neighbour() -> None:
    draft = Draft(SEEN)
    draft.remove_entry("x", "nics")
    with pytest.raises(Refused):
        json_patched({**SEEN, "nics": SEEN["nics"][::-1]}, draft.patch)


def test_a_patch_for_a_list_that_somebody_added_to_meanwhile_does_not_fit() -> None:
    draft = Draft(SEEN)
    draft.remove_entry("x", "nics")
    draft.append({"name": "z"}, "nics")
    with pytest.raises(Refused):
        json_patched({**SEEN, "nics": [*SEEN["nics"], {"name": "theirs"}]}, draft.patch)


def test_a_patch_that_was_applied_without_our_learning_of_it_adds_nothing_twice() -> None:
    draft = Draft(SEEN)
    draft.append({"name": "z"}, "nics")
    once = json_patched(SEEN, draft.patch)
    assert [nic["name"] for nic in once["nics"]] == ["x", "y", "z"]
    with pytest.raises(Refused):
        json_patched(once, draft.patch)


def test_a_label_that_somebody_removed_meanwhile_is_no_error() -> None:
    draft = Draft(SEEN)
    draft.drop("labels", "a")
    assert json_patched({"labels": {}}, draft.patch) == {"labels": {}}


def test_a_text_that_somebody_changed_meanwhile_is_an_error() -> None:
    draft = Draft(SEEN)
    draft.replace_text("9", "labels", "a")
    with pytest.raises(Refused):
        json_patched({"labels": {"a": "8"}}, draft.patch)


_NAMES = st.sampled_from("vwxyz")
_EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _NAMES, st.text(max_size=3)),
        st.tuples(st.just("drop"), _NAMES),
        st.tuples(st.just("append"), _NAMES),
        st.tuples(st.just("remove"), _NAMES),
        st.tuples(st.just("edit"), _NAMES, st.none() | st.text(max_size=3)),
    ),
    max_size=12,
)


@given(edits=_EDITS)
def test_the_patch_makes_of_what_was_seen_what_was_edited(edits: list[tuple[Any, ...]]) -> None:
    draft = Draft(SEEN)
    for verb, name, *value in edits:
        match verb:
            case "put":
                draft.put(value[0], "labels", name)
            case "drop":
                draft.drop("labels", name)
            case "append" if draft.index(name, "nics") is None:
                draft.append({"name": name}, "nics")
            case "remove":
                draft.remove_entry(name, "nics")
            case "edit":
                draft.edit_entry(name, {"mac": value[0]}, "nics")
    assert json_patched(SEEN, draft.patch) == draft.document
