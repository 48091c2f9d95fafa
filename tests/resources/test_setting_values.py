"""Values that no cluster takes are told at the first preview: of the kind Setting, and of a Cluster's typed settings."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pems import CERTIFICATE, EC, LOCKED, PKCS8
from setting_texts import DEPENDS, NEWER_REFUSED, REFUSED, TAKEN

from harvester_provider.core.unknown import UNKNOWN
from harvester_provider.resources import cluster
from harvester_provider.resources.setting import KIND, SettingInputs
from harvester_provider.resources.setting_values import fault

NAMES = sorted({name for name, _, _ in (*REFUSED, *NEWER_REFUSED)})
HUSH = "hush"
"""Stands in for what must never be shown."""


def ids(table: Sequence[tuple[str, ...]]) -> list[str]:
    """Names without the values, some of which are new in each run."""
    return [f"{row[0]}-{number}" for number, row in enumerate(table)]


def setting(name: str, value: Any) -> SettingInputs:
    return SettingInputs.model_validate({"name": name, "value": value})


def told(**given: Any) -> dict[str, str]:
    """The problems of a Cluster with these settings: property -> reason."""
    inputs = cluster.ClusterInputs.model_validate({"name": "hci", "settings": given})
    return {problem.property: problem.reason for problem in cluster.KIND.check(inputs)}


@pytest.mark.parametrize(("name", "value", "words"), [*REFUSED, *NEWER_REFUSED], ids=ids([*REFUSED, *NEWER_REFUSED]))
def test_a_value_that_no_cluster_takes_is_refused_with_its_place(name: str, value: str, words: str) -> None:
    (problem,) = KIND.check(setting(name, value))
    assert problem.property == "value"
    assert words in problem.reason


@pytest.mark.parametrize(("name", "value"), [*TAKEN, *DEPENDS], ids=ids([*TAKEN, *DEPENDS]))
def test_a_value_that_some_cluster_takes_is_not_refused(name: str, value: str) -> None:
    assert not KIND.check(setting(name, value))


@pytest.mark.parametrize("name", NAMES)
def test_the_default_and_what_is_not_known_yet_are_not_refused(name: str) -> None:
    assert not KIND.check(setting(name, ""))
    assert not KIND.check(setting(name, UNKNOWN))
    assert not KIND.check(setting("log-level", "x").updated(name=UNKNOWN))


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_too_odd_for_a_rule(name: str) -> None:
    for text in ("[" * 100_000, '{"a":' * 100_000, "9" * 100_000, "-----BEGIN " * 1000, "\ufeff{}", "\x00"):
        assert isinstance(fault(name, text), str)


FIELDS = st.sampled_from([
    *("ntpServers", "expiringInHours", "enable", "Mirrors", "Configs", "Auth", "Endpoints", "repository", "tag", "period", "cpu", "v1", "v2"),
    *("ca", "publicCertificate", "privateKey", "protocols", "imagePreloadOption", "strategy", "type", "mode", "logReadyTimeout", "network"),
    *("vlan", "clusterNetwork", "range", "exclude", "endpoint", "bucketName", "httpProxy", "noProxy", "nodeUpgradeOption", "pauseNodes"),
])  # fmt: skip
TEXTS = st.sampled_from(
    [HUSH, f"{HUSH}/24", f"10.0.0.1-{HUSH}", f"https://{HUSH}", "10.0.0.0/24", "mgmt", "s3", "nfs", "skip", "manual", ""]
)
PEMS = st.sampled_from([CERTIFICATE, PKCS8, EC, LOCKED, f"-----BEGIN {HUSH}-----\n{HUSH}\n-----END {HUSH}-----\n"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | PEMS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4), max_leaves=8)


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(NAMES), text=st.text() | st.from_regex(r"[-+0-9.eE]{1,30}") | VALUES.map(json.dumps))
def test_no_rule_raises_or_quotes_what_it_refuses(name: str, text: str) -> None:
    assert HUSH not in fault(name, text)


NETWORK = {"cluster_network": "fast", "vlan_id": 5, "range": "10.5.0.0/24"}


@pytest.mark.parametrize(
    ("given", "property", "words"),
    [
        ({"ntp_servers": ["a", "a"]}, "settings.ntpServers", "server 2 is there twice"),
        ({"ntp_servers": ["https://a"]}, "settings.ntpServers", "server 1: give a name"),
        ({"vip_pools": {"default": "10.1.0.0/24, 10.2.0.0/24"}}, "settings.vipPools", "pool default: part 2"),
        ({"auto_rotate_certificates": "30m"}, "settings.autoRotateCertificates", "from 1 to 8759"),
        ({"auto_rotate_certificates": "8760h"}, "settings.autoRotateCertificates", "from 1 to 8759"),
        ({"containerd_registry": "[]"}, "settings.containerdRegistry", "give a JSON object"),
        ({"ssl_certificates": {"certificate": "x", "private_key": "y"}}, "settings.sslCertificates", "no certificate in PEM"),
        ({"default_grace_period": 2**63}, "settings.defaultGracePeriod", "whole number"),
        ({"overcommit": {"cpu": 2**63}}, "settings.overcommit", "cpu: give a whole number"),
        ({"storage_network": {**NETWORK, "range": "10.5.0.1/24"}}, "settings.storageNetwork", "range: no subnet"),
        ({"vm_migration_network": {**NETWORK, "exclude": ["10.6.0.0/28"]}}, "settings.vmMigrationNetwork", "exclude[0]: not in range"),
    ],
)
def test_typed_settings_obey_the_same_rules(given: dict[str, Any], property: str, words: str) -> None:  # noqa: A002  a column of the table
    (found,) = told(**given).items()
    assert found[0] == property
    assert words in found[1]


@pytest.mark.parametrize(
    "given",
    [
        {"ntp_servers": ["0.pool.ntp.org", "10.0.0.1"], "vip_pools": {"global": "10.1.0.5-10.1.0.9,10.2.0.5-10.2.0.9"}},
        {"auto_rotate_certificates": "1h", "containerd_registry": "", "max_hotplug_ratio": 20, "default_grace_period": 0},
        {"auto_rotate_certificates": "8759h", "ntp_servers": [], "vip_pools": {}, "additional_ca": "", "overcommit": {"cpu": 100}},
        {"ssl_certificates": {"certificate": CERTIFICATE, "private_key": PKCS8}, "http_proxy": {"http": "http://proxy:3128"}},
        {"storage_network": NETWORK, "vm_migration_network": {**NETWORK, "exclude": ["10.5.0.0/28"]}, "log_level": "debug"},
        {"ntp_servers": ["https://a", UNKNOWN], "vip_pools": {"a": "x", "b": UNKNOWN}, "containerd_registry": UNKNOWN},
        {"ssl_certificates": {"certificate": "x", "private_key": UNKNOWN}, "overcommit": {"cpu": UNKNOWN}, "http_proxy": {"http": UNKNOWN}},
        {"storage_network": UNKNOWN, "vm_migration_network": {**NETWORK, "range": UNKNOWN}, "auto_rotate_certificates": UNKNOWN},
        {"storage_network": {**NETWORK, "cluster_network": UNKNOWN, "vlan_id": 0}},
        {"storage_network": {**NETWORK, "cluster_network": "mgmt", "vlan_id": UNKNOWN, "exclude": [UNKNOWN]}},
    ],
)
def test_typed_settings_that_are_right_or_not_known_yet_pass(given: dict[str, Any]) -> None:
    assert not told(**given)


def test_a_range_is_judged_before_its_cluster_network_is_known() -> None:
    assert list(told(storage_network={**NETWORK, "cluster_network": UNKNOWN, "range": "10.5.0.1/24"})) == ["settings.storageNetwork"]
