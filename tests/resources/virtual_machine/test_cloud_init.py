"""SSH keys in user data: what is added, and what stays as its owner wrote it."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from harvester_provider.resources.virtual_machine.cloud_init import trouble, with_keys

KEY = "ssh-ed25519 AAAA ada"


def test_keys_alone_make_a_cloud_config() -> None:
    assert with_keys("", [KEY]) == f"#cloud-config\nssh_authorized_keys:\n- {KEY}\n"


def test_comments_and_layout_of_the_text_stay() -> None:
    text = "#cloud-config\n# the shop\npackages:   [nginx]\n"
    assert with_keys(text, [KEY]).startswith(text)


def test_keys_that_are_there_already_change_nothing() -> None:
    text = f"#cloud-config\nssh_authorized_keys: ['{KEY}']\n"
    assert with_keys(text, [KEY]) == text


def test_keys_join_those_that_are_declared_in_the_text() -> None:
    found = yaml.safe_load(with_keys("#cloud-config\nssh_authorized_keys: [other]\npackages: [a]\n", [KEY]))
    assert found == {"ssh_authorized_keys": ["other", KEY], "packages": ["a"]}


def test_a_text_in_braces_is_understood_as_well() -> None:
    assert yaml.safe_load(with_keys("#cloud-config\n{packages: [a]}\n", [KEY])) == {"packages": ["a"], "ssh_authorized_keys": [KEY]}


def test_what_is_no_cloud_config_is_not_touched() -> None:
    assert "begins with #cloud-config" in trouble("## template: jinja\n#cloud-config\n")
    assert trouble("#cloud-config\n- a\n") == "it begins with #cloud-config and is no mapping"
    assert trouble("#cloud-config\nssh_authorized_keys: x\n") == "ssh_authorized_keys is no list"


_VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(config=st.dictionaries(st.text(max_size=10), _VALUES, max_size=5), keys=st.lists(st.text(min_size=1, max_size=30), max_size=3))
def test_whatever_else_the_text_says_stays(config: dict[str, object], keys: list[str]) -> None:
    config.pop("ssh_authorized_keys", None)
    text = "#cloud-config\n" + yaml.safe_dump(config)
    expected = {**config, "ssh_authorized_keys": list(dict.fromkeys(keys))} if keys else config
    assert yaml.safe_load(with_keys(text, keys)) == expected
    assert with_keys(with_keys(text, keys), keys) == with_keys(text, keys)
