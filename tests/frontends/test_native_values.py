"""Property values of the plugin protocol: nothing is lost, unknown values and secrets keep their places."""

from typing import Any

from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime import rpc

from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.frontends.native import values
from harvester_provider.frontends.native.detail import Edit, edits
from harvester_provider.frontends.native.values import Secret, decode, encode

NUMBERS = st.integers(-(2**52), 2**52) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.text() | st.booleans() | NUMBERS | st.just(UNKNOWN)
PLAIN = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | inner.map(Secret), max_leaves=20)


def outermost(value: Any, *, hidden: bool = False) -> Any:
    """A secret inside of a secret is one secret."""
    if isinstance(value, Secret):
        return outermost(value.value, hidden=True) if hidden else Secret(outermost(value.value, hidden=True))
    if isinstance(value, dict):
        return {key: outermost(item, hidden=hidden) for key, item in value.items()}
    return [outermost(item, hidden=hidden) for item in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(), PLAIN))
def test_values_come_back_as_they_went(tree: dict[str, Any]) -> None:
    assert decode(encode(tree)).values == tree


@given(st.dictionaries(st.text(), TREES))
def test_secrets_are_found_and_put_back_where_they_were(tree: dict[str, Any]) -> None:
    found = decode(encode(tree))
    assert found.secrets.apply(found.values) == outermost(tree)


def test_the_marks_are_those_of_the_sdk() -> None:
    assert (rpc._special_sig_key, rpc._special_secret_sig, rpc.UNKNOWN) == (values.SIGNATURE, values.SECRET, values.UNKNOWN_TEXT)
    assert (rpc._special_output_value_sig, rpc._special_resource_sig) == (values.OUTPUT, values.REFERENCE)


def test_a_resource_where_an_id_is_wanted_is_its_id() -> None:
    reference = Struct()
    reference.update({"image": {values.SIGNATURE: values.REFERENCE, "urn": "urn:x", "id": "default/a"}})
    assert decode(reference).values == {"image": "default/a"}


def test_a_secret_in_a_named_entry_follows_the_entry() -> None:
    found = decode(encode({"disks": [{"name": "a", "serial": Secret("s")}, {"name": "b"}]}))
    moved = found.secrets.apply({"disks": [{"name": "b"}, {"name": "a", "serial": "s"}]})
    assert moved == {"disks": [{"name": "b"}, {"name": "a", "serial": Secret("s")}]}


def test_what_a_secret_may_be_in_is_hidden_where_its_place_is_lost() -> None:
    found = decode(encode({"a": [Secret("x"), "y"], "b": {"c": Secret("z")}}))
    assert found.secrets.apply({"a": [], "b": UNKNOWN}) == {"a": Secret([]), "b": Secret(UNKNOWN)}


def test_edits_name_each_property_and_whether_it_replaces() -> None:
    old = {"name": "a", "disks": [{"name": "r", "size": "1Gi"}, {"name": "d", "size": "1Gi"}], "labels": {"a/b": "1", "plain": "x"}}
    new = {"name": "b", "disks": [{"name": "r", "size": "2Gi", "bus": "sata"}], "labels": {"a/b": "2"}, "memory": "1Gi"}
    found = edits(old, new, ["name", "disks", "labels", "memory"], ["name", "disks[0].bus"])
    assert found == {
        "name": Edit("update", replaces=True),
        "disks[0].size": Edit("update"),
        "disks[0].bus": Edit("add", replaces=True),
        "disks[1]": Edit("delete"),
        'labels["a/b"]': Edit("update"),
        "labels.plain": Edit("delete"),
        "memory": Edit("add"),
    }


def test_entries_that_only_moved_are_no_edit() -> None:
    nics = [{"name": "a", "model": "virtio"}, {"name": "b", "model": "e1000"}]
    assert edits({"nics": nics}, {"nics": nics[::-1]}, ["nics"], []) == {}


@given(PLAIN.filter(lambda value: value is not UNKNOWN), PLAIN)
def test_there_is_an_edit_for_every_difference(old: Any, new: Any) -> None:
    named = {"old": old, "new": new}  # lists of entries with names are compared by name, which these are not
    found = edits({"x": named["old"]}, {"x": named["new"]}, ["x"], [])
    assert bool(found) == (old != new)
