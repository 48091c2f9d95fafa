"""Values of settings at admission. Refusals and their words were seen on a real control plane of Harvester 1.8, where it has the setting."""

import json
from typing import Any

import pytest
from plane_objects import obj, updating, world

from harvester_local.admission.review import DeniedError, Request
from harvester_local.admission.setting_values import validate_value
from harvester_local.admission.unmarshal import unmarshal
from harvester_local.api import kinds
from harvester_local.api.versions import rules_for

GRACE, BUNDLE, RATIO = "default-vm-termination-grace-period-seconds", "support-bundle-image", "additional-guest-memory-overhead-ratio"
PRELOAD = {"imagePreloadOption": {"strategy": {"type": "skip"}}}


def change(name: str, value: Any, before: str = "") -> Request:
    text = value if isinstance(value, str) else json.dumps(value)
    old, new = ({**obj(kinds.SETTING, name), "value": each} for each in (before, text))
    return updating(old, new)


def paused(**strategy: Any) -> Any:
    return {**PRELOAD, "nodeUpgradeOption": {"strategy": strategy}}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("vip-pools", {"default": "10.1.0.7"}, "invalid CIDR value 10.1.0.7 of default, error: invalid CIDR address: 10.1.0.7"),
        ("vip-pools", {"a": "10.1.0.0/24, 10.2.0.0/24"}, "error: invalid CIDR address:  10.2.0.0/24"),
        ("vip-pools", {"a": "10.1.0.0/255.255.255.0"}, "error: invalid CIDR address: 10.1.0.0/255.255.255.0"),
        ("vip-pools", {"a": ""}, "invalid CIDR value  of a, error: invalid CIDR address: "),
        ("vip-pools", {"a": None}, "invalid CIDR value  of a, error: invalid CIDR address: "),
        ("vip-pools", {"a": "10.1.0.0/24-10.2.0.0"}, "of a, error: IP Range and CIDR cannot be used together"),
        ("vip-pools", {"a": "-10.1.0.2"}, "invalid IP Range value -10.1.0.2 of a"),
        ("vip-pools", {"a": "10.1.0.1-10.1.0.2-10.1.0.3"}, "invalid IP Range value 10.1.0.1-10.1.0.2-10.1.0.3 of a"),
        ("vip-pools", {"a": "10.1.0.1-x"}, "invalid IP value 10.1.0.1-x of a"),
        ("vip-pools", {"a": "fd00::1-fd00::2"}, "invalid IP value fd00::1-fd00::2 of a"),
        ("vip-pools", {"a": 1}, "cannot unmarshal number"),
        ("ntp-servers", {"ntpServers": ["x", "y", "x"]}, "duplicate NTP server: [x]"),
        ("ntp-servers", {"ntpServers": ["http://x"]}, "ntp server http://x should not start with http:// or https://"),
        ("ntp-servers", {"ntpServers": ["a..b"]}, "invalid NTP server: a..b"),
        ("ntp-servers", {"ntpServers": ["10.0.0.1:123"]}, "invalid NTP server: 10.0.0.1:123"),
        ("ntp-servers", {"ntpServers": ["fe80::1%eth0"]}, "invalid NTP server: fe80::1%eth0"),
        ("ntp-servers", {}, "NTP servers can't be nil"),
        ("ntp-servers", {"ntpServers": [1]}, "failed to parse NTP settings: json: cannot unmarshal number into Go struct field"),
        ("ntp-servers", "x", "failed to parse NTP settings: "),
        ("auto-rotate-rke2-certs", {"enable": True}, "expiringInHours can't be negative or zero"),
        ("auto-rotate-rke2-certs", {"enable": True, "expiringInHours": 8760}, "expiringInHours can't be large than 8759"),
        ("auto-rotate-rke2-certs", {"enable": "true", "expiringInHours": 5}, "cannot unmarshal string"),
        ("containerd-registry", "x", "Expecting value"),
        ("containerd-registry", [], "cannot unmarshal array into Go value"),
        ("containerd-registry", {"mirrors": {"a": {"endpoints": "x"}}}, "cannot unmarshal string into Go struct field Mirrors.Endpoints"),
        ("containerd-registry", {"Configs": {"a": {"TLS": {"InsecureSkipVerify": "x"}}}}, "cannot unmarshal string"),
        (GRACE, "-1", "can't be negative"),
        (GRACE, "00", "leading zero in input: 00"),
        (GRACE, "-0", "leading zero in input: -0"),
        (GRACE, "+1", "no allowed symbol in input: +1"),
        (GRACE, "1_0", 'strconv.Atoi: parsing "1_0": invalid syntax'),
        (GRACE, "9" * 19, f'strconv.Atoi: parsing "{"9" * 19}": value out of range'),
        ("support-bundle-timeout", "-1", "timeout can't be negative"),
        ("support-bundle-expiration", "-1", "expiration can't be negative"),
        ("support-bundle-node-collection-timeout", "-1", "node collection timeout can't be negative"),
        ("support-bundle-file-name", "a.b", "invalid file name: must not contain dots"),
        (BUNDLE, "x", "Expecting value"),
        (BUNDLE, {}, "image field can't be blank"),
        (BUNDLE, {"repository": "a", "tag": "", "imagePullPolicy": "b"}, "image field can't be blank"),
        ("vm-force-reset-policy", {"enable": False}, "period value should be greater than 0, value: 0"),
        ("vm-force-reset-policy", {"period": 5, "vmMigrationTimeout": -1}, "vmMigrationTimeout value should be greater than 0, value: -1"),
        ("vm-force-reset-policy", {"period": 1.5}, "unmarshal failed, error: json: cannot unmarshal number"),
        ("kubeconfig-default-token-ttl-minutes", "-1", "kubeconfig-default-token-ttl-minutes can't be negative"),
        ("kubeconfig-default-token-ttl-minutes", "52560001", "kubeconfig-default-token-ttl-minutes exceeds 100 years"),
        ("upgrade-config", "x", "unmarshal failed, error: "),
        ("rancher-cluster", "x", "unmarshal failed, error: "),
        (RATIO, "x", 'value x can\'t be converted to float64, error:strconv.ParseFloat: parsing "x": invalid syntax'),
        (RATIO, " 2", "value  2 can't be converted to float64"),
        (RATIO, "0.5", "value 0.5 can't be less than 1"),
        (RATIO, "11", "value 11 can't be greater than 10"),
        ("ssl-parameters", {"protocols": "TLSv1.2 TLSv1.4"}, "unsupported SSL protocol: TLSv1.4"),
        ("kubevirt-migration", {"network": "x"}, "network field is configured by vm-migration-network setting"),
        ("kubevirt-migration", {"nodeDrainTaintKey": "x"}, "nodeDrainTaintKey field cannot be configured"),
        ("rwx-network", {"share-storage-network": "yes"}, "invalid JSON for rwx-network: "),
        ("instance-manager-resources", {}, "failed to parse value: cpu is required"),
        ("instance-manager-resources", {"cpu": {"v1": "12"}}, "failed to parse value: cpu.v2 is required"),
        ("instance-manager-resources", {"cpu": {"v1": "x", "v2": "12"}}, "failed to parse value: invalid cpu.v1: strconv.ParseFloat"),
        ("http-proxy", [], "cannot unmarshal array into Go value"),
        ("overcommit-config", "x", "Invalid JSON: x"),
        ("overcommit-config", {"cpu": 150, "storage": 100}, "Cannot undercommit. Should be greater than or equal to 100 but got 0"),
        ("longhorn-v2-data-engine-memory-size", "0", "longhorn-v2-data-engine-memory-size must be greater than zero"),
        ("longhorn-v2-data-engine-memory-size", "2047", "longhorn-v2-data-engine-memory-size must be evenly divisible by two"),
    ],
)
def test_a_setting_refuses_what_it_cannot_be(name: str, value: Any, words: str) -> None:
    with pytest.raises(DeniedError) as refusal:
        validate_value(change(name, value), world())
    assert refusal.value.code == 422
    assert words in refusal.value.message


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("max-hotplug-ratio", "21", "value: 21 must be in range [1 .. 20]"),
        ("max-hotplug-ratio", "+5", 'failed to parse value: +5 strconv.ParseUint: parsing "+5": invalid syntax'),
        ("max-hotplug-ratio", "9" * 11, f'strconv.ParseUint: parsing "{"9" * 11}": value out of range'),
        ("upgrade-config", {}, "invalid image preload strategy type: "),
        (
            "upgrade-config",
            {"imagePreloadOption": {"strategy": {"type": "skip", "concurrency": -1}}},
            "invalid image preload concurrency: -1",
        ),
        ("upgrade-config", paused(mode="x"), "invalid node upgrade strategy mode: x"),
        ("upgrade-config", paused(mode="manual", pauseNodes=["a", "b", "a"]), "duplicate pause node names: [a]"),
        ("upgrade-config", {**PRELOAD, "logReadyTimeout": "x"}, "invalid value for image preload timeout: x"),
        (
            "upgrade-config",
            {**PRELOAD, "logReadyTimeout": "21"},
            "invalid logReadyTimeout must be between 1m0s to 20m0s minutes, given: 1260000000000",
        ),
        ("instance-manager-resources", {"cpu": {"v1": "50", "v2": "12"}}, "failed to validate value cpu.v1: value 50 of settings"),
        ("longhorn-v2-data-engine-memory-size", "x", 'strconv.Atoi: parsing "x": invalid syntax'),
        ("traefik-default-tls-options", {"sniStrict": "yes"}, "cannot unmarshal string into Go struct field sniStrict"),
    ],
)
def test_what_upstream_refuses_with_a_plain_error_is_an_internal_one(name: str, value: Any, words: str) -> None:
    with pytest.raises(DeniedError) as refusal:
        validate_value(change(name, value), world())
    assert refusal.value.code == 500
    assert words in refusal.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vip-pools", {"default": "10.1.0.7/24,fd00::/64", "b": "10.1.0.9-10.1.0.5"}),
        ("ntp-servers", {"ntpServers": ["0.opensuse.pool.ntp.org", "host.example.org.", "a_b", "-a", "", "10.0.0.1", "fe80::1"]}),
        ("ntp-servers", {"NTPSERVERS": []}),
        ("auto-rotate-rke2-certs", {"enable": True, "expiringInHours": 8759}),
        ("containerd-registry", {"Mirrors": {"docker.io": {"Endpoints": ["ftp //x"]}}, "Configs": {"r": {"Auth": {"Password": "x"}}}}),
        ("containerd-registry", {"unknown": 1, "Auths": None}),
        (GRACE, "0"),
        ("support-bundle-timeout", "0"),
        (BUNDLE, {"repository": "a", "tag": 1, "imagePullPolicy": "b"}),
        (BUNDLE, {"repository": "a", "imagePullPolicy": "b"}),
        ("vm-force-reset-policy", {"enable": True, "period": 5}),
        ("kubeconfig-default-token-ttl-minutes", "52560000"),
        ("upgrade-config", {**paused(mode="manual", pauseNodes=["a"]), "logReadyTimeout": "20"}),
        (RATIO, "0"),
        ("max-hotplug-ratio", "007"),
        ("ssl-parameters", {"protocols": "TLSv1.2  TLSv1.3", "ciphers": "x"}),
        ("kubevirt-migration", {"parallelMigrationsPerCluster": 3}),
        ("instance-manager-resources", {"cpu": {}}),
        ("overcommit-config", {"CPU": 1600, "memory": 200, "storage": 200}),
        ("http-proxy", {"httpProxy": "x", "noProxy": None}),
        ("csi-driver-config", "x"),
        ("log-level", "x"),
        ("longhorn-v2-data-engine-memory-size", "2048"),
    ],
)
def test_a_setting_takes_what_upstream_takes(name: str, value: Any) -> None:
    validate_value(change(name, value), world())


@pytest.mark.parametrize("minor", [(1, 6), (1, 7), (1, 8), (1, 9)])
def test_every_default_is_a_value_that_is_taken_and_given_back(minor: tuple[int, int]) -> None:
    for name, default in rules_for(minor).settings:
        validate_value(change(name, default, "x"), world())
        validate_value(change(name, "", default), world())


def test_a_value_that_stays_as_it_is_is_not_looked_at() -> None:
    validate_value(change(GRACE, "-1", "-1"), world())


@pytest.mark.parametrize(
    ("text", "shape", "found"),
    [
        ('{"CPU": 1, "x": 2}', {"cpu": int}, {"cpu": 1}),
        ('{"cpu": null}', {"cpu": int}, {}),
        ('{"Cpu": "1"}', {"*": str}, {"Cpu": "1"}),
        ("null", {"cpu": int}, {}),
        ("[null]", [str], [""]),
        ('{"tag": [1]}', {"tag": object}, {"tag": [1]}),
    ],
)
def test_json_is_read_as_go_reads_it(text: str, shape: Any, found: Any) -> None:
    assert unmarshal(text, shape) == found


@pytest.mark.parametrize(
    ("text", "shape"), [("NaN", object), ("true", int), ("1.0", int), (str(2**63), int), ("{}", [str]), ("[]", {"*": str})]
)
def test_json_of_another_shape_is_refused(text: str, shape: Any) -> None:
    with pytest.raises(ValueError, match="cannot unmarshal|invalid value"):
        unmarshal(text, shape)
