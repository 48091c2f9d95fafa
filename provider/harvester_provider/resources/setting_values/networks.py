"""Addresses in settings: pools of load balancers, time servers, and networks for one sort of traffic.

Upstream: pkg/controller/master/setting/vip_pools_config.go and pkg/webhook/resources/setting/validator.go.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface

from harvester_provider.core.json import Json, dig_int, dig_list, dig_map, dig_str
from harvester_provider.resources.setting_values.shapes import FLAG, TEXT, TEXTS, Each, Fields, Whole

POOLS = Each(TEXT)
SERVERS = Fields({"ntpServers": TEXTS}, needed=("ntpServers",))
NETWORK = Fields({"clusterNetwork": TEXT, "vlan": Whole(0, 4094), "range": TEXT, "exclude": TEXTS})
SHARED_NETWORK = Fields({"share-storage-network": FLAG, "network": NETWORK})

_HOST = re.compile(r"[-a-zA-Z0-9_]+(\.[-a-zA-Z0-9_]+)*\.?")
_SHORTEST_PREFIX = 16
_RESERVED_VLANS = 1
"""The VLANs 0 and 1 of `mgmt` are those of the nodes themselves."""


def pools_fault(value: Json) -> str:
    """What is wrong with the first pool that is wrong."""
    for namespace, pool in dig_map(value).items():
        if why := _pool_fault(pool if isinstance(pool, str) else ""):
            return f"pool {namespace}: {why}"
    return ""


def _pool_fault(pool: str) -> str:
    if "-" in pool and "/" in pool:
        return "it has both subnets and ranges: give one sort, for example 10.1.0.5-10.1.0.9,10.2.0.5-10.2.0.9"
    for number, part in enumerate(pool.split(","), start=1):
        ends = part.split("-")
        if len(ends) == 1 and _subnet(part) is None:
            return f"part {number} is no subnet: write 10.1.0.0/24 or 10.1.0.5-10.1.0.9, several ones with commas and without spaces"
        if len(ends) > 1 and not (len(ends) == 2 and all(_is_ipv4(end) for end in ends)):
            return f"part {number} is no range of IPv4 addresses: write for example 10.1.0.5-10.1.0.9, without spaces"
    return ""


def servers_fault(value: Json) -> str:
    """What is wrong with the first time server that is wrong."""
    servers = [str(server or "") for server in dig_list(value, "ntpServers")]
    for number, server in enumerate(servers, start=1):
        if server and not _is_server(server):
            return f"server {number}: give a name or an address alone, without https:// and port, for example 0.pool.ntp.org"
        if server in servers[: number - 1]:
            return f"server {number} is there twice: give each one once"
    return ""


def _is_server(server: str) -> bool:
    return _address(server) is not None or _HOST.fullmatch(server) is not None


def network_fault(value: Json) -> str:
    """What is wrong with a network, whatever the cluster looks like."""
    if dig_int(value, "vlan") <= _RESERVED_VLANS and dig_str(value, "clusterNetwork") == "mgmt":
        return "vlan: the VLANs 0 and 1 of mgmt are taken: give one from 2 to 4094, or another cluster network"
    whole = _subnet(dig_str(value, "range"))
    if whole is None or whole.ip != whole.network.network_address:
        return "range: no subnet: write for example 10.5.0.0/24"
    if whole.network.prefixlen < _SHORTEST_PREFIX:
        return f"range: too large: give a /{_SHORTEST_PREFIX} or a smaller one"
    return _excluded_fault(whole, (str(part or "") for part in dig_list(value, "exclude")))


def _excluded_fault(whole: IPv4Interface | IPv6Interface, excluded: Iterable[str]) -> str:
    before = None
    for number, text in enumerate(excluded):
        part = _subnet(text)
        if part is None:
            return f"exclude[{number}]: no subnet: write for example 10.5.0.0/28"
        if not part.network.overlaps(whole.network):
            return f"exclude[{number}]: not in range: leave it out"
        if part.network.prefixlen <= whole.network.prefixlen:
            return f"exclude[{number}]: leaves no address of range: give a smaller subnet"
        if before is not None and part.network.overlaps(before.network):
            return f"exclude[{number}]: has addresses of the one before it: give each address once"
        before = part
    return ""


def shared_network_fault(value: Json) -> str:
    """What is wrong with the network for shared volumes, where it has one of its own."""
    network = dig_map(value).get("network")
    return f"network.{why}" if network is not None and (why := network_fault(network)) else ""


def _subnet(text: str) -> IPv4Interface | IPv6Interface | None:
    """A subnet in CIDR notation, with or without bits of a host; no netmask, no zone."""
    address, _, length = text.partition("/")
    if not (length.isascii() and length.isdigit()) or _address(address) is None:
        return None
    try:
        return ip_interface(text)
    except ValueError:
        return None


def _is_ipv4(text: str) -> bool:
    found = _address(text)
    return isinstance(found, IPv4Address) or (isinstance(found, IPv6Address) and found.ipv4_mapped is not None)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None
