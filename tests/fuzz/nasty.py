"""Inputs by the schema, with what programs, templates and people put there by mistake or on purpose.

Most values are plausible, so that checks across fields are reached; the rest is of a wrong type, shape, size or script.
"""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

SCHEMA: dict[str, Any] = json.loads((Path(__file__).resolve().parents[2] / "schema.json").read_text())
PREFIX = "harvester:index:"

YAML_BOMB = "#cloud-config\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]" for last, name in zip("abcdefgh", "bcdefghi", strict=True)
)
NASTY_TEXTS = [
    "", " ", "\t", "\n", "\x00", "a\x00b", "\ud7ff", "é", "日本", "🦀" * 40, "\u202egnp.exe", "A" * 3000, "a" * 64, "-", "-a", "a-", "A", "a..b", ".", "..",
    "../../etc/passwd", "/etc/shadow", "file:///etc/passwd", "default/../kube-system/x", "a/b/c", "/", "a/", "/a", "%2e%2e%2f", "$(reboot)", "`id`", "'; --",
    "${jndi:ldap://x}", "{{ .Values }}", YAML_BOMB, "&a [*a]", "!!python/object/apply:os.system ['id']", "null", "true", "~", "0", "-1", "1e309", "NaN", "inf",
    "1Gi1", "1 Gi", "-1Gi", "0Gi", "1e400Gi", "1kib", "\u0661Gi", "1_000Mi", "9" * 400 + "Gi", "0x10", "1,5Gi", "http://", "http://[::1", "javascript:alert(1)",
    "ftp://host/x.iso", "https://user:word@host/x", "300.1.1.1", "10.0.0.0/33", "::ffff:1.2.3.4/200", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01",
    "52:54:00:00:00:0g", "* * * * * *", "P1Y", "-5s", "1y",
]  # fmt: skip
"""Texts that parsers of names, quantities, addresses, URLs, YAML and durations trip over."""
NASTY: list[Any] = [
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    2**200,
    -(2**63),
    1.5,
    float("inf"),
    [],
    {},
    [[]],
    [None],
    {"": ""},
    [{}],
    {"a": {"b": []}},
]
"""Values of a wrong type or size."""
PLAUSIBLE = [
    "vm1", "default", "web-1", "default/leap", "default/vlan100", "root", "eth0", "1Gi", "512Mi", "2", "1500m", "52:54:00:12:34:56", "10.1.0.0/16", "10.1.0.1",
    "5m", "30s", "https://example.com/a.qcow2", "mgmt", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me", "a" * 128,
    "#cloud-config\npackages: [nginx]\n", "version: 2\nethernets: {}\n", "v1.8.0", "longhorn", "Halted", "0 2 * * *", "key=value",
]  # fmt: skip

GOOD: dict[str, dict[str, Any]] = {
    "CloudInit": {"name": "data", "userData": "#cloud-config\npackages: [nginx]\n"},
    "ClusterNetwork": {"name": "lan", "description": "of the lab"},
    "Image": {"name": "other", "displayName": "Other", "url": "https://example.com/leap.qcow2", "storageClass": "longhorn"},
    "SshKey": {"name": "me", "publicKey": PLAUSIBLE[18]},
    "VirtualMachine": {
        "name": "vm1", "cpu": 2, "memory": "2Gi",
        "disks": [{"name": "root", "image": "default/leap", "size": "10Gi", "bootOrder": 1}, {"name": "data", "size": "1Gi", "hotPlug": True}],
        "networkInterfaces": [{"name": "eth0"}, {"name": "eth1", "network": "default/vlan100", "macAddress": "52:54:00:12:34:56"}],
    },
    "VlanConfig": {"name": "uplink", "clusterNetwork": "lan", "uplink": {"nics": ["ens9"], "bondMode": "active-backup", "mtu": 1500}},
    "IpPool": {"name": "front", "ranges": [{"subnet": "10.1.0.0/16", "gateway": "10.1.0.1", "start": "10.1.0.10", "end": "10.1.0.99"}]},
    "LoadBalancer": {"name": "lb", "ipam": "dhcp", "listeners": [{"name": "http", "port": 80, "backendPort": 8080}], "backendSelector": {"app": ["web"]}},
    "RancherCloudCredential": {"name": "lab", "kubeconfig": "clusters: []\nusers: [{user: {token: abc}}]\n"},
    "RancherCluster": {
        "name": "dev", "kubernetesVersion": "v1.34.2+rke2r1", "cloudCredential": "cattle-global-data:cc-lab", "config": {"cni": "calico"},
        "pools": [
            {"name": "all", "disks": [{"image": "default/leap"}], "networks": ["default/vlan100"], "sshUser": "opensuse", "affinity": {"a": {}},
             "labels": {"a": "b"}, "taints": ["a=b:NoSchedule"], "unhealthyNodeTimeout": "5m", "rollingUpdate": {"maxSurge": "25%"}},
        ],
        "upgradeStrategy": {"workerConcurrency": "2", "workerDrain": {"timeout": "5m"}},
    },
    "Volume": {"name": "data", "size": "2Gi", "storageClass": "longhorn"},
    "VolumeSnapshot": {"name": "before", "volume": "data"},
    "VlanNetwork": {"name": "vlan100", "clusterNetwork": "mgmt", "vlanId": 100},
}  # fmt: skip
"""Good inputs, so that plans are reached with one thing wrong or unusual."""

texts = st.sampled_from(PLAUSIBLE) | st.sampled_from(PLAUSIBLE) | st.sampled_from(NASTY_TEXTS) | st.text(max_size=12)
numbers = st.integers(0, 8) | st.integers(0, 5000) | st.sampled_from([-1, 2**31, 2**63, 2**200])


def value(spec: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """A value for a property: of its type most of the time."""
    return st.integers(0, 11).flatmap(lambda pick: st.sampled_from(NASTY) if pick == 0 else _typed(spec, depth))


def _typed(spec: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if "$ref" in spec:
        return _named(SCHEMA["types"].get(spec["$ref"].removeprefix("#/types/"), {}), depth)
    match spec.get("type"):
        case "integer" | "number":
            return numbers
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(value(spec["items"], depth + 1), max_size=3)
        case "object":
            return st.dictionaries(texts, value(spec.get("additionalProperties", {"type": "string"}), depth + 1), max_size=3)
        case _:
            return texts


def _named(found: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if "enum" in found:
        return st.sampled_from([entry["value"] for entry in found["enum"]]) | texts
    return inputs(found.get("properties", {}), found.get("required", []), depth + 1)


def inputs(properties: dict[str, Any], required: list[str], depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Inputs of a kind: what is required mostly there, a few of the rest, and now and then a name that does not exist."""
    optional = sorted(properties.keys() - set(required))
    chosen = st.lists(st.sampled_from(optional), max_size=5 if depth == 0 else 3, unique=True) if optional else st.just([])
    missing = st.integers(0, 15).map(lambda pick: required[: len(required) - 1] if pick == 0 else required)
    stray = st.integers(0, 15).map(lambda pick: {"nmae": "x"} if pick == 0 else {})
    filled = st.tuples(chosen, missing).flatmap(
        lambda names: st.fixed_dictionaries({name: value(properties[name], depth) for name in sorted({*names[0], *names[1]})})
    )
    return st.tuples(filled, stray).map(lambda both: both[0] | both[1])


def inputs_of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Inputs of a kind: any at all, or good ones of which a few properties are something else."""
    found = SCHEMA["resources"][PREFIX + kind]
    anything = inputs(found["inputProperties"], found.get("requiredInputs", []))
    if kind not in GOOD:
        return anything
    names = st.lists(st.sampled_from(sorted(found["inputProperties"])), max_size=3, unique=True)
    edits = names.flatmap(lambda chosen: st.fixed_dictionaries({name: value(found["inputProperties"][name]) for name in chosen}))
    return anything | edits.map(lambda edit: GOOD[kind] | edit) | edits.map(lambda edit: GOOD[kind] | edit)
