"""Reading VLAN networks: the CNI configuration inside a NetworkAttachmentDefinition, and what follows from it.

Pure; the words of its errors are upstream's, see network-controller-harvester pkg/utils/nad.go and pkg/webhook.
"""

import ipaddress
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harvester_local.api.objects import Obj, annotations, key_of, labels

PREFIX = "network.harvesterhci.io"
CLUSTER_NETWORK_LABEL = f"{PREFIX}/clusternetwork"
VLAN_CONFIG_LABEL = f"{PREFIX}/vlanconfig"
NODE_LABEL = f"{PREFIX}/node"
TYPE_LABEL = f"{PREFIX}/type"
VLAN_LABEL = f"{PREFIX}/vlan-id"
READY_LABEL = f"{PREFIX}/ready"
ROUTE = f"{PREFIX}/route"
MATCHED_NODES = f"{PREFIX}/matched-nodes"
UPLINK_MTU = f"{PREFIX}/uplink-mtu"
MTU_SOURCE = f"{PREFIX}/mtu-source-vc"

MANAGEMENT = "mgmt"
BRIDGE_SUFFIX = "-br"
DEFAULT_MTU = 1500
_BRIDGE_LENGTH = 15


class NetworkError(ValueError):
    """A network's configuration is wrong; the text is upstream's."""


@dataclass(frozen=True)
class NetConf:
    """The part of a CNI configuration that Harvester looks at."""

    type: str = ""
    bridge: str = ""
    vlan: int = 0
    mtu: int = 0
    provider: str = ""
    trunk: tuple[dict[str, int], ...] = field(default=())

    @property
    def overlay(self) -> bool:
        """Whether Kube-OVN serves it."""
        return self.type == "kube-ovn"

    @property
    def network_type(self) -> str:
        """Value of the type label."""
        if self.overlay:
            return "OverlayNetwork"
        if self.vlan:
            return "L2VlanNetwork"
        return "L2VlanTrunkNetwork" if self.trunk else "UntaggedNetwork"


def net_conf(nad: Obj) -> NetConf:
    """The parsed configuration. Raises NetworkError when it is no JSON object of the expected types."""
    namespace, name = key_of(nad)
    text = (nad.get("spec") or {}).get("config") or ""
    if not text:
        return NetConf()
    try:
        data: dict[str, Any] = json.loads(text)
        return NetConf(
            type=str(data.get("type") or ""),
            bridge=str(data.get("bridge") or ""),
            vlan=_whole(data, "vlan"),
            mtu=_whole(data, "mtu"),
            provider=str(data.get("provider") or ""),
            trunk=tuple(data.get("vlanTrunk") or ()),
        )
    except (ValueError, AttributeError, TypeError) as error:
        raise NetworkError(f"failed to unmarshal nad {namespace}/{name} config {text} {error}") from error


def _whole(data: dict[str, Any], name: str) -> int:
    value = data.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"json: cannot unmarshal {name} into Go struct field NetConf.{name} of type int")
    return value


def cluster_network_of(bridge: str) -> str:
    """The cluster network behind a bridge's name. Raises NetworkError for a name that no bridge can have."""
    if len(bridge) < len(BRIDGE_SUFFIX):
        raise NetworkError(f"the length of bridge name {bridge} is less than {len(BRIDGE_SUFFIX)}")
    if len(bridge) > _BRIDGE_LENGTH:
        raise NetworkError(f"the length of the bridge name {bridge} can't be more than {_BRIDGE_LENGTH}")
    if not bridge.endswith(BRIDGE_SUFFIX):
        raise NetworkError(f"the bridge name {bridge} does not include suffix {BRIDGE_SUFFIX}")
    return bridge.removesuffix(BRIDGE_SUFFIX)


def check_vlans(conf: NetConf) -> None:
    """Raise NetworkError unless VLAN and trunk make sense."""
    if not 0 <= conf.vlan <= 4094:
        raise NetworkError(f"vlan {conf.vlan} is out of range [0 .. 4094]")
    if conf.vlan and conf.trunk:
        raise NetworkError("vlan can only be 0 when vlanTrunk is set")
    for entry in conf.trunk:
        _check_trunk(entry)


def _check_trunk(entry: dict[str, int]) -> None:
    low, high, single = entry.get("minID"), entry.get("maxID"), entry.get("id")
    if (low is None) != (high is None):
        missing = "minID" if low is None else "maxID"
        raise NetworkError(f"minID and maxID should be configured simultaneously, {missing} is missing")
    for name, value in (("minID", low), ("maxID", high), ("id", single)):
        if value is not None and not 0 <= value <= 4094:
            raise NetworkError(f"incorrect trunk {name} parameter {value}")
    if low is not None and high is not None and high < low:
        raise NetworkError(f"minID {low} is greater than maxID {high} in trunk parameter")
    if low is None and single is None:
        raise NetworkError("all fields in this VlanTrunk are empty")


def check_route(text: str) -> None:
    """Raise NetworkError unless the route annotation is empty or well formed."""
    if not text:
        return
    try:
        route = json.loads(text)
    except ValueError as error:
        raise NetworkError(f"unmarshal {text} faield, error: {error}") from error
    mode = route.get("mode", "")
    if mode not in {"", "auto", "manual"}:
        raise NetworkError(f"unknown mode {mode}")
    if mode == "manual":
        cidr, gateway = route.get("cidr", ""), route.get("gateway", "")
        try:
            valid = "/" in cidr and ipaddress.ip_interface(cidr).network.prefixlen > 0
        except ValueError:
            valid = False
        if not valid:
            raise NetworkError(f"the CIDR {cidr} is invalid")
        try:
            ipaddress.ip_address(gateway)
        except ValueError as error:
            raise NetworkError(f"the gateway {gateway} is invalid") from error


def network_labels(conf: NetConf) -> dict[str, str | None]:
    """The labels that follow from the configuration; None for one that must go."""
    if conf.overlay:
        return {CLUSTER_NETWORK_LABEL: MANAGEMENT, TYPE_LABEL: conf.network_type, VLAN_LABEL: None}
    vlan = str(conf.vlan) if conf.vlan else None
    return {CLUSTER_NETWORK_LABEL: cluster_network_of(conf.bridge), TYPE_LABEL: conf.network_type, VLAN_LABEL: vlan}


def same_mtu(one: int, other: int) -> bool:
    """Whether two MTUs are equal, 0 being the default."""
    return (one or DEFAULT_MTU) == (other or DEFAULT_MTU)


def config_mtu(vlan_config: Obj) -> int:
    """MTU of a VlanConfig, 0 when not given."""
    uplink = vlan_config["spec"].get("uplink") or {}
    return int((uplink.get("linkAttributes") or {}).get("mtu") or 0)


def matched_nodes(vlan_config: Obj) -> list[str]:
    """The nodes that admission found for a VlanConfig."""
    found = json.loads(annotations(vlan_config).get(MATCHED_NODES) or "[]")
    return [str(node) for node in found or []]


def vlan_status_name(cluster_network: str, node: str) -> str:
    """Name of the VlanStatus of a node: both names and a checksum, at most 63 characters."""
    name = f"{cluster_network}-{node}"
    return f"{name[:54]}-{zlib.crc32(name.encode()):08x}"


def on_cluster_network(nads: Iterable[Obj], name: str) -> list[Obj]:
    """The networks with the label of that cluster network."""
    return [nad for nad in nads if labels(nad).get(CLUSTER_NETWORK_LABEL) == name]
