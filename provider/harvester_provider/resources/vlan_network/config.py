"""Between a VlanNetwork and its two JSON texts: the CNI configuration and the route annotation.

Harvester writes both too (the MTU; what DHCP says of the subnet), so that they are compared parsed, and changed by
reading them first. What is found may be anything. Upstream: network-controller-harvester pkg/utils/nad.go.
"""

import json
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from harvester_provider.core.json import Json, Object, dig_int, dig_objects, dig_str
from harvester_provider.resources.vlan_network.model import VlanNetworkInputs, VlanRange

ROUTE = "network.harvesterhci.io/route"
"""The annotation with the route."""
LAST_VLAN = 4094
"""The greatest VLAN ID; 4095 is reserved."""
_PREFIX = "network.harvesterhci.io/"
_SUFFIX = "-br"


class Bridges:
    """Which bridge of the nodes carries a cluster network: `<name>-br`, with Harvester."""

    def bridge(self, cluster_network: str) -> str:
        """The bridge of a cluster network."""
        return cluster_network + _SUFFIX

    def cluster_network(self, bridge: str) -> str:
        """The cluster network of a bridge."""
        return bridge.removesuffix(_SUFFIX)


def labels_of(inputs: VlanNetworkInputs) -> dict[str, str]:
    """The labels that Harvester's controller sets a little later; the webhook looks for the first one at the create."""
    kind = "L2VlanTrunkNetwork" if inputs.trunk else "UntaggedNetwork" if inputs.untagged else "L2VlanNetwork"
    vlan = {_PREFIX + "vlan-id": str(inputs.vlan_id)} if inputs.vlan_id else {}
    return {_PREFIX + "clusternetwork": inputs.cluster_network, _PREFIX + "type": kind, **vlan}


def config_text(inputs: VlanNetworkInputs, base: Object, bridge: str) -> str:
    """The CNI configuration: `base` (what is there, or nothing) with what the inputs say of VLANs. A new one is on `bridge`."""
    out: dict[str, Json] = {"cniVersion": "0.3.1", "name": inputs.name, "type": "bridge", "bridge": bridge, "promiscMode": True, "ipam": {}}
    out |= {key: value for key, value in base.items() if key != "vlanTrunk"}
    out["vlan"] = inputs.vlan_id or 0
    if inputs.trunk:
        out["vlanTrunk"] = [{"minID": each.first, "maxID": each.last or each.first} for each in inputs.trunk]
    return _text(out)


def route_text(inputs: VlanNetworkInputs) -> str:
    """The route annotation. Only a network of one VLAN has one: the webhook takes it away from others."""
    if not inputs.vlan_id:
        return ""
    addresses = {"cidr": inputs.route_cidr, "gateway": inputs.route_gateway, "serverIPAddr": inputs.route_dhcp_server_ip}
    return _text({"mode": inputs.route_mode, **{key: value for key, value in addresses.items() if value}})


def vlans(ranges: Sequence[VlanRange]) -> frozenset[int]:
    """The VLAN IDs of a trunk: the same ones can be written in many ways."""
    return frozenset(vlan for each in ranges for vlan in range(each.first, min(each.last or each.first, LAST_VLAN) + 1))


def observed_config(prior: VlanNetworkInputs | None, config: Object, bridges: Bridges) -> dict[str, object]:
    """The inputs that are in the CNI configuration. The trunk stays as it was written where it is the same."""
    ranges = _ranges(config)
    vlan = dig_int(config, "vlan")
    return {
        "cluster_network": bridges.cluster_network(dig_str(config, "bridge")),
        "vlan_id": vlan or None,
        "untagged": not vlan and not ranges and dig_str(config, "type") in {"", "bridge"},
        "trunk": prior.trunk if prior is not None and vlans(prior.trunk) == vlans(ranges) else ranges,
    }


def observed_route(prior: VlanNetworkInputs | None, route: Object) -> dict[str, object]:
    """The inputs that are in the route annotation. What DHCP told the cluster (mode auto) is none of them."""
    cidr, gateway, server = (prior.route_cidr, prior.route_gateway, prior.route_dhcp_server_ip) if prior else (None, None, None)
    mode = dig_str(route, "mode") or "auto"
    out: dict[str, object] = {"route_mode": mode, "route_cidr": None, "route_gateway": None, "route_dhcp_server_ip": None}
    if mode == "manual":
        out["route_cidr"] = _same(cidr, dig_str(route, "cidr"))
        out["route_gateway"] = _same(gateway, dig_str(route, "gateway"))
    elif prior is None or server:
        out["route_dhcp_server_ip"] = _same(server, dig_str(route, "serverIPAddr"))
    return out


def subnet_of(text: str) -> IPv4Network | IPv6Network | None:
    """A subnet, or an address as a subnet of one; None where it is neither."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _ranges(config: Object) -> list[VlanRange]:
    """The trunk of a CNI configuration; its entries have `minID` and `maxID`, or `id`, or all of them."""
    out = []
    for entry in dig_objects(config, "vlanTrunk"):
        first, last, single = (dig_int(entry, key) for key in ("minID", "maxID", "id"))
        out += [VlanRange.model_construct(first=first, last=last or first)] if first else []
        out += [VlanRange.model_construct(first=single, last=None)] if single else []
    return out


def _same(prior: str | None, found: str) -> str | None:
    """`prior` where it is the same address or subnet as `found`."""
    subnet = subnet_of(found)
    return prior if prior and subnet is not None and subnet == subnet_of(prior) else found or None


def _text(value: Object) -> str:
    return json.dumps(value, separators=(",", ":"))
