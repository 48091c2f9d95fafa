"""From a Cluster's typed settings to Harvester's settings: name -> value, as texts. Pure.

Formats: upstream pkg/settings/settings.go and pkg/settings/settings_helper.go. `cluster-registration-url` is a plain URL
before 1.7.3, and JSON from then on.
"""

import json
from collections.abc import Mapping

from harvester_provider.core.duration import seconds
from harvester_provider.core.json import Json, dig_str
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.resources.apis import SERVER_VERSION, SETTING
from harvester_provider.resources.cluster.model import ClusterInputs, ClusterSettings, HttpProxy, SslCertificates, TrafficNetwork
from harvester_provider.resources.cluster.report import release

REGISTRATION = "cluster-registration-url"

FIELDS = {
    "additional-ca": "additional_ca",
    "containerd-registry": "containerd_registry",
    "log-level": "log_level",
    "default-vm-termination-grace-period-seconds": "default_grace_period",
    "max-hotplug-ratio": "max_hotplug_ratio",
    "overcommit-config": "overcommit",
    "ntp-servers": "ntp_servers",
    "vip-pools": "vip_pools",
    "http-proxy": "http_proxy",
    "storage-network": "storage_network",
    "vm-migration-network": "vm_migration_network",
    "ssl-certificates": "ssl_certificates",
    "auto-rotate-rke2-certs": "auto_rotate_certificates",
}
"""Harvester's names of the settings with typed values -> their fields in ClusterSettings."""
ALL = (*FIELDS, REGISTRATION)
"""Every setting that the inputs can declare."""


def setting(name: str) -> Ref:
    """The setting of that name."""
    return Ref(SETTING, name)


def names(inputs: ClusterInputs) -> list[str]:
    """The settings that the inputs declare, by Harvester's names."""
    return list(values(inputs, Snapshot()))


def values(inputs: ClusterInputs, seen: Snapshot) -> dict[str, str]:
    """What the inputs declare: Harvester's name -> value."""
    registration = _registration(inputs, seen)
    return typed_values(inputs.settings) | ({REGISTRATION: _text(registration)} if registration is not None else {})


def typed_values(given: ClusterSettings) -> dict[str, str]:
    """What the settings declare, without the registration. All of them must be known."""
    plain = {name: getattr(given, field) for name, field in FIELDS.items()}
    found: dict[str, Json] = {
        **plain,
        "overcommit-config": given.overcommit.model_dump() if given.overcommit else None,
        "ntp-servers": {"ntpServers": given.ntp_servers} if given.ntp_servers is not None else None,
        "http-proxy": _proxy(given.http_proxy),
        "storage-network": _network(given.storage_network),
        "vm-migration-network": _network(given.vm_migration_network),
        "ssl-certificates": _certificates(given.ssl_certificates),
        "auto-rotate-rke2-certs": _rotation(given.auto_rotate_certificates),
    }
    return {name: _text(value) for name, value in found.items() if value is not None}


def _text(value: Json) -> str:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, Mapping) else str(value)


def _proxy(proxy: HttpProxy | None) -> Json:
    return {"httpProxy": proxy.http, "httpsProxy": proxy.https, "noProxy": ",".join(proxy.exceptions)} if proxy else None


def _network(network: TrafficNetwork | None) -> Json:
    if network is None:
        return None
    found: dict[str, Json] = {"vlan": network.vlan_id, "clusterNetwork": network.cluster_network, "range": network.range}
    return {**found, **({"exclude": list(network.exclude)} if network.exclude else {})}


def _certificates(given: SslCertificates | None) -> Json:
    return {"ca": given.ca, "publicCertificate": given.certificate, "privateKey": given.private_key} if given else None


def _rotation(before: str | None) -> Json:
    return {"enable": True, "expiringInHours": int(seconds(before) // 3600)} if before is not None else None


def _registration(inputs: ClusterInputs, seen: Snapshot) -> Json:
    if inputs.rancher is None:
        return None
    if release(dig_str(seen.get(SERVER_VERSION), "value")) >= (1, 7, 3):
        return {"url": inputs.rancher.url, "insecureSkipTLSVerify": inputs.rancher.insecure_skip_tls_verify}
    return inputs.rancher.url
