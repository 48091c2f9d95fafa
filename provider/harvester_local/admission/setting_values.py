"""Settings whose values are right or wrong by themselves, whatever the cluster looks like.

Upstream: pkg/webhook/resources/setting/validator.go and pkg/settings/settings_helper.go in Harvester v1.8. Settings that are not in the
table take any text.
"""

from collections.abc import Callable, Mapping
from typing import Any

from harvester_local.admission.names import label_problems, repeated
from harvester_local.admission.review import Request, failed, invalid
from harvester_local.admission.setting_addresses import check_pools, check_time_servers
from harvester_local.admission.setting_certificates import check_certificates
from harvester_local.admission.setting_numbers import (
    check_engine_memory,
    check_hotplug_ratio,
    check_overhead_ratio,
    check_token_minutes,
    decimal,
    not_negative,
)
from harvester_local.admission.unmarshal import unmarshal
from harvester_local.admission.world import World

_PLAIN, _DECODED = "{error}", "unmarshal failed, error: {error}, value: {value}"
_HOURS_OF_YEAR = 24 * 365
_LARGEST_SHARE = 40
_TLS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_AUTH = {"Username": str, "Password": str, "Auth": str, "IdentityToken": str}
_REGISTRY = {
    "Mirrors": {"*": {"Endpoints": [str], "Rewrites": {"*": str}}},
    "Configs": {"*": {"Auth": _AUTH, "TLS": {"CAFile": str, "CertFile": str, "KeyFile": str, "InsecureSkipVerify": bool}}},
    "Auths": {"*": _AUTH},
}
NETWORK = {"clusterNetwork": str, "vlan": int, "range": str, "exclude": [str]}
PROXY = {"httpProxy": str, "httpsProxy": str, "noProxy": str}
_MIGRATION = {
    **dict.fromkeys(("nodeDrainTaintKey", "network"), str),
    **dict.fromkeys(
        ("parallelOutboundMigrationsPerNode", "parallelMigrationsPerCluster", "completionTimeoutPerGiB", "progressTimeout"), int
    ),
    **dict.fromkeys(("allowAutoConverge", "allowPostCopy", "allowWorkloadDisruption", "unsafeMigrationOverride", "disableTLS"), bool),
}
_UPGRADE = {
    "imagePreloadOption": {"strategy": {"type": str, "concurrency": int}},
    "restoreVM": bool,
    "logReadyTimeout": str,
    "nodeUpgradeOption": {"strategy": {"mode": str, "pauseNodes": [str]}},
}
_TRAEFIK = {
    **dict.fromkeys(("minVersion", "maxVersion"), str),
    **{name: [str] for name in ("cipherSuites", "curvePreferences", "alpnProtocols")},
    **dict.fromkeys(("sniStrict", "disableSessionTickets"), bool),
    "clientAuth": {"secretNames": [str], "clientAuthType": str},
}


def validate_value(request: Request, world: World) -> None:  # noqa: ARG001  one signature for all rules
    """Raise DeniedError for a value that the setting cannot have. An empty one means the default, and is always taken."""
    value, rule = request.new.get("value") or "", _RULES.get(request.key.name)
    if not rule or not value or request.old.get("value") == value:
        return
    try:
        rule(value)
    except ValueError as error:
        raise invalid(str(error), "value") from error


def _shaped(shape: Any, said: str = _PLAIN) -> Callable[[str], Any]:
    """The rule that the value is JSON of a shape; `said` is what upstream says about another `value`, with the `error` in it."""

    def rule(value: str) -> Any:
        try:
            return unmarshal(value, shape)
        except ValueError as error:
            raise ValueError(said.format(error=error, value=value)) from error

    return rule


def _overcommit(value: str) -> None:
    ratios = _shaped({"cpu": int, "memory": int, "storage": int}, "Invalid JSON: {value}")(value)
    for name in ("cpu", "memory", "storage"):
        if (ratio := ratios.get(name, 0)) < 100:
            raise invalid(f"Cannot undercommit. Should be greater than or equal to 100 but got {ratio}", name)


def _rotation(value: str) -> None:
    hours = unmarshal(value, {"enable": bool, "expiringInHours": int}).get("expiringInHours", 0)
    if hours <= 0:
        raise ValueError("expiringInHours can't be negative or zero")
    if hours >= _HOURS_OF_YEAR:
        raise ValueError(f"expiringInHours can't be large than {_HOURS_OF_YEAR - 1}")


def _reset_policy(value: str) -> None:
    policy = _shaped({"enable": bool, "period": int, "vmMigrationTimeout": int}, _DECODED)(value)
    period, timeout = policy.get("period", 0), policy.get("vmMigrationTimeout", 0)
    if period <= 0:
        raise ValueError(f"period value should be greater than 0, value: {period}")
    if timeout < 0:
        raise ValueError(f"vmMigrationTimeout value should be greater than 0, value: {timeout}")


def _bundle_image(value: str) -> None:
    image = unmarshal(value, {"repository": str, "tag": object, "imagePullPolicy": str})
    if not image.get("repository") or image.get("tag") == "" or not image.get("imagePullPolicy"):
        raise ValueError("image field can't be blank")


def _bundle_name(value: str) -> None:
    if found := label_problems(value):
        raise ValueError(f"invalid file name: {'; '.join(found)}")


def _protocols(value: str) -> None:
    for protocol in unmarshal(value, {"protocols": str, "ciphers": str}).get("protocols", "").split(" "):
        if protocol and protocol not in _TLS:
            raise invalid(f"unsupported SSL protocol: {protocol}", "protocols")


def _migration(value: str) -> None:
    config = _shaped(_MIGRATION, _DECODED)(value)
    if config.get("nodeDrainTaintKey"):
        raise invalid("nodeDrainTaintKey field cannot be configured", "nodeDrainTaintKey")
    if config.get("network"):
        raise invalid("network field is configured by vm-migration-network setting", "network")


def _engine_shares(value: str) -> None:
    """Percentages of each node's CPUs, by Longhorn's data engines."""
    said = "failed to parse value: {error}"
    shares = _shaped({"cpu": {"*": str}}, said.format(error=_DECODED))(value).get("cpu")
    if shares is None:
        raise ValueError(said.format(error="cpu is required"))
    for engine in ("v1", "v2") if shares else ():
        if engine not in shares:
            raise ValueError(said.format(error=f"cpu.{engine} is required"))
        try:
            share = decimal(shares[engine])
        except ValueError as error:
            raise ValueError(said.format(error=f"invalid cpu.{engine}: {error}")) from error
        if not 0 <= share <= _LARGEST_SHARE:
            setting = f"value {shares[engine]} of settings guaranteed-instance-manager-cpu"
            raise failed(f"failed to validate value cpu.{engine}: {setting} is invalid")


def _upgrade(value: str) -> None:
    config = _shaped(_UPGRADE, _DECODED)(value)
    preload = config.get("imagePreloadOption", {}).get("strategy", {})
    if (strategy := preload.get("type", "")) not in ("skip", "sequential", "parallel"):
        raise failed(f"invalid image preload strategy type: {strategy}")
    if (concurrency := preload.get("concurrency", 0)) < 0:
        raise failed(f"invalid image preload concurrency: {concurrency}")
    nodes = config.get("nodeUpgradeOption", {}).get("strategy", {})
    if (mode := nodes.get("mode")) not in (None, "auto", "manual"):
        raise failed(f"invalid node upgrade strategy mode: {mode}")
    if mode and (twice := repeated(nodes.get("pauseNodes", []))):
        raise failed(f"duplicate pause node names: [{' '.join(twice)}]")
    if (timeout := config.get("logReadyTimeout", "")) and not timeout.isdecimal():
        raise failed(f"invalid value for image preload timeout: {timeout}")
    if timeout and not 1 <= int(timeout) <= 20:
        raise failed(f"invalid logReadyTimeout must be between 1m0s to 20m0s minutes, given: {int(timeout) * 60 * 10**9}")


def _traefik(value: str) -> None:
    try:
        unmarshal(value, _TRAEFIK)
    except ValueError as error:
        raise failed(str(error)) from error


_RULES: Mapping[str, Callable[[str], Any]] = {
    "additional-guest-memory-overhead-ratio": check_overhead_ratio,
    "auto-rotate-rke2-certs": _rotation,
    "containerd-registry": _shaped(_REGISTRY),
    "default-vm-termination-grace-period-seconds": not_negative("can't be negative"),
    "http-proxy": _shaped(PROXY),
    "instance-manager-resources": _engine_shares,
    "kubeconfig-default-token-ttl-minutes": check_token_minutes,
    "kubevirt-migration": _migration,
    "longhorn-v2-data-engine-memory-size": check_engine_memory,
    "max-hotplug-ratio": check_hotplug_ratio,
    "ntp-servers": check_time_servers,
    "overcommit-config": _overcommit,
    "rancher-cluster": _shaped({"removeUpstreamClusterWhenNamespaceIsDeleted": bool}, _DECODED),
    "rwx-network": _shaped({"share-storage-network": bool, "network": NETWORK}, "invalid JSON for rwx-network: {error}"),
    "ssl-certificates": check_certificates,
    "ssl-parameters": _protocols,
    "support-bundle-expiration": not_negative("expiration can't be negative"),
    "support-bundle-file-name": _bundle_name,
    "support-bundle-image": _bundle_image,
    "support-bundle-node-collection-timeout": not_negative("node collection timeout can't be negative"),
    "support-bundle-timeout": not_negative("timeout can't be negative"),
    "traefik-default-tls-options": _traefik,
    "upgrade-config": _upgrade,
    "vip-pools": check_pools,
    "vm-force-reset-policy": _reset_policy,
}
